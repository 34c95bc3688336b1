"""Exercises of lesson 00: the score of an episode, and its discounted return."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from course import returns
from course.exercises.exercise import Case, Exercise, Property


def episode_return(rewards: Tensor) -> Tensor:
    """The score of an episode: the plain sum of its rewards."""
    return rewards.sum()


def _draw_rewards(rng: np.random.Generator) -> dict[str, Any]:
    return {"rewards": rng.normal(size=rng.integers(3, 9))}


EPISODE_RETURN = Exercise(
    number="00.1",
    name="episode_return",
    title="The score of an episode",
    difficulty=1,
    minutes=2,
    lines=1,
    reference=episode_return,
    cases=[
        Case({"rewards": [1.0, 2.0, 3.0]}, "three rewards: 1 + 2 + 3"),
        Case({"rewards": [0.0, 0.0, -1.0]}, "a game that was lost at its end"),
        Case({"rewards": [5.0]}, "an episode of a single step"),
    ],
    draw=_draw_rewards,
    hints=(
        "The score counts every reward of the episode in full, early or late.",
        "episode return = r₀ + r₁ + … + r_{T−1}",
        "A tensor can add up its own entries: rewards.sum()",
    ),
)


@EPISODE_RETURN.misconception(
    "You returned the mean reward of a step. The score is the sum: divided by the "
    "length, a long good episode would look no better than a short one."
)
def takes_the_mean(rewards: Tensor) -> Tensor:
    return rewards.mean()


@EPISODE_RETURN.misconception(
    "You returned only the last reward. The rewards on the way count as well."
)
def takes_the_last_reward(rewards: Tensor) -> Tensor:
    return rewards[-1]


DISCOUNTED_RETURN = Exercise(
    number="00.2",
    name="discounted_return",
    title="The discounted return of the first step",
    difficulty=1,
    minutes=5,
    lines=3,
    reference=returns.discounted_return,
    cases=[
        Case(
            {"rewards": [1.0, 1.0, 1.0], "gamma": 0.5},
            "three rewards of 1: 1 + 0.5 + 0.25",
        ),
        Case({"rewards": [0.0, 0.0, 8.0], "gamma": 0.5}, "a reward two steps away"),
        Case({"rewards": [3.0, 4.0], "gamma": 0.0}, "gamma = 0: only now counts"),
        Case({"rewards": [3.0, 4.0], "gamma": 1.0}, "gamma = 1: the plain sum"),
    ],
    draw=lambda rng: {**_draw_rewards(rng), "gamma": float(rng.uniform(0.3, 0.9))},
    hints=(
        "A reward that comes i steps later is worth less by the factor gamma, i times.",
        "G = r₀ + γ r₁ + γ² r₂ + …, that is Σᵢ γⁱ rᵢ",
        "for i, reward in enumerate(rewards): total = total + gamma**i * reward",
    ),
    properties=[
        Property(
            "with gamma = 1 the return is the plain sum",
            lambda arguments, seen: (
                arguments["gamma"] != 1.0
                or np.isclose(seen.value, np.sum(arguments["rewards"]))
            ),
            "The first reward is not discounted at all: γ⁰ = 1.",
        )
    ],
)


@DISCOUNTED_RETURN.misconception(
    "Your discount is one power too high: r₀ has come already at the first step, so "
    "it is multiplied by γ⁰ = 1, r₁ by γ, r₂ by γ²."
)
def discounts_the_first_reward(rewards: Tensor, gamma: float) -> Tensor:
    return gamma * returns.discounted_return(rewards, gamma)


@DISCOUNTED_RETURN.misconception(
    "You left out the discount: this is the plain sum of the rewards. The reward r_i "
    "is multiplied by γ, i times."
)
def forgets_gamma(rewards: Tensor, gamma: float) -> Tensor:
    return rewards.sum()


EXERCISES = (EPISODE_RETURN, DISCOUNTED_RETURN)
