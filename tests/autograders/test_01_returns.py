"""Lesson 01: one-step targets, n-step returns, what follows a rollout, advantages."""

from __future__ import annotations

import numpy as np
import pytest

from course import returns as reference
from tests.autograders.support import assert_close


@pytest.mark.points(1)
@pytest.mark.hint("y = r + γ V(s'), for each step by itself.")
def test_one_step_while_the_game_goes_on(student, rng):
    rewards, values = rng.normal(size=(2, 7))
    on = np.zeros(7, dtype=bool)
    expected = rewards + 0.8 * values
    assert_close(student.one_step_targets(rewards, values, on, 0.8), expected)


@pytest.mark.points(1)
@pytest.mark.hint("Where the episode terminated, the target is the reward alone.")
def test_one_step_at_true_ends(student, rng):
    rewards, values = rng.normal(size=(2, 7))
    ended = np.ones(7, dtype=bool)
    assert_close(student.one_step_targets(rewards, values, ended, 0.8), rewards)


@pytest.mark.points(1)
@pytest.mark.hint("Each step has a flag of its own.")
def test_one_step_with_ends_among_them(student, rng):
    rewards, values = rng.normal(size=(2, 7))
    ended = np.array([False, True, False, False, True, True, False])
    expected = reference.one_step_targets(rewards, values, ended, 0.9)
    assert_close(student.one_step_targets(rewards, values, ended, 0.9), expected)


@pytest.mark.points(1)
@pytest.mark.hint("Begin at the last step: R_i = r_i + γ R_{i+1}.")
def test_n_steps_to_a_true_end(student, rng):
    assert_close(student.n_step_returns([0.0, 0.0, 8.0], 0.0, 0.5), [2.0, 4.0, 8.0])
    rewards = rng.normal(size=7)
    expected = reference.n_step_returns(rewards, 0.0, 0.9)
    assert_close(student.n_step_returns(rewards, 0.0, 0.9), expected)


@pytest.mark.points(1)
@pytest.mark.hint("A rollout that was cut begins its recursion with bootstrap_value.")
def test_n_steps_of_a_cut_rollout(student, rng):
    rewards = rng.normal(size=7)
    expected = reference.n_step_returns(rewards, 1.2, 0.9)
    assert_close(student.n_step_returns(rewards, 1.2, 0.9), expected)


@pytest.mark.points(1)
@pytest.mark.hint(
    "A rollout of one step is r + γ · bootstrap_value, still of shape [1]."
)
def test_a_single_step_and_nothing_changed(student):
    assert_close(student.n_step_returns([2.0], 10.0, 0.9), [11.0])
    after = student.changed.n_step_returns([2.0, 3.0], np.float32(10.0), 0.9)
    assert_close(after["rewards"], [2.0, 3.0])
    assert_close(after["bootstrap_value"], 10.0)


@pytest.mark.points(1)
@pytest.mark.hint("Nothing follows a true end.")
def test_a_true_end_is_worth_nothing(student):
    for value in (5.0, -5.0):
        assert_close(student.bootstrap_value(np.float32(value), np.True_), 0.0)
    assert_close(student.bootstrap_value(np.float32(5.0), np.False_), 5.0)


@pytest.mark.points(2)
@pytest.mark.hint(
    "A rollout that was cut would have gone on: keep V(s_T), also below 0."
)
def test_a_cut_keeps_its_value(student):
    for value in (5.0, -5.0, 0.0):
        assert_close(student.bootstrap_value(np.float32(value), np.False_), value)


@pytest.mark.points(1)
@pytest.mark.hint("A_i = R_i − V(s_i).")
def test_advantages_by_hand(student):
    assert_close(student.advantages([5.0, 3.0, 4.0], [4.0, 4.0, 4.0]), [1, -1, 0])


@pytest.mark.points(1)
@pytest.mark.hint("Return and value of the same step belong together.")
def test_any_advantages(student, rng):
    returns, values = rng.normal(size=(2, 9))
    assert_close(student.advantages(returns, values), returns - values)


@pytest.mark.points(1)
@pytest.mark.hint("The advantage is a constant: detach the values.")
def test_no_gradient_reaches_the_values(student, rng):
    returns, values = rng.normal(size=(2, 5))
    assert_close(student.advantages(returns, values), returns - values)
    flow = student.gradients.advantages(returns, values)["values"]
    assert flow is None or not np.any(flow)
