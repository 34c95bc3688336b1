"""Tests of `course.networks`: shapes, and how a network lives in one flat vector."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from course.actor_learner import flat_gradient
from course.config import Config
from course.networks import (
    MLP,
    ActorCritic,
    AtariBody,
    QNetwork,
    bind,
    flatten,
    layer,
    make_body,
)

CONFIG = Config(hidden_size=8)
VECTOR = Box(-1.0, 1.0, (3,), np.float32)
FRAMES = Box(0, 255, (4, 84, 84), np.uint8)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return QNetwork(VECTOR, 2, CONFIG)


# --- Shapes and sizes -------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (5,), (5, 2)])
def test_shapes_of_outputs_follow_the_observations(lead: tuple[int, ...]) -> None:
    observations = torch.zeros(*lead, 3)
    assert QNetwork(VECTOR, 2, CONFIG)(observations).shape == (*lead, 2)
    logits, values = ActorCritic(VECTOR, 2, CONFIG)(observations)
    assert (logits.shape, values.shape) == ((*lead, 2), lead)


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_frames_go_through_the_convolutions(lead: tuple[int, ...]) -> None:
    network = ActorCritic(FRAMES, 6, CONFIG)
    assert isinstance(network.body, AtariBody)
    logits, values = network(torch.zeros(*lead, 4, 84, 84, dtype=torch.uint8))
    assert (logits.shape, values.shape) == ((*lead, 6), lead)


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameter_count_of_the_mlp() -> None:
    # Weights and biases: 3·8 + 8, then 8·8 + 8, then 8·2 + 2 for the head.
    assert parameter_count(QNetwork(VECTOR, 2, CONFIG)) == 32 + 72 + 18


def test_parameter_count_of_the_papers_network() -> None:
    # 84 → (84 − 8)/4 + 1 = 20 → (20 − 4)/2 + 1 = 9, so 32·9·9 = 2592 features.
    convolutions = (16 * 4 * 8 * 8 + 16) + (32 * 16 * 4 * 4 + 32)
    heads = (256 * 6 + 6) + (256 + 1)
    count = parameter_count(ActorCritic(FRAMES, 6, CONFIG))
    assert count == convolutions + (2592 * 256 + 256) + heads


def test_the_body_fits_the_observations() -> None:
    assert isinstance(make_body(FRAMES, CONFIG), AtariBody)
    body = make_body(VECTOR, CONFIG)
    assert isinstance(body, MLP)
    assert (body.first.in_features, body.features) == (3, 8)


def test_mlp_is_two_tanh_layers() -> None:
    body = MLP(1, 1)
    bind(body, torch.tensor([2.0, 0.5, -3.0, 1.0]))  # weight, bias, weight, bias
    # tanh(−3 · tanh(2 · 0.1 + 0.5) + 1)
    expected = math.tanh(-3 * math.tanh(0.7) + 1)
    assert_close(body(torch.tensor([0.1])), torch.tensor([expected]))


def test_frames_are_scaled_to_one() -> None:
    # Bytes 0 to 255 and the same picture in floats 0 to 1 must mean the same.
    body = AtariBody((4, 84, 84))
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(
        0, 256, (2, 4, 84, 84), dtype=torch.uint8, generator=generator
    )
    expected = torch.relu(body.hidden(body.convolutions(frames / 255)))
    assert_close(body(frames), expected)
    # Time and environments are folded into one batch and unfolded again.
    assert_close(body(frames[:, None]), expected[:, None])


def test_layers_begin_orthogonal_with_zero_bias() -> None:
    linear = layer(nn.Linear(8, 8), gain=0.5)
    assert_close(linear.weight @ linear.weight.T, 0.25 * torch.eye(8))
    assert not linear.bias.any()


def test_the_first_policy_is_nearly_uniform() -> None:
    torch.manual_seed(0)
    logits, _ = ActorCritic(VECTOR, 4, CONFIG)(torch.ones(3))
    assert logits.abs().max() < 0.05


# --- One flat vector --------------------------------------------------------------


def test_flatten_copies_the_parameters_in_order(network: nn.Module) -> None:
    vector = flatten(network)
    expected = torch.cat([p.detach().reshape(-1) for p in network.parameters()])
    assert torch.equal(vector, expected)
    assert (vector.dtype, vector.requires_grad) == (torch.float32, False)
    vector.zero_()  # a copy: the network stays as it was
    assert torch.equal(flatten(network), expected)


def test_bound_parameters_are_views_of_the_vector(network: nn.Module) -> None:
    vector = flatten(network)
    assert bind(network, vector) is network
    start = 0
    for parameter in network.parameters():
        assert parameter.data_ptr() == vector[start:].data_ptr()
        start += parameter.numel()
    assert start == len(vector)


def test_binding_copies_nothing_into_the_vector(network: nn.Module) -> None:
    vector = torch.arange(float(parameter_count(network)))
    bind(network, vector)
    assert torch.equal(vector, torch.arange(float(len(vector))))
    assert torch.equal(flatten(network), vector)


def test_writing_into_the_vector_changes_the_output(network: nn.Module) -> None:
    observation = torch.ones(3)
    vector = flatten(network)
    bind(network, vector)
    before = network(observation).detach()
    vector[-2:] += 1.0  # the two biases of the head
    assert_close(network(observation), before + 1.0)
    vector.zero_()
    assert not network(observation).any()


def test_two_networks_share_one_vector(network: nn.Module) -> None:
    vector = flatten(network)
    twin = bind(QNetwork(VECTOR, 2, CONFIG), vector)
    bind(network, vector)
    vector.mul_(-0.5)
    observation = torch.tensor([0.1, -0.2, 0.3])
    assert torch.equal(network(observation), twin(observation))


def test_a_bound_network_still_learns(network: nn.Module) -> None:
    # The gradient step of an ordinary optimiser lands in the vector.
    vector = flatten(network)
    bind(network, vector)
    before = vector.clone()
    network(torch.ones(3)).sum().backward()
    gradient = torch.cat([p.grad.reshape(-1) for p in network.parameters()])  # type: ignore[union-attr]
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    assert_close(vector, before - 0.1 * gradient)


@given(index=st.integers(0, 32 + 72 + 18 - 1))
def test_the_gradients_order_is_the_parameters_order(index: int) -> None:
    # The slope along one entry of the vector, by finite differences in float64,
    # is that entry of the flat gradient.
    torch.manual_seed(0)
    network = QNetwork(VECTOR, 2, CONFIG).double()
    vector = torch.cat([p.detach().reshape(-1) for p in network.parameters()])
    bind(network, vector)
    observation = torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64)

    def loss() -> torch.Tensor:
        q_values: torch.Tensor = network(observation)
        return (q_values * torch.tensor([1.0, -2.0])).sum()

    gradient = flat_gradient(loss(), network)
    step = 1e-6
    vector[index] += step
    above = loss().item()
    vector[index] -= 2 * step
    below = loss().item()
    assert gradient[index].item() == pytest.approx((above - below) / (2 * step))


def test_flat_gradient_leaves_no_grad_behind(network: nn.Module) -> None:
    flat_gradient(network(torch.ones(3)).sum(), network)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_flat_gradient_is_zero_where_the_loss_does_not_look() -> None:
    torch.manual_seed(0)
    network = ActorCritic(VECTOR, 2, CONFIG)
    _, value = network(torch.ones(3))
    gradient = flat_gradient(value, network)
    # The order of θ: body (32 + 72), policy head (18), value head (9).
    assert not gradient[104:122].any()
    assert_close(gradient[-1], torch.tensor(1.0))  # the bias of the value
    assert len(gradient) == parameter_count(network)


def test_a_loss_without_gradient_is_refused(network: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"^The loss has no gradient: .* detach"):
        flat_gradient(network(torch.ones(3)).sum().detach(), network)
