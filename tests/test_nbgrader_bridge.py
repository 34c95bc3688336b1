"""nbgrader's gradebook with our points in it, read again by nbgrader itself."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from notebooks import ROOT

from course.exercises import EXERCISES
from course.grading.nbgrader import fill
from course.grading.result import ExerciseResult, Result

pytest.importorskip("nbgrader", reason="the extra `nbgrader` is not installed")
from test_nbgrader import NAME, nbgrader, put

pytestmark = pytest.mark.timeout(600)
OURS = [each for each in EXERCISES.values() if each.number.startswith("01.")]
POINTS = [each.points for each in OURS]


@pytest.fixture(scope="module")
def assigned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course's folder in which nbgrader has made the assignment."""
    folder = tmp_path_factory.mktemp("nbgrader")
    solved = (ROOT / "solutions" / f"{NAME}.ipynb").read_text("utf-8")
    put(folder / "source" / NAME, solved)
    nbgrader(folder, "generate_assignment", NAME)
    return folder


@pytest.fixture
def folder(assigned: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    shutil.copytree(assigned, tmp_path / "course101")
    return tmp_path / "course101"


def exercise(
    name: str, points: float, max_points: float, lesson: str = NAME
) -> ExerciseResult:
    outcome = "passed" if points == max_points else "wrong"
    return ExerciseResult(name, lesson, outcome, (), points, max_points, "")


def result(student: str, *exercises: ExerciseResult) -> Result:
    points = sum(each.points for each in exercises)
    most = sum(each.max_points for each in exercises)
    return Result(student, "none", 0, exercises, points, most, (), "")


def shares(student: str, *reached: float) -> Result:
    """A student who has got these shares of 12 points of each exercise."""
    pairs = zip(OURS, reached, strict=True)
    return result(
        student, *(exercise(each.name, 12 * share, 12) for each, share in pairs)
    )


def exported(folder: Path) -> dict[str, tuple[float, float]]:
    """The score and the highest score of each student, as nbgrader exports them."""
    nbgrader(folder, "export")
    with (folder / "grades.csv").open(newline="") as file:
        return {
            row["student_id"]: (float(row["score"]), float(row["max_score"]))
            for row in csv.DictReader(file)
        }


def test_points_become_scores(folder: Path) -> None:
    everything = [shares("ada", 1, 1, 1, 1), shares("grace", 0.5, 0, 0.75, 1)]
    assert fill(folder, everything) == []
    by_hand = 0.5 * POINTS[0] + 0.75 * POINTS[2] + POINTS[3]
    assert exported(folder) == {
        "ada": (sum(POINTS), sum(POINTS)),
        "grace": (by_hand, sum(POINTS)),
    }
    # Once more, after grace has mended her work: nothing is counted twice.
    assert fill(folder, [shares("grace", 1, 1, 1, 0)]) == []
    assert exported(folder)["grace"][0] == sum(POINTS[:3])
    assert exported(folder)["ada"][0] == sum(POINTS)


def test_what_a_person_has_scored_stays(folder: Path) -> None:
    from nbgrader.api import Gradebook

    name = f"check-{OURS[0].name}"
    url = f"sqlite:///{folder / 'gradebook.db'}"
    fill(folder, [shares("ada", 1, 1, 1, 1)])
    with Gradebook(url) as gradebook:
        grade = gradebook.find_grade(name, NAME, NAME, "ada")
        assert not grade.needs_manual_grade
        grade.manual_score = 0.25
        gradebook.db.commit()
    fill(folder, [shares("ada", 1, 1, 1, 1)])
    assert exported(folder)["ada"][0] == sum(POINTS[1:]) + 0.25
    with Gradebook(url) as gradebook:
        grade = gradebook.find_grade(name, NAME, NAME, "ada")
        assert grade.needs_manual_grade  # as nbgrader does: somebody looks again


def test_what_has_no_place_is_said_once(folder: Path) -> None:
    strange = exercise("no_such_function", 1, 1)
    other = exercise("episode_return", 1, 1, "00_start")
    everything = [result(who, strange, other) for who in ("ada", "grace")]
    assert fill(folder, everything) == [
        "The gradebook has no graded cell check-no_such_function in the notebook "
        "01_returns of the assignment 01_returns: make it from the course's own "
        "01_returns.ipynb.",
        "The gradebook has no assignment 00_start: run `nbgrader generate_assignment "
        "00_start`, and grade again.",
    ]
    assert exported(folder) == {name: (0, sum(POINTS)) for name in ("ada", "grace")}


def test_an_exercise_worth_nothing_gives_nothing(folder: Path) -> None:
    fill(folder, [result("ada", exercise(OURS[0].name, 0, 0))])
    assert exported(folder)["ada"][0] == 0


def nobody() -> Iterator[Result]:
    return iter(())


def test_what_is_no_gradebook(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"There is no gradebook\.db in .* generate_as"
    ):
        fill(tmp_path, nobody)
    assert not (tmp_path / "gradebook.db").exists()
    (tmp_path / "gradebook.db").write_text("not a database, and long enough to be one")
    with pytest.raises(ValueError, match="cannot be used: file is not a database"):
        fill(tmp_path, nobody)


def test_without_nbgrader_it_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nbgrader.api", None)
    with pytest.raises(ValueError, match="nbgrader is not installed here: pip install"):
        fill(folder, nobody)
