"""Gradescope's autograder: the folder, its archive, and a run as in its container.

There `setup.sh` installs Python and the course; here it is this Python that grades.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from processes import ROOT, unmeasured

from course.cli.releasing import gradescope
from course.grading.sandbox import available

AUTOGRADERS = ROOT / "tests" / "autograders"
HIDDEN = """
import pytest


@pytest.mark.points(5)
def test_a_hidden_one(student):
    assert student.episode_return([2.0, 3.0]) == 5.0  # the secret case
"""
WRONG = (
    "def episode_return(rewards):\n    return rewards.sum()\n# %%\n"
    "def discounted_return(rewards, gamma):\n"
    "    return sum(gamma ** (i + 1) * r for i, r in enumerate(rewards))\n"
)

sandboxed = pytest.mark.skipif(not available(), reason="this machine has no sandbox")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder; its archive lies beside it."""
    place = tmp_path_factory.mktemp("gradescope")
    hidden = place / "mine"
    hidden.mkdir()
    (hidden / "test_00_start_hidden.py").write_text(HIDDEN)
    arguments = ["--output", str(place / "out"), "--hidden-tests", str(hidden)]
    told = CliRunner().invoke(gradescope, arguments)
    assert told.exit_code == 0, told.output
    assert told.output.startswith(f"{place / 'out.zip'} is the archive to upload")
    return place / "out"


def container(packed: Path, folder: Path) -> Path:
    """What Gradescope makes of the archive: its content lies in `source`."""
    for name in ("submission", "results"):
        (folder / name).mkdir(parents=True)
    with zipfile.ZipFile(packed.with_suffix(".zip")) as archive:
        archive.extractall(folder / "source")
    return folder


def graded(folder: Path, python: str = sys.executable) -> dict[str, Any]:
    """Runs the autograder; what it hands over to Gradescope."""
    finished = subprocess.run(
        ["bash", folder / "source" / "run_autograder"],
        cwd=folder,
        env={**unmeasured(), "AUTOGRADER": str(folder), "COURSE_PYTHON": python},
        capture_output=True,
        text=True,
    )
    text = (folder / "results" / "results.json").read_text("utf-8")
    assert [path.name for path in (folder / "results").iterdir()] == ["results.json"]
    told: dict[str, Any] = json.loads(text)
    assert told["visibility"] == "visible", finished.stderr
    return told


def test_the_archive_is_the_folder(packed: Path) -> None:
    files = {
        path.relative_to(packed).as_posix(): path.read_bytes()
        for path in packed.rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(packed.with_suffix(".zip")) as archive:
        inside = {
            each.filename: archive.read(each)
            for each in archive.infolist()
            if not each.is_dir()
        }
        modes = {each.filename: each.external_attr >> 16 for each in archive.infolist()}
    assert inside == files
    for name in ("setup.sh", "run_autograder"):
        assert modes[name] & 0o111 == 0o111
        assert files[name].startswith(b"#!/usr/bin/env bash\n")
        assert b"\r" not in files[name]
        subprocess.run(["bash", "-n", packed / name], check=True)


def test_it_has_what_grades_and_nothing_else(packed: Path) -> None:
    assert sorted(path.name for path in packed.iterdir()) == [
        "LICENSE",
        "README.md",
        "constraints.txt",
        "course",
        "hidden_tests",
        "pyproject.toml",
        "run_autograder",
        "setup.sh",
        "tests",
    ]
    for path in AUTOGRADERS.glob("*.py"):
        copy = packed / "tests" / "autograders" / path.name
        assert copy.read_bytes() == path.read_bytes()
    assert [path.name for path in (packed / "hidden_tests").iterdir()] == [
        "test_00_start_hidden.py"
    ]


def test_an_archive_that_is_there_is_left_alone(packed: Path, tmp_path: Path) -> None:
    archive, output = tmp_path / "gradescope.zip", tmp_path / "gradescope"
    archive.write_bytes(b"mine")
    told = CliRunner().invoke(gradescope, ["--output", str(output)])
    assert f"{archive} is there already: remove it, or choose" in str(told.exception)
    assert archive.read_bytes() == b"mine"
    assert not output.exists()
    # As after an earlier run; one sentence names both.
    output.mkdir()
    (output / "mine.txt").write_text("keep")
    told = CliRunner().invoke(gradescope, ["--output", str(output)])
    assert str(told.exception) == (
        f"{output} and {archive} are there already: remove them, or choose another "
        "--output."
    )


@sandboxed
@pytest.mark.timeout(300)
def test_a_right_and_a_wrong_answer(packed: Path, tmp_path: Path) -> None:
    right = container(packed, tmp_path / "right")
    # Two files, with names as a browser makes them: they are one student's work.
    for lesson in ("00_start", "01_returns"):
        solved = (ROOT / "solutions" / f"{lesson}.ipynb").read_bytes()
        (right / "submission" / f"{lesson} (1).ipynb").write_bytes(solved)
    told = graded(right)
    tests = {each["name"].split()[-1]: each for each in told["tests"]}
    assert len(tests) == 6
    assert told["score"] == sum(each["max_score"] for each in told["tests"])
    assert {each["status"] for each in told["tests"]} == {"passed"}

    wrong = container(packed, tmp_path / "wrong")
    (wrong / "submission" / "00_start.py").write_text(WRONG)
    told = graded(wrong)
    both = {each["name"].split()[-1]: each for each in told["tests"]}
    assert list(both) == ["episode_return", "discounted_return"]
    # The hidden test counts: it is worth 5 points of this exercise.
    full = both["episode_return"]
    assert full["score"] == full["max_score"] == tests["episode_return"]["max_score"]
    assert full["score"] > 5
    assert both["discounted_return"]["score"] < both["discounted_return"]["max_score"]
    assert "one power too high" in both["discounted_return"]["output"]
    assert "secret case" not in json.dumps(told)


@sandboxed
@pytest.mark.timeout(300)
def test_what_cannot_be_graded_gets_a_sentence(packed: Path, tmp_path: Path) -> None:
    folder = container(packed, tmp_path)
    told = graded(folder)
    assert told["score"] == 0
    assert told["output"] == (
        "Your work could not be graded. There is no notebook (.ipynb) or script (.py) "
        "in what you handed in."
    )
    (folder / "submission" / "00_start.ipynb").write_text("{")
    told = graded(folder)
    assert told["score"] == 0
    assert "00_start.ipynb is no notebook" in json.dumps(told)
    # A mistake of the instructor's; what it is stands where only they look.
    broken = folder / "source" / "hidden_tests" / "test_00_start_hidden.py"
    broken.write_text("def test_secret(:")
    told = graded(folder)
    assert told["output"] == (
        "Your work could not be graded. The tests cannot be used; please tell your "
        "instructor."
    )


@pytest.mark.parametrize("python", ["/no/such/python", "false"])
def test_whatever_fails_there_is_a_result(
    python: str, packed: Path, tmp_path: Path
) -> None:
    folder = container(packed, tmp_path)
    (folder / "results" / "results.json").write_text("of an earlier run")
    told = graded(folder, python)
    assert told["score"] == 0
    assert "the autograder did not start, or was ended before" in told["output"]
