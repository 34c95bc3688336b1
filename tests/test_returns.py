"""Tests of `course.returns`: golden values, a slow oracle, identities and errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from course.returns import (
    advantages,
    bootstrap_value,
    discounted_return,
    n_step_q_targets,
    n_step_returns,
    one_step_q_targets,
    one_step_targets,
    sarsa_targets,
)

NAN = math.nan
reward_lists = st.lists(st.floats(-10, 10), min_size=1, max_size=8)
gammas = st.floats(0, 1)
values = st.floats(-10, 10)
seeds = st.integers(0, 2**32 - 1)


def double(numbers: Any) -> torch.Tensor:
    """A float64 tensor, in which identities hold to many digits."""
    return torch.tensor(numbers, dtype=torch.float64)


def random_rollout(seed: int, steps: int = 4, envs: int = 3) -> dict[str, torch.Tensor]:
    """A float64 rollout of K environments with A = 2 actions."""
    rng = np.random.default_rng(seed)
    return {
        "rewards": double(rng.normal(size=(steps, envs))),
        "next_values": double(rng.normal(size=(steps, envs))),
        "terminated": torch.tensor(rng.random((steps, envs)) < 0.5),
        "next_q_values": double(rng.normal(size=(steps, envs, 2))),
        "next_actions": torch.tensor(rng.integers(2, size=(steps, envs))),
    }


def paper_returns(rewards: list[float], bootstrap: float, gamma: float) -> list[float]:
    """The backward loop of Algorithms S2 and S3 in the paper's notation."""
    t_start, t = 0, len(rewards)
    targets = [0.0] * t
    R = bootstrap
    for i in range(t - 1, t_start - 1, -1):
        R = rewards[i] + gamma * R
        targets[i] = R
    return targets


# --- Golden values, worked by hand ------------------------------------------------


def test_discounted_return_golden() -> None:
    # 1 + 0.5 x 2 + 0.25 x 4 = 3
    assert_close(discounted_return([1.0, 2.0, 4.0], 0.5), torch.tensor(3.0))


def test_discounted_return_of_two_environments() -> None:
    # First column 1 + 0.5 x 2 = 2, second 0 + 0.5 x 6 = 3.
    rewards = [[1.0, 0.0], [2.0, 6.0]]
    assert_close(discounted_return(rewards, 0.5), torch.tensor([2.0, 3.0]))


def test_one_step_targets_golden() -> None:
    # 1 + 0.9 x 10 = 10; terminal: 2 alone; 3 + 0.9 x (-20) = -15
    targets = one_step_targets(
        [1.0, 2.0, 3.0], [10.0, 99.0, -20.0], [False, True, False], 0.9
    )
    assert_close(targets, torch.tensor([10.0, 2.0, -15.0]))


def test_n_step_returns_golden() -> None:
    # R_2 = 4 + 0.5 x 8 = 8;  R_1 = 2 + 0.5 x 8 = 6;  R_0 = 1 + 0.5 x 6 = 4
    returns = n_step_returns([1.0, 2.0, 4.0], 8.0, 0.5)
    assert_close(returns, torch.tensor([4.0, 6.0, 8.0]))


def test_n_step_returns_of_two_environments() -> None:
    # First: 2 + 0.5 x 4 = 4, 1 + 0.5 x 4 = 3. Second, bootstrap 0: 6, 0 + 0.5 x 6 = 3.
    returns = n_step_returns([[1.0, 0.0], [2.0, 6.0]], [4.0, 0.0], 0.5)
    assert_close(returns, torch.tensor([[3.0, 3.0], [4.0, 6.0]]))


def test_bootstrap_value_is_zero_only_at_a_true_end() -> None:
    assert_close(bootstrap_value(7.0, True), torch.tensor(0.0))
    # A truncated episode arrives as terminated=False, and keeps its value.
    assert_close(bootstrap_value(7.0, False), torch.tensor(7.0))
    kept = bootstrap_value([1.0, 2.0, 3.0], [False, True, False])
    assert_close(kept, torch.tensor([1.0, 0.0, 3.0]))


def test_bootstrap_value_zeroes_an_infinite_value() -> None:
    # (1 - terminated) x inf would be NaN.
    assert bootstrap_value(math.inf, True).item() == 0.0


