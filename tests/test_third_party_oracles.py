"""Our mathematics against other people's implementations of the same.

TorchRL and Stable-Baselines3 are optional: without them their tests are skipped, and
the oracles of PyTorch itself remain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Categorical
from torch.testing import assert_close

from course.losses import entropy, log_probabilities
from course.optim import (
    clip_by_global_norm,
    momentum_sgd_update,
    shared_rmsprop_update,
)
from course.returns import (
    advantages,
    bootstrap_value,
    n_step_returns,
    one_step_targets,
)

GAMMA = 0.9
T, K = 6, 3


@pytest.fixture
def rollout() -> dict[str, torch.Tensor]:
    """K rollouts of T steps, where only the first terminates, at its last step."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(T + 1, K, generator=generator)
    terminated = torch.zeros(T, K, dtype=torch.bool)
    terminated[-1, 0] = True
    rewards = torch.randn(T, K, generator=generator)
    returns = n_step_returns(
        rewards, bootstrap_value(values[-1], terminated[-1]), GAMMA
    )
    return {
        "rewards": rewards,
        "values": values[:-1],
        "next_values": values[1:],
        "terminated": terminated,
        "returns": returns,
    }


# --- TorchRL: its time axis is the last but one, so [T, K] becomes [K, T, 1] ------


