"""`course check`, `hint` and `status`, and pytest with `--submission`."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from course.cli import main
from course.exercises.judge import Verdict
from course.grading.student import Student

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
        rows = json.loads(run("status", "--json", *arguments).stdout)["exercises"]
        hints = {row["name"]: row["hints"] for row in rows}
        assert hints["discounted_return"] == 1
        assert hints["episode_return"] == 0
    assert "00.2 discounted_return" in run("status").stdout
    run("hint", "episode_return", "--folder", ".")
    rows = json.loads(run("status", "--json").stdout)["exercises"]
    assert {row["name"]: row["hints"] for row in rows}["discounted_return"] == 0


def test_status_says_that_a_record_was_unreadable(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text("{")
    told = run("status", "--json")
    assert told.exit_code == 0
    assert "Note: progress.json is not a progress file" in told.stderr
    assert json.loads(told.stdout)


# pytest --submission

# Tells which numbers it has drawn.
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
def test_sums(student, rng, pytestconfig):
    rewards = rng.normal(size=5)
    (pytestconfig.rootpath / "drawn.txt").write_text(str(rewards))
    assert student.episode_return(rewards) == pytest.approx(rewards.sum(), abs=1e-5)
"""
RIGHT_TOO = WRONG.replace("(i + 1)", "i")
# A worker that runs this leaves a trace.
TRACE = "import os\nopen(os.path.join({folder!r}, str(os.getpid())), 'w').close()\n"


@pytest.fixture
def course(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder with `tests/` and `solutions/`, as the course itself has them."""
    pytester.makeini("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    tests, solutions = pytester.mkdir("tests"), pytester.mkdir("solutions")
    (tests / "conftest.py").write_text("pytest_plugins = ['course.grading.plugin']")
    (tests / "test_00_start.py").write_text(AUTOGRADER)
    (tests / "test_other.py").write_text("def test_other(): pass")
    trace = TRACE.format(folder=str(pytester.mkdir("started")))
    (solutions / "00_start.py").write_text(trace + RIGHT + RIGHT_TOO)
    yield pytester.path
    monkeypatch.chdir(tmp_path)


Grading = Callable[..., tuple[int, str]]


@pytest.fixture
def graded(course: Path, pytester: pytest.Pytester) -> Grading:
    """Runs the tests of `course`: here, where everything is imported already."""

    def run_tests(*arguments: str | Path, apart: bool = False) -> tuple[int, str]:
        run = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        result = run("tests", *map(str, arguments))
        return int(result.ret), f"{result.stdout}\n{result.stderr}"

    return run_tests


def test_without_a_submission_the_solutions_are_run(
    graded: Grading, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    status, told = graded("-n", "2", "--dist", "loadfile", "--seed", "7", apart=True)
    assert status == 0, told
    assert re.search(r"^00_start +3 of 3$", told, re.MULTILINE)
    assert "3 passed" in told
    assert len(list((course / "started").iterdir())) == 1  # one worker for the module
    drawn = (course / "drawn.txt").read_text()
    status, told = graded("--seed", "7", "-k", "test_sums")
    assert status == 0, told
    assert (course / "drawn.txt").read_text() == drawn


def test_a_submission_is_graded_and_explained(
    graded: Grading, half_right: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = []
    judged = Student._judged

    def watched(self: Student, name: str, rng: np.random.Generator) -> Verdict:
        seeds.append(rng.bit_generator.seed_seq.entropy)
        return judged(self, name, rng)

    monkeypatch.setattr(Student, "_judged", watched)
    status, told = graded("--submission", half_right, "--seed", "7")
    assert status == 1, told
    assert "inputs of the autograders: --seed 7" in told
    assert "1 failed, 1 passed, 1 deselected" in told
    assert "hint -----" in told
    assert "The first reward counts in full." in told
    assert "Your discount is one power too high" in told
    assert "0 of 1" in told
    assert re.search(r"^00_start +2 of 3$", told, re.MULTILINE)
    assert seeds == [[7, zlib.crc32(b"discounted_return")]]


def test_a_folder_of_submissions(graded: Grading, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.ipynb", None, "there is no missing.ipynb"),
        ("strange.py", "x = 1", "strange.py has none of the functions"),
    ],
)
def test_a_submission_that_cannot_be_graded(
    name: str, content: str | None, sentence: str, graded: Grading, course: Path
) -> None:
    if content is not None:
        (course / name).write_text(content)
    status, told = graded("--submission", name)
    assert status == 4
    assert sentence in told


def test_an_unreadable_submission_scores_nothing(graded: Grading, course: Path) -> None:
    (course / "00_start.ipynb").write_text("{")
    status, told = graded("--submission", "00_start.ipynb")
    assert status == 1
    assert "00_start.ipynb is no notebook: it is not valid JSON." in told
    assert re.search(r"^00_start +0 of 3$", told, re.MULTILINE)


def test_hidden_tests_may_have_a_longer_name(
    graded: Grading, course: Path, half_right: Path
) -> None:
    (course / "tests" / "test_00_start.py").rename(
        course / "tests" / "test_00_start_hidden.py"
    )
    status, told = graded("--submission", half_right, "--collect-only", "-q")
    assert status == 0, told
    assert "2/3 tests collected (1 deselected)" in told


@pytest.mark.parametrize("name", ["test_hidden.py", "test_00_starting.py"])
def test_a_test_of_no_lesson_is_refused(
    name: str, graded: Grading, course: Path
) -> None:
    (course / "tests" / name).write_text("def test(student): pass")
    status, told = graded("--collect-only")
    assert status == 4
    assert f"{name} grades no lesson" in told
    # Another `student` than ours is none of our business.
    (course / "tests" / name).write_text(
        "import pytest\n@pytest.fixture\ndef student(): pass\ndef test(student): pass\n"
    )
    assert graded("--collect-only")[0] == 0