def test_advantages_golden() -> None:
    assert_close(advantages([3.0, 1.0], [1.0, 4.0]), torch.tensor([2.0, -3.0]))


def test_one_step_q_targets_golden() -> None:
    # 1 + 0.5 x max(2, 6) = 4; terminal: -1
    targets = one_step_q_targets(
        [1.0, -1.0], [False, True], [[2.0, 6.0], [8.0, 4.0]], 0.5
    )
    assert_close(targets, torch.tensor([4.0, -1.0]))


def test_sarsa_targets_golden() -> None:
    # The action executed next was the worse one: 1 + 0.5 x 2 = 2; terminal: -1
    targets = sarsa_targets(
        [1.0, -1.0], [False, True], [[2.0, 6.0], [8.0, 4.0]], [0, 1], 0.5
    )
    assert_close(targets, torch.tensor([2.0, -1.0]))


def test_n_step_q_targets_golden() -> None:
    # R_T = max(2, 8) = 8: R_1 = 2 + 0.5 x 8 = 6, R_0 = 1 + 0.5 x 6 = 4
    targets = n_step_q_targets([1.0, 2.0], [2.0, 8.0], False, 0.5)
    assert_close(targets, torch.tensor([4.0, 6.0]))
    # Terminated, R_T = 0: R_1 = 2, R_0 = 1 + 0.5 x 2 = 2
    targets = n_step_q_targets([1.0, 2.0], [2.0, 8.0], True, 0.5)
    assert_close(targets, torch.tensor([2.0, 2.0]))


def test_n_step_q_targets_of_two_environments() -> None:
    # First: 1 + 0.5 x 6 = 4. Second terminated: 3.
    targets = n_step_q_targets([[1.0, 3.0]], [[6.0, 2.0], [9.0, 9.0]], [0, 1], 0.5)
    assert_close(targets, torch.tensor([[4.0, 3.0]]))


def test_infinite_rewards_pass() -> None:
    returns = n_step_returns([1.0, math.inf, 2.0], 0.0, 0.5)
    assert returns.tolist() == [math.inf, math.inf, 2.0]
    # inf and -inf add up to NaN, which must not be mistaken for a NaN reward.
    rewards = [math.inf, -math.inf]
    assert one_step_targets(rewards, [0, 0], [0, 0], 0.5).tolist() == rewards


# --- The slow oracle --------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(reward_lists, values, gammas)
def test_n_step_returns_follow_the_paper(
    rewards: list[float], bootstrap: float, gamma: float
) -> None:
    expected = double(paper_returns(rewards, bootstrap, gamma))
    assert_close(n_step_returns(double(rewards), bootstrap, gamma), expected)


@settings(deadline=None, max_examples=50)
@given(reward_lists, values, gammas)
def test_n_step_returns_in_closed_form(
    rewards: list[float], bootstrap: float, gamma: float
) -> None:
    # R_i = r_i + gamma r_{i+1} + ... + gamma^(T-i) R_T
    T = len(rewards)
    expected = [
        sum(gamma ** (j - i) * rewards[j] for j in range(i, T))
        + gamma ** (T - i) * bootstrap
        for i in range(T)
    ]
    assert_close(n_step_returns(double(rewards), bootstrap, gamma), double(expected))


# --- Identities -------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(reward_lists, gammas)
def test_zero_bootstrap_gives_the_discounted_return(
    rewards: list[float], gamma: float
) -> None:
    first = n_step_returns(double(rewards), 0.0, gamma)[0]
    assert_close(first, discounted_return(double(rewards), gamma))


@settings(deadline=None, max_examples=50)
@given(values, values, st.booleans(), gammas)
def test_one_step_of_n_step_is_one_step(
    reward: float, value: float, terminated: bool, gamma: float
) -> None:
    last = bootstrap_value(double(value), terminated)
    n_step = n_step_returns(double([reward]), last, gamma)
    one_step = one_step_targets(double([reward]), [value], [terminated], gamma)
    assert_close(n_step, one_step)


