"""Submissions that cheat, on a grader made as many are: there they succeed.

So what `test_attacks` looks for would be found.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks import ATTACKS
from attacks.arena import Arena
from attacks.grading import HIDDEN_TESTS, graded_naively
from attacks.record import Attack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it has no sandbox")

SOLUTION = """
def discounted_return(rewards, gamma):
    return sum(gamma**i * reward for i, reward in enumerate(rewards))
# %%
"""


@pytest.fixture
def beaten(tmp_path: Path) -> Iterator[Arena]:
    """The world of the naive grader: all that is attacked is made for it."""
    package, shared = tmp_path / "package", tmp_path / "shared"
    package.mkdir()
    shared.mkdir()
    (package / "grader.py").write_text("# the grader")
    answer = tmp_path / "solution.py"
    answer.write_text(SOLUTION)
    arena = Arena(tmp_path, os.geteuid(), [shared], package, [answer], 2**26, 20, 0.5)
    tests = HIDDEN_TESTS.format(secret=arena.environment_secret)
    (arena.hidden / "hidden_tests.py").write_text(tests)
    with arena:
        yield arena


SHOWN = [each for each in ATTACKS if not each.naive]


@pytest.mark.parametrize("attack", SHOWN, ids=lambda each: each.name)
def test_an_attack_succeeds_on_a_naive_grader(attack: Attack, beaten: Arena) -> None:
    beaten.arm(attack)
    # Importing torch takes its time.
    seconds = 20 if "torch" in str(attack.cells) else 3
    graded = graded_naively(beaten, seconds, attack.aim)
    assert attack.aim in beaten.harms(graded), graded


def test_the_naive_grader_is_right_about_others(beaten: Arena) -> None:
    beaten.arm(Attack("wrong", "", "points", ()))
    assert beaten.harms(graded_naively(beaten, 20)) == set()
