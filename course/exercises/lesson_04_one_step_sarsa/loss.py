"""Exercise 04.4: the whole loss of one-step Sarsa, from networks and a rollout."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course import returns
from course.exercises.exercise import Arguments, Case, Exercise, Property
from course.exercises.networks import (
    call_with_networks,
    draw_transitions,
    two_q_networks,
)
from course.exercises.observe import Seen
from course.rollout import Rollout


def sarsa_loss(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    """Sum over i of (y_i - Q(s_i, a_i; theta))^2 with Sarsa's constant targets y_i."""
    assert rollout.next_actions is not None
    with torch.no_grad():  # the target is a constant
        next_q_values = target_network(rollout.next_observations)
    targets = returns.sarsa_targets(
        rollout.rewards,
        rollout.terminated,
        next_q_values,
        rollout.next_actions,
        gamma,
    )
    q_values: Tensor = network(rollout.observations)
    taken = q_values.gather(-1, rollout.actions.unsqueeze(-1)).squeeze(-1)
    return (targets - taken).square().sum()


def _draw(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "theta": rng.normal(size=(3, 2)).round(2).tolist(),
        "theta_minus": rng.normal(size=(3, 2)).round(2).tolist(),
        **draw_transitions(rng, next_actions=True),
        "gamma": float(rng.uniform(0.4, 0.9)),
    }


def _target_gets_no_gradient(arguments: Arguments, seen: Seen) -> bool:
    flow = seen.gradients["theta_minus"]
    return flow is None or not np.any(flow)


def _only_taken_actions_learn(arguments: Arguments, seen: Seen) -> bool:
    untaken = set(range(len(arguments["theta"]))) - set(arguments["actions"])
    flow = seen.gradients["theta"]
    return flow is None or not np.any(flow[sorted(untaken)])


# Two states as one-hot observations, so that row a, column s of a weight is Q(s, a).
FIRST, SECOND = [1.0, 0.0], [0.0, 1.0]

SARSA_LOSS = Exercise(
    number="04.4",
    name="sarsa_loss",
    title="The whole loss, from two networks and a rollout",
    difficulty=4,
    minutes=15,
    lines=6,
    reference=sarsa_loss,
    driver=call_with_networks(two_q_networks),
    cases=[
        Case(
            {
                "theta": [[1.0, 0.0], [3.0, 5.0]],
                "theta_minus": [[2.0, 4.0], [7.0, 8.0]],
                "observations": [FIRST],
                "actions": [0],
                "rewards": [1.0],
                "terminated": [False],
                "truncated": [False],
                "next_observations": [SECOND],
                "next_actions": [0],
                "gamma": 0.5,
            },
            "one step from state 0 to 1; row a, column s of a weight is Q(s, a): "
            "y = 1 + 0.5 · 4, Q = 1, so the loss is 2²",
        ),
        Case(
            {
                "theta": [[1.0, 0.0], [3.0, 5.0]],
                "theta_minus": [[2.0, 4.0], [7.0, 8.0]],
                "observations": [FIRST, SECOND],
                "actions": [0, 1],
                "rewards": [1.0, 2.0],
                "terminated": [False, True],
                "truncated": [False, False],
                "next_observations": [SECOND, FIRST],
                "next_actions": [1, 0],
                "gamma": 0.5,
            },
            "two steps, and the second ends the episode: (5 − 1)² + (2 − 5)²",
        ),
        Case(
            {
                "theta": [[1.0, 0.0], [3.0, 5.0]],
                "theta_minus": [[2.0, 4.0], [7.0, 8.0]],
                "observations": [FIRST, SECOND],
                "actions": [0, 1],
                "rewards": [1.0, 2.0],
                "terminated": [False, False],
                "truncated": [False, True],
                "next_observations": [SECOND, FIRST],
                "next_actions": [1, 0],
                "gamma": 0.5,
            },
            "the same, but the time was up: the value beyond counts, (5 − 1)² + "
            "(3 − 5)²",
        ),
    ],
    draw=_draw,
    hints=(
        "Two networks, two tasks: θ says what is believed of the actions that were "
        "taken, θ⁻ says what the target is. Only the first may learn from this loss.",
        "Σ_i (y_i − Q(s_i, a_i; θ))², with y_i = r_i + γ Q(s_{i+1}, a_{i+1}; θ⁻), or "
        "r_i where terminated",
        "with torch.no_grad(): next_q_values = target_network(rollout."
        "next_observations). Then your sarsa_targets; then network(rollout."
        "observations), of which you gather the entries rollout.actions.",
    ),
    properties=[
        Property(
            "no gradient flows into the target network",
            _target_gets_no_gradient,
            "The target is given: θ⁻ changes only when it is copied from θ.",
        ),
        Property(
            "only the values of actions that were taken get a gradient",
            _only_taken_actions_learn,
            "The step says nothing of actions that nobody took.",
        ),
    ],
)


