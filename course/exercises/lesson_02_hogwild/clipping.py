"""02.5: gradients that are too long."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from course import optim
from course.exercises.exercise import Case, Exercise, Property
from course.exercises.observe import Seen, as_plain, calling, same

_call_plainly = calling()


def call_for_pair(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Seen:
    """One call that returns a gradient and its norm; another form is left as it is."""
    outputs: list[Any] = []

    def keep(*given: Any) -> None:
        outputs.append(function(*given))

    seen = _call_plainly(keep, arguments)
    value = outputs[0]
    if type(value) in (tuple, list) and len(value) == 2:
        gradient, norm = value
        plain = {"gradient": as_plain(gradient), "norm": as_plain(norm)}
        return dataclasses.replace(seen, value=plain)
    return dataclasses.replace(seen, value=as_plain(value))


def _length_of(vector: Any) -> float:
    return float(np.linalg.norm(np.asarray(vector, dtype=float)))


CLIP_BY_GLOBAL_NORM = Exercise(
    number="02.5",
    name="clip_by_global_norm",
    title="Shorten a gradient that is too long",
    difficulty=2,
    minutes=6,
    lines=4,
    reference=optim.clip_by_global_norm,
    cases=[
        Case(
            {"gradient": [3.0, 4.0], "max_norm": 2.0},
            "length 5, allowed are 2: every entry times 0.4",
        ),
        Case(
            {"gradient": [0.3, -0.4], "max_norm": 2.0},
            "length 0.5, short enough: it stays as it is",
        ),
        Case({"gradient": [0.0, 0.0], "max_norm": 1.0}, "a gradient of length 0"),
        Case(
            {"gradient": [-12.0, 4.0, 3.0], "max_norm": 6.5},
            "length 13, allowed is half of it",
        ),
        Case(
            {"gradient": [1.0, 1.0, 1.0, 1.0], "max_norm": 3.0},
            "length 2, though the entries sum to 4 and their squares too",
        ),
    ],
    draw=lambda rng: {
        "gradient": rng.normal(size=rng.integers(2, 6)) * rng.choice([0.5, 3.0]),
        "max_norm": float(rng.uniform(1.0, 3.0)),
    },
    driver=call_for_pair,
    hints=(
        "If the vector is longer than allowed, scale all of it by one factor, so that "
        "it points where it pointed. Otherwise leave it.",
        "|Δθ| = √(Σ Δθ²); if |Δθ| > max_norm: Δθ · max_norm / |Δθ|. Return the "
        "gradient and the norm before clipping.",
        "norm = gradient.norm().item(), an if, and return gradient, norm",
    ),
    properties=[
        Property(
            "the clipped gradient is not longer than max_norm",
            lambda arguments, seen: (
                _length_of(seen.value["gradient"]) <= arguments["max_norm"] * 1.0001
            ),
            "The length of the whole vector counts, over all parameters together.",
        ),
        Property(
            "the norm that is returned is the one before clipping",
            lambda arguments, seen: same(
                seen.value["norm"], _length_of(arguments["gradient"])
            ),
            "It says how large the gradients are, and whether one is NaN.",
        ),
    ],
)


@CLIP_BY_GLOBAL_NORM.misconception(
    "You cut every entry off at ±max_norm. That turns the gradient into another "
    "direction and leaves it longer than allowed: scale the whole vector instead."
)
def cuts_each_entry(gradient: Tensor, max_norm: float) -> tuple[Tensor, float]:
    return gradient.clamp(-max_norm, max_norm), gradient.norm().item()


@CLIP_BY_GLOBAL_NORM.misconception(
    "You scaled short gradients up to max_norm as well. Only a longer one is changed: "
    "near the goal gradients become small, and they should stay so."
)
def scales_always(gradient: Tensor, max_norm: float) -> tuple[Tensor, float]:
    norm = gradient.norm().item()
    return gradient * (max_norm / norm if norm else float("nan")), norm


@CLIP_BY_GLOBAL_NORM.misconception(
    "You took the sum of absolute values for the length. The Euclidean norm is the "
    "root of the sum of squares."
)
def sums_absolute_values(gradient: Tensor, max_norm: float) -> tuple[Tensor, float]:
    norm = gradient.abs().sum().item()
    return gradient * min(1.0, max_norm / (norm or 1.0)), norm


@CLIP_BY_GLOBAL_NORM.misconception(
    "You forgot the root: the sum of squares is the square of the length."
)
def forgets_the_root_of_the_sum(
    gradient: Tensor, max_norm: float
) -> tuple[Tensor, float]:
    norm = (gradient**2).sum().item()
    return gradient * min(1.0, max_norm / (norm or 1.0)), norm


@CLIP_BY_GLOBAL_NORM.misconception(
    "You took the largest entry for the length. All entries together make it: the "
    "root of the sum of squares."
)
def takes_the_largest_entry(gradient: Tensor, max_norm: float) -> tuple[Tensor, float]:
    norm = gradient.abs().max().item()
    return gradient * min(1.0, max_norm / (norm or 1.0)), norm


@CLIP_BY_GLOBAL_NORM.misconception(
    "You returned the norm after clipping. That one is max_norm whenever it matters; "
    "the norm before tells how large the gradients really are."
)
def returns_the_norm_after(gradient: Tensor, max_norm: float) -> tuple[Tensor, float]:
    clipped, norm = optim.clip_by_global_norm(gradient, max_norm)
    return clipped, min(norm, max_norm)


@CLIP_BY_GLOBAL_NORM.misconception(
    "You threw the long gradient away. It is shortened, not dropped: its direction is "
    "good news, only its length is not trusted."
)
def drops_long_gradients(gradient: Tensor, max_norm: float) -> tuple[Tensor, float]:
    norm = gradient.norm().item()
    return (gradient * 0.0 if norm > max_norm else gradient), norm


@CLIP_BY_GLOBAL_NORM.misconception(
    "You returned the gradient alone. The trainer wants the norm too, to refuse a "
    "gradient that is not finite: return gradient, norm."
)
def returns_no_norm(gradient: Tensor, max_norm: float) -> Tensor:
    return optim.clip_by_global_norm(gradient, max_norm)[0]
