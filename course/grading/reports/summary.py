"""What a class as a whole has done: counts for the report, added up one by one."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from course.exercises import EXERCISES
from course.grading.reports.overrides import Change, Graded
from course.grading.reports.text import exercise_number, judged, percent

BINS = 10  # of the histogram


@dataclass(frozen=True)
class Row:
    """One submission in the report."""

    submission: str
    points: float
    max_points: float
    percent: float
    warnings: tuple[str, ...]
    graded: bool  # or else something could not be read or run
    changes: Mapping[str, Change]


@dataclass
class ExerciseRow:
    """One exercise in the report: how often it had which outcome, and its points."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    points: float = 0.0
    max_points: float = 0.0

    @property
    def number(self) -> str:
        """Such as "01.2"."""
        return exercise_number(self.name)

    @property
    def attempts(self) -> int:
        """How many submissions hold it."""
        return self.outcomes.total()

    @property
    def passed(self) -> float:
        """The share of submissions that passed, in percent."""
        return 100 * self.outcomes["passed"] / self.attempts

    @property
    def mean_points(self) -> float:
        """Of all submissions that hold it."""
        return self.points / self.attempts


@dataclass(frozen=True)
class MisconceptionRow:
    """One misconception in the report: how often, and what students were told."""

    exercise: str
    name: str
    count: int
    message: str


@dataclass
class Summary:
    """The class, submission by submission; it grows by one small row for each."""

    rows: list[Row] = field(default_factory=list)
    sandboxes: set[str] = field(default_factory=set)
    seeds: set[int] = field(default_factory=set)
    exercises: dict[str, ExerciseRow] = field(default_factory=dict)
    _named: Counter[tuple[str, str]] = field(default_factory=Counter)
    _hidden: Counter[tuple[str, str]] = field(default_factory=Counter)
    _columns: set[str] = field(default_factory=set)
    _same: dict[tuple[str, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, graded: Graded) -> None:
        """Counts one submission; of its exercises those that could be judged."""
        result = graded.result
        self.rows.append(
            Row(
                result.submission,
                result.points,
                result.max_points,
                percent(result),
                result.warnings,
                bool(result.exercises) and not result.unreadable,
                graded.changes,
            )
        )
        self.sandboxes.add(result.sandbox)
        self.seeds.add(result.seed)
        self._columns.update(each.name for each in result.exercises)
        for each in judged(result):
            row = self.exercises.setdefault(each.name, ExerciseRow(each.name))
            row.outcomes[each.outcome] += 1
            row.points += each.points
            row.max_points = max(row.max_points, each.max_points)
            self._named.update((each.name, name) for name in each.misconceptions)
            tests = {said.partition(":")[0] for said in each.hidden}
            self._hidden.update((each.name, test) for test in tests)
            # A stub as it was handed out is nobody's answer.
            if each.fingerprint and each.outcome != "not_attempted":
                self._same[each.name, each.fingerprint].append(result.submission)

    @property
    def names(self) -> list[str]:
        """The exercises in the order of the lessons."""
        return sorted(self._columns, key=_place)

    @property
    def mean(self) -> float:
        """Of the percentages of all submissions; what could not be graded counts 0."""
        return statistics.fmean(row.percent for row in self.rows) if self.rows else 0.0

    @property
    def median(self) -> float:
        """Of the percentages of all submissions, as the mean."""
        return statistics.median(row.percent for row in self.rows) if self.rows else 0.0

    def histogram(self) -> list[tuple[str, int]]:
        """How many submissions have how many percent, in tenths."""
        counts = [0] * BINS
        width = 100 // BINS
        for row in self.rows:
            # Points given by hand may come to more than there are.
            counts[int(min(row.percent, 99) // width)] += 1
        labels = [f"{i * width} to <{(i + 1) * width} %" for i in range(BINS)]
        labels[-1] = f"{100 - width} to 100 %"
        return list(zip(labels, counts, strict=True))

    def hardest_first(self) -> list[ExerciseRow]:
        """The exercises that the fewest have passed come first."""
        rows = [self.exercises[name] for name in self.names if name in self.exercises]
        return sorted(rows, key=lambda row: row.passed)

    def misconceptions(self) -> list[MisconceptionRow]:
        """Those that were recognised, the most frequent first."""
        rows = [
            MisconceptionRow(exercise, name, count, _message(exercise, name))
            for (exercise, name), count in self._named.items()
        ]
        return sorted(
            rows, key=lambda row: (-row.count, _place(row.exercise), row.name)
        )

    def hidden_tests(self) -> list[tuple[str, str, int]]:
        """Exercise, hidden test and how many have failed it, the most first."""
        rows = [(*where, count) for where, count in self._hidden.items()]
        return sorted(rows, key=lambda row: (-row[2], _place(row[0]), row[1]))

    def same_answers(
        self, solutions: Collection[str] = ()
    ) -> list[tuple[str, list[str]]]:
        """By exercise, the submissions whose answers are the same up to names.

        Args:
            solutions: Fingerprints of the published solutions, which tell nothing.
        """
        groups = [
            (exercise, sorted(names))
            for (exercise, fingerprint), names in self._same.items()
            if len(names) > 1 and fingerprint not in solutions
        ]
        return sorted(groups, key=lambda group: (_place(group[0]), group[1]))


def _place(exercise: str) -> tuple[str, str]:
    return exercise_number(exercise) or "~", exercise


def _message(exercise: str, name: str) -> str:
    known = EXERCISES[exercise].misconceptions if exercise in EXERCISES else []
    return next((each.message for each in known if each.name == name), "")
