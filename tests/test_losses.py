"""Tests of `course.losses`: golden values, gradients, extremes and errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from course.losses import entropy, log_probabilities, policy_loss, td_loss, value_loss
from course.returns import advantages

NAN = math.nan
logit_rows = st.lists(st.floats(-20, 20), min_size=1, max_size=5)


def double(numbers: Any) -> torch.Tensor:
    """A float64 tensor, in which identities hold to many digits."""
    return torch.tensor(numbers, dtype=torch.float64)


# --- Golden values, worked by hand ------------------------------------------------


def test_td_loss_golden() -> None:
    # (5 - 2)^2 + (1 - 3)^2 = 9 + 4 = 13: a sum, with no factor 1/2
    loss = td_loss([[1.0, 2.0], [3.0, 4.0]], [1, 0], [5.0, 1.0])
    assert_close(loss, torch.tensor(13.0))


def test_log_probabilities_golden() -> None:
    # Weights exp(0) = 1 and exp(log 3) = 3: probabilities 1/4 and 3/4.
    logits = [[0.0, math.log(3.0)], [0.0, math.log(3.0)]]
    expected = torch.tensor([math.log(0.25), math.log(0.75)])
    assert_close(log_probabilities(logits, [0, 1]), expected)


def test_policy_loss_golden() -> None:
    # -(-1 x 2 + -0.5 x -4) - (-3 x 1) = -(-2 + 2) + 3 = 3
    loss = policy_loss([-1.0, -0.5, -3.0], [2.0, -4.0, 1.0])
    assert_close(loss, torch.tensor(3.0))


def test_value_loss_golden() -> None:
    # (3 - 1)^2 + (0 - 3)^2 = 4 + 9 = 13
    assert_close(value_loss([1.0, 3.0], [3.0, 0.0]), torch.tensor(13.0))


def test_entropy_golden() -> None:
    # Uniform over 4: log 4. Probabilities 1/4, 3/4: (1/4) log 4 + (3/4) log (4/3).
    assert_close(entropy([7.0, 7.0, 7.0, 7.0]), torch.tensor(math.log(4.0)))
    quarter = 0.25 * math.log(4.0) + 0.75 * math.log(4.0 / 3.0)
    assert_close(entropy([0.0, math.log(3.0)]), torch.tensor(quarter))


def test_entropy_is_summed_over_the_rollout() -> None:
    # Two steps, three environments, each uniform over two actions: 6 log 2.
    assert_close(entropy(torch.zeros(2, 3, 2)), torch.tensor(6.0 * math.log(2.0)))


# --- Identities and properties ----------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(*[st.floats(-10, 10)] * 2), min_size=1, max_size=6))
def test_td_loss_of_one_action_is_the_value_loss(
    pairs: list[tuple[float, float]],
) -> None:
    predictions, targets = double(pairs).unbind(-1)
    actions = torch.zeros(len(pairs), dtype=torch.int64)
    assert_close(
        td_loss(predictions.unsqueeze(-1), actions, targets),
        value_loss(predictions, targets),
    )


@settings(deadline=None, max_examples=50)
@given(logit_rows, st.floats(-100, 100))
def test_a_shift_of_the_logits_changes_nothing(row: list[float], shift: float) -> None:
    logits = double(row)
    assert_close(log_probabilities(logits, 0), log_probabilities(logits + shift, 0))
    assert_close(entropy(logits), entropy(logits + shift))


@settings(deadline=None, max_examples=50)
@given(logit_rows)
def test_probabilities_sum_to_one_and_entropy_is_bounded(row: list[float]) -> None:
    rows = double(row).repeat(len(row), 1)
    log_probs = log_probabilities(rows, list(range(len(row))))
    assert_close(log_probs.exp().sum(), double(1.0))
    assert -1e-9 <= entropy(double(row)) <= math.log(len(row)) + 1e-9
    # The definition itself: H = -sum p log p.
    assert_close(entropy(double(row)), -(log_probs.exp() * log_probs).sum())


def test_leading_axes_do_not_matter() -> None:
    """[T, K] steps give the same sums as T x K steps in one row."""
    torch.manual_seed(0)
    logits, targets = torch.randn(4, 3, 2), torch.randn(4, 3)
    actions = torch.randint(2, (4, 3))
    rows, flat = logits.flatten(0, 1), actions.flatten()
    assert_close(
        td_loss(logits, actions, targets), td_loss(rows, flat, targets.ravel())
    )
    log_probs = log_probabilities(logits, actions)
    assert_close(log_probs.ravel(), log_probabilities(rows, flat))
    assert_close(entropy(logits), entropy(rows))


# --- Gradients --------------------------------------------------------------------


def test_td_loss_gradient_has_the_literal_factor_two() -> None:
    q_values = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    td_loss(q_values, [1, 0], [5.0, 1.0]).backward()
    # -2 (5 - 2) = -6 and -2 (1 - 3) = 4 at the actions taken, 0 elsewhere.
    assert q_values.grad is not None
    assert_close(q_values.grad, torch.tensor([[0.0, -6.0], [4.0, 0.0]]))


def test_policy_loss_gradient_climbs_the_advantage() -> None:
    logits = torch.zeros(1, 2, requires_grad=True)
    policy_loss(log_probabilities(logits, [1]), [3.0]).backward()
    # d log pi(1) / d logits = onehot(1) - pi = (-0.5, 0.5); times -3.
    assert logits.grad is not None
    assert_close(logits.grad, torch.tensor([[1.5, -1.5]]))


def test_value_loss_gradient_has_the_literal_factor_two() -> None:
    values = torch.tensor([1.0, 3.0], requires_grad=True)
    value_loss(values, [3.0, 0.0]).backward()
    # -2 (3 - 1) = -4 and -2 (0 - 3) = 6
    assert values.grad is not None
    assert_close(values.grad, torch.tensor([-4.0, 6.0]))


def test_entropy_gradient_vanishes_at_the_uniform_policy() -> None:
    logits = torch.tensor([[1.0, 1.0], [0.0, 2.0]], requires_grad=True)
    entropy(logits).backward()
    assert logits.grad is not None
    assert_close(logits.grad[0], torch.zeros(2))
    # Away from it, entropy grows with the smaller logit: (+, -).
    assert logits.grad[1, 0] > 0.0 > logits.grad[1, 1]


def test_no_gradient_reaches_targets_advantages_or_returns() -> None:
    predictions = torch.ones(2, requires_grad=True)
    constants = torch.zeros(2, requires_grad=True)
    loss = (
        td_loss(predictions.unsqueeze(-1), [0, 0], constants)
        + policy_loss(predictions, constants)
        + value_loss(predictions, constants)
    )
    loss.backward()
    assert predictions.grad is not None
    assert constants.grad is None


def test_the_critic_does_not_learn_from_the_policy_loss() -> None:
    values = torch.ones(2, requires_grad=True)
    log_probs = torch.full((2,), -1.0, requires_grad=True)
    policy_loss(log_probs, advantages([2.0, 3.0], values)).backward()
    assert values.grad is None
    # d loss / d log pi = -(R - V) = -(1, 2)
    assert log_probs.grad is not None
    assert_close(log_probs.grad, torch.tensor([-1.0, -2.0]))


# --- Extremes ---------------------------------------------------------------------


@pytest.mark.parametrize("low", [-1e4, -1e30, -math.inf])
def test_extreme_logits_stay_stable(low: float) -> None:
    logits = torch.tensor([[0.0, low], [0.0, 0.0]], requires_grad=True)
    total = entropy(logits)
    # The first policy is certain, the second uniform: 0 + log 2.
    assert_close(total, torch.tensor(math.log(2.0)))
    total.backward()
    assert logits.grad is not None
    assert_close(logits.grad, torch.zeros(2, 2))


def test_log_probability_of_an_unlikely_action_is_exact() -> None:
    # log(softmax(x)) would be log(0) = -inf here.
    assert log_probabilities([1e4, 0.0], 1).item() == -1e4


def test_precision_follows_the_network() -> None:
    q_values = torch.zeros(1, 2, requires_grad=True)
    assert td_loss(q_values, [0], double([1.0])).dtype == torch.float32
    assert td_loss(double([[0.0]]), [0], [1.0]).dtype == torch.float64
    assert td_loss([[0, 2]], [1], [1]).dtype == torch.float32


# --- Errors -----------------------------------------------------------------------

ROW, ROWS = [1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]]
ERRORS: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (td_loss, (1.0, 0, 1.0), "q_values must have shape \\[..., A\\]"),
    (td_loss, (torch.zeros(0, 2), [], []), "q_values .* at least .* one step"),
    (td_loss, ([[NAN, 0.0]], [1], [1.0]), "q_values .* NaN, got one at .*\\[0, 0\\]"),
    (td_loss, (ROWS, [0], ROW), "actions must have shape \\[2\\] .*\\[1\\]"),
    (td_loss, (ROWS, [0, 2], ROW), "actions must lie between 0 and 1, .* got \\[0, 2"),
    (td_loss, (ROWS, [0, -1], ROW), "actions must lie between 0 and 1"),
    (td_loss, (ROWS, [0.0, 1.0], ROW), "actions must be integers, got torch.float32"),
    (td_loss, (ROWS, [True, False], ROW), "actions must be integers, got torch.bool"),
    (td_loss, (ROWS, [0, 1], ROWS), "targets must have shape \\[2\\] .*\\[2, 2\\]"),
    (td_loss, (ROWS, [0, 1], [1.0, NAN]), "targets .* NaN"),
    (log_probabilities, (1.0, 0), "logits must have shape"),
    (log_probabilities, ([NAN, 0.0], 0), "logits .* NaN"),
    (log_probabilities, (ROWS, 0), "actions must have shape"),
    (log_probabilities, (ROWS, [0, 5]), "actions must lie between"),
    (log_probabilities, (ROWS, [0.0, 1.0]), "actions must be integers"),
    (policy_loss, ([], []), "log_probs must hold at least one step"),
    (policy_loss, ([NAN], [1.0]), "log_probs .* NaN"),
    (policy_loss, (ROW, [1.0]), "advantages must have shape \\[2\\]"),
    (policy_loss, (ROW, ROWS), "advantages must have shape \\[2\\]"),
    (policy_loss, (ROW, [1.0, NAN]), "advantages .* NaN"),
    (value_loss, ([], []), "values must hold at least one step"),
    (value_loss, ([NAN], [1.0]), "values .* NaN"),
    (value_loss, (ROW, [1.0]), "returns must have shape \\[2\\]"),
    # The silent bug of many critics: [T, 1] against [T] broadcasts to [T, T].
    (value_loss, ([[1.0], [2.0]], ROW), "returns must have shape \\[2, 1\\]"),
    (value_loss, (ROW, [1.0, NAN]), "returns .* NaN"),
    (entropy, (1.0,), "logits must have shape"),
    (entropy, ([],), "logits must have shape"),
    (entropy, ([NAN, 1.0],), "logits .* NaN"),
]


@pytest.mark.parametrize(("function", "arguments", "message"), ERRORS)
def test_errors_name_the_argument(
    function: Callable[..., Any], arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        function(*arguments)
