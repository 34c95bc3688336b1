"""Lesson 06: the losses of A3C and its whole objective."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from course import losses as reference
from tests.autograders.support import assert_close

PREFER_THE_SECOND = [[0.0, np.log(3.0)]]  # probabilities 1/4 and 3/4


@pytest.mark.points(1)
@pytest.mark.hint("A softmax over the actions of one step; pick the action taken.")
def test_log_probabilities_are_those_of_the_actions_taken(student, rng):
    assert_close(
        student.log_probabilities(PREFER_THE_SECOND * 2, [0, 1]),
        np.log([0.25, 0.75]),
    )
    logits, actions = 3 * rng.normal(size=(6, 4)), rng.integers(4, size=6)
    assert_close(
        student.log_probabilities(logits, actions),
        reference.log_probabilities(logits, actions),
    )


@pytest.mark.points(1)
@pytest.mark.hint("log(softmax(x)) is log(0) for an unlikely action: use log_softmax.")
def test_an_unlikely_action_has_a_finite_logarithm(student):
    assert_close(student.log_probabilities([[0.0, 300.0]], [0]), [-300.0], atol=1e-3)


@pytest.mark.points(1)
@pytest.mark.hint("The policy learns through the log probabilities: no detach here.")
def test_log_probabilities_carry_their_gradient(student):
    gradients = student.gradients.log_probabilities(PREFER_THE_SECOND, [0])
    assert_close(gradients["logits"], [[0.75, -0.75]])


@pytest.mark.points(1)
@pytest.mark.hint("Minus the sum of log probability times advantage.")
def test_the_policy_loss_is_a_negative_sum(student, rng):
    assert_close(student.policy_loss([-1.0, -2.0], [3.0, -1.0]), 1.0)
    log_probs, advantages = -rng.random(7), rng.normal(size=7)
    assert_close(
        student.policy_loss(log_probs, advantages),
        reference.policy_loss(log_probs, advantages),
    )


@pytest.mark.points(1)
@pytest.mark.hint("Descending must make actions of positive advantage more likely.")
def test_the_policy_loss_pushes_the_right_way(student, rng):
    log_probs, advantages = -rng.random(5), rng.normal(size=5)
    gradients = student.gradients.policy_loss(log_probs, advantages)
    assert_close(gradients["log_probs"], -advantages)


@pytest.mark.points(1)
@pytest.mark.hint("The advantage must be a constant: detach it.")
def test_no_gradient_flows_from_the_policy_loss_into_the_critic(student, rng):
    gradients = student.gradients.policy_loss(-rng.random(5), rng.normal(size=5))
    flow = gradients["advantages"]
    assert flow is None or not np.any(flow)
    assert gradients["log_probs"] is not None


@pytest.mark.points(2)
@pytest.mark.hint("The sum of the squared differences, without a factor 1/2.")
def test_the_value_loss_is_a_sum_of_squares(student, rng):
    assert_close(student.value_loss([1.0, 2.0], [3.0, 1.0]), 5.0)
    values, returns = rng.normal(size=(2, 6))
    assert_close(
        student.value_loss(values, returns), reference.value_loss(values, returns)
    )


@pytest.mark.points(1)
@pytest.mark.hint("V moves towards R, and R holds still: detach the returns.")
def test_the_values_learn_and_the_returns_hold_still(student, rng):
    values, returns = rng.normal(size=(2, 4))
    gradients = student.gradients.value_loss(values, returns)
    assert_close(gradients["values"], -2 * (returns - values))
    assert gradients["returns"] is None or not np.any(gradients["returns"])


@pytest.mark.points(1)
@pytest.mark.hint("Minus the sum over actions of pi log pi, added up over the steps.")
def test_the_entropy_of_a_rollout(student, rng):
    assert_close(student.entropy(np.zeros((3, 4))), 3 * np.log(4.0))
    logits = 2 * rng.normal(size=(5, 3))
    assert_close(student.entropy(logits), reference.entropy(logits))


@pytest.mark.points(1)
@pytest.mark.hint("0 times -inf is NaN: take log_softmax, not the log of a softmax.")
def test_a_certain_policy_has_no_entropy(student):
    assert_close(student.entropy([[0.0, 500.0, 0.0]]), 0.0)
    assert_close(student.entropy([[0.0, 500.0, 0.0], [1.0, 1.0, 1.0]]), np.log(3.0))


@pytest.mark.points(1)
@pytest.mark.hint("Climbing the entropy must even out the logits: keep the gradient.")
def test_climbing_the_entropy_evens_the_policy_out(student):
    gradients = student.gradients.entropy(PREFER_THE_SECOND)
    slope = 0.25 * 0.75 * np.log(3.0)
    assert_close(gradients["logits"], [[slope, -slope]])


def rollout(terminated: bool, truncated: bool, beta: float) -> list[Any]:
    """Two steps through s_0 = [1, 0], s_1 = [0, 1] to s_2 = [1, 1].

    The policy is uniform; V is 1 at s_0, 2 at s_1 and 3 at s_2.
    """
    policy_weights, value_weights = [[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0]
    observations, actions, rewards = [[1.0, 0.0], [0.0, 1.0]], [0, 1], [1.0, 2.0]
    ends = [False, terminated], [False, truncated]
    next_observations = [[0.0, 1.0], [1.0, 1.0]]
    gamma, value_coef = 0.5, 0.5
    return [
        *(policy_weights, value_weights, observations, actions, rewards, *ends),
        *(next_observations, gamma, value_coef, beta),
    ]


@pytest.mark.points(1)
@pytest.mark.hint("R begins with V(s_T), or with 0 if the episode terminated.")
def test_the_objective_without_entropy(student):
    for terminated, truncated, returns in (
        (True, False, [2.0, 2.0]),  # 2, and 1 + 0.5 x 2
        (False, False, [2.75, 3.5]),  # 2 + 0.5 x 3, and 1 + 0.5 x 3.5
        (False, True, [2.75, 3.5]),
    ):
        advantages = np.array(returns) - [1.0, 2.0]
        expected = np.log(2.0) * advantages.sum() + 0.5 * np.square(advantages).sum()
        assert_close(student.a3c_loss(*rollout(terminated, truncated, 0.0)), expected)


@pytest.mark.points(1)
@pytest.mark.hint("The entropy is climbed, so the loss subtracts it beta times.")
def test_the_entropy_is_subtracted(student):
    with_bonus = student.a3c_loss(*rollout(True, False, 0.1))
    without = student.a3c_loss(*rollout(True, False, 0.0))
    assert_close(with_bonus - without, -0.1 * 2 * np.log(2.0), atol=1e-4)


@pytest.mark.points(1)
@pytest.mark.hint("The advantage and the bootstrap are constants.")
def test_the_critic_learns_from_the_value_loss_alone(student):
    gradients = student.gradients.a3c_loss(*rollout(False, False, 0.0))
    # -2 x value_coef x (R - V) at each feature; actor and critic share nothing here.
    assert_close(gradients["value_weights"], [[-1.75, -1.5]])
    # -A (1 - pi) for the action taken, A pi for the other.
    assert_close(gradients["policy_weights"], [[-0.875, 0.75], [0.875, -0.75]])
