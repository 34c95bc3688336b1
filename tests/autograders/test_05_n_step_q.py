"""Lesson 05: n-step Q-learning, and the forward and the backward view of credit."""

from __future__ import annotations

import numpy as np
import pytest

from course import returns as reference
from course.exercises import EXERCISES
from course.exercises.networks import draw_transitions
from tests.autograders.support import assert_close

ENDED, CUT = np.bool_(True), np.bool_(False)

# 05.1 n_step_q_targets


@pytest.mark.points(1)
@pytest.mark.hint("Nothing follows a true end; a cut rollout bootstraps from the best.")
def test_targets_by_hand(student):
    ended = student.n_step_q_targets([0.0, 0.0, 8.0], [1.0, 3.0], ENDED, 0.5)
    assert_close(ended, [2.0, 4.0, 8.0])
    cut = student.n_step_q_targets([1.0, 2.0, 4.0], [3.0, 8.0], CUT, 0.5)
    assert_close(cut, [4.0, 6.0, 8.0])


@pytest.mark.points(1)
@pytest.mark.hint("With one step, the target is that of one-step Q-learning.")
def test_one_step_is_one_step_q_learning(student, rng):
    reward, q_values = rng.normal(size=1), rng.normal(size=4)
    expected = reward + 0.9 * q_values.max()
    assert_close(student.n_step_q_targets(reward, q_values, CUT, 0.9), expected)


@pytest.mark.points(1)
@pytest.mark.hint("Go backwards: R_i = r_i + γ R_{i+1}, each at its own index.")
def test_targets_of_any_rollout(student, rng):
    for terminated in (ENDED, CUT):
        rewards, q_values = rng.normal(size=20), rng.normal(size=4)
        expected = reference.n_step_q_targets(rewards, q_values, terminated, 0.9)
        actual = student.n_step_q_targets(rewards, q_values, terminated, 0.9)
        assert_close(actual, expected)


# 05.2 n_step_q_loss: θ and θ⁻ as tables of weights, then the rollout's columns

THETA, THETA_MINUS = [[1.0, 2.0], [0.0, 1.0]], [[3.0, 1.0], [2.0, 6.0]]


def by_hand(terminated: bool) -> list[object]:
    """Two steps: Q(s_i, a_i) is 1 and 1, and max Q(s_2, ·; θ⁻) is 8."""
    return [
        *(THETA, THETA_MINUS, [[1.0, 0.0], [0.0, 1.0]], [0, 1], [1.0, 2.0]),
        *([False, terminated], [False, False], [[0.0, 1.0], [1.0, 1.0]], 0.5),
    ]


@pytest.mark.points(1)
@pytest.mark.hint(
    "Bootstrap from θ⁻ at the last next observation, unless it is an end."
)
def test_loss_by_hand(student):
    assert_close(student.n_step_q_loss(*by_hand(True)), 2.0)  # (2 − 1)² + (2 − 1)²
    assert_close(student.n_step_q_loss(*by_hand(False)), 34.0)  # (4 − 1)² + (6 − 1)²


@pytest.mark.points(1)
@pytest.mark.hint("The target is a constant: only Q(s_i, a_i; θ') has a gradient.")
def test_the_gradient_goes_to_the_actions_taken(student):
    gradients = student.gradients.n_step_q_loss(*by_hand(False))
    assert_close(gradients["theta"], [[-6.0, 0.0], [0.0, -10.0]])
    into_target = gradients["theta_minus"]
    assert into_target is None or not np.any(into_target)


@pytest.mark.points(1)
@pytest.mark.hint("It is a sum over the rollout; a time limit is not an end.")
def test_loss_of_any_rollout(student, rng):
    for _ in range(3):
        theta, theta_minus = rng.normal(size=(2, 3, 2)).tolist()
        columns = draw_transitions(rng)
        seen = EXERCISES["n_step_q_loss"].driver(
            EXERCISES["n_step_q_loss"].reference,
            {"theta": theta, "theta_minus": theta_minus, **columns, "gamma": 0.8},
        )
        actual = student.n_step_q_loss(theta, theta_minus, *columns.values(), 0.8)
        assert_close(actual, seen.value)


