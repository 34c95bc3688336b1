"""Exercise 05.2: the loss of a rollout, which is Algorithm S2 without its loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course import losses, returns
from course.exercises.exercise import Case, Exercise, Property
from course.exercises.networks import (
    call_with_networks,
    draw_transitions,
    two_q_networks,
)
from course.rollout import Rollout

Net = nn.Module


def n_step_q_loss(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    """The sum over i of (R_i − Q(s_i, a_i; θ'))², with R_i from θ⁻ (Algorithm S2).

    Args:
        network: Q(s, ·; θ'), from observations `[T, *shape]` to `[T, A]`.
        target_network: Q(s, ·; θ⁻); no gradient flows into it.
        rollout: T steps of one environment; only its last step may end the episode.
        gamma: Discount.

    Returns:
        0-d tensor.
    """
    with torch.no_grad():
        bootstrap_q_values = target_network(rollout.next_observations[-1])
    targets = returns.n_step_q_targets(
        rollout.rewards, bootstrap_q_values, rollout.terminated[-1], gamma
    )
    return losses.td_loss(network(rollout.observations), rollout.actions, targets)


def _draw_loss(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "theta": (1.5 * rng.normal(size=(3, 2))).round(2).tolist(),
        "theta_minus": (1.5 * rng.normal(size=(3, 2))).round(2).tolist(),
        **draw_transitions(rng),
        "gamma": float(rng.uniform(0.5, 0.9)),
    }


# Two actions; features tell the states apart: s_0 = [1, 0], s_1 = [0, 1], s_2 = [1, 1].
_BY_HAND: dict[str, Any] = {
    "theta": [[1.0, 2.0], [0.0, 1.0]],
    "theta_minus": [[3.0, 1.0], [2.0, 6.0]],
    "observations": [[1.0, 0.0], [0.0, 1.0]],
    "actions": [0, 1],
    "rewards": [1.0, 2.0],
    "terminated": [False, False],
    "truncated": [False, False],
    "next_observations": [[0.0, 1.0], [1.0, 1.0]],
    "gamma": 0.5,
}

N_STEP_Q_LOSS = Exercise(
    number="05.2",
    name="n_step_q_loss",
    title="The loss of a rollout, Algorithm S2",
    difficulty=3,
    minutes=12,
    lines=6,
    reference=n_step_q_loss,
    driver=call_with_networks(two_q_networks),
    cases=[
        Case(
            {**_BY_HAND, "terminated": [False, True]},
            "the episode ended: R is 2, then 1 + 0.5 · 2; Q is 1 and 1",
        ),
        Case(
            _BY_HAND,
            "the rollout was cut: R starts from max Q(s_2, ·; θ⁻) = max(4, 8)",
        ),
        Case(
            {**_BY_HAND, "truncated": [False, True]},
            "a time limit cut the episode off: as if only the rollout had been cut",
        ),
        Case(
            {**_BY_HAND, "gamma": 0.0},
            "gamma = 0: each target is its own reward",
        ),
    ],
    draw=_draw_loss,
    hints=(
        "Only one state is looked at through θ⁻: the one behind the whole rollout. "
        "All the rest of the targets are rewards. The gradient flows through "
        "Q(s_i, a_i; θ') alone.",
        "Σ_i (R_i − Q(s_i, a_i; θ'))², with R_T = 0 or max_a Q(s_T, a; θ⁻)",
        "s_T is rollout.next_observations[-1], its end is rollout.terminated[-1]; "
        "q_values.gather(1, actions[:, None])[:, 0] picks the actions taken.",
    ),
    properties=[
        Property(
            "no gradient flows into θ⁻",
            lambda arguments, seen: (
                seen.gradients["theta_minus"] is None
                or not np.any(seen.gradients["theta_minus"])
            ),
            "The target is a constant: θ moves towards it, and θ⁻ is changed by "
            "nothing but the copy θ⁻ ← θ.",
        )
    ],
)


def _loss(net: Net, rollout: Rollout, targets: Tensor) -> Tensor:
    """The squared errors for targets through which a gradient may flow."""
    taken = net(rollout.observations).gather(1, rollout.actions[:, None])[:, 0]
    errors: Tensor = targets - taken
    return errors.square().sum()


def _targets(rollout: Rollout, last_value: Tensor, gamma: float) -> Tensor:
    """The recursion, with the gradient of `last_value`, which 0 at an end replaces."""
    following = last_value * ~rollout.terminated[-1]
    backwards = []
    for reward in rollout.rewards.flip(0):
        following = reward + gamma * following
        backwards.append(following)
    return torch.stack(backwards[::-1])


@N_STEP_Q_LOSS.misconception(
    "You bootstrap from the state in which the rollout began. The reward of every step "
    "is counted already: what is missing is the value of the state behind the last one."
)
def bootstraps_from_the_first_state(
    net: Net, target: Net, rollout: Rollout, gamma: float
) -> Tensor:
    best = target(rollout.observations[0]).max().detach()
    return _loss(net, rollout, _targets(rollout, best, gamma))


@N_STEP_Q_LOSS.misconception(
    "You bootstrap from the state in which the last action was taken. That action's "
    "reward is counted already: one state further the unknown begins."
)
def bootstraps_from_the_last_acted_state(
    net: Net, target: Net, rollout: Rollout, gamma: float
) -> Tensor:
    best = target(rollout.observations[-1]).max().detach()
    return _loss(net, rollout, _targets(rollout, best, gamma))


@N_STEP_Q_LOSS.misconception(
    "You bootstrap with the learner's own network θ'. Algorithm S2 asks the target "
    "network θ⁻, which holds still while θ moves."
)
def bootstraps_with_its_own_net(
    net: Net, target: Net, rollout: Rollout, gamma: float
) -> Tensor:
    best = net(rollout.next_observations[-1]).max().detach()
    return _loss(net, rollout, _targets(rollout, best, gamma))


@N_STEP_Q_LOSS.misconception(
    "Your network chooses the action behind the rollout and θ⁻ only values it. That is "
    "double Q-learning, a later idea; here θ⁻ does both."
)
def bootstraps_by_double_q(
    net: Net, target: Net, rollout: Rollout, gamma: float
) -> Tensor:
    last = rollout.next_observations[-1]
    value = target(last)[net(last).argmax()].detach()
    return _loss(net, rollout, _targets(rollout, value, gamma))


@N_STEP_Q_LOSS.misconception(
    "You bootstrap also where the episode ended. Where is it said whether the last "
    "state is terminal?"
)
def forgets_the_end(net: Net, target: Net, rollout: Rollout, gamma: float) -> Tensor:
    q_values = target(rollout.next_observations[-1]).detach()
    targets = returns.n_step_q_targets(rollout.rewards, q_values, False, gamma)
    return _loss(net, rollout, targets)


@N_STEP_Q_LOSS.misconception(
    "You take a time limit for an end. A truncated episode would have gone on, so its "
    "last state has a value: look at terminated only."
)
def takes_a_cut_for_an_end(
    net: Net, target: Net, rollout: Rollout, gamma: float
) -> Tensor:
    q_values = target(rollout.next_observations[-1]).detach()
    ended = rollout.terminated[-1] | rollout.truncated[-1]
    targets = returns.n_step_q_targets(rollout.rewards, q_values, ended, gamma)
    return _loss(net, rollout, targets)


@N_STEP_Q_LOSS.misconception(
    "A gradient flows into θ⁻ through your target. The target is a constant: compute "
    "it without a graph, or cut it off."
)
def lets_the_gradient_into_the_target(
    net: Net, target: Net, rollout: Rollout, gamma: float
) -> Tensor:
    best = target(rollout.next_observations[-1]).max()
    return _loss(net, rollout, _targets(rollout, best, gamma))


@N_STEP_Q_LOSS.misconception(
    "These are one-step targets: you looked at θ⁻ behind every step. Here only the "
    "state behind the rollout is looked at, and rewards fill the rest."
)
def uses_one_step_targets(
    net: Net, target: Net, rollout: Rollout, gamma: float
) -> Tensor:
    next_q_values = target(rollout.next_observations).detach()
    targets = returns.one_step_q_targets(
        rollout.rewards, rollout.terminated, next_q_values, gamma
    )
    return _loss(net, rollout, targets)


@N_STEP_Q_LOSS.misconception(
    "You took the mean over the rollout. Algorithm S2 adds dθ up step by step, so the "
    "loss is a sum; a mean would make a long rollout count as little as a short one."
)
def takes_the_mean(net: Net, target: Net, rollout: Rollout, gamma: float) -> Tensor:
    loss = n_step_q_loss(net, target, rollout, gamma)
    return loss / len(rollout.rewards)


@N_STEP_Q_LOSS.misconception(
    "You compare the targets with the largest action values instead of those of the "
    "actions taken. The rewards tell about the actions that were taken."
)
def takes_the_maximum_for_the_action_taken(
    net: Net, target: Net, rollout: Rollout, gamma: float
) -> Tensor:
    q_values = target(rollout.next_observations[-1]).detach()
    targets = returns.n_step_q_targets(
        rollout.rewards, q_values, rollout.terminated[-1], gamma
    )
    best: Tensor = net(rollout.observations).amax(-1)
    return (targets - best).square().sum()
