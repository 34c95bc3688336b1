"""nbgrader itself, from PyPI: it validates, releases and grades our notebooks.

Under nbgrader `ready` is False, so nothing is trained, and a check that does not pass
raises, which is what nbgrader looks for.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebooks import ROOT, exercises_of

from tools.lessons import make

pytest.importorskip("nbgrader", reason="the extra `nbgrader` is not installed")

pytestmark = pytest.mark.timeout(600)
NAME = "01_returns"
SOURCE = ROOT / "solutions" / f"{NAME}.py"
EXERCISES = exercises_of(SOURCE)
POINTS = [exercise.points for exercise in EXERCISES]
WRONG = "    return 12345.0\n"


def nbgrader(folder: Path, *arguments: str) -> str:
    """Runs one of its commands in a course's folder; what it printed."""
    # It calls `alembic` by name, and keeps settings in the home folder.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    finished = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout + finished.stderr


def put(folder: Path, text: str) -> None:
    """Writes the lesson's notebook."""
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_text(text, "utf-8")


def notebook_in(folder: Path) -> dict[str, Any]:
    """The cells of the lesson's notebook, by their ids."""
    notebook = nbformat.read(folder / f"{NAME}.ipynb", as_version=4)
    return {cell.id: cell for cell in notebook.cells}


def one_wrong_answer(text: str) -> str:
    """A submission in which the lesson's first function is wrong."""
    notebook = nbformat.reads(text, as_version=4)
    [cell] = [c for c in notebook.cells if c.id == f"solution-{EXERCISES[0].name}"]
    before, _, _ = cell.source.partition("    ### BEGIN SOLUTION")
    cell.source = before + "    return 12345.0"
    return str(nbformat.writes(notebook))


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course's folder in which nbgrader has released and graded the lesson."""
    folder = tmp_path_factory.mktemp("nbgrader")
    solved, shipped = make(SOURCE).values()
    put(folder / "source" / NAME, solved)
    nbgrader(folder, "generate_assignment", NAME)
    released = folder / "release" / NAME / f"{NAME}.ipynb"
    for student, text in {
        "right": solved,
        "shipped": shipped,
        "released": released.read_text("utf-8"),
        "one_wrong": one_wrong_answer(solved),
    }.items():
        put(folder / "submitted" / student / NAME, text)
    nbgrader(folder, "autograde", NAME)
    nbgrader(folder, "export")
    return folder


def test_the_solution_validates(tmp_path: Path) -> None:
    solved, _ = make(SOURCE).values()
    put(tmp_path / "here", solved)
    answer = nbgrader(tmp_path / "here", "validate", f"{NAME}.ipynb")
    assert "Success! Your notebook passes all the tests." in answer


def test_the_release_has_stubs_and_locked_checks(graded: Path) -> None:
    cells = notebook_in(graded / "release" / NAME)
    assert "SOLUTION" not in "".join(cell.source for cell in cells.values())
    for exercise in EXERCISES:
        assert "NotImplementedError" in cells[f"solution-{exercise.name}"].source
        check = cells[f"check-{exercise.name}"]
        assert check.metadata.nbgrader.locked
        assert check.metadata.nbgrader.points == exercise.points
        assert check.metadata.deletable is False


def test_points(graded: Path) -> None:
    with (graded / "grades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["student_id"]: float(row["score"]) for row in rows} == {
        "right": sum(POINTS),
        "shipped": 0,
        "released": 0,
        "one_wrong": sum(POINTS[1:]),
    }
    assert {float(row["max_score"]) for row in rows} == {sum(POINTS)}


def test_a_wrong_answer_is_explained(graded: Path) -> None:
    cells = notebook_in(graded / "autograded" / "one_wrong" / NAME)
    name = EXERCISES[0].name
    outputs = cells[f"check-{name}"].outputs
    [error] = [each for each in outputs if each.output_type == "error"]
    assert error.ename == "WrongAnswerError"
    assert name in error.evalue
    assert "12345" in error.evalue


def test_grading_trains_nothing(graded: Path) -> None:
    assert not (graded / "autograded" / "right" / NAME / "runs").exists()
