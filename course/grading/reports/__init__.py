"""From results to what is handed back: grades, feedback, and a report on the class.

`exports` is for other programs, `pages` for readers, `overrides` what an instructor
changes by hand. All are made from results alone and anew in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from course.exercises import EXERCISES
from course.files import write_whole
from course.grading.notebook import read
from course.grading.reports.exports import classroom, gradescope, junit, table
from course.grading.reports.overrides import Graded, Overrides
from course.grading.reports.pages import class_page, feedback_page
from course.grading.reports.summary import Summary
from course.grading.result import Result
from course.grading.similar import fingerprints

__all__ = ["write_all"]

# Only in a checkout: what students get has no solutions.
SOLUTIONS = Path(__file__).parents[3] / "solutions"

# For each submission, by where they lie.
PAGES = {
    "feedback/*.html": feedback_page,
    "gradescope/*.json": gradescope,
    "classroom/*.txt": classroom,
}


def write_all(
    results: Callable[[], Iterator[Result]],
    output: Path,
    overrides: Overrides | None = None,
) -> list[str]:
    """Writes all that is handed back; removes pages of earlier runs' submissions.

    Args:
        results: Gives the results of this run from the beginning, at each call.
        output: The folder.
        overrides: What is changed by hand, merged last.

    Returns:
        Sentences about overrides that do not fit.

    Raises:
        OSError: A file cannot be written; those that were there are whole.
    """
    merged = overrides or Overrides()

    def everybody() -> Iterator[Graded]:
        return map(merged.applied, results())

    summary = Summary()
    kept: set[str] = set()
    for graded in everybody():
        summary.add(graded)
        name = graded.result.submission
        for place, page in PAGES.items():
            path = output / place.replace("*", name)
            _write(path, page(graded))
            kept.add(str(path).casefold())
    problems = merged.problems(results())
    report = class_page(summary, problems, _published())
    _write(output / "grades.csv", table(everybody(), summary.names))
    _write(output / "junit.xml", junit(everybody()))
    _write(output / "report.html", report)
    for place in PAGES:
        for path in list(output.glob(place)):
            if str(path).casefold() not in kept:  # not every system tells a from A
                path.unlink()
    return problems


def _write(path: Path, text: str) -> None:
    """Writes a file if it is not there already, with these very bytes."""
    content = text.encode()
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)


def _published() -> set[str]:
    """The fingerprints of the published solutions, where they are."""
    found: set[str] = set()
    for path in sorted(SOLUTIONS.glob("[0-9]*.py")):
        found.update(fingerprints(read(path).cells, EXERCISES).values())
    return found
