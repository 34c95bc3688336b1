"""What an instructor changes by hand: points and a reason, in a file, merged last.

The file is a CSV with the header `submission,exercise,points,reason`. What the judge
found stays in `results/`; an override is seen, with its reason, in every export.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from course.grading.names import cell
from course.grading.reports.text import number, printable
from course.grading.result import Result

COLUMNS = ("submission", "exercise", "points", "reason")
MOST_POINTS = 10_000  # beyond that it is a slip of the hand


@dataclass(frozen=True)
class Override:
    """One line of the file.

    Attributes:
        where: File and line, as a warning names them.
        submission, exercise: Which points it replaces.
        points: In the place of the judge's.
        reason: For the student to read.
    """

    where: str
    submission: str
    exercise: str
    points: float
    reason: str


@dataclass(frozen=True)
class Change:
    """One override that was applied: points before and after, and why."""

    before: float
    after: float
    reason: str


@dataclass(frozen=True)
class Graded:
    """A result as it is reported.

    Attributes:
        result: With the overrides applied; its texts can be printed anywhere.
        changes: By exercise, what was changed by hand.
    """

    result: Result
    changes: Mapping[str, Change] = field(default_factory=dict)


@dataclass(frozen=True)
class Overrides:
    """All lines of the file, by submission and exercise."""

    lines: Mapping[tuple[str, str], Override] = field(default_factory=dict)

    def applied(self, result: Result) -> Graded:
        """The result with its changes; what the judge found is left alone."""
        result = printable(result)
        changes, exercises = {}, []
        for exercise in result.exercises:
            line = self.lines.get((cell(result.submission), exercise.name))
            if line is not None:
                change = Change(exercise.points, line.points, line.reason)
                changes[exercise.name] = change
                exercise = dataclasses.replace(exercise, points=line.points)
            exercises.append(exercise)
        if changes:
            points = sum(exercise.points for exercise in exercises)
            result = dataclasses.replace(
                result, exercises=tuple(exercises), points=points
            )
        return Graded(result, changes)

    def problems(self, results: Iterable[Result]) -> list[str]:
        """A sentence for each line that changes nothing, or gives more than there is.

        Args:
            results: All of this run.
        """
        most = {
            cell(result.submission): {
                each.name: each.max_points for each in result.exercises
            }
            for result in results
            if self.lines
        }
        found = []
        for (submission, exercise), line in self.lines.items():
            if submission not in most:
                found.append(f"{line.where}: there is no submission {submission!r}.")
            elif exercise not in most[submission]:
                found.append(
                    f"{line.where}: the submission {submission!r} has no exercise "
                    f"{exercise!r}."
                )
            elif line.points > most[submission][exercise]:
                found.append(
                    f"{line.where}: {exercise} has "
                    f"{number(most[submission][exercise])} points; it was given "
                    f"{number(line.points)} all the same."
                )
        return found


def load(path: Path) -> Overrides:
    """Reads the file.

    Raises:
        ValueError: It is no such file: one sentence with the line.
        OSError: It cannot be read.
    """
    name = printable(path.name)
    try:
        # A spreadsheet puts a mark at the beginning of what it saves as UTF-8.
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} must be UTF-8, but byte {error.start + 1} is not: save it "
            "as 'CSV UTF-8'."
        ) from error
    # Where numbers have a decimal comma, a spreadsheet separates by semicolons.
    comma = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=comma, strict=True)
    lines: dict[tuple[str, str], Override] = {}
    try:
        header = [column.strip() for column in next(reader, [])]
        if sorted(header) != sorted(COLUMNS):
            raise ValueError(
                f"{name}, line 1: the columns must be {','.join(COLUMNS)}, but "
                f"are {comma.join(header) or 'missing'}."
            )
        for row in reader:
            if any(entry.strip() for entry in row):
                where = f"{name}, line {reader.line_num}"
                line = _line(where, header, row, "," if comma == ";" else ".")
                key = cell(line.submission), line.exercise
                if key in lines:
                    raise ValueError(
                        f"{line.where}: {line.exercise} of {line.submission!r} was "
                        f"given points already, in {lines[key].where}; keep one."
                    )
                lines[key] = line
    except csv.Error as error:
        raise ValueError(
            f"{name}, line {reader.line_num}: this is no CSV ({error})."
        ) from error
    return Overrides(lines)


def _line(where: str, header: list[str], row: list[str], mark: str) -> Override:
    """One line; the decimal mark may be a comma, or else a point."""
    if len(row) != len(header):
        raise ValueError(
            f"{where}: there must be {len(header)} entries, but there are {len(row)}; "
            'a text with a comma stands in quotes, "so, for instance".'
        )
    entry = {
        name: printable(text.strip()) for name, text in zip(header, row, strict=True)
    }
    missing = next((name for name in COLUMNS if not entry[name]), None)
    if missing is not None:
        raise ValueError(f"{where}: {missing} must not be empty.")
    try:
        points = float(entry["points"].replace(mark, "."))
    except ValueError:
        points = math.nan
    if not 0 <= points <= MOST_POINTS:
        raise ValueError(
            f"{where}: points must be a number from 0 to {MOST_POINTS:,}, such as 2 "
            f"or 2.5, but is {entry['points']!r}."
        )
    return Override(
        where, entry["submission"], entry["exercise"], points, entry["reason"]
    )