@settings(deadline=None, max_examples=50)
@given(reward_lists, values, gammas, st.floats(-5, 5), st.floats(-5, 5))
def test_returns_are_linear(
    rewards: list[float], bootstrap: float, gamma: float, scale: float, shift: float
) -> None:
    """Scaled rewards scale the returns; a shift adds shift (1 + gamma + ...)."""
    T = len(rewards)
    plain = n_step_returns(double(rewards), double(bootstrap), gamma)
    moved = n_step_returns(
        scale * double(rewards) + shift, scale * double(bootstrap), gamma
    )
    offsets = [shift * sum(gamma**k for k in range(T - i)) for i in range(T)]
    assert_close(moved, scale * plain + double(offsets))


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_greedy_sarsa_is_one_step_q(seed: int) -> None:
    rollout = random_rollout(seed)
    rewards, terminated = rollout["rewards"], rollout["terminated"]
    q_values = rollout["next_q_values"]
    assert_close(
        sarsa_targets(rewards, terminated, q_values, q_values.argmax(-1), 0.9),
        one_step_q_targets(rewards, terminated, q_values, 0.9),
    )


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_sarsa_never_exceeds_one_step_q(seed: int) -> None:
    rollout = random_rollout(seed)
    rewards, terminated = rollout["rewards"], rollout["terminated"]
    q_values, actions = rollout["next_q_values"], rollout["next_actions"]
    sarsa = sarsa_targets(rewards, terminated, q_values, actions, 0.9)
    q_learning = one_step_q_targets(rewards, terminated, q_values, 0.9)
    assert (sarsa <= q_learning).all()


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_n_step_q_with_one_action_is_n_step_returns(seed: int) -> None:
    rollout = random_rollout(seed)
    rewards, terminated = rollout["rewards"], rollout["terminated"][-1]
    last_values = rollout["next_values"][-1]
    assert_close(
        n_step_q_targets(rewards, last_values.unsqueeze(-1), terminated, 0.9),
        n_step_returns(rewards, bootstrap_value(last_values, terminated), 0.9),
    )


def last_step_returns(
    rewards: torch.Tensor, next_values: torch.Tensor, gamma: float
) -> torch.Tensor:
    """`n_step_returns` from the last step's next value, to be cut by columns."""
    return n_step_returns(rewards, next_values[-1], gamma)


def last_step_q_targets(
    rewards: torch.Tensor,
    next_q_values: torch.Tensor,
    terminated: torch.Tensor,
    gamma: float,
) -> torch.Tensor:
    """`n_step_q_targets` from the last step's values, to be cut by columns."""
    return n_step_q_targets(rewards, next_q_values[-1], terminated[-1], gamma)


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (discounted_return, ["rewards"]),
        (one_step_targets, ["rewards", "next_values", "terminated"]),
        (one_step_q_targets, ["rewards", "terminated", "next_q_values"]),
        (
            sarsa_targets,
            ["rewards", "terminated", "next_q_values", "next_actions"],
        ),
        (last_step_returns, ["rewards", "next_values"]),
        (last_step_q_targets, ["rewards", "next_q_values", "terminated"]),
    ],
)
def test_environments_do_not_mix(
    function: Callable[..., torch.Tensor], names: list[str]
) -> None:
    """[T, K] gives the same as K separate calls with [T]."""
    rollout = random_rollout(seed=0)
    arguments = [rollout[name] for name in names]
    columns = [function(*(a[:, k] for a in arguments), 0.9) for k in range(3)]
    assert_close(function(*arguments, 0.9), torch.stack(columns, dim=-1))


# --- Types and gradients ----------------------------------------------------------


@pytest.mark.parametrize(
    ("rewards", "dtype"),
    [
        ([1, 2, 4], torch.float32),
        ((1.0, 2.0, 4.0), torch.float32),
        (torch.tensor([1, 2, 4]), torch.float32),
        (torch.tensor([1.0, 2.0, 4.0]), torch.float32),
        (double([1, 2, 4]), torch.float64),
        (np.array([1, 2, 4], dtype=np.float32), torch.float32),
        (np.array([1, 2, 4], dtype=np.float64), torch.float64),
    ],
)
def test_any_kind_of_numbers(rewards: Any, dtype: torch.dtype) -> None:
    returns = n_step_returns(rewards, 8, 0.5)
    assert returns.tolist() == [4.0, 6.0, 8.0]
    assert returns.dtype == dtype


