"""Pages to be read in a browser: one for each student, one for the class.

They load nothing, run nothing, and every text in them is escaped by the templates.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from course.exercises import EXERCISES
from course.grading.reports.overrides import Graded
from course.grading.reports.summary import Summary
from course.grading.reports.text import exercise_number, judged, number, percent
from course.notebook.display import HEADS

WORDS = {
    "passed": "Passed",
    "not_attempted": "Not attempted",
    "misconception": "A known misconception",
    "wrong": "Not right yet",
    "could_not_run": "Could not run",
}
CELL = re.compile(r"\b[Cc]ells? \d")


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("course.grading"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, lesson=_lesson)
    environment.globals.update(
        marks={outcome: mark for outcome, (mark, _, _) in HEADS.items()},
        words=WORDS,
        number_of=exercise_number,
    )
    return environment


def feedback_page(graded: Graded) -> str:
    """`feedback/NAME.html`: what a student reads."""
    titles = {name: exercise.title for name, exercise in EXERCISES.items()}
    return (
        _templates()
        .get_template("feedback.html")
        .render(
            result=graded.result,
            judged=judged(graded.result),
            with_cells=any(map(CELL.search, graded.result.warnings)),
            changes=graded.changes,
            percent=percent(graded.result),
            titles=titles,
        )
    )


def class_page(
    summary: Summary, problems: Sequence[str], solutions: Collection[str]
) -> str:
    """`report.html`: what the instructor reads.

    Args:
        summary: Of all submissions.
        problems: Sentences about the overrides.
        solutions: Fingerprints of the published solutions.
    """
    return (
        _templates()
        .get_template("report.html")
        .render(
            summary=summary, problems=problems, same=summary.same_answers(solutions)
        )
    )


def _lesson(name: str) -> str:
    """From "03_one_step_q" to "Lesson 03: one step q"."""
    place, _, title = name.partition("_")
    return f"Lesson {place}: {title.replace('_', ' ')}"
