"""For those who grade with nbgrader: our points, in its gradebook.

nbgrader releases and collects; `course grade submitted --nbgrader .` grades in its
place, and `nbgrader export` and the formgrader show the scores.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

from course.grading.result import Result


def fill(folder: Path, results: Iterable[Result]) -> list[str]:
    """Writes the points of every exercise into the gradebook of an nbgrader course.

    An assignment and its notebook are called like the lesson, a student like the
    submission, which is the case for nbgrader's folder `submitted`. The cell
    `check-NAME` gets the share of its own points that the exercise NAME has reached:
    3 of 4 points here are 1.5 of 2 there. A score that a person has given stays, and is
    marked for another look, as by nbgrader itself. Students not yet known are added.

    Args:
        folder: The one with gradebook.db.
        results: All of a run.

    Returns:
        Sentences on what has no place in the gradebook.

    Raises:
        ValueError: nbgrader is not installed, or there is no gradebook that can be
            used.
    """
    try:
        from nbgrader.api import Gradebook, MissingEntry
        from sqlalchemy.exc import DBAPIError, SAWarning
    except ImportError as error:
        raise ValueError(
            "nbgrader is not installed here: pip install nbgrader, or leave out "
            "--nbgrader."
        ) from error
    database = folder / "gradebook.db"
    if not database.is_file():
        raise ValueError(
            f"There is no gradebook.db in {folder}: it must be the folder of an "
            "nbgrader course in which `nbgrader generate_assignment` has been run."
        )
    problems: dict[str, None] = {}  # each once, in order
    url = f"sqlite:///{database.absolute()}"
    try:
        with warnings.catch_warnings(), Gradebook(url) as gradebook:
            warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own doing
            known = {assignment.name for assignment in gradebook.assignments}
            for result in results:
                student = result.submission
                for exercise in result.exercises:
                    lesson, cell = exercise.lesson, f"check-{exercise.name}"
                    if lesson not in known:
                        problems[_no_assignment(lesson)] = None
                        continue
                    gradebook.update_or_create_student(student)
                    gradebook.update_or_create_submission(lesson, student)
                    try:
                        grade = gradebook.find_grade(cell, lesson, lesson, student)
                    except MissingEntry:
                        problems[_no_cell(lesson, cell)] = None
                        continue
                    share = exercise.points / (exercise.max_points or 1)
                    grade.auto_score = share * grade.max_score
                    grade.needs_manual_grade = grade.manual_score is not None
                gradebook.db.commit()
    except DBAPIError as error:
        raise ValueError(f"{database} cannot be used: {error.orig}.") from error
    return list(problems)


def _no_assignment(lesson: str) -> str:
    return (
        f"The gradebook has no assignment {lesson}: run `nbgrader generate_assignment "
        f"{lesson}`, and grade again."
    )


def _no_cell(lesson: str, cell: str) -> str:
    return (
        f"The gradebook has no graded cell {cell} in the notebook {lesson} of the "
        f"assignment {lesson}: make it from the course's own {lesson}.ipynb."
    )
