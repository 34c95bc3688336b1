"""Tiny networks and rollouts from plain lists, for losses that need both.

A case holds numbers that can be followed by hand: weights, and the columns of a
rollout. `call_with_networks` makes networks and a `Rollout` of them, calls

    function(network, ..., rollout, everything else in the case, in its order)

and observes the loss, its gradients by the weights, and what the call has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course.exercises.observe import Driver, Seen, as_plain, gradients_of, same
from course.rollout import Rollout

Weights = Sequence[Sequence[float]]
Networks = tuple[tuple[nn.Module, ...], dict[str, Tensor]]

COLUMNS = (
    *("observations", "actions", "rewards", "terminated", "truncated"),
    *("next_observations", "next_actions"),
)
"""The fields of a rollout, by the names that a case gives them."""


class TinyActorCritic(nn.Module):
    """Logits and a value, each linear in the observation, nothing shared."""

    def __init__(self, policy_weights: Weights, value_weights: Sequence[float]) -> None:
        super().__init__()
        self.policy = tiny_q_network(policy_weights)
        self.value = tiny_q_network([value_weights])

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[..., A]` and values `[...]` of observations `[..., features]`."""
        return self.policy(observations), self.value(observations).squeeze(-1)


def tiny_q_network(weights: Weights) -> nn.Linear:
    """Q(s, a) = the sum over features j of weights[a][j] s[j], without a bias.

    Args:
        weights: `[A, features]`.
    """
    matrix = torch.as_tensor(np.array(weights), dtype=torch.float32)
    # Not in the default type: a student may have chosen another.
    network = nn.Linear(
        matrix.shape[1], matrix.shape[0], bias=False, dtype=torch.float32
    )
    with torch.no_grad():
        network.weight.copy_(matrix)
    return network


def tiny_actor_critic(
    policy_weights: Weights, value_weights: Sequence[float]
) -> TinyActorCritic:
    """A network that returns (logits `[T, A]`, values `[T]`).

    Args:
        policy_weights: `[A, features]`.
        value_weights: `[features]`.
    """
    return TinyActorCritic(policy_weights, value_weights)


def tiny_rollout(
    observations: Sequence[Sequence[float]],
    actions: Sequence[int],
    rewards: Sequence[float],
    terminated: Sequence[bool],
    truncated: Sequence[bool],
    next_observations: Sequence[Sequence[float]],
    next_actions: Sequence[int] | None = None,
) -> Rollout:
    """A rollout of one environment, lists in, tensors `[T, ...]` out."""
    return Rollout(
        _tensor(observations, torch.float32),
        _tensor(actions, torch.int64),
        _tensor(rewards, torch.float32),
        _tensor(terminated, torch.bool),
        _tensor(truncated, torch.bool),
        _tensor(next_observations, torch.float32),
        None if next_actions is None else _tensor(next_actions, torch.int64),
    )


def rollout_of(arguments: Mapping[str, Any]) -> Rollout:
    """The rollout in a case's arguments; `next_actions` may be missing."""
    return tiny_rollout(
        **{name: arguments[name] for name in COLUMNS & arguments.keys()}
    )


def draw_transitions(
    rng: np.random.Generator,
    num_features: int = 2,
    num_actions: int = 3,
    next_actions: bool = False,
) -> dict[str, Any]:
    """The columns of a random rollout of 3 to 5 steps that follow upon each other.

    Its last step ends the episode, cuts it off, or neither.

    Args:
        rng: Draws the numbers.
        num_features: Numbers in an observation.
        num_actions: A.
        next_actions: Whether the rollout holds a_{i+1}, as Sarsa's does.
    """
    steps = int(rng.integers(3, 6))
    states = rng.normal(size=(steps + 1, num_features)).round(2).tolist()
    actions = rng.integers(num_actions, size=steps + 1).tolist()
    ending = rng.integers(3)
    columns = {
        "observations": states[:-1],
        "actions": actions[:-1],
        "rewards": rng.normal(size=steps).round(2).tolist(),
        "terminated": [False] * (steps - 1) + [bool(ending == 0)],
        "truncated": [False] * (steps - 1) + [bool(ending == 1)],
        "next_observations": states[1:],
    }
    return columns | ({"next_actions": actions[1:]} if next_actions else {})


def two_q_networks(arguments: Mapping[str, Any]) -> Networks:
    """(θ, θ⁻) from a case with `theta` and `theta_minus`, each `[A, features]`."""
    online = tiny_q_network(arguments["theta"])
    target = tiny_q_network(arguments["theta_minus"])
    weights = {"theta": online.weight, "theta_minus": target.weight}
    return (online, target), dict(weights)


def one_actor_critic(arguments: Mapping[str, Any]) -> Networks:
    """One network from a case with `policy_weights` and `value_weights`."""
    network = tiny_actor_critic(arguments["policy_weights"], arguments["value_weights"])
    weights = {
        "policy_weights": network.policy.weight,
        "value_weights": network.value.weight,
    }
    return (network,), dict(weights)


def call_with_networks(build: Callable[[Mapping[str, Any]], Networks]) -> Driver:
    """Observes a loss of networks and a rollout.

    `Seen.value` is the loss, `Seen.gradients` its gradients by the name of the weights
    in the case (None where no gradient flows).

    Args:
        build: `two_q_networks` or `one_actor_critic`: from the case to the networks,
            in the order in which the function takes them, and their weights by name.
    """

    def call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Seen:
        networks, weights = build(arguments)
        rollout = rollout_of(arguments)
        given: dict[str, Any] = {name: getattr(rollout, name) for name in COLUMNS}
        given |= weights
        before = {name: as_plain(value) for name, value in given.items()}
        others = [value for name, value in arguments.items() if name not in given]
        output = function(*networks, rollout, *others)
        after = {name: as_plain(value) for name, value in given.items()}
        changed = {
            name: value
            for name, value in after.items()
            if not same(value, before[name], rtol=0.0, atol=0.0)
        }
        gradients = gradients_of(output, weights)
        return Seen("returned", as_plain(output), gradients, changed)

    return call


def _tensor(values: Sequence[Any], dtype: torch.dtype) -> Tensor:
    return torch.as_tensor(np.array(values), dtype=dtype)