def test_the_first_argument_sets_the_precision() -> None:
    # 0.1 has another nearest neighbour in float32: it must not pass through it.
    assert n_step_returns(double([0.0]), 0.1, 1.0).item() == 0.1
    targets = one_step_q_targets(double([0.0]), [False], [[0.1]], 1.0)
    assert targets.item() == 0.1
    targets = one_step_q_targets([1.0], [False], double([[2.0]]), 0.5)
    assert targets.dtype == torch.float32


def test_integers_serve_as_terminated() -> None:
    targets = one_step_targets([1.0, 1.0], [2.0, 2.0], torch.tensor([0, 1]), 0.5)
    assert_close(targets, torch.tensor([2.0, 1.0]))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_any_integers_serve_as_actions(dtype: Any) -> None:
    actions = np.array([0, 1], dtype=dtype)
    targets = sarsa_targets([0, 0], [0, 0], [[1, 2], [3, 4]], actions, 1.0)
    assert_close(targets, torch.tensor([1.0, 4.0]))


def test_numbers_as_gymnasium_returns_them() -> None:
    # A list of NumPy's float64 is float64 to torch, unlike a list of floats.
    targets = n_step_q_targets([np.float64(1.0)], [2.0, 4.0], np.True_, 0.5)
    assert_close(targets, double([1.0]))


def test_arguments_are_left_alone() -> None:
    value = torch.tensor([1.0, 2.0])
    bootstrap_value(value, [True, False])
    assert value.tolist() == [1.0, 2.0]


def test_targets_are_constants() -> None:
    rewards = torch.ones(2)
    flags = [False, False]
    v = torch.ones(2, requires_grad=True)
    q = torch.ones(2, 3, requires_grad=True)
    results = [
        discounted_return(v, 0.9),
        bootstrap_value(v, flags),
        one_step_targets(rewards, v, flags, 0.9),
        n_step_returns(rewards, v[0], 0.9),
        advantages(v, v),
        one_step_q_targets(rewards, flags, q, 0.9),
        sarsa_targets(rewards, flags, q, [0, 2], 0.9),
        n_step_q_targets(rewards, q[0], False, 0.9),
    ]
    assert [result.requires_grad for result in results] == [False] * 8


# --- Errors -----------------------------------------------------------------------

