"""Checks shared by the mathematics: one sentence which says what is wrong.

Every function here either returns the argument, ready for use, or raises a
`ValueError` that names the argument, what came and what was expected. They run at
every step of training, so each costs a few microseconds at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy.typing as npt
import torch

TensorLike: TypeAlias = torch.Tensor | npt.ArrayLike
"""What `torch.as_tensor` takes: tensors, NumPy arrays, nested lists, numbers."""


def as_tensor(name: str, value: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Return `value` as a tensor, which is `value` itself wherever it can be."""
    try:
        return torch.as_tensor(value, dtype=dtype)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{name} must be numbers of one regular shape, got a "
            f"{type(value).__name__} which torch.as_tensor refuses: {error}"
        ) from error


def require_shape(name: str, tensor: torch.Tensor, shape: Sequence[int]) -> None:
    """Raise unless `tensor` has exactly the shape its companions ask for."""
    if tensor.shape != shape:
        raise ValueError(
            f"{name} must have shape {list(shape)} to match the other arguments, "
            f"got shape {list(tensor.shape)}"
        )


def float_tensor(
    name: str, value: TensorLike, like: torch.Tensor | None = None
) -> torch.Tensor:
    """Return `value` as a floating-point tensor without NaN.

    Args:
        name: the argument's name, for the message.
        value: the argument.
        like: a tensor whose shape `value` must have, and whose precision it gets.
            Without it, float tensors and arrays keep theirs, the rest gets float32.

    Raises:
        ValueError: if `value` is not numeric, of another shape than `like`, or holds
            a NaN. Infinity may pass.
    """
    tensor = as_tensor(name, value, None if like is None else like.dtype)
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.float32)
    if like is not None:
        require_shape(name, tensor, like.shape)
    # One sum is cheaper than isnan().any(). As inf - inf is NaN too, a sum that is NaN
    # only calls for a closer look.
    if math.isnan(tensor.detach().sum().item()) and tensor.isnan().any():
        index = tensor.isnan().nonzero()[0].tolist()
        raise ValueError(f"{name} must not contain NaN, got one at index {index}")
    return tensor


def rollout_tensor(name: str, value: TensorLike) -> torch.Tensor:
    """Return `value` as a float tensor of shape [T] or [T, K], T and K at least 1."""
    tensor = float_tensor(name, value)
    if not 1 <= tensor.ndim <= 2 or tensor.numel() == 0:
        raise ValueError(
            f"{name} must have shape [T], or [T, K] for K environments, with at least "
            f"one step, got shape {list(tensor.shape)}"
        )
    return tensor


def action_tensor(
    name: str, value: TensorLike, like: torch.Tensor | None = None
) -> torch.Tensor:
    """Return `value` as a float tensor of shape [..., A], one entry per action.

    With `like`, the axes before A must be those of `like`; its precision is taken over.
    """
    if like is not None:
        value = as_tensor(name, value, like.dtype)
    tensor = float_tensor(name, value)
    if tensor.ndim == 0 or tensor.numel() == 0:
        raise ValueError(
            f"{name} must have shape [..., A] with at least one action and one step, "
            f"got shape {list(tensor.shape)}"
        )
    if like is not None and tensor.shape[:-1] != like.shape:
        shape = ", ".join([*map(str, like.shape), "A"])
        raise ValueError(
            f"{name} must have shape [{shape}] to match the other arguments, "
            f"got shape {list(tensor.shape)}"
        )
    return tensor


def flags(name: str, value: TensorLike, shape: Sequence[int]) -> torch.Tensor:
    """Return `value`, booleans or zeros and ones of that shape, as booleans."""
    tensor = as_tensor(name, value)
    require_shape(name, tensor, shape)
    if tensor.dtype == torch.bool:
        return tensor
    is_one = tensor == 1
    if not torch.equal(tensor, is_one.to(tensor.dtype)):
        raise ValueError(
            f"{name} must be True or False (or 1 or 0), got {tensor.tolist()}"
        )
    return is_one


def action_indices(
    name: str, value: TensorLike, action_values: torch.Tensor
) -> torch.Tensor:
    """Return `value`, one action for each row of `action_values`, as int64.

    Args:
        name: the argument's name, for the message.
        value: whole numbers from 0 to A - 1, of shape [...].
        action_values: tensor of shape [..., A].

    Raises:
        ValueError: if `value` has another shape, is not of an integer type, or
            names an action outside 0 .. A - 1.
    """
    tensor = as_tensor(name, value)
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise ValueError(f"{name} must be integers, got {tensor.dtype}")
    require_shape(name, tensor, action_values.shape[:-1])
    num_actions = action_values.shape[-1]
    if tensor.min().item() < 0 or tensor.max().item() >= num_actions:
        raise ValueError(
            f"{name} must lie between 0 and {num_actions - 1}, for there are "
            f"{num_actions} actions, got {tensor.tolist()}"
        )
    return tensor.long()


def number(name: str, value: float) -> float:
    """Return `value` as a Python float that is not NaN."""
    try:
        result = float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be one number, got {value!r}") from error
    if math.isnan(result):
        raise ValueError(f"{name} must be a number, got NaN")
    return result


def probability(name: str, value: float) -> float:
    """Return `value`, a number from 0 to 1 (epsilon, or the discount gamma)."""
    result = number(name, value)
    if not 0.0 <= result <= 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, got {result}")
    return result


def non_negative(name: str, value: float) -> float:
    """Return `value`, a number that is 0 or more."""
    result = number(name, value)
    if result < 0.0:
        raise ValueError(f"{name} must not be negative, got {result}")
    return result
