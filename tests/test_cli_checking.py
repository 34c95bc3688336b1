"""`course check`, `hint` and `status`, and pytest with `--submission`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from course.cli import main

ROOT = Path(__file__).parent.parent

RIGHT = "def episode_return(rewards):\n    return rewards.sum()\n"
WRONG = (
    "def discounted_return(rewards, gamma):\n"
    "    return sum(gamma ** (i + 1) * r for i, r in enumerate(rewards))\n"
)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    yield
    assert Path.cwd() == tmp_path


@pytest.fixture
def half_right(tmp_path: Path) -> Path:
    path = tmp_path / "00_start.py"
    path.write_text(f"{RIGHT}# %%\n{WRONG}# %%\n1 / 0\n")
    return path


# check


def test_check_says_what_is_wrong(half_right: Path) -> None:
    told = run("check", half_right)
    assert told.exit_code == 1
    assert "Passed · 00.1 episode_return" in told.stdout
    assert "known misconception · 00.2 discounted_return" in told.stdout
    assert "Your discount is one power too high" in told.stdout
    assert "Running the cells of 00_start.py ..." in told.stderr
    assert "Note: Cell 2 raised ZeroDivisionError: division by zero" in told.stderr
    assert told.stderr.endswith("Error: 1 of 2 exercises passed.\n")


def test_check_of_one_function(half_right: Path) -> None:
    told = run("check", half_right, "episode_return")
    assert told.exit_code == 0, told.stderr
    assert told.stdout.count("\n") == 1


def test_check_of_what_is_no_exercise(half_right: Path) -> None:
    told = run("check", half_right, "episode_retrun")
    assert told.exit_code == 2
    assert "did you mean 'episode_return'?" in told.stderr


def test_check_of_what_is_no_notebook(tmp_path: Path) -> None:
    (tmp_path / "00_start.ipynb").write_text("{")
    told = run("check", "00_start.ipynb")
    assert told.exit_code == 1
    assert "Error: 00_start.ipynb is no notebook" in told.stderr
    assert run("check", "missing.ipynb").exit_code == 2


# hint and status


def test_hint_shows_one_more_each_time() -> None:
    heads = [run("hint", "discounted_return").stdout.split(" ·")[0] for _ in range(4)]
    assert heads == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]
    assert run("hint", "discount_return").exit_code == 2


def test_status_shows_the_record_of_a_folder(tmp_path: Path) -> None:
    lessons = tmp_path / "lessons"
    lessons.mkdir()
    run("hint", "discounted_return", "--folder", lessons)
    assert (lessons / "progress.json").exists()
    # Without --folder it is found in `lessons`, unless there is one right here.
    for arguments in ((), ("--folder", str(lessons))):
        rows = json.loads(run("status", "--json", *arguments).stdout)
        hints = {row["name"]: row["hints"] for row in rows}
        assert hints["discounted_return"] == 1
        assert hints["episode_return"] == 0
    assert "00.2 discounted_return" in run("status").stdout
    run("hint", "episode_return", "--folder", ".")
    rows = json.loads(run("status", "--json").stdout)
    assert {row["name"]: row["hints"] for row in rows}["discounted_return"] == 0


def test_status_says_that_a_record_was_unreadable(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text("{")
    told = run("status", "--json")
    assert told.exit_code == 0
    assert "Note: progress.json could not be read" in told.stderr
    assert json.loads(told.stdout)


# pytest --submission

AUTOGRADER = """
import numpy as np
import pytest

@pytest.mark.points(1)
@pytest.mark.hint("The first reward counts in full.")
def test_discounts(student, rng):
    rewards = rng.normal(size=5)
    expected = np.polyval(rewards[::-1], 0.5)
    assert student.discounted_return(rewards, 0.5) == pytest.approx(expected, abs=1e-5)

@pytest.mark.points(2)
def test_sums(student, rng):
    rewards = rng.normal(size=5)
    assert student.episode_return(rewards) == pytest.approx(rewards.sum(), abs=1e-5)
"""


@pytest.fixture
def autograders(tmp_path: Path) -> Path:
    """A folder of tests beside `solutions/`, as in the course itself."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "conftest.py").write_text("pytest_plugins = ['course.grading.plugin']")
    (folder / "test_00_start.py").write_text(AUTOGRADER)
    (folder / "test_other.py").write_text("def test_other(): pass")
    (tmp_path / "solutions").mkdir()
    right = WRONG.replace("(i + 1)", "i")
    (tmp_path / "solutions" / "00_start.py").write_text(RIGHT + right)
    return folder


def graded(*arguments: str | Path) -> tuple[int, str]:
    python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests"]
        + [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": python_path},
    )
    return finished.returncode, finished.stdout + finished.stderr


@pytest.mark.usefixtures("autograders")
def test_without_a_submission_the_solutions_are_run() -> None:
    status, told = graded("-n", "2")
    assert status == 0, told
    assert re.search(r"^00_start +3 of 3$", told, re.MULTILINE)
    assert "3 passed" in told


@pytest.mark.usefixtures("autograders")
def test_a_submission_is_graded_and_explained(half_right: Path) -> None:
    status, told = graded("--submission", half_right, "--seed", "7")
    assert status == 1, told
    assert "inputs of the autograders: --seed 7" in told
    assert "1 failed, 1 passed, 1 deselected" in told
    assert "hint -----" in told
    assert "The first reward counts in full." in told
    assert "Your discount is one power too high" in told
    assert "0 of 1" in told
    assert re.search(r"^00_start +2 of 3$", told, re.MULTILINE)


@pytest.mark.usefixtures("autograders")
def test_a_folder_of_submissions(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "ada_00_start.py").write_text(RIGHT)
    (folder / "notes.py").write_text("not an answer")
    status, told = graded("--submission", folder)
    assert status == 1, told
    assert "discounted_return: not attempted" in told
    assert "diagnosis" not in told
    assert re.search(r"^00_start +2 of 3$", told, re.MULTILINE)
    (folder / "bob_00_start.py").write_text(RIGHT)
    status, told = graded("--submission", folder)
    assert status == 4
    assert "ada_00_start.py and bob_00_start.py are both of lesson 00_start" in told


@pytest.mark.usefixtures("autograders")
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.ipynb", None, "there is no missing.ipynb"),
        ("strange.py", "x = 1", "strange.py has none of the functions"),
    ],
)
def test_a_submission_that_cannot_be_graded(
    name: str, content: str | None, sentence: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    status, told = graded("--submission", name)
    assert status == 4
    assert sentence in told


@pytest.mark.usefixtures("autograders")
def test_an_unreadable_submission_scores_nothing(tmp_path: Path) -> None:
    (tmp_path / "00_start.ipynb").write_text("{")
    status, told = graded("--submission", "00_start.ipynb")
    assert status == 1
    assert "00_start.ipynb is no notebook: it is not valid JSON." in told
    assert re.search(r"^00_start +0 of 3$", told, re.MULTILINE)
