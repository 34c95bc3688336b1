"""Exercises of lesson 00: the score of an episode, and its discounted return."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
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
        Case({"rewards": [2.0, -1.0]}, "a gain and a loss: 2 − 1"),
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


@EPISODE_RETURN.misconception(
    "You left out the last reward. It is often the one that matters: a game is won or "
    "lost at its end. Look at where your loop or your slice stops."
)
def leaves_out_the_last_reward(rewards: Tensor) -> Tensor:
    return rewards[:-1].sum()


@EPISODE_RETURN.misconception(
    "You returned the number of steps. In CartPole, where every step pays 1, that is "
    "the score by accident; elsewhere it is not."
)
def counts_the_steps(rewards: Tensor) -> Tensor:
    return torch.tensor(float(len(rewards)))


@EPISODE_RETURN.misconception(
    "You returned a running total, one number for each step. The score is a single "
    "number: the total when the episode is over."
)
def keeps_a_running_total(rewards: Tensor) -> Tensor:
    return rewards.cumsum(0)


@EPISODE_RETURN.misconception(
    "You added up the gains and left out the losses. A negative reward counts as well: "
    "it is how an environment says that something went wrong."
)
def counts_gains_only(rewards: Tensor) -> Tensor:
    return rewards.clamp(min=0.0).sum()


def _weighted(rewards: Tensor, weights: Tensor) -> Tensor:
    return (rewards * weights).sum()


def _steps(rewards: Tensor) -> Tensor:
    return torch.arange(len(rewards), dtype=rewards.dtype)


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


@DISCOUNTED_RETURN.misconception(
    "Your weights grow instead of shrinking: you gave the last reward the weight 1 and "
    "the first one the smallest. That happens when total = gamma * total + reward runs "
    "from the first step to the last. What is near counts most."
)
def discounts_from_the_wrong_end(rewards: Tensor, gamma: float) -> Tensor:
    return _weighted(rewards, gamma ** _steps(rewards).flip(0))


@DISCOUNTED_RETURN.misconception(
    "You discounted every later reward once, however late it comes. Each step of "
    "waiting costs one more factor γ: r₂ is multiplied by γ · γ."
)
def discounts_once(rewards: Tensor, gamma: float) -> Tensor:
    return rewards[0] + gamma * rewards[1:].sum()


@DISCOUNTED_RETURN.misconception(
    "You multiplied by γ · i where γ to the power i was meant: in Python that is "
    "gamma**i. With the product, the first reward gets the weight 0."
)
def multiplies_where_a_power_was_meant(rewards: Tensor, gamma: float) -> Tensor:
    return _weighted(rewards, gamma * _steps(rewards))


@DISCOUNTED_RETURN.misconception(
    "You left out the last reward. Every reward of the episode is in the sum: look at "
    "where your loop stops."
)
def stops_one_step_early(rewards: Tensor, gamma: float) -> Tensor:
    return returns.discounted_return(rewards, gamma) - rewards[-1] * gamma ** (
        len(rewards) - 1
    )


@DISCOUNTED_RETURN.misconception(
    "You returned the discounted rewards one by one. The return is their sum, a single "
    "number."
)
def forgets_to_sum(rewards: Tensor, gamma: float) -> Tensor:
    return rewards * gamma ** _steps(rewards)


@DISCOUNTED_RETURN.misconception(
    "You took 1 − γ for the discount. γ is what is kept of a reward at each step, not "
    "what is lost: with γ = 1 nothing is lost."
)
def takes_what_is_lost(rewards: Tensor, gamma: float) -> Tensor:
    return returns.discounted_return(rewards, 1.0 - gamma)


@DISCOUNTED_RETURN.misconception(
    "You divided by the number of steps. The return is a sum, not a mean: an episode "
    "of many good steps is worth more than a short one."
)
def averages(rewards: Tensor, gamma: float) -> Tensor:
    return returns.discounted_return(rewards, gamma) / len(rewards)


EXERCISES = (EPISODE_RETURN, DISCOUNTED_RETURN)
