"""Tests of `course.optim`: golden values, the slow oracle, in-place writing, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from course.optim import (
    clip_by_global_norm,
    momentum_sgd_update,
    shared_rmsprop_update,
)

NAN = math.nan
UPDATES = [shared_rmsprop_update, momentum_sgd_update]
vectors = st.lists(st.floats(-10, 10), min_size=1, max_size=5)
gradient_lists = st.lists(
    st.lists(st.floats(-10, 10), min_size=3, max_size=3), min_size=1, max_size=5
)


def double(numbers: Any) -> torch.Tensor:
    """A float64 tensor, in which identities hold to many digits."""
    return torch.tensor(numbers, dtype=torch.float64)


# --- Golden values, worked by hand ------------------------------------------------


def test_shared_rmsprop_golden() -> None:
    theta = torch.tensor([1.0, 1.0])
    square_avg = torch.tensor([12.0, 14.0])
    gradient = torch.tensor([2.0, 4.0])
    shared_rmsprop_update(theta, square_avg, gradient, 0.6, 0.5, 1.0)
    # g = 0.5 x 12 + 0.5 x 4 = 8 and 0.5 x 14 + 0.5 x 16 = 15
    assert_close(square_avg, torch.tensor([8.0, 15.0]))
    # theta = 1 - 0.6 x 2 / sqrt(8 + 1) = 0.6 and 1 - 0.6 x 4 / sqrt(15 + 1) = 0.4
    assert_close(theta, torch.tensor([0.6, 0.4]))


def test_momentum_sgd_golden() -> None:
    theta = torch.tensor([1.0, 1.0])
    momentum = torch.tensor([1.0, -2.0])
    gradient = torch.tensor([3.0, 2.0])
    momentum_sgd_update(theta, momentum, gradient, 0.1, 0.75, 0.0)
    # m = 0.75 x 1 + 0.25 x 3 = 1.5 and 0.75 x (-2) + 0.25 x 2 = -1
    assert_close(momentum, torch.tensor([1.5, -1.0]))
    # theta = 1 - 0.1 x 1.5 = 0.85 and 1 - 0.1 x (-1) = 1.1
    assert_close(theta, torch.tensor([0.85, 1.1]))


def test_clip_by_global_norm_golden() -> None:
    # |(3, 4)| = 5, so to norm 2 every entry is multiplied by 0.4.
    gradient = torch.tensor([3.0, 4.0])
    clipped, norm = clip_by_global_norm(gradient, 2.0)
    assert_close(clipped, torch.tensor([1.2, 1.6]))
    assert norm == 5.0
    assert gradient.tolist() == [3.0, 4.0]


# --- The slow oracle and identities -----------------------------------------------


@settings(deadline=None, max_examples=30)
@given(gradient_lists, st.floats(0, 0.99), st.floats(1e-3, 1))
def test_shared_rmsprop_follows_the_paper(
    gradients: list[list[float]], alpha: float, eps: float
) -> None:
    """Several updates against the equations, one parameter at a time."""
    eta = 0.1
    theta, g = [0.5, -1.0, 2.0], [0.0, 0.0, 0.0]
    fast_theta, fast_g = double(theta), double(g)
    for d_theta in gradients:
        for i, d in enumerate(d_theta):
            g[i] = alpha * g[i] + (1.0 - alpha) * d**2
            theta[i] = theta[i] - eta * d / math.sqrt(g[i] + eps)
        shared_rmsprop_update(fast_theta, fast_g, double(d_theta), eta, alpha, eps)
    assert_close(fast_theta, double(theta))
    assert_close(fast_g, double(g))


@settings(deadline=None, max_examples=30)
@given(gradient_lists, st.floats(0, 0.99))
def test_momentum_sgd_follows_the_paper(
    gradients: list[list[float]], alpha: float
) -> None:
    eta = 0.1
    theta, m = [0.5, -1.0, 2.0], [0.0, 0.0, 0.0]
    fast_theta, fast_m = double(theta), double(m)
    for d_theta in gradients:
        for i, d in enumerate(d_theta):
            m[i] = alpha * m[i] + (1.0 - alpha) * d
            theta[i] = theta[i] - eta * m[i]
        momentum_sgd_update(fast_theta, fast_m, double(d_theta), eta, alpha, 0.0)
    assert_close(fast_theta, double(theta))
    assert_close(fast_m, double(m))


def test_momentum_zero_is_plain_descent() -> None:
    theta, momentum = torch.tensor([1.0]), torch.tensor([100.0])
    momentum_sgd_update(theta, momentum, torch.tensor([2.0]), 0.5, 0.0, 0.0)
    assert theta.item() == 0.0  # 1 - 0.5 x 2, whatever the momentum was


@settings(deadline=None, max_examples=50)
@given(vectors, st.floats(0.1, 10))
def test_clipping_keeps_the_direction(vector: list[float], max_norm: float) -> None:
    gradient = double(vector)
    clipped, norm = clip_by_global_norm(gradient, max_norm)
    assert norm == pytest.approx(math.hypot(*vector))
    assert math.hypot(*clipped.tolist()) == pytest.approx(min(norm, max_norm))
    assert_close(clipped * norm, gradient * min(norm, max_norm))


@pytest.mark.parametrize("max_norm", [5.0, 6.0, math.inf])
def test_a_short_gradient_is_not_copied(max_norm: float) -> None:
    gradient = torch.tensor([3.0, 4.0])
    clipped, norm = clip_by_global_norm(gradient, max_norm)
    assert clipped is gradient
    assert norm == 5.0


@pytest.mark.parametrize("bad", [math.inf, -math.inf, NAN])
def test_a_gradient_that_is_not_finite_comes_back_for_the_caller(bad: float) -> None:
    gradient = torch.tensor([1.0, bad])
    clipped, norm = clip_by_global_norm(gradient, 1.0)
    assert clipped is gradient
    assert isinstance(norm, float)
    assert not math.isfinite(norm)


# --- In place ---------------------------------------------------------------------


@pytest.mark.parametrize("update", UPDATES)
def test_updates_write_into_the_same_storage(update: Callable[..., None]) -> None:
    memory = torch.ones(2, 4)
    theta, state = memory[0], memory[1]
    gradient = torch.full((4,), 2.0)
    pointers = theta.data_ptr(), state.data_ptr()
    update(theta, state, gradient, 0.1, 0.9, 0.1)
    assert (theta.data_ptr(), state.data_ptr()) == pointers
    # What another view of the memory sees has moved; the gradient has not.
    assert (memory != 1.0).all()
    assert (gradient == 2.0).all()


@pytest.mark.parametrize("update", UPDATES)
def test_updates_accept_parameters_that_need_gradients(
    update: Callable[..., None],
) -> None:
    theta = torch.ones(2, requires_grad=True)
    update(theta, torch.zeros(2), torch.ones(2), 0.1, 0.9, 0.1)
    assert theta.is_leaf
    assert (theta < 1.0).all()


@pytest.mark.parametrize("update", UPDATES)
def test_learning_rate_zero_moves_only_the_state(update: Callable[..., None]) -> None:
    theta, state = torch.ones(2), torch.zeros(2)
    update(theta, state, torch.ones(2), 0.0, 0.9, 0.1)
    assert theta.tolist() == [1.0, 1.0]
    assert (state > 0.0).all()


# --- Errors -----------------------------------------------------------------------

P2, P3 = torch.ones(2), torch.ones(3)
UPDATE_ERRORS: list[tuple[tuple[Any, ...], str]] = [
    ((P2, P2, P3, 0.1, 0.9, 0.1), "gradient must have shape \\[2\\] .*\\[3\\]"),
    ((P2, P3, P2, 0.1, 0.9, 0.1), "STATE must have shape \\[2\\] .*\\[3\\]"),
    ((torch.ones(2, 2), P2, P2, 0.1, 0.9, 0.1), "theta must be a flat tensor"),
    ((P2, torch.ones(2, 1), P2, 0.1, 0.9, 0.1), "STATE must be a flat tensor"),
    (([1.0, 1.0], P2, P2, 0.1, 0.9, 0.1), "theta must be a flat tensor .* got list"),
    ((P2, P2, P2, -0.1, 0.9, 0.1), "learning_rate must not be negative, got -0.1"),
    ((P2, P2, P2, NAN, 0.9, 0.1), "learning_rate must be a number, got NaN"),
    ((P2, P2, P2, 0.1, 1.0, 0.1), "alpha must be at least 0 and below 1, got 1.0"),
    ((P2, P2, P2, 0.1, -0.1, 0.1), "alpha must be at least 0 and below 1, got -0.1"),
    ((P2, P2, P2, 0.1, NAN, 0.1), "alpha must be a number, got NaN"),
    ((P2, P2, P2, 0.1, 0.9, -1e-8), "eps must not be negative, got -1e-08"),
    ((P2, P2, P2, 0.1, 0.9, NAN), "eps must be a number, got NaN"),
]


@pytest.mark.parametrize(("arguments", "message"), UPDATE_ERRORS)
@pytest.mark.parametrize(
    ("update", "state"),
    [(shared_rmsprop_update, "square_avg"), (momentum_sgd_update, "momentum")],
)
def test_update_errors_name_the_argument(
    update: Callable[..., None], state: str, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("STATE", state)):
        update(*arguments)
    # A refused update must not have begun.
    assert (P2 == 1.0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(2, 2), 1.0), "gradient must be a flat tensor of shape \\[P\\]"),
        (([1.0], 1.0), "gradient must be a flat tensor .* got list"),
        ((P2, 0.0), "max_norm must be above 0, got 0.0; use math.inf"),
        ((P2, -1.0), "max_norm must be above 0, got -1.0"),
        ((P2, NAN), "max_norm must be a number, got NaN"),
    ],
)
def test_clip_errors_name_the_argument(
    arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        clip_by_global_norm(*arguments)
