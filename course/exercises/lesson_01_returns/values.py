"""Exercises 01.3 and 01.4: what follows a rollout, and advantages."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import returns
from course.exercises.exercise import Case, Exercise, Property
from course.exercises.observe import calling


def _draw_end(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "last_value": np.float32(rng.normal()),
        "terminated": np.bool_(rng.random() < 0.5),
    }


BOOTSTRAP_VALUE = Exercise(
    number="01.3",
    name="bootstrap_value",
    title="What follows a rollout: the end, or a cut",
    difficulty=2,
    minutes=6,
    lines=1,
    reference=returns.bootstrap_value,
    cases=[
        Case(
            {"last_value": np.float32(5.0), "terminated": np.False_},
            "cut after t_max steps, or by a time limit: the game would go on",
        ),
        Case(
            {"last_value": np.float32(5.0), "terminated": np.True_},
            "a true end: the pole has fallen",
        ),
        Case(
            {"last_value": np.float32(-2.0), "terminated": np.False_},
            "cut in a bad state, whose value is negative",
        ),
        Case(
            {"last_value": np.float32(-2.0), "terminated": np.True_},
            "a true end, and the estimate there is negative",
        ),
    ],
    draw=_draw_end,
    hints=(
        "Would more rewards have come if nobody had stopped? After a true end, none. "
        "After a cut, the estimate says how many.",
        "R_T = 0 if s_T is terminal, else V(s_T)",
        "0.0 if terminated else last_value",
    ),
    properties=[
        Property(
            "after a true end the value is 0",
            lambda arguments, seen: (
                not arguments["terminated"] or bool(np.all(np.asarray(seen.value) == 0))
            ),
            "Anything else would be a reward that nobody ever gets, and it spreads "
            "backwards into all values.",
        ),
        Property(
            "after a cut the value is V(s_T), whatever its sign",
            lambda arguments, seen: (
                bool(arguments["terminated"])
                or bool(np.allclose(np.asarray(seen.value), arguments["last_value"]))
            ),
            "The state has not changed because somebody stopped watching.",
        ),
    ],
)


@BOOTSTRAP_VALUE.misconception(
    "You returned V(s_T) also after a true end. The estimate of a terminal state "
    "stands for rewards that never come."
)
def ignores_the_end(last_value: Tensor, terminated: Tensor) -> Tensor:
    return last_value


@BOOTSTRAP_VALUE.misconception(
    "You returned 0 whenever a rollout stops. Most rollouts stop because t_max steps "
    "are over, or a time limit is, and behind those the game goes on. Only terminated "
    "makes the value 0."
)
def always_zero(last_value: Tensor, terminated: Tensor) -> Tensor:
    return torch.zeros_like(last_value)


@BOOTSTRAP_VALUE.misconception(
    "Your flag is the wrong way round: you kept the value at a true end, and dropped "
    "it at a cut."
)
def keeps_it_at_the_end_only(last_value: Tensor, terminated: Tensor) -> Tensor:
    return last_value * terminated


@BOOTSTRAP_VALUE.misconception(
    "You returned the flag, 1 or 0, and not the value. The flag says whether "
    "last_value counts: multiply, or choose between the two."
)
def returns_the_flag(last_value: Tensor, terminated: Tensor) -> Tensor:
    return (~terminated).float()


@BOOTSTRAP_VALUE.misconception(
    "You put a punishment of −1 behind a true end. If an end is bad, the environment "
    "says so by its rewards; the return must not add any of its own."
)
def punishes_the_end(last_value: Tensor, terminated: Tensor) -> Tensor:
    return torch.where(terminated, -1.0, last_value)


@BOOTSTRAP_VALUE.misconception(
    "You cut negative values off at 0. A state in which more losses are to come has a "
    "negative value, and it must stay so."
)
def never_below_zero(last_value: Tensor, terminated: Tensor) -> Tensor:
    return torch.where(terminated, 0.0, last_value).clamp(min=0.0)


def _draw_advantages(rng: np.random.Generator) -> dict[str, Any]:
    steps = int(rng.integers(3, 8))
    return {"returns": rng.normal(size=steps), "values": rng.normal(size=steps)}


ADVANTAGES = Exercise(
    number="01.4",
    name="advantages",
    title="Better or worse than expected",
    difficulty=2,
    minutes=6,
    lines=1,
    reference=returns.advantages,
    driver=calling(gradients=("values",)),
    cases=[
        Case(
            {"returns": [5.0, 3.0, 4.0], "values": [4.0, 4.0, 4.0]},
            "better than expected, worse, and just as expected",
        ),
        Case(
            {"returns": [2.0, 4.0, 8.0], "values": [1.0, 2.0, 3.0]},
            "every state has its own expectation",
        ),
        Case({"returns": [-1.0], "values": [-3.0]}, "bad, but less so than feared"),
    ],
    draw=_draw_advantages,
    hints=(
        "What happened, less what was expected; and the expectation is taken as a "
        "plain number, through which nothing is learned here.",
        "A_i = R_i − V(s_i), with V(s_i) held constant",
        "values.detach() has the same numbers, and no gradient flows through it.",
    ),
    properties=[
        Property(
            "the advantage is a constant: no gradient flows from it into the values",
            lambda arguments, seen: (
                seen.gradients.get("values") is None
                or not np.any(seen.gradients["values"])
            ),
            "The advantage weighs the actions. If a gradient flowed through it, the "
            "critic would change its V to make the policy's loss smaller, instead of "
            "to predict the return.",
        ),
        Property(
            "the advantage is positive exactly where the return is above the value",
            lambda arguments, seen: np.array_equal(
                np.sign(np.round(np.asarray(seen.value), 5)),
                np.sign(
                    np.round(
                        np.asarray(arguments["returns"], dtype=np.float32)
                        - np.asarray(arguments["values"], dtype=np.float32),
                        5,
                    )
                ),
            ),
            "A positive advantage will make the action taken more likely, a negative "
            "one less likely.",
        ),
    ],
)


@ADVANTAGES.misconception(
    "The numbers are right, but a gradient flows through them into the values. The "
    "advantage must be a constant, or the policy's loss would train the critic: "
    "detach the values."
)
def lets_the_gradient_through(returns: Tensor, values: Tensor) -> Tensor:
    return returns - values


@ADVANTAGES.misconception(
    "Your sign is the wrong way round: this is V − R. An action that went better than "
    "expected must get a positive advantage."
)
def turns_the_sign_round(returns: Tensor, values: Tensor) -> Tensor:
    return values.detach() - returns


@ADVANTAGES.misconception(
    "Your sign is the wrong way round, this is V − R; and a gradient flows through it "
    "into the values. What went better than expected must be positive, and the values "
    "must be detached."
)
def turns_the_sign_round_with_gradient(returns: Tensor, values: Tensor) -> Tensor:
    return values - returns


@ADVANTAGES.misconception(
    "You subtracted the value of the next state. R_i is the return from s_i, so the "
    "expectation to compare it with is V(s_i), at the same index."
)
def subtracts_the_next_value(returns: Tensor, values: Tensor) -> Tensor:
    values = values.detach()
    return returns - torch.cat([values[1:], values[-1:]])


@ADVANTAGES.misconception(
    "You subtracted the mean of the values from every return. Each state has an "
    "expectation of its own: subtract entry by entry."
)
def subtracts_the_mean_value(returns: Tensor, values: Tensor) -> Tensor:
    return returns - values.detach().mean()


@ADVANTAGES.misconception(
    "You subtracted the mean of the advantages too (some code does so, to normalise "
    "them). The paper does not: a rollout in which all went better than expected "
    "would then look average."
)
def centres_them(returns: Tensor, values: Tensor) -> Tensor:
    differences = returns - values.detach()
    return differences - differences.mean()


@ADVANTAGES.misconception(
    "You squared the difference: that is the loss of the values, which comes in lesson "
    "06. The advantage keeps its sign, for the sign says whether the action was good."
)
def squares_them(returns: Tensor, values: Tensor) -> Tensor:
    return (returns - values.detach()) ** 2


@ADVANTAGES.misconception(
    "You kept only what went better than expected, and put 0 for the rest. What went "
    "worse is as instructive: its advantage is negative."
)
def drops_the_disappointments(returns: Tensor, values: Tensor) -> Tensor:
    return (returns - values.detach()).clamp(min=0.0)
