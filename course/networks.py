"""Networks of the course, and how a network lives in one flat vector.

`QNetwork` maps observations to action values; `ActorCritic` shares one body between
a softmax policy and a value (section 4 of the paper). Vectors go through a small
multilayer perceptron, Atari frames through the paper's convolutions.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar, cast

import gymnasium
import torch
from torch import Tensor, nn

from course.config import Config

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


class MLP(nn.Module):
    """Two tanh layers for observations that are vectors: `[..., n] -> [..., h]`."""

    def __init__(self, inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.first = layer(nn.Linear(inputs, hidden_size))
        self.second = layer(nn.Linear(hidden_size, hidden_size))
        self.features = hidden_size

    def forward(self, observations: Tensor) -> Tensor:
        """Features `[..., hidden_size]` of observations `[..., inputs]`."""
        # Plain functions: calling sub-modules would double the cost of one action.
        hidden = torch.tanh(
            nn.functional.linear(observations, self.first.weight, self.first.bias)
        )
        return torch.tanh(
            nn.functional.linear(hidden, self.second.weight, self.second.bias)
        )


class AtariBody(nn.Module):
    """The paper's convolutions: 16 of 8×8 stride 4, 32 of 4×4 stride 2, 256 units."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            layer(nn.Conv2d(shape[0], 16, kernel_size=8, stride=4)),
            nn.ReLU(),
            layer(nn.Conv2d(16, 32, kernel_size=4, stride=2)),
            nn.ReLU(),
            nn.Flatten(),
        )
        with torch.no_grad():
            flat = self.convolutions(torch.zeros(1, *shape)).shape[1]
        self.hidden = layer(nn.Linear(flat, 256))
        self.features = 256

    def forward(self, observations: Tensor) -> Tensor:
        """Features `[..., 256]` of uint8 frames `[..., channels, height, width]`."""
        lead = observations.shape[:-3]
        frames = observations.reshape(-1, *observations.shape[-3:]).float() / 255
        return torch.relu(self.hidden(self.convolutions(frames))).reshape(*lead, -1)


class QNetwork(nn.Module):
    """Action values Q(s, ·; θ)."""

    def __init__(self, space: gymnasium.Space[Any], num_actions: int, config: Config):
        super().__init__()
        self.body = make_body(space, config)
        self.head = layer(nn.Linear(self.body.features, num_actions), gain=0.01)

    def forward(self, observations: Tensor) -> Tensor:
        """Action values `[..., num_actions]` of observations `[..., *shape]`."""
        return cast(Tensor, self.head(self.body(observations)))


class ActorCritic(nn.Module):
    """The policy π(·|s; θ) and the value V(s; θ_v), one body, two linear heads."""

    def __init__(self, space: gymnasium.Space[Any], num_actions: int, config: Config):
        super().__init__()
        self.body = make_body(space, config)
        # A small policy head: training starts from a nearly uniform policy.
        self.policy = layer(nn.Linear(self.body.features, num_actions), gain=0.01)
        self.value = layer(nn.Linear(self.body.features, 1), gain=1.0)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[..., num_actions]` and values `[...]` of observations."""
        features = self.body(observations)
        return self.policy(features), self.value(features).squeeze(-1)


def make_body(space: gymnasium.Space[Any], config: Config) -> MLP | AtariBody:
    """The layers that fit the observations: convolutions for frames, else an MLP."""
    shape = cast(tuple[int, ...], space.shape)
    if len(shape) == 3:
        return AtariBody(shape)
    return MLP(math.prod(shape), config.hidden_size)


def layer(module: Layer, gain: float = math.sqrt(2)) -> Layer:
    """Orthogonal weights and zero biases, the usual start for actor-critics."""
    nn.init.orthogonal_(module.weight, gain)
    assert module.bias is not None
    nn.init.zeros_(module.bias)
    return module


def flatten(network: nn.Module) -> Tensor:
    """A copy of all parameters as one float32 vector `[P]`."""
    return nn.utils.parameters_to_vector(network.parameters()).detach().clone()


def bind(network: nn.Module, vector: Tensor) -> nn.Module:
    """Makes the network's parameters views of `vector` `[P]`; nothing is copied.

    Whoever writes into the vector changes the network: with a vector in shared
    memory, this is how one θ serves many processes.
    """
    start = 0
    for parameter in network.parameters():
        stop = start + parameter.numel()
        parameter.data = vector[start:stop].view_as(parameter)
        start = stop
    return network