def _parts(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> tuple[Tensor, Tensor]:
    """Targets, through which a gradient may flow, and Q(s_i, a_i); each [T]."""
    chosen = _entries(target_network(rollout.next_observations), _next(rollout))
    targets = rollout.rewards + gamma * chosen * ~rollout.terminated
    return targets, _entries(network(rollout.observations), rollout.actions)


def _entries(q_values: Tensor, actions: Tensor) -> Tensor:
    """One entry of each row: Q(s_i, a_i), [T]."""
    return q_values.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def _next(rollout: Rollout) -> Tensor:
    assert rollout.next_actions is not None
    return rollout.next_actions


@SARSA_LOSS.misconception(
    "A gradient flows into the target network: the target must be a constant. Compute "
    "it under torch.no_grad(), or detach it."
)
def lets_gradient_into_the_target(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    targets, taken = _parts(network, target_network, rollout, gamma)
    return (targets - taken).square().sum()


@SARSA_LOSS.misconception(
    "You computed the target from θ, the network that is learning. Then the target "
    "moves with every update: it belongs to θ⁻, the target network."
)
def takes_both_from_theta(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    return sarsa_loss(network, network, rollout, gamma)


@SARSA_LOSS.misconception(
    "You computed the target from θ and let the gradient flow through it as well. The "
    "target comes from θ⁻, the target network, and is a constant."
)
def differentiates_its_own_target(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    targets, taken = _parts(network, network, rollout, gamma)
    return (targets - taken).square().sum()


@SARSA_LOSS.misconception(
    "You computed everything from θ⁻, so θ, the network that should learn, gets no "
    "gradient. Q(s_i, a_i) comes from network, and only the target from target_network."
)
def takes_both_from_theta_minus(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    return sarsa_loss(target_network, target_network, rollout, gamma)


@SARSA_LOSS.misconception(
    "You swapped the networks: the guess that learns comes from network, θ, and the "
    "target from target_network, θ⁻."
)
def swaps_the_networks(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    return sarsa_loss(target_network, network, rollout, gamma)


@SARSA_LOSS.misconception(
    "Your target is computed at s_i, where the action was chosen. What follows is "
    "worth what θ⁻ says of the next observation, s_{i+1}."
)
def looks_at_the_same_state(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    with torch.no_grad():
        chosen = _entries(target_network(rollout.observations), _next(rollout))
    targets = rollout.rewards + gamma * chosen * ~rollout.terminated
    taken = _entries(network(rollout.observations), rollout.actions)
    return (targets - taken).square().sum()


@SARSA_LOSS.misconception(
    "You compared the target with the greatest Q(s_i, a). What was tried is a_i: its "
    "value alone is to move, so gather the entries of rollout.actions."
)
def corrects_the_best_action(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    targets, _ = _parts(network, target_network, rollout, gamma)
    best: Tensor = network(rollout.observations).amax(-1)
    return (targets.detach() - best).square().sum()


@SARSA_LOSS.misconception(
    "This is the loss of Q-learning: your target takes the maximum at s_{i+1}. Sarsa's "
    "takes the value of rollout.next_actions, the actions executed next."
)
def learns_by_the_maximum(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    with torch.no_grad():
        best: Tensor = target_network(rollout.next_observations).amax(-1)
    targets = rollout.rewards + gamma * best * ~rollout.terminated
    taken = _entries(network(rollout.observations), rollout.actions)
    return (targets - taken).square().sum()


@SARSA_LOSS.misconception(
    "You evaluated the next state with a_i, the action before. There a_{i+1} is taken: "
    "rollout.next_actions."
)
def repeats_the_action(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    with torch.no_grad():
        chosen = _entries(target_network(rollout.next_observations), rollout.actions)
    targets = rollout.rewards + gamma * chosen * ~rollout.terminated
    taken = _entries(network(rollout.observations), rollout.actions)
    return (targets - taken).square().sum()


@SARSA_LOSS.misconception(
    "You took the mean over the steps. The paper adds the gradients of the steps up, "
    "so the loss is a sum."
)
def takes_the_mean_of_squares(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    return sarsa_loss(network, target_network, rollout, gamma) / len(rollout)


@SARSA_LOSS.misconception(
    "You bootstrap where the episode terminated. After a true end there is nothing: "
    "the target is r_i."
)
def ignores_termination(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    with torch.no_grad():
        chosen = _entries(target_network(rollout.next_observations), _next(rollout))
    taken = _entries(network(rollout.observations), rollout.actions)
    return (rollout.rewards + gamma * chosen - taken).square().sum()


@SARSA_LOSS.misconception(
    "You took a truncation for an end. A time limit cuts the recording, not the "
    "future: there the target keeps its second part. Only terminated removes it."
)
def takes_truncation_for_an_end(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    with torch.no_grad():
        chosen = _entries(target_network(rollout.next_observations), _next(rollout))
    ended = rollout.terminated | rollout.truncated
    targets = rollout.rewards + gamma * chosen * ~ended
    taken = _entries(network(rollout.observations), rollout.actions)
    return (targets - taken).square().sum()


@SARSA_LOSS.misconception(
    "You added up the errors themselves, without a square: errors of opposite sign "
    "cancel, and the loss falls without end."
)
def forgets_the_square(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    targets, taken = _parts(network, target_network, rollout, gamma)
    return (targets.detach() - taken).sum()


@SARSA_LOSS.misconception(
    "You have a factor ½. It is usual elsewhere, but the paper's gradient is that of "
    "(y − Q)², and half of it is another gradient (with plain SGD, half the learning "
    "rate)."
)
def halves_the_loss(
    network: nn.Module, target_network: nn.Module, rollout: Rollout, gamma: float
) -> Tensor:
    return sarsa_loss(network, target_network, rollout, gamma) / 2