R2, D2, Q2 = [1.0, 2.0], [False, True], [[1.0, 2.0], [3.0, 4.0]]
ERRORS: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (discounted_return, ([], 0.9), "rewards must have shape .* got shape \\[0\\]"),
    (discounted_return, (1.0, 0.9), "rewards must have shape .* got shape \\[\\]"),
    (discounted_return, ([[[1.0]]], 0.9), "rewards must .* got shape \\[1, 1, 1\\]"),
    (discounted_return, ([1.0, NAN], 0.9), "rewards .* NaN, got one at index \\[1\\]"),
    (discounted_return, (["a"], 0.9), "rewards must be numbers"),
    (discounted_return, ([[1.0], [1.0, 2.0]], 0.9), "rewards must be numbers"),
    (discounted_return, (None, 0.9), "rewards must be numbers"),
    (discounted_return, (R2, 1.01), "gamma must lie between 0 and 1, got 1.01"),
    (discounted_return, (R2, -0.1), "gamma must lie between 0 and 1, got -0.1"),
    (discounted_return, (R2, NAN), "gamma must be a number, got NaN"),
    (discounted_return, (R2, [0.9, 0.9]), "gamma must be one number"),
    (discounted_return, (R2, None), "gamma must be one number, got None"),
    (bootstrap_value, (NAN, False), "last_value .* NaN"),
    (bootstrap_value, (1.0, D2), "terminated must have shape \\[\\] .*\\[2\\]"),
    (bootstrap_value, (R2, True), "terminated must have shape \\[2\\] .*\\[\\]"),
    (bootstrap_value, (1.0, 2), "terminated must be True or False .* got 2"),
    (bootstrap_value, (1.0, 0.5), "terminated must be True or False .* got 0.5"),
    (bootstrap_value, (1.0, NAN), "terminated must be True or False .* got nan"),
    (one_step_targets, ([], [], [], 0.9), "rewards must have shape"),
    (one_step_targets, (R2, [1.0], D2, 0.9), "next_values must .*\\[2\\] .*\\[1\\]"),
    (one_step_targets, (R2, [1.0, NAN], D2, 0.9), "next_values .* NaN"),
    (one_step_targets, (R2, R2, [True], 0.9), "terminated must .*\\[2\\] .*\\[1\\]"),
    (one_step_targets, (R2, R2, [0, 3], 0.9), "terminated must be True or False"),
    (one_step_targets, (R2, R2, D2, 2.0), "gamma must"),
    (n_step_returns, ([], 0.0, 0.9), "rewards must have shape"),
    (n_step_returns, ([NAN], 0.0, 0.9), "rewards .* NaN"),
    (n_step_returns, (R2, R2, 0.9), "bootstrap_value must have shape \\[\\]"),
    (n_step_returns, (R2, [1.0], 0.9), "bootstrap_value must have shape \\[\\]"),
    (n_step_returns, (Q2, 0.0, 0.9), "bootstrap_value must have shape \\[2\\]"),
    (n_step_returns, (R2, NAN, 0.9), "bootstrap_value .* NaN"),
    (n_step_returns, (R2, 0.0, -1.0), "gamma must"),
    (advantages, ([], []), "returns must have shape"),
    (advantages, ([NAN], [1.0]), "returns .* NaN"),
    (advantages, (R2, [1.0]), "values must have shape \\[2\\]"),
    (advantages, (R2, [1.0, NAN]), "values .* NaN"),
    (one_step_q_targets, (1.0, True, R2, 0.9), "rewards must have shape"),
    (one_step_q_targets, (R2, [True], Q2, 0.9), "terminated must"),
    (one_step_q_targets, (R2, D2, R2, 0.9), "next_q_values must .*\\[2, A\\]"),
    (one_step_q_targets, (R2, D2, Q2[:1], 0.9), "next_q_values must .*\\[2, A\\]"),
    (one_step_q_targets, (R2, D2, [[], []], 0.9), "next_q_values .* one action"),
    (one_step_q_targets, (R2, D2, [R2, [NAN, 0.0]], 0.9), "next_q_values .* NaN"),
    (one_step_q_targets, (R2, D2, Q2, 1.5), "gamma must"),
    (sarsa_targets, ([], [], [], [], 0.9), "rewards must have shape"),
    (sarsa_targets, (R2, [True], Q2, [0, 1], 0.9), "terminated must"),
    (sarsa_targets, (R2, D2, R2, [0, 1], 0.9), "next_q_values must"),
    (sarsa_targets, (R2, D2, Q2, [0], 0.9), "next_actions must have shape \\[2\\]"),
    (sarsa_targets, (R2, D2, Q2, [0, 2], 0.9), "next_actions .* between 0 and 1"),
    (sarsa_targets, (R2, D2, Q2, [-1, 0], 0.9), "next_actions .* between 0 and 1"),
    (sarsa_targets, (R2, D2, Q2, [0.0, 1.0], 0.9), "next_actions must be integers"),
    (sarsa_targets, (R2, D2, Q2, [0j, 1j], 0.9), "next_actions must be integers"),
    (sarsa_targets, (R2, D2, Q2, D2, 0.9), "next_actions must be integers"),
    (sarsa_targets, (R2, D2, Q2, [0, 1], NAN), "gamma must"),
    (n_step_q_targets, ([], R2, True, 0.9), "rewards must have shape"),
    (n_step_q_targets, (R2, Q2, True, 0.9), "bootstrap_q_values must .*\\[A\\]"),
    (n_step_q_targets, (R2, 1.0, True, 0.9), "bootstrap_q_values must"),
    (n_step_q_targets, (Q2, R2, D2, 0.9), "bootstrap_q_values must .*\\[2, A\\]"),
    (n_step_q_targets, (R2, [NAN], True, 0.9), "bootstrap_q_values .* NaN"),
    (n_step_q_targets, (R2, R2, D2, 0.9), "terminated must have shape \\[\\]"),
    (n_step_q_targets, (Q2, Q2, True, 0.9), "terminated must have shape \\[2\\]"),
    (n_step_q_targets, (R2, R2, True, 1.1), "gamma must"),
]


@pytest.mark.parametrize(("function", "arguments", "message"), ERRORS)
def test_errors_name_the_argument(
    function: Callable[..., Any], arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        function(*arguments)