def torchrl_shape(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.T.unsqueeze(-1)


@pytest.fixture
def functional() -> Any:
    return pytest.importorskip("torchrl.objectives.value.functional")


def test_one_step_targets_are_torchrl_td0(
    functional: Any, rollout: dict[str, torch.Tensor]
) -> None:
    # Any step may terminate here: one-step targets do not look further.
    terminated = torch.rand(T, K, generator=torch.Generator().manual_seed(1)) < 0.5
    theirs = functional.td0_return_estimate(
        gamma=GAMMA,
        next_state_value=torchrl_shape(rollout["next_values"]),
        reward=torchrl_shape(rollout["rewards"]),
        terminated=torchrl_shape(terminated),
        done=torchrl_shape(terminated),
    )
    ours = one_step_targets(
        rollout["rewards"], rollout["next_values"], terminated, GAMMA
    )
    assert_close(torchrl_shape(ours), theirs)


@pytest.mark.parametrize("name", ["td1_return_estimate", "td_lambda_return_estimate"])
def test_n_step_returns_are_torchrl_td1_and_td_lambda_one(
    functional: Any, rollout: dict[str, torch.Tensor], name: str
) -> None:
    lmbda = {"lmbda": 1.0} if name == "td_lambda_return_estimate" else {}
    # done without terminated is truncation: all rollouts end here, one terminates.
    done = torch.zeros(T, K, dtype=torch.bool)
    done[-1] = True
    theirs = getattr(functional, name)(
        gamma=GAMMA,
        **lmbda,
        next_state_value=torchrl_shape(rollout["next_values"]),
        reward=torchrl_shape(rollout["rewards"]),
        done=torchrl_shape(done),
        terminated=torchrl_shape(rollout["terminated"]),
    )
    assert_close(torchrl_shape(rollout["returns"]), theirs)


def test_advantages_are_torchrl_gae_with_lambda_one(
    functional: Any, rollout: dict[str, torch.Tensor]
) -> None:
    theirs, value_target = functional.generalized_advantage_estimate(
        gamma=GAMMA,
        lmbda=1.0,
        state_value=torchrl_shape(rollout["values"]),
        next_state_value=torchrl_shape(rollout["next_values"]),
        reward=torchrl_shape(rollout["rewards"]),
        done=torchrl_shape(rollout["terminated"]),
        terminated=torchrl_shape(rollout["terminated"]),
    )
    ours = advantages(rollout["returns"], rollout["values"])
    assert_close(torchrl_shape(ours), theirs)
    assert_close(torchrl_shape(rollout["returns"]), value_target)


# --- Stable-Baselines3 ------------------------------------------------------------


def test_returns_and_advantages_are_those_of_stable_baselines3(
    rollout: dict[str, torch.Tensor],
) -> None:
    buffers = pytest.importorskip("stable_baselines3.common.buffers")
    spaces = pytest.importorskip("gymnasium.spaces")
    buffer = buffers.RolloutBuffer(
        T,
        spaces.Box(-1.0, 1.0, (1,)),
        spaces.Discrete(2),
        device="cpu",
        gae_lambda=1.0,
        gamma=GAMMA,
        n_envs=K,
    )
    for rewards, values in zip(rollout["rewards"], rollout["values"], strict=True):
        buffer.add(
            obs=np.zeros((K, 1)),
            action=np.zeros((K, 1)),
            reward=rewards.numpy(),
            episode_start=np.zeros(K),
            value=values,
            log_prob=torch.zeros(K),
        )
    buffer.compute_returns_and_advantage(
        last_values=rollout["next_values"][-1],
        dones=rollout["terminated"][-1].numpy(),
    )
    assert_close(rollout["returns"], torch.from_numpy(buffer.returns))
    ours = advantages(rollout["returns"], rollout["values"])
    assert_close(ours, torch.from_numpy(buffer.advantages))


# --- PyTorch itself ---------------------------------------------------------------


def test_policies_are_torch_categoricals() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 5.0 * torch.randn(T, K, 4, generator=generator)
    actions = torch.randint(4, (T, K), generator=generator)
    theirs = Categorical(logits=logits)
    assert_close(log_probabilities(logits, actions), theirs.log_prob(actions))
    assert_close(entropy(logits), theirs.entropy().sum())


def test_shared_rmsprop_is_torch_rmsprop_without_eps() -> None:
    """Their eps stands outside the root; at 0 the two are the same."""
    theta = torch.tensor([1.0, -2.0, 3.0])
    square_avg = torch.zeros(3)
    parameter = theta.clone().requires_grad_()
    optimiser = torch.optim.RMSprop([parameter], lr=0.01, alpha=0.95, eps=0.0)
    for seed in range(5):
        gradient = torch.randn(3, generator=torch.Generator().manual_seed(seed))
        shared_rmsprop_update(theta, square_avg, gradient, 0.01, 0.95, 0.0)
        parameter.grad = gradient.clone()
        optimiser.step()
    assert_close(theta, parameter.detach())
    assert_close(square_avg, optimiser.state[parameter]["square_avg"])


def test_eps_inside_the_root_is_not_torch_rmsprop() -> None:
    theta, square_avg = torch.zeros(1), torch.zeros(1)
    parameter = torch.zeros(1, requires_grad=True)
    parameter.grad = torch.ones(1)
    torch.optim.RMSprop([parameter], lr=1.0, alpha=0.75, eps=0.75).step()
    shared_rmsprop_update(theta, square_avg, torch.ones(1), 1.0, 0.75, 0.75)
    # g = 0.25. Theirs: -1 / (sqrt(0.25) + 0.75) = -0.8. Ours: -1 / sqrt(1) = -1.
    assert_close(parameter.detach(), torch.tensor([-0.8]))
    assert_close(theta, torch.tensor([-1.0]))


def test_momentum_sgd_is_torch_sgd_with_dampening() -> None:
    theta, momentum = torch.tensor([1.0, -2.0, 3.0]), torch.zeros(3)
    parameter = theta.clone().requires_grad_()
    optimiser = torch.optim.SGD([parameter], lr=0.1, momentum=0.9, dampening=0.9)
    # Theirs starts from the first gradient, ours from 0, as the equation says.
    optimiser.state[parameter]["momentum_buffer"] = torch.zeros(3)
    for seed in range(5):
        gradient = torch.randn(3, generator=torch.Generator().manual_seed(seed))
        momentum_sgd_update(theta, momentum, gradient, 0.1, 0.9, 0.0)
        parameter.grad = gradient.clone()
        optimiser.step()
    assert_close(theta, parameter.detach())
    assert_close(momentum, optimiser.state[parameter]["momentum_buffer"])


@pytest.mark.parametrize("max_norm", [0.5, 4.0, 1000.0])
def test_clipping_is_that_of_torch(max_norm: float) -> None:
    gradient = torch.randn(50, generator=torch.Generator().manual_seed(0))
    # Two parameters share one norm, as they do in our flat vector.
    parts = [torch.zeros(20, requires_grad=True), torch.zeros(30, requires_grad=True)]
    for part, piece in zip(parts, gradient.split([20, 30]), strict=True):
        part.grad = piece.clone()
    their_norm = torch.nn.utils.clip_grad_norm_(parts, max_norm)
    clipped, norm = clip_by_global_norm(gradient, max_norm)
    assert norm == pytest.approx(their_norm.item())
    theirs = torch.cat([part.grad for part in parts if part.grad is not None])
    assert_close(clipped, theirs)
