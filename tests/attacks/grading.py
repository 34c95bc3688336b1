"""How a submission of the arena is graded: by the naive grader, or by ours."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processes import ROOT, unmeasured, wait_until

from attacks.arena import Arena, Graded

NAIVE = Path(__file__).with_name("naive.py")
STAGING = Path(__file__).with_name("staging.py")
HONEST_POINTS = 4  # there is one for each of these tests
HIDDEN_TESTS = '''
"""Nobody but the grader reads this: {secret}."""
import pickle

import numpy as np
from __main__ import close

# Rewards, gamma, and the discounted return.
TABLE = np.array(
    [[1, 1, 1, 0.5, 1.75], [0, 0, 8, 0.5, 2], [3, 1, 1, 0.5, 3.75], [2, 2, 4, 0.5, 4]]
)

def test_equal(discounted_return):
    expected = TABLE[0][-1]
    answer = discounted_return(TABLE[0][:3], TABLE[0][3])
    assert answer == expected

def test_close(discounted_return):
    expected = TABLE[1][-1]
    answer = discounted_return(TABLE[1][:3], TABLE[1][3])
    assert close(answer, expected)

def test_near(discounted_return):
    expected = TABLE[2][-1]
    answer = discounted_return(TABLE[2][:3], TABLE[2][3])
    if abs(answer - expected) > 1e-6:
        raise AssertionError("This is not near enough.")

def test_kept(discounted_return):
    expected = TABLE[3][-1]
    kept = pickle.dumps(discounted_return(TABLE[3][:3], TABLE[3][3]))
    answer = pickle.loads(kept)
    assert np.allclose(answer, expected)
'''


def graded_naively(arena: Arena, seconds: float, aim: str = "") -> Graded:
    """The naive grader, in a process and a folder of its own."""
    work = arena.folder / "work"
    work.mkdir()
    submissions = [*arena.attacks(), arena.honest]
    line = ["timeout", "-k", "0.5", str(seconds), sys.executable, str(NAIVE)]
    line += map(str, [arena.hidden, arena.grades, *submissions])
    said = work / "said"
    environment = {"TOKEN": arena.environment_secret, "HOME": str(arena.home)}
    with said.open("wb") as output:
        # To a file: a process that was left running would keep a pipe open.
        subprocess.run(
            line,
            cwd=work,
            env=unmeasured() | environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    with said.open("rb") as output:
        begin = output.read(100_000).decode("utf-8", "replace")
    said.unlink()
    grades = _naive_grades(arena, begin)
    if aim == "points":  # a process that it left may be about to write them

        def earned() -> bool:
            nonlocal grades
            with contextlib.suppress(ValueError):
                grades = _naive_grades(arena, begin)
            return grades[0] > 0

        wait_until(earned, 3)
    return Graded(*grades)


def _naive_grades(arena: Arena, said: str) -> tuple[float, tuple[str, ...], bool]:
    """From the gradebook, and from what was printed: the first line on each counts."""
    points: dict[str, float] = {}
    for line in said.splitlines():
        name, _, number = line.partition(" ")
        if number.isdecimal():
            points.setdefault(name, float(number))
    grades: dict[str, Any] = {}
    path = arena.grades / "grades.json"
    # A process that was left may change it later.
    if path.exists():
        grades = json.loads(path.read_text())
    for name, grade in grades.items():
        points[name] = max(points.get(name, 0), grade["points"])
    texts = [text for grade in grades.values() for text in grade["told"]]
    earned = points.get("attack", 0) + points.get("friend", 0)
    honest = "honest" in grades and points["honest"] == HONEST_POINTS
    return earned, (said, *texts), honest


# Ours: the judge's own process, with less patience than it has for honest people.
JUDGE = """
import functools
from course.grading import judge, judging, session
session.CELL_SECONDS, session.GRACE = 1.0 * {slack}, 0.5
judging.Student = functools.partial(judging.Student, seconds=1.0 * {slack})
judge.main()
"""
OUR_HIDDEN_TESTS = '''
"""Nobody but the grader reads this: {secret}."""
import pytest

@pytest.mark.points(1)
def test_one_reward(student, rng):
    reward = rng.normal()
    assert abs(student.discounted_return([reward], 0.5) - reward) < 1e-4
'''
TOTAL_SECONDS = 2.0
PATIENCE = 30.0  # seconds for a judge to answer
CUT_OFF = ("was still busy", "was still running", "ran for more than")


def was_cut_off(graded: Graded) -> bool:
    """Whether a limit came first, as it may on a busy machine."""
    return any(words in text for words in CUT_OFF for text in graded.texts)


class Ours:
    """A judge with its sandbox. A context manager: on the way out it ends.

    Args:
        arena: What it grades, and where.
        sandbox: One of `SANDBOXES`.
    """

    def __init__(self, arena: Arena, sandbox: str) -> None:
        self._arena, self._sandbox = arena, sandbox
        self._process: subprocess.Popen[str] | None = None
        self._slack = 1

    def allow(self, slack: int) -> None:
        """From now on everything may take so many times as long."""
        if slack != self._slack:
            self.close()
        self._slack = slack

    def judge(self) -> subprocess.Popen[str]:
        """The judge, which is started again if it has ended."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = self._started()
        return self._process

    def grade(self) -> Graded:
        """What it says of the attack, its accomplice, and the honest submission."""
        before = _peak(self.judge().pid)
        found = [self.result(path) for path in self._arena.attacks()]
        told = [text for each in found for text in texts_in(each)]
        earned = sum(each.get("points", 0) for each in found)
        # The grader must not give up because of one submission.
        gone_on = all(found) and "The grader itself" not in str(told)
        if not gone_on:
            self.close()  # another judge goes on
            return Graded(earned, tuple(told), False)
        grown = _peak(self.judge().pid) - before
        honest = self.patiently(self._arena.honest)
        full = bool(honest) and 0 < honest["max_points"] == honest["points"]
        return Graded(earned, tuple(told), full, grown)

    def patiently(self, path: Path) -> dict[str, Any]:
        """The result of a submission that takes no time, also on a busy machine."""
        for _ in range(3):
            result = self.result(path)
            if "was still" not in str(result):
                break
        return result

    def close(self) -> None:
        """Ends the judge and its sandbox."""
        if self._process is not None:
            with self._process as process:
                late = threading.Timer(PATIENCE, process.kill)
                late.start()
                with contextlib.suppress(BrokenPipeError):
                    process.communicate()  # its input ends, and so does the judge
                late.cancel()
        self._process = None

    def _started(self) -> subprocess.Popen[str]:
        arena = self._arena
        environment = {
            "TOKEN": arena.environment_secret,
            "HOME": str(arena.home),
            "TMPDIR": str(arena.temporary),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        process = subprocess.Popen(
            [*staged(arena), "-c", JUDGE.format(slack=self._slack)],
            cwd=arena.grades,
            env=unmeasured() | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        settings = {
            "sandbox": self._sandbox,
            "seed": 7,
            "tests": str(ROOT / "tests" / "autograders"),
            "hidden": str(arena.hidden),
            "total": TOTAL_SECONDS * self._slack,
        }
        assert _asked(process, settings) == {}
        return process

    def result(self, *paths: Path) -> dict[str, Any]:
        """Of one submission; nothing if the judge ends."""
        job = {"files": list(map(str, paths)), "name": "x", "problems": [], "key": ""}
        return _asked(self.judge(), job | {"refusal": ""})

    def __enter__(self) -> Ours:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def staged(arena: Arena) -> list[str]:
    """The command line of a Python of the arena's user."""
    if arena.user == os.geteuid():
        return [sys.executable]
    scratch = tempfile.mkdtemp(dir=arena.folder)
    return [sys.executable, str(STAGING), str(arena.user), scratch, sys.executable]


def _peak(process: int) -> int:
    """The most memory that it has had, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def _asked(process: subprocess.Popen[str], question: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    late = threading.Timer(PATIENCE, process.kill)
    late.start()
    try:
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        return dict(json.loads(process.stdout.readline() or "{}"))
    except BrokenPipeError:
        return {}
    finally:
        late.cancel()


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a result."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_in(each)
