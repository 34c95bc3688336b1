"""Small submissions, right and wrong, for the tests of grading; most to lesson 00."""

from __future__ import annotations

from pathlib import Path

RIGHT = """
def episode_return(rewards):
    return rewards.sum()

def discounted_return(rewards, gamma):
    return sum(gamma**i * reward for i, reward in enumerate(rewards))
"""
HALF = RIGHT.replace("gamma**i", "gamma ** (i + 1)")  # one power too high
STUB = """
def episode_return(rewards):
    raise NotImplementedError

def discounted_return(rewards, gamma):
    raise NotImplementedError
"""
WRONG = """
def episode_return(rewards):
    return rewards.max()

def discounted_return(rewards, gamma):
    return 12345.0
"""
RAISING = """
def episode_return(rewards):
    return rewards.total()

1 / 0
"""
# Right in every test of the course's own, whose episodes are short.
SHORT = RIGHT.replace("rewards.sum()", "rewards[:50].sum()")
HIDDEN = """
import numpy as np
import pytest

@pytest.mark.points(4)
@pytest.mark.hint("Secret: fifty steps.")
def test_long_episodes(student):
    secret = np.ones(60)
    assert student.episode_return(secret) == 60, "Secret: fifty steps."
"""
RETURNS = """
def n_step_returns(rewards, bootstrap_value, gamma):
    R, returns = bootstrap_value, []
    for reward in reversed(rewards):
        R = reward + gamma * R
        returns.insert(0, R)
    return torch.stack(returns)
"""


def many(folder: Path, number: int) -> Path:
    """A folder with so many submissions, of every kind."""
    folder.mkdir()
    texts = [RIGHT, HALF, STUB, WRONG, RAISING, SHORT]
    for i in range(number):
        (folder / f"s{i:03}").mkdir()
        (folder / f"s{i:03}" / "00_start.py").write_text(texts[i % len(texts)])
    return folder


def contents(output: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }
