"""Exercise 05.3: the forward view, which waits and looks ahead from each step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import returns
from course.exercises.exercise import Case, Exercise, Property


def lambda_returns(
    rewards: Tensor, next_values: Tensor, terminated: bool, gamma: float, lam: float
) -> Tensor:
    """G_i = r_i + γ ((1 − λ) V(s_{i+1}) + λ G_{i+1}), backwards from G_T = V(s_T).

    V(s_T) counts as 0 if s_T is terminal. With λ = 0 these are one-step targets, with
    λ = 1 the n-step returns.

    Args:
        rewards: r_0 to r_{T-1}, `[T]`.
        next_values: V(s_1) to V(s_T), `[T]`.
        terminated: Whether s_T is terminal.
        gamma: Discount.
        lam: λ, from 0 to 1.

    Returns:
        G_0 to G_{T-1}, `[T]`.

    Source: Sutton and Barto (2018), section 12.1, in its recursive form.
    """
    following = torch.tensor(0.0) if terminated else next_values[-1]
    values = [*next_values[:-1], following]
    backwards = []
    for reward, value in zip(reversed(rewards), reversed(values), strict=True):
        following = reward + gamma * ((1 - lam) * value + lam * following)
        backwards.append(following)
    return torch.stack(backwards[::-1])


def _case(story: str, **arguments: Any) -> Case:
    # A flag of NumPy's arrives as a 0-d tensor, which is what training passes.
    return Case({**arguments, "terminated": np.bool_(arguments["terminated"])}, story)


def _draw_lambda(rng: np.random.Generator) -> dict[str, Any]:
    steps = rng.integers(3, 7)
    return {
        "rewards": rng.normal(size=steps),
        "next_values": 3 * rng.normal(size=steps),
        "terminated": np.bool_(rng.random() < 0.3),
        "gamma": float(rng.uniform(0.4, 0.9)),
        "lam": float(rng.uniform(0.2, 0.4) + 0.4 * rng.integers(2)),
    }


LAMBDA_RETURNS = Exercise(
    number="05.3",
    name="lambda_returns",
    title="The forward view: a mix of all n-step returns",
    difficulty=3,
    minutes=10,
    lines=6,
    reference=lambda_returns,
    cases=[
        _case(
            "lam = 0: one-step targets, 1 + 0.5 · 2 and 4 + 0.5 · 8",
            rewards=[1.0, 4.0],
            next_values=[2.0, 8.0],
            terminated=False,
            gamma=0.5,
            lam=0.0,
        ),
        _case(
            "lam = 1: the returns of a whole rollout, as in 05.1",
            rewards=[1.0, 4.0],
            next_values=[2.0, 8.0],
            terminated=False,
            gamma=0.5,
            lam=1.0,
        ),
        _case(
            "an ended episode: G_1 = 4, and G_0 = 0.5 · (0.75 · 8 + 0.25 · 4)",
            rewards=[0.0, 4.0],
            next_values=[8.0, 6.0],
            terminated=True,
            gamma=0.5,
            lam=0.25,
        ),
    ],
    draw=_draw_lambda,
    hints=(
        "What follows a step can be told in two ways: by the value of the next state, "
        "or by what really came, the next step's own return. λ says how much of each.",
        "G_i = r_i + γ ((1 − λ) V(s_{i+1}) + λ G_{i+1}), with G_T = V(s_T), which is 0 "
        "if s_T is terminal",
        "Go backwards as in 05.1; next_values[i] is V(s_{i+1}), and only the last "
        "entry is replaced by 0 when terminated is True.",
    ),
    properties=[
        Property(
            "with lam = 0 each return is r_i + gamma V(s_{i+1})",
            lambda arguments, seen: (
                arguments["lam"] != 0.0
                or np.allclose(
                    seen.value,
                    np.asarray(arguments["rewards"])
                    + arguments["gamma"] * np.asarray(arguments["next_values"]),
                )
            ),
            "λ = 0 trusts the next state's value alone: that is the one-step target.",
        )
    ],
)


# Short names: rewards r, next_values v, terminated end.


@LAMBDA_RETURNS.misconception(
    "λ and 1 − λ have changed places. With λ = 1 nothing of the values on the way may "
    "be left: only rewards, and the bootstrap at the very end."
)
def swaps_lambda(r: Tensor, v: Tensor, end: bool, gamma: float, lam: float) -> Tensor:
    return lambda_returns(r, v, end, gamma, 1 - lam)


@LAMBDA_RETURNS.misconception(
    "You use the value of the last state although the episode ended there. A terminal "
    "state is worth 0, both as V(s_T) and as G_T."
)
def trusts_the_end(r: Tensor, v: Tensor, end: bool, gamma: float, lam: float) -> Tensor:
    return lambda_returns(r, v, False, gamma, lam)


@LAMBDA_RETURNS.misconception(
    "Your recursion starts from G_T = 0 also when the rollout was only cut off. Then "
    "the share λ of the bootstrap is lost: start from V(s_T)."
)
def starts_from_zero(
    r: Tensor, v: Tensor, end: bool, gamma: float, lam: float
) -> Tensor:
    following = torch.tensor(0.0)
    last = torch.tensor(0.0) if end else v[-1]
    backwards = []
    for i in reversed(range(len(r))):
        value = last if i == len(r) - 1 else v[i]
        following = r[i] + gamma * ((1 - lam) * value + lam * following)
        backwards.append(following)
    return torch.stack(backwards[::-1])


@LAMBDA_RETURNS.misconception(
    "The part (1 − λ) V(s_{i+1}) is missing: your return only fades. The two weights "
    "λ and 1 − λ must add up to one."
)
def forgets_the_values(
    r: Tensor, v: Tensor, end: bool, gamma: float, lam: float
) -> Tensor:
    start = torch.tensor(0.0) if end else v[-1]
    return returns.n_step_returns(r, start, gamma * lam)


@LAMBDA_RETURNS.misconception(
    "You discount G_{i+1} but not V(s_{i+1}). Both lie one step in the future: γ "
    "multiplies the whole mix."
)
def discounts_half(r: Tensor, v: Tensor, end: bool, gamma: float, lam: float) -> Tensor:
    following = torch.tensor(0.0) if end else v[-1]
    values = [*v[:-1], following]
    backwards = []
    for reward, value in zip(reversed(r), reversed(values), strict=True):
        following = reward + (1 - lam) * value + gamma * lam * following
        backwards.append(following)
    return torch.stack(backwards[::-1])


@LAMBDA_RETURNS.misconception(
    "The numbers are right, but from the last step to the first. The return of step i "
    "belongs at index i."
)
def keeps_them_reversed(
    r: Tensor, v: Tensor, end: bool, gamma: float, lam: float
) -> Tensor:
    return lambda_returns(r, v, end, gamma, lam).flip(0)


@LAMBDA_RETURNS.misconception(
    "These are the plain n-step returns of 05.1: λ does nothing in your function, as "
    "if it were always 1. Where does V(s_{i+1}) come in?"
)
def ignores_lambda(r: Tensor, v: Tensor, end: bool, gamma: float, lam: float) -> Tensor:
    return lambda_returns(r, v, end, gamma, 1.0)


@LAMBDA_RETURNS.misconception(
    "When the episode ended, you set every value to 0. Only the last state is "
    "terminal; the states on the way keep theirs."
)
def zeroes_every_value(
    r: Tensor, v: Tensor, end: bool, gamma: float, lam: float
) -> Tensor:
    values = v * (not end)
    return lambda_returns(r, values, end, gamma, lam)
