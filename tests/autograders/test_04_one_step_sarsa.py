"""Lesson 04: Sarsa's targets, the policy that acts, Expected Sarsa, the whole loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course import returns as reference
from course.environments.tabular import epsilon_greedy_policy
from course.exercises.lesson_04_one_step_sarsa.policy import expected_sarsa_targets
from tests.autograders.support import assert_close

FIRST, SECOND = [1.0, 0.0], [0.0, 1.0]
THETA = [[1.0, 0.0], [3.0, 5.0]]
THETA_MINUS = [[2.0, 4.0], [7.0, 8.0]]


@pytest.mark.points(1)
@pytest.mark.hint("Take the value of the action in next_actions, not the greatest one.")
def test_sarsa_targets_use_the_action_taken(student, rng):
    rewards, q_values = rng.normal(size=6), rng.normal(size=(6, 4))
    actions = rng.integers(4, size=6)
    on = np.zeros(6, dtype=bool)
    expected = rewards + 0.7 * q_values[np.arange(6), actions]
    assert_close(student.sarsa_targets(rewards, on, q_values, actions, 0.7), expected)


@pytest.mark.points(1)
@pytest.mark.hint("Where the episode terminated, the target is the reward alone.")
def test_sarsa_targets_end_with_the_episode(student, rng):
    rewards, q_values = rng.normal(size=5), rng.normal(size=(5, 3))
    actions = rng.integers(3, size=5)
    ended = np.array([False, True, False, False, True])
    expected = reference.sarsa_targets(rewards, ended, q_values, actions, 0.9)
    assert_close(
        student.sarsa_targets(rewards, ended, q_values, actions, 0.9), expected
    )


@pytest.mark.points(1)
@pytest.mark.hint("With greedy actions only are these the targets of Q-learning.")
def test_sarsa_targets_meet_q_learning_at_the_greedy_action(student, rng):
    rewards, q_values = rng.normal(size=5), rng.normal(size=(5, 3))
    on = np.zeros(5, dtype=bool)
    greedy = student.sarsa_targets(rewards, on, q_values, q_values.argmax(1), 0.9)
    assert_close(greedy, reference.one_step_q_targets(rewards, on, q_values, 0.9))
    worst = student.sarsa_targets(rewards, on, q_values, q_values.argmin(1), 0.9)
    assert_close(worst, rewards + 0.9 * q_values.min(1))


@pytest.mark.points(1)
@pytest.mark.hint("ε / A for every action, and 1 − ε more for the greedy one.")
def test_probabilities_of_the_acting_policy(student, rng):
    q_values = rng.normal(size=5)
    expected = epsilon_greedy_policy(q_values[None], 0.3)[0]
    assert_close(student.epsilon_greedy_probabilities(q_values, 0.3), expected)


@pytest.mark.points(1)
@pytest.mark.hint("They sum to 1: count each way to come to an action once.")
def test_probabilities_sum_to_one(student, rng):
    for epsilon in (0.0, 0.25, 1.0):
        q_values = rng.normal(size=4)
        found = np.asarray(student.epsilon_greedy_probabilities(q_values, epsilon))
        assert_close(found.astype(float).sum(), 1.0)
        assert_close(found.astype(float).max(), 1.0 - epsilon + epsilon / 4)


@pytest.mark.points(1)
@pytest.mark.hint("Of equal values argmax takes the first.")
def test_probabilities_with_equal_values(student):
    found = student.epsilon_greedy_probabilities([2.0, 5.0, 5.0, 5.0], 0.2)
    assert_close(found, [0.05, 0.85, 0.05, 0.05])


@pytest.mark.points(1)
@pytest.mark.hint("Weigh each action's value by its probability.")
def test_expected_targets_are_means_of_sarsa_targets(student, rng):
    rewards, q_values = rng.normal(size=4), rng.normal(size=(4, 3))
    on = np.zeros(4, dtype=bool)
    policy = epsilon_greedy_policy(q_values, 0.4)
    expected = rewards + 0.8 * (policy * q_values).sum(1)
    found = student.expected_sarsa_targets(rewards, on, q_values, 0.4, 0.8)
    assert_close(found, expected)


@pytest.mark.points(1)
@pytest.mark.hint("With ε = 0 these are the targets of Q-learning; with ε = 1 a mean.")
def test_expected_targets_at_both_ends_of_epsilon(student, rng):
    rewards, q_values = rng.normal(size=4), rng.normal(size=(4, 3))
    on = np.zeros(4, dtype=bool)
    greedy = student.expected_sarsa_targets(rewards, on, q_values, 0.0, 0.8)
    assert_close(greedy, reference.one_step_q_targets(rewards, on, q_values, 0.8))
    uniform = student.expected_sarsa_targets(rewards, on, q_values, 1.0, 0.8)
    assert_close(uniform, rewards + 0.8 * q_values.mean(1))


@pytest.mark.points(1)
@pytest.mark.hint("Where the episode terminated, the target is the reward alone.")
def test_expected_targets_end_with_the_episode(student, rng):
    rewards, q_values = rng.normal(size=5), rng.normal(size=(5, 3))
    ended = np.array([True, False, False, True, False])
    expected = expected_sarsa_targets(
        *(torch.as_tensor(each) for each in (rewards, ended, q_values)),
        *(0.2, 0.9),
    )
    found = student.expected_sarsa_targets(rewards, ended, q_values, 0.2, 0.9)
    assert_close(found, expected)


def two_steps(terminated, truncated, next_actions=(1, 0)):
    """A case of `sarsa_loss`: two states, one-hot; gamma is 0.5."""
    return (
        *(THETA, THETA_MINUS, [FIRST, SECOND], [0, 1], [1.0, 2.0]),
        *([False, terminated], [False, truncated], [SECOND, FIRST]),
        *(list(next_actions), 0.5),
    )


@pytest.mark.points(1)
@pytest.mark.hint("A sum of squares; only a true end removes what follows.")
def test_loss_at_an_end_and_at_a_time_limit(student):
    # Targets 1 + 0.5 · 8 = 5, and 2 at the end or 2 + 0.5 · 2 = 3 beyond the limit.
    assert_close(
        student.sarsa_loss(*two_steps(True, False)), (5 - 1) ** 2 + (2 - 5) ** 2
    )
    assert_close(
        student.sarsa_loss(*two_steps(False, True)), (5 - 1) ** 2 + (3 - 5) ** 2
    )


@pytest.mark.points(1)
@pytest.mark.hint("The target holds the value of rollout.next_actions.")
def test_loss_follows_the_next_action(student):
    # With a' = 0 in state 1 the first target is 1 + 0.5 · 4 = 3.
    arguments = two_steps(True, False, next_actions=(0, 1))
    assert_close(student.sarsa_loss(*arguments), (3 - 1) ** 2 + (2 - 5) ** 2)


@pytest.mark.points(1)
@pytest.mark.hint("θ learns at the actions taken; the target, from θ⁻, is a constant.")
def test_gradient_reaches_theta_alone(student):
    gradients = student.gradients.sarsa_loss(*two_steps(True, False))
    assert_close(gradients["theta"], [[-2 * (5 - 1), 0.0], [0.0, -2 * (2 - 5)]])
    target = gradients["theta_minus"]
    assert target is None or not np.any(target)
