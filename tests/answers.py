"""Small submissions to lesson 00, right and wrong, for the tests of grading."""

from __future__ import annotations

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
