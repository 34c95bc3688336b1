"""Lesson 00: the score of an episode, and its discounted return."""

from __future__ import annotations

import pytest

from course import returns as reference
from tests.autograders.support import assert_close


@pytest.mark.points(1)
@pytest.mark.hint("Every reward counts in full, and counts once.")
def test_three_rewards_by_hand(student):
    assert_close(student.episode_return([1.0, 2.0, 3.0]), 6.0)


@pytest.mark.points(1)
@pytest.mark.hint("A negative reward lowers the score.")
def test_losses_count(student):
    assert_close(student.episode_return([4.0, -1.0, -5.0]), -2.0)


@pytest.mark.points(1)
@pytest.mark.hint("The score is the sum, however long the episode is.")
def test_a_long_episode(student, rng):
    rewards = rng.normal(size=40)
    assert_close(student.episode_return(rewards), rewards.sum(), atol=1e-4)


@pytest.mark.points(1)
@pytest.mark.hint("G = r₀ + γ r₁ + γ² r₂: the first reward is not discounted.")
def test_discounted_by_hand(student):
    assert_close(student.discounted_return([1.0, 1.0, 1.0], 0.5), 1.75)
    assert_close(student.discounted_return([0.0, 0.0, 8.0], 0.5), 2.0)


@pytest.mark.points(1)
@pytest.mark.hint("With gamma = 1 it is the score; with gamma = 0 the first reward.")
def test_the_two_extremes(student, rng):
    rewards = rng.normal(size=9)
    assert_close(student.discounted_return(rewards, 1.0), rewards.sum())
    assert_close(student.discounted_return(rewards, 0.0), rewards[0])


@pytest.mark.points(1)
@pytest.mark.hint(
    "A reward that comes i steps later is multiplied by γ to the power i."
)
def test_any_rewards(student, rng):
    rewards = rng.normal(size=30)
    expected = reference.discounted_return(rewards, 0.9)
    assert_close(student.discounted_return(rewards, 0.9), expected)
