"""02.4: one update of SGD with momentum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from course import optim
from course.exercises.exercise import Case, Exercise, Property
from course.exercises.lesson_02_hogwild.in_place import (
    call_in_place,
    draw_update,
    kept,
)
from course.exercises.observe import same

MOMENTUM_SGD_UPDATE = Exercise(
    number="02.4",
    name="momentum_sgd_update",
    title="One update of SGD with momentum, in place",
    difficulty=2,
    minutes=6,
    lines=2,
    reference=optim.momentum_sgd_update,
    cases=[
        Case(
            {
                "theta": [1.0, 1.0],
                "momentum": [1.0, -2.0],
                "gradient": [3.0, 2.0],
                "learning_rate": 0.1,
                "alpha": 0.75,
                "eps": 0.1,
            },
            "m becomes 1.5 and -1",
        ),
        Case(
            {
                "theta": [0.0],
                "momentum": [4.0],
                "gradient": [0.0],
                "learning_rate": 0.5,
                "alpha": 0.5,
                "eps": 0.1,
            },
            "no gradient, but θ moves on with half of its old momentum",
        ),
    ],
    draw=lambda rng: draw_update(rng, "momentum", signed=True),
    driver=call_in_place,
    hints=(
        "The momentum is a running mean of the gradients; θ moves against the mean, "
        "not against the single gradient.",
        "m ← α m + (1 − α) Δθ,  then  θ ← θ − η m, with the new m; ε is not used.",
        "momentum.mul_(alpha).add_((1 - alpha) * gradient), then theta.sub_(...)",
    ),
    properties=[
        Property(
            "θ moves by η times the new momentum",
            lambda arguments, seen: same(
                np.array(arguments["theta"])
                - arguments["learning_rate"] * kept(arguments, seen, "momentum"),
                kept(arguments, seen, "theta"),
            ),
            "Update m first, then step along it.",
        )
    ],
)


def _momentum(
    m_after: Callable[[Tensor, Tensor, float], Tensor],
    step: Callable[[Tensor, Tensor, float], Tensor],
) -> Callable[..., None]:
    """Momentum SGD with another formula for m, or for the step."""

    def update(
        theta: Tensor,
        momentum: Tensor,
        gradient: Tensor,
        learning_rate: float,
        alpha: float,
        eps: float,
    ) -> None:
        momentum.copy_(m_after(momentum, gradient, alpha))
        theta.sub_(learning_rate * step(momentum, gradient, alpha))

    return update


def _right_m(m: Tensor, d: Tensor, alpha: float) -> Tensor:
    return alpha * m + (1 - alpha) * d


@MOMENTUM_SGD_UPDATE.misconception(
    "You added the whole gradient, m ← α m + Δθ, as some libraries do. Here m is a "
    "mean, with 1 − α before the gradient; else the steps are 1/(1 − α) times as long."
)
def adds_the_whole_gradient(*arguments: Any) -> None:
    _momentum(lambda m, d, alpha: alpha * m + d, lambda m, d, alpha: m)(*arguments)


@MOMENTUM_SGD_UPDATE.misconception(
    "You keep a momentum, but θ moves along the single gradient, so it has no effect. "
    "The step is η m."
)
def steps_along_the_gradient(*arguments: Any) -> None:
    _momentum(_right_m, lambda m, d, alpha: d)(*arguments)


@MOMENTUM_SGD_UPDATE.misconception(
    "θ moved with the old momentum, and m was updated afterwards: every gradient "
    "takes effect one update late. Update m first."
)
def steps_before_updating_m(
    theta: Tensor,
    momentum: Tensor,
    gradient: Tensor,
    learning_rate: float,
    alpha: float,
    eps: float,
) -> None:
    theta.sub_(learning_rate * momentum)
    momentum.copy_(_right_m(momentum, gradient, alpha))


@MOMENTUM_SGD_UPDATE.misconception(
    "You exchanged α and 1 − α: α is the share of the old momentum that stays."
)
def exchanges_the_weights(*arguments: Any) -> None:
    _momentum(lambda m, d, alpha: _right_m(m, d, 1 - alpha), lambda m, d, alpha: m)(
        *arguments
    )


@MOMENTUM_SGD_UPDATE.misconception(
    "You averaged the squares of the gradient: that is RMSProp's g. Momentum keeps "
    "the sign, for it gives the direction."
)
def averages_squares(*arguments: Any) -> None:
    _momentum(lambda m, d, alpha: _right_m(m, d**2, alpha), lambda m, d, alpha: m)(
        *arguments
    )


@MOMENTUM_SGD_UPDATE.misconception(
    "Your step goes uphill. The gradient is of a loss to be made smaller: subtract."
)
def climbs(*arguments: Any) -> None:
    _momentum(_right_m, lambda m, d, alpha: -m)(*arguments)


@MOMENTUM_SGD_UPDATE.misconception(
    "θ was changed in place, but m was not: momentum = ... binds the name to a new "
    "tensor, and the next update begins with the old m. Write into it with mul_ and "
    "add_, or with momentum[...] =."
)
def keeps_m_to_itself(
    theta: Tensor,
    momentum: Tensor,
    gradient: Tensor,
    learning_rate: float,
    alpha: float,
    eps: float,
) -> None:
    momentum = _right_m(momentum, gradient, alpha)
    theta.sub_(learning_rate * momentum)
