"""Exercise 01.1: targets of one step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import returns
from course.exercises.exercise import Case, Exercise, Property


def _draw_one_step(rng: np.random.Generator) -> dict[str, Any]:
    steps = int(rng.integers(4, 9))
    terminated = rng.random(steps) < 0.4
    terminated[0], terminated[1] = False, True  # both kinds, in every draw
    return {
        "rewards": rng.normal(size=steps),
        "next_values": rng.normal(size=steps),
        "terminated": terminated,
        "gamma": float(rng.uniform(0.3, 0.9)),
    }


ONE_STEP_TARGETS = Exercise(
    number="01.1",
    name="one_step_targets",
    title="One reward, and a guess at the rest",
    difficulty=2,
    minutes=8,
    lines=2,
    reference=returns.one_step_targets,
    cases=[
        Case(
            {
                "rewards": [1.0, 2.0],
                "next_values": [10.0, 20.0],
                "terminated": [False, False],
                "gamma": 0.5,
            },
            "two steps, and the game goes on: 1 + 0.5 · 10 and 2 + 0.5 · 20",
        ),
        Case(
            {
                "rewards": [1.0, 2.0],
                "next_values": [10.0, 20.0],
                "terminated": [False, True],
                "gamma": 0.5,
            },
            "the second step ends the episode: nothing follows its reward",
        ),
        Case(
            {
                "rewards": [1.0, 2.0, 3.0],
                "next_values": [10.0, 20.0, 30.0],
                "terminated": [False, True, False],
                "gamma": 1.0,
            },
            "three steps from three different episodes, without discount",
        ),
        Case(
            {
                "rewards": [4.0],
                "next_values": [7.0],
                "terminated": [False],
                "gamma": 0.0,
            },
            "gamma = 0: only the reward counts",
        ),
    ],
    draw=_draw_one_step,
    hints=(
        "What a step is worth is its reward, plus what the next state is worth. After "
        "a true end there is no next state to be worth anything.",
        "y_i = r_i + γ V(s_{i+1}) (1 − terminated_i), for each i by itself, where "
        "1 − terminated is `~terminated` in torch",
        "~terminated turns the flags round, and as numbers they are 1 and 0: "
        "rewards + gamma * next_values * ~terminated",
    ),
    properties=[
        Property(
            "where the episode terminated, the target is the reward alone",
            lambda arguments, seen: np.allclose(
                np.asarray(seen.value)[np.asarray(arguments["terminated"])],
                np.asarray(arguments["rewards"])[np.asarray(arguments["terminated"])],
                atol=1e-5,
            ),
            "Nothing comes after a true end. The value that stands in next_values "
            "there is a number that nobody ever earns.",
        )
    ],
)


@ONE_STEP_TARGETS.misconception(
    "You bootstrapped through a true end: terminated makes no difference to your "
    "targets. After the end nothing more is earned, so nothing may be added to the "
    "reward there."
)
def bootstraps_through_the_end(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_values


@ONE_STEP_TARGETS.misconception(
    "You wiped out the whole target where the episode terminated. The last reward has "
    "been earned: only the value behind it falls away."
)
def loses_the_last_reward(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    return (rewards + gamma * next_values) * ~terminated


@ONE_STEP_TARGETS.misconception(
    "Your flag is the wrong way round: you added the value where the episode "
    "terminated, and left it out where the game goes on."
)
def turns_the_flag_round(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_values * terminated


@ONE_STEP_TARGETS.misconception(
    "You left out the discount of the next state's value: it lies one step away, so it "
    "is multiplied by γ once."
)
def forgets_gamma(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    return rewards + next_values * ~terminated


@ONE_STEP_TARGETS.misconception(
    "Your discount is one power too high: you discounted the reward as well. The "
    "reward comes now, in full; what waits for the next step is the value."
)
def discounts_the_reward(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    return gamma * (rewards + next_values * ~terminated)


@ONE_STEP_TARGETS.misconception(
    "You left out the reward: these are only the discounted values of the next states. "
    "The reward is the one thing here that was seen and not guessed."
)
def forgets_the_reward(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    return gamma * next_values * ~terminated


@ONE_STEP_TARGETS.misconception(
    "One end ended all: a single terminated step took the value away from every step. "
    "Each step has a flag of its own; use it entry by entry."
)
def one_end_ends_all(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    return rewards if terminated.any() else rewards + gamma * next_values


@ONE_STEP_TARGETS.misconception(
    "You chained the steps: each target holds the target of the step behind it, as in "
    "the n-step returns of the next exercise. Here every target has one reward, and "
    "then V of the next state."
)
def chains_the_steps(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    following = next_values[-1]
    targets = list[Tensor]()
    for reward, ended in zip(rewards.flip(0), terminated.flip(0), strict=True):
        following = reward + gamma * following * ~ended
        targets.insert(0, following)
    return torch.stack(targets)