# 05.3 lambda_returns


@pytest.mark.points(1)
@pytest.mark.hint("λ = 0 trusts the next state's value: the one-step target.")
def test_lambda_zero_is_one_step(student, rng):
    rewards, values = rng.normal(size=(2, 6))
    actual = student.lambda_returns(rewards, values, CUT, 0.9, 0.0)
    assert_close(actual, rewards + 0.9 * values)


@pytest.mark.points(1)
@pytest.mark.hint("λ = 1 uses no value but the last: the n-step returns.")
def test_lambda_one_is_n_step(student, rng):
    rewards, values = rng.normal(size=(2, 6))
    cut = student.lambda_returns(rewards, values, CUT, 0.9, 1.0)
    assert_close(cut, reference.n_step_returns(rewards, values[-1], 0.9))
    ended = student.lambda_returns(rewards, values, ENDED, 0.9, 1.0)
    assert_close(ended, reference.n_step_returns(rewards, 0.0, 0.9))
    # Only the last state is terminal: the values on the way there still count.
    mixed = student.lambda_returns([1.0, 1.0], [4.0, 6.0], ENDED, 0.5, 0.5)
    assert_close(mixed, [1.0 + 0.5 * (0.5 * 4.0 + 0.5 * 1.0), 1.0])


@pytest.mark.points(1)
@pytest.mark.hint("The return is the λ-weighted mean of the n-step returns.")
def test_lambda_mixes_the_n_step_returns(student, rng):
    rewards, values = rng.normal(size=(2, 3))
    gamma, lam = 0.9, 0.4
    n_step = [
        reference.n_step_returns(rewards[:n], values[n - 1], gamma)[0].item()
        for n in (1, 2, 3)
    ]
    weights = [1 - lam, (1 - lam) * lam, lam**2]
    actual = student.lambda_returns(rewards, values, CUT, gamma, lam)
    assert_close(actual[0], np.dot(weights, n_step))


# 05.4 trace_update


@pytest.mark.points(1)
@pytest.mark.hint("e ← γλ e, then e(s) ← e(s) + 1; both tables change in place.")
def test_trace_by_hand(student):
    changed = student.changed.trace_update(
        [4.0, 1.0, 0.0], [0.0, 1.0, 0.0], 2, 4.0, 0.5, 0.5, 0.5
    )
    assert_close(changed["traces"], [0.0, 0.25, 1.0])
    assert_close(changed["values"], [4.0, 1.5, 2.0])


@pytest.mark.points(1)
@pytest.mark.hint("With λ = 0 only the state just left learns.")
def test_lambda_zero_has_no_memory(student):
    changed = student.changed.trace_update(
        [1.0, 1.0, 1.0], [0.3, 0.7, 0.1], 1, 2.0, 0.1, 0.9, 0.0
    )
    assert_close(changed["values"], [1.0, 1.2, 1.0])


@pytest.mark.points(1)
@pytest.mark.hint("Added up over an episode, traces give each state its λ-return.")
def test_backward_view_equals_forward_view(student, rng):
    gamma, lam, step_size = 0.9, 0.7, 0.1
    states, rewards = [0, 1, 0, 2, 1], rng.normal(size=5)
    believed = rng.normal(size=3)
    next_values = np.append(believed[states[1:]], 0.0)  # then the episode ends
    changes, traces = np.zeros(3), np.zeros(3)
    for i, state in enumerate(states):
        td_error = float(rewards[i] + gamma * next_values[i] - believed[state])
        numbers = (td_error, step_size, gamma, lam)
        seen = student.changed.trace_update(changes, traces, state, *numbers)
        changes = np.asarray(seen["values"])
        traces = np.asarray(seen["traces"])
    following, expected = 0.0, np.zeros(3)
    for i in reversed(range(5)):
        mix = (1 - lam) * next_values[i] + lam * following
        following = rewards[i] + gamma * mix
        expected[states[i]] += step_size * (following - believed[states[i]])
    assert_close(changes, expected, atol=1e-4)
