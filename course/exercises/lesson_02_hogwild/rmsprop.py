"""02.3: one update of shared RMSProp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import optim
from course.exercises.exercise import Case, Exercise, Property
from course.exercises.lesson_02_hogwild.in_place import (
    call_in_place,
    draw_update,
    kept,
)

SHARED_RMSPROP_UPDATE = Exercise(
    number="02.3",
    name="shared_rmsprop_update",
    title="One update of shared RMSProp, in place",
    difficulty=3,
    minutes=12,
    lines=2,
    reference=optim.shared_rmsprop_update,
    cases=[
        Case(
            {
                "theta": [1.0, 1.0],
                "square_avg": [12.0, 14.0],
                "gradient": [2.0, 4.0],
                "learning_rate": 0.6,
                "alpha": 0.5,
                "eps": 1.0,
            },
            "g becomes 8 and 15, so the roots are 3 and 4",
        ),
        Case(
            {
                "theta": [0.0],
                "square_avg": [0.0],
                "gradient": [1.0],
                "learning_rate": 1.0,
                "alpha": 0.75,
                "eps": 0.0,
            },
            "the first update of all: g begins at 0",
        ),
        Case(
            {
                "theta": [5.0, 1.0],
                "square_avg": [4.0, 0.0],
                "gradient": [0.0, -3.0],
                "learning_rate": 0.5,
                "alpha": 0.9,
                "eps": 0.1,
            },
            "no gradient, no step; a negative gradient moves θ up",
        ),
    ],
    draw=lambda rng: draw_update(rng, "square_avg", signed=False),
    driver=call_in_place,
    hints=(
        "Two lines: first the running mean of squares takes in the new gradient, then "
        "θ moves against the gradient, divided by the root of that mean.",
        "g ← α g + (1 − α) Δθ²,  then  θ ← θ − η Δθ / √(g + ε), with the new g.",
        "square_avg.mul_(alpha).add_((1 - alpha) * gradient**2) changes the vector "
        "itself; theta.sub_(...) likewise.",
    ),
    properties=[
        Property(
            "where the gradient is 0, θ stays as it is",
            lambda arguments, seen: np.allclose(
                kept(arguments, seen, "theta")[np.array(arguments["gradient"]) == 0],
                np.array(arguments["theta"])[np.array(arguments["gradient"]) == 0],
            ),
            "The step is proportional to the gradient, whatever g is.",
        ),
        Property(
            "g is never negative",
            lambda arguments, seen: bool(
                np.all(kept(arguments, seen, "square_avg") >= 0)
            ),
            "It is a mean of squares, and its root is taken.",
        ),
    ],
)


def _rmsprop(
    g_after: Callable[[Tensor, Tensor, float], Tensor],
    step: Callable[[Tensor, Tensor, float], Tensor],
) -> Callable[..., None]:
    """RMSProp with another formula for g, or for the step, as misconceptions have."""

    def update(
        theta: Tensor,
        square_avg: Tensor,
        gradient: Tensor,
        learning_rate: float,
        alpha: float,
        eps: float,
    ) -> None:
        square_avg.copy_(g_after(square_avg, gradient, alpha))
        theta.sub_(learning_rate * step(square_avg, gradient, eps))

    return update


def _right_g(g: Tensor, d: Tensor, alpha: float) -> Tensor:
    return alpha * g + (1 - alpha) * d**2


def _right_step(g: Tensor, d: Tensor, eps: float) -> Tensor:
    return d / torch.sqrt(g + eps)


@SHARED_RMSPROP_UPDATE.misconception(
    "You added ε outside the root. It stands inside: √(g + ε). With ε = 0.1 that is "
    "no detail: the smallest divisor is 0.32 inside, 0.1 outside."
)
def eps_outside_the_root(*arguments: Any) -> None:
    _rmsprop(_right_g, lambda g, d, eps: d / (torch.sqrt(g) + eps))(*arguments)


@SHARED_RMSPROP_UPDATE.misconception(
    "You moved θ with the old g and updated g afterwards. The new gradient must be in "
    "g first: at the very first update the old g is 0, and you divide by √ε alone."
)
def updates_g_after_the_step(
    theta: Tensor,
    square_avg: Tensor,
    gradient: Tensor,
    learning_rate: float,
    alpha: float,
    eps: float,
) -> None:
    theta.sub_(learning_rate * _right_step(square_avg, gradient, eps))
    square_avg.copy_(_right_g(square_avg, gradient, alpha))


@SHARED_RMSPROP_UPDATE.misconception(
    "You averaged the gradient, not its square. The signs then cancel, and g says "
    "nothing about size; it may even be negative under the root."
)
def forgets_the_square(*arguments: Any) -> None:
    _rmsprop(lambda g, d, alpha: alpha * g + (1 - alpha) * d, _right_step)(*arguments)


@SHARED_RMSPROP_UPDATE.misconception(
    "You multiplied the new square by g, as a misprinted formula has it: "
    "(1 − α) g Δθ². A g that begins at 0 then stays 0 for ever."
)
def follows_the_misprint(*arguments: Any) -> None:
    _rmsprop(lambda g, d, alpha: alpha * g + (1 - alpha) * g * d**2, _right_step)(
        *arguments
    )


@SHARED_RMSPROP_UPDATE.misconception(
    "You exchanged α and 1 − α. α = 0.99 is the share of the old g that stays: g is "
    "to change slowly."
)
def exchanges_alpha(*arguments: Any) -> None:
    _rmsprop(lambda g, d, alpha: _right_g(g, d, 1 - alpha), _right_step)(*arguments)


@SHARED_RMSPROP_UPDATE.misconception(
    "Your weights do not sum to 1: the new square is multiplied by 1 − α. Without it, "
    "g grows to 1/(1 − α) times the mean square, and the steps shrink."
)
def forgets_one_minus_alpha(*arguments: Any) -> None:
    _rmsprop(lambda g, d, alpha: alpha * g + d**2, _right_step)(*arguments)


@SHARED_RMSPROP_UPDATE.misconception(
    "Your step goes uphill. The gradient here is of a loss that is to become smaller: "
    "subtract."
)
def adds_the_step(*arguments: Any) -> None:
    _rmsprop(_right_g, lambda g, d, eps: -_right_step(g, d, eps))(*arguments)


@SHARED_RMSPROP_UPDATE.misconception(
    "You divided by g itself. g is a mean of squares: only its root has the size of a "
    "gradient, so that the step has about the size η."
)
def forgets_the_root(*arguments: Any) -> None:
    _rmsprop(_right_g, lambda g, d, eps: d / (g + eps))(*arguments)


@SHARED_RMSPROP_UPDATE.misconception(
    "θ was changed in place, but g was not: square_avg = ... makes a new tensor and "
    "binds the name to it. The shared g stays as it was, so the next update begins "
    "without this one's square. Write into square_avg with mul_, add_ or [...] =."
)
def keeps_g_to_itself(
    theta: Tensor,
    square_avg: Tensor,
    gradient: Tensor,
    learning_rate: float,
    alpha: float,
    eps: float,
) -> None:
    square_avg = _right_g(square_avg, gradient, alpha)
    theta.sub_(learning_rate * _right_step(square_avg, gradient, eps))
