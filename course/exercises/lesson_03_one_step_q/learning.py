"""Exercises of lesson 03 on learning: the targets of one-step Q, and its loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import losses, returns
from course.exercises.exercise import Case, Exercise, Property
from course.exercises.observe import calling


def _draw_targets(rng: np.random.Generator) -> dict[str, Any]:
    steps = int(rng.integers(3, 6))
    return {
        "rewards": rng.normal(size=steps),
        "terminated": np.arange(steps) == rng.integers(steps),
        "next_q_values": rng.normal(size=(steps, 3)),
        "gamma": float(rng.uniform(0.3, 0.9)),
    }


ONE_STEP_Q_TARGETS = Exercise(
    number="03.4",
    name="one_step_q_targets",
    title="What Q(s, a) should have been",
    difficulty=2,
    minutes=8,
    lines=2,
    reference=returns.one_step_q_targets,
    cases=[
        Case(
            {
                "rewards": [1.0, 2.0],
                "terminated": [False, False],
                "next_q_values": [[4.0, 8.0], [6.0, 2.0]],
                "gamma": 0.5,
            },
            "two steps, the game goes on: 1 + 0.5 · 8 and 2 + 0.5 · 6",
        ),
        Case(
            {
                "rewards": [0.0, 3.0],
                "terminated": [False, True],
                "next_q_values": [[-4.0, -2.0], [10.0, 20.0]],
                "gamma": 0.5,
            },
            "the second step ends the episode, so nothing follows it",
        ),
        Case(
            {
                "rewards": [5.0],
                "terminated": [False],
                "next_q_values": [[1.0, 9.0, 3.0]],
                "gamma": 0.0,
            },
            "gamma = 0: only the reward counts",
        ),
    ],
    draw=_draw_targets,
    hints=(
        "The best that can be had from s' on is the value of the best action there. "
        "After a true end there is no s' to go on from.",
        "yᵢ = rᵢ if sᵢ₊₁ is terminal, else rᵢ + γ maxₐ Q(sᵢ₊₁, a; θ⁻)",
        "next_q_values.amax(-1) has shape [T]; ~terminated is 1 where the game goes on",
    ),
    properties=[
        Property(
            "where the episode terminated, the target is the reward alone",
            lambda arguments, seen: np.allclose(
                np.asarray(seen.value)[np.asarray(arguments["terminated"])],
                np.asarray(arguments["rewards"])[np.asarray(arguments["terminated"])],
                atol=1e-5,
            ),
            "Whatever the network says of a state behind the end is made up: nobody "
            "ever acts there, so nothing corrects it.",
        )
    ],
)


@ONE_STEP_Q_TARGETS.misconception(
    "You bootstrap through the end of an episode: after a termination no reward "
    "follows, so the target is the reward alone. Look at `terminated`."
)
def bootstraps_through_the_end(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_q_values.amax(-1)


@ONE_STEP_Q_TARGETS.misconception(
    "You bootstrap only where the episode ended, and not where it goes on: the flag is "
    "used the wrong way round."
)
def turns_the_flag_round(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_q_values.amax(-1) * terminated


@ONE_STEP_Q_TARGETS.misconception(
    "You also dropped the reward of the last step. A termination cuts off what follows "
    "it; the reward itself has been received."
)
def drops_the_last_reward(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    return (rewards + gamma * next_q_values.amax(-1)) * ~terminated


@ONE_STEP_Q_TARGETS.misconception(
    "You left out the discount: what comes one step later counts gamma times as much."
)
def forgets_gamma(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    return rewards + next_q_values.amax(-1) * ~terminated


@ONE_STEP_Q_TARGETS.misconception(
    "You discounted the reward as well. It comes now, so it counts in full: only the "
    "value of the next state is multiplied by gamma."
)
def discounts_the_reward(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    return gamma * (rewards + next_q_values.amax(-1) * ~terminated)


@ONE_STEP_Q_TARGETS.misconception(
    "You took the mean over the actions of s', the value of acting at random there. "
    "Q-learning asks for the best action: the maximum."
)
def takes_the_mean_action(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_q_values.mean(-1) * ~terminated


@ONE_STEP_Q_TARGETS.misconception(
    "You took one maximum over the whole rollout. Each step has a next state of its "
    "own: take the maximum over the actions only, the last axis."
)
def takes_the_maximum_of_all_steps(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_q_values.max() * ~terminated


@ONE_STEP_Q_TARGETS.misconception(
    "You took the maximum over the steps (axis 0). Each row is one next state: take it "
    "over the actions, the last axis."
)
def takes_the_maximum_over_the_steps(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_q_values.amax(0) * ~terminated


@ONE_STEP_Q_TARGETS.misconception(
    "You used the number of the best action (argmax), not its value (max)."
)
def uses_the_number_of_the_action(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    return rewards + gamma * next_q_values.argmax(-1) * ~terminated


@ONE_STEP_Q_TARGETS.misconception(
    "You added the later rewards of the rollout too: these are n-step returns, which "
    "come in lesson 05. Here each target sees one reward and then the estimate."
)
def adds_later_rewards(
    rewards: Tensor, terminated: Tensor, next_q_values: Tensor, gamma: float
) -> Tensor:
    following = next_q_values[-1].amax()
    backwards = []
    for reward, ended in zip(reversed(rewards), reversed(terminated), strict=True):
        following = reward + gamma * following * ~ended
        backwards.append(following)
    return torch.stack(backwards[::-1])


def _draw_loss(rng: np.random.Generator) -> dict[str, Any]:
    steps = int(rng.integers(2, 6))
    return {
        "q_values": rng.normal(size=(steps, 3)),
        "actions": rng.integers(3, size=steps),
        "targets": rng.normal(size=steps),
    }


ONE_STEP_Q_LOSS = Exercise(
    number="03.5",
    name="one_step_q_loss",
    title="How wrong the values of the actions taken were",
    difficulty=3,
    minutes=10,
    lines=3,
    reference=losses.td_loss,
    cases=[
        Case(
            {
                "q_values": [[1.0, 5.0], [2.0, 0.0]],
                "actions": [0, 1],
                "targets": [3.0, 3.0],
            },
            "two steps with the errors 3 − 1 and 3 − 0: 4 + 9",
        ),
        Case(
            {"q_values": [[7.0, 2.0]], "actions": [1], "targets": [2.0]},
            "one step whose value was right: 0, though action 0 lies elsewhere",
        ),
        Case(
            {"q_values": [[0.0, 0.0, 4.0]], "actions": [2], "targets": [3.0]},
            "one step whose value was too high: (3 − 4)²",
        ),
    ],
    draw=_draw_loss,
    hints=(
        "Only the action that was taken has shown what it leads to. Compare its value "
        "with the target, and let the target stand still.",
        "loss = Σᵢ (yᵢ − Q(sᵢ, aᵢ; θ))², and y is a constant: its gradient is 0",
        "q_values[torch.arange(len(actions)), actions] has shape [T]; so has "
        "targets.detach()",
    ),
    driver=calling(gradients=("q_values", "targets")),
    properties=[
        Property(
            "no gradient flows into the targets",
            lambda arguments, seen: not _entries(seen.gradients["targets"]),
            "The loss must move Q towards y. A gradient into y would also move y "
            "towards Q, and pull the target network, which nobody trains.",
        ),
        Property(
            "only the actions taken get a gradient",
            lambda arguments, seen: (
                _entries(seen.gradients["q_values"]) <= len(arguments["actions"])
            ),
            "About the other actions the step has taught nothing.",
        ),
    ],
)


def _entries(gradient: Any) -> int:
    """How many entries of a gradient are not 0; none if nothing flows."""
    return 0 if gradient is None else int(np.count_nonzero(gradient))


def _taken(q_values: Tensor, actions: Tensor) -> Tensor:
    return q_values.gather(-1, actions[:, None])[:, 0]


@ONE_STEP_Q_LOSS.misconception(
    "Your gradient flows into the targets too. y is a constant (detach): else the "
    "target would move to meet the value, and θ⁻ is trained by nobody."
)
def lets_the_gradient_into_the_targets(
    q_values: Tensor, actions: Tensor, targets: Tensor
) -> Tensor:
    return (targets - _taken(q_values, actions)).square().sum()


@ONE_STEP_Q_LOSS.misconception(
    "You stopped the gradient on the wrong side: the values are constants and the "
    "targets learn. It is Q(s, a; θ) that has to move."
)
def stops_the_gradient_of_the_values(
    q_values: Tensor, actions: Tensor, targets: Tensor
) -> Tensor:
    return (targets - _taken(q_values, actions).detach()).square().sum()


@ONE_STEP_Q_LOSS.misconception(
    "You took the mean over the steps. The paper adds up dθ step by step, which is the "
    "gradient of the sum."
)
def takes_the_mean_of_the_squares(
    q_values: Tensor, actions: Tensor, targets: Tensor
) -> Tensor:
    return (targets.detach() - _taken(q_values, actions)).square().mean()


@ONE_STEP_Q_LOSS.misconception(
    "You halved the squares. Many books do, but Algorithm 1 has no factor 1/2, so "
    "your gradient has half the length."
)
def halves_the_squares(q_values: Tensor, actions: Tensor, targets: Tensor) -> Tensor:
    return 0.5 * (targets.detach() - _taken(q_values, actions)).square().sum()


@ONE_STEP_Q_LOSS.misconception(
    "You compared the target with the largest value instead of the value of the action "
    "taken. The maximum belongs into the target, at s'; here it is Q(s, a)."
)
def takes_the_best_action(q_values: Tensor, actions: Tensor, targets: Tensor) -> Tensor:
    return (targets.detach() - q_values.amax(-1)).square().sum()


@ONE_STEP_Q_LOSS.misconception(
    "You compared the target with the values of all actions. The step has shown only "
    "what the action taken leads to: pick out Q(s, a) first."
)
def compares_every_action(q_values: Tensor, actions: Tensor, targets: Tensor) -> Tensor:
    return (targets.detach()[:, None] - q_values).square().sum()


@ONE_STEP_Q_LOSS.misconception(
    "Two shapes were broadcast against each other: [T, 1] minus [T] is [T, T], every "
    "value minus every target. Drop the last axis after gather, with squeeze(-1)."
)
def broadcasts_to_a_square(
    q_values: Tensor, actions: Tensor, targets: Tensor
) -> Tensor:
    column = q_values.gather(-1, actions[:, None])
    return (targets.detach() - column).square().sum()


@ONE_STEP_Q_LOSS.misconception(
    "q_values[:, actions] is [T, T]: every step with every step's action. One entry "
    "for each step is wanted: give the rows as well."
)
def pairs_every_step_with_every_action(
    q_values: Tensor, actions: Tensor, targets: Tensor
) -> Tensor:
    return (targets.detach() - q_values[:, actions]).square().sum()


@ONE_STEP_Q_LOSS.misconception(
    "You took absolute errors. The loss of Algorithm 1 is squared: a large error pulls "
    "harder than a small one."
)
def takes_absolute_errors(q_values: Tensor, actions: Tensor, targets: Tensor) -> Tensor:
    return (targets.detach() - _taken(q_values, actions)).abs().sum()


@ONE_STEP_Q_LOSS.misconception(
    "You squared the sum of the errors, so that an error above and one below cancel. "
    "Square each error first, then add up."
)
def adds_up_before_squaring(
    q_values: Tensor, actions: Tensor, targets: Tensor
) -> Tensor:
    return (targets.detach() - _taken(q_values, actions)).sum().square()
