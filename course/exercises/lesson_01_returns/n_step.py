"""Exercise 01.2: the returns of a whole rollout."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import returns
from course.exercises.exercise import Case, Exercise, Property


def _draw_rollout(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "rewards": rng.normal(size=rng.integers(3, 8)),
        "bootstrap_value": np.float32(rng.normal()),
        "gamma": float(rng.uniform(0.3, 0.9)),
    }


N_STEP_RETURNS = Exercise(
    number="01.2",
    name="n_step_returns",
    title="The return of every step of a rollout",
    difficulty=3,
    minutes=12,
    lines=5,
    reference=returns.n_step_returns,
    cases=[
        Case(
            {"rewards": [0.0, 0.0, 8.0], "bootstrap_value": 0.0, "gamma": 0.5},
            "a rollout that ends with the episode: 2, 4, 8",
        ),
        Case(
            {"rewards": [1.0, 1.0, 1.0], "bootstrap_value": 4.0, "gamma": 0.5},
            "a rollout that was cut, V(s₃) = 4: the last return is 1 + 0.5 · 4 = 3",
        ),
        Case(
            {"rewards": [2.0], "bootstrap_value": 10.0, "gamma": 0.9},
            "a rollout of a single step",
        ),
        Case(
            {"rewards": [3.0, 4.0, 5.0], "bootstrap_value": 7.0, "gamma": 0.0},
            "gamma = 0: only the reward of the step itself",
        ),
        Case(
            {"rewards": [1.0, 2.0, 3.0], "bootstrap_value": 10.0, "gamma": 1.0},
            "gamma = 1: plain sums of what is left, and then 10",
        ),
    ],
    draw=_draw_rollout,
    hints=(
        "The return of a step is its reward, plus γ times the return of the next step. "
        "Only the return of the step behind the last one is known from the start: "
        "bootstrap_value. So begin at the end.",
        "R_T = bootstrap_value;  R_i = r_i + γ R_{i+1}, for i = T − 1 down to 0",
        "for reward in reversed(rewards): R = reward + gamma * R, and R goes to the "
        "front of a list (or at its end, and the list is turned round); in the end "
        "torch.stack makes one tensor of it.",
    ),
    properties=[
        Property(
            "with gamma = 0 every return is the reward of its own step",
            lambda arguments, seen: (
                arguments["gamma"] != 0.0
                or np.allclose(np.asarray(seen.value), arguments["rewards"])
            ),
            "R_i begins with r_i: return and reward of one step have the same index.",
        ),
        Property(
            "the last return is r_{T−1} + γ · bootstrap_value",
            lambda arguments, seen: bool(
                np.isclose(
                    np.asarray(seen.value)[-1],
                    arguments["rewards"][-1]
                    + arguments["gamma"] * arguments["bootstrap_value"],
                    rtol=1e-4,
                    atol=1e-5,
                )
            ),
            "Behind the last step lies one state, whose value is bootstrap_value, one "
            "step away.",
        ),
        Property(
            "each return is its reward plus γ times the next return",
            lambda arguments, seen: np.allclose(
                np.asarray(seen.value)[:-1],
                np.asarray(arguments["rewards"])[:-1]
                + arguments["gamma"] * np.asarray(seen.value)[1:],
                rtol=1e-4,
                atol=1e-5,
            ),
            "That is the line R ← r_i + γ R of Algorithms S2 and S3.",
        ),
    ],
)


@N_STEP_RETURNS.misconception(
    "You ran the recursion from the first step to the last, so that each return is "
    "made of the past. A return is made of what comes after: begin at the last step."
)
def forgets_to_reverse(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    following, results = last, list[Tensor]()
    for reward in rewards:
        following = reward + gamma * following
        results.append(following)
    return torch.stack(results)


@N_STEP_RETURNS.misconception(
    "The numbers are right and stand in the wrong order: you worked from the back, as "
    "you should, and left the list that way. The return of the first step comes first."
)
def leaves_them_backwards(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    return returns.n_step_returns(rewards, last, gamma).flip(0)


@N_STEP_RETURNS.misconception(
    "You began with 0, as if the episode always ended with the rollout. A rollout that "
    "was cut goes on behind its end: begin with bootstrap_value."
)
def forgets_the_bootstrap(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    return returns.n_step_returns(rewards, 0.0, gamma)


@N_STEP_RETURNS.misconception(
    "You gave every step a one-step return with the same bootstrap_value. That is the "
    "value of the state behind the whole rollout, s_T: only the last step is followed "
    "by it. The others are followed by the next return."
)
def bootstraps_at_every_step(rewards: Tensor, last: float, gamma: float) -> Tensor:
    return rewards + gamma * last


@N_STEP_RETURNS.misconception(
    "You gave every step the return of the first one. Each has its own, of different "
    "length. If your loop looks right: R *= gamma and R += reward change a tensor in "
    "place, also where it stands in the list already."
)
def same_return_for_every_step(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    first = returns.n_step_returns(rewards, last, gamma)[0]
    return first.expand(len(rewards))


@N_STEP_RETURNS.misconception(
    "You returned one number, the return of the first step. The learner was in every "
    "state of the rollout, and learns from each: return all T of them."
)
def returns_the_first_alone(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    return returns.n_step_returns(rewards, last, gamma)[0]


@N_STEP_RETURNS.misconception(
    "You left out the first step: its return is 0. range(T - 1, 0, -1) stops at 1; to "
    "come to 0 it must be range(T - 1, -1, -1)."
)
def stops_before_the_first(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    results = returns.n_step_returns(rewards, last, gamma).clone()
    results[0] = 0.0
    return results


@N_STEP_RETURNS.misconception(
    "Your discount is one power too high throughout: you multiplied the step's own "
    "reward by γ. It comes at once; γ belongs to what follows."
)
def discounts_the_reward_too(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    following, results = last, list[Tensor]()
    for reward in rewards.flip(0):
        following = gamma * (reward + following)
        results.insert(0, following)
    return torch.stack(results)


@N_STEP_RETURNS.misconception(
    "You left the bootstrap value undiscounted at the last step: it stands one step "
    "behind the last reward, so γ belongs to it as well."
)
def bootstraps_without_discount(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    following = rewards[-1] + last
    results = [following]
    for reward in rewards[:-1].flip(0):
        following = reward + gamma * following
        results.insert(0, following)
    return torch.stack(results)


@N_STEP_RETURNS.misconception(
    "You left out the discount: these are plain sums of the rewards that are left. "
    "Each step back multiplies what follows by γ."
)
def sums_without_discount(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    return returns.n_step_returns(rewards, last, 1.0)


@N_STEP_RETURNS.misconception(
    "You counted the powers of γ from the start of the rollout. For each step the "
    "counting begins anew: its own reward has the weight γ⁰ = 1, wherever it stands."
)
def counts_powers_from_the_start(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    powers = gamma ** torch.arange(len(rewards), dtype=rewards.dtype)
    return powers * returns.n_step_returns(rewards, last, gamma)


@N_STEP_RETURNS.misconception(
    "Your rewards are shifted by one: R_i begins with r_{i+1}. rewards[i] came after "
    "the action in s_i, so it is the first reward of R_i."
)
def begins_with_the_next_reward(rewards: Tensor, last: Any, gamma: float) -> Tensor:
    shifted = torch.cat([rewards[1:], torch.zeros(1)])
    return returns.n_step_returns(shifted, last, gamma)
