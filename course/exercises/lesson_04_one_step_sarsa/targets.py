"""Exercise 04.1: the targets of one-step Sarsa."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import returns
from course.exercises.exercise import Case, Exercise
from course.exercises.lesson_04_one_step_sarsa.policy import (
    TERMINAL_ROWS,
    draw_step_columns,
)


def _draw_targets(rng: np.random.Generator) -> dict[str, Any]:
    columns = draw_step_columns(rng)
    steps = len(columns["rewards"])
    return {
        **columns,
        "next_actions": rng.integers(3, size=steps),
        "gamma": float(rng.uniform(0.3, 0.9)),
    }


SARSA_TARGETS = Exercise(
    number="04.1",
    name="sarsa_targets",
    title="The target with the action that is really taken",
    difficulty=2,
    minutes=8,
    lines=3,
    reference=returns.sarsa_targets,
    cases=[
        Case(
            {
                "rewards": [1.0],
                "terminated": [False],
                "next_q_values": [[2.0, 6.0, 4.0]],
                "next_actions": [0],
                "gamma": 0.5,
            },
            "one step: a′ = 0 was taken next, though 1 is better, so 1 + 0.5 · 2",
        ),
        Case(
            {
                "rewards": [1.0, 0.0, 3.0],
                "terminated": [False, False, True],
                "next_q_values": [[2.0, 6.0, 4.0], [8.0, 0.0, 2.0], [9.0, 7.0, 5.0]],
                "next_actions": [2, 0, 1],
                "gamma": 0.5,
            },
            "three steps, and the last one ends the episode: its target is 3",
        ),
        Case(
            {
                "rewards": [1.0, 2.0],
                "terminated": [False, False],
                "next_q_values": [[5.0, 3.0], [5.0, 3.0]],
                "next_actions": [1, 0],
                "gamma": 1.0,
            },
            "gamma = 1: the same state twice, another action each time",
        ),
    ],
    draw=_draw_targets,
    hints=(
        "Each row of next_q_values has one number for each action. Sarsa picks the one "
        "of the action that was executed in that state, whether it is the best or not.",
        "y_i = r_i where s_{i+1} is terminal, else r_i + γ Q(s_{i+1}, a_{i+1})",
        "One entry of each row: next_q_values.gather(-1, next_actions.unsqueeze(-1))"
        ".squeeze(-1) has the shape [T]; so has next_q_values[torch.arange("
        "len(rewards)), next_actions]. And ~terminated turns the flags round: it is "
        "True where the episode goes on.",
    ),
    properties=[TERMINAL_ROWS],
)


def _chosen(next_q_values: Tensor, next_actions: Tensor) -> Tensor:
    """Q(s_{i+1}, a_{i+1}), [T]."""
    return next_q_values.gather(-1, next_actions.unsqueeze(-1)).squeeze(-1)


@SARSA_TARGETS.misconception(
    "These are the targets of Q-learning: you took the maximum of each row. Sarsa asks "
    "what the action is worth that is really taken next, also when it is a random one."
)
def takes_the_maximum(
    rewards: Tensor, ended: Tensor, next_q: Tensor, actions: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_q.amax(-1) * ~ended


@SARSA_TARGETS.misconception(
    "You bootstrap beyond the end of an episode. Where terminated is True nothing "
    "follows, and next_actions holds an action that nobody ever executes: the target "
    "is the reward alone."
)
def bootstraps_through_the_end(
    rewards: Tensor, ended: Tensor, next_q: Tensor, actions: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * _chosen(next_q, actions)


@SARSA_TARGETS.misconception(
    "You left out the discount: the value of the next state and action is multiplied "
    "by γ."
)
def forgets_gamma(
    rewards: Tensor, ended: Tensor, next_q: Tensor, actions: Tensor, gamma: float
) -> Tensor:
    return rewards + _chosen(next_q, actions) * ~ended


@SARSA_TARGETS.misconception(
    "You discounted the reward as well. It comes at once; only what follows it is "
    "multiplied by γ."
)
def discounts_the_reward(
    rewards: Tensor, ended: Tensor, next_q: Tensor, actions: Tensor, gamma: float
) -> Tensor:
    return gamma * (rewards + _chosen(next_q, actions) * ~ended)


@SARSA_TARGETS.misconception(
    "You threw away the last reward as well: the factor ~terminated belongs to the "
    "value that is added, not to the whole target."
)
def erases_the_last_reward(
    rewards: Tensor, ended: Tensor, next_q: Tensor, actions: Tensor, gamma: float
) -> Tensor:
    return (rewards + gamma * _chosen(next_q, actions)) * ~ended


@SARSA_TARGETS.misconception(
    "You took the action one place too late. next_actions[i] is already a_{i+1}, the "
    "action in the state that next_q_values[i] describes: no shift is needed."
)
def shifts_the_actions(
    rewards: Tensor, ended: Tensor, next_q: Tensor, actions: Tensor, gamma: float
) -> Tensor:
    late = torch.cat([actions[1:], actions[-1:]])
    return rewards + gamma * _chosen(next_q, late) * ~ended


@SARSA_TARGETS.misconception(
    "next_q_values[:, next_actions] picks whole columns and makes a table of T × T. "
    "You want one entry from each row: pair every row with its own action."
)
def picks_whole_columns(
    rewards: Tensor, ended: Tensor, next_q: Tensor, actions: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_q[:, actions] * ~ended


@SARSA_TARGETS.misconception(
    "You took the mean over all actions, as if the next action were drawn at random. "
    "The rollout says which one was taken: use next_actions."
)
def takes_the_mean(
    rewards: Tensor, ended: Tensor, next_q: Tensor, actions: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_q.mean(-1) * ~ended


@SARSA_TARGETS.misconception(
    "You have the flag the wrong way round: the value is added where the episode went "
    "on (terminated is False), and left out where it ended."
)
def bootstraps_only_at_the_end(
    rewards: Tensor, ended: Tensor, next_q: Tensor, actions: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * _chosen(next_q, actions) * ended
