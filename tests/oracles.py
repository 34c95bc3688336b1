"""Slow oracles in the paper's notation: one step, one graph, one gradient at a time.

Each function below is the inner part of a pseudocode, from "observe s', r" to the last
"dθ ← dθ + ...", for one environment after the other. Nothing here calls `course`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn


def slow_returns(
    rewards: list[float],
    terminated: list[bool],
    truncated: list[bool],
    V_next: list[float],
    gamma: float,
) -> list[float]:
    """R_i of every step of one environment; V_next[i] is the value of s_{i+1}."""
    T = len(rewards)
    R = [0.0] * T
    for i in range(T):
        discount = 1.0
        for j in range(i, T):
            R[i] += discount * rewards[j]
            discount *= gamma
            if terminated[j]:
                break
            if truncated[j] or j == T - 1:
                R[i] += discount * V_next[j]
                break
    return R


def gradient(scalar: Tensor, network: nn.Module) -> Tensor:
    """∂scalar/∂θ as one vector, by `backward` and `.grad`."""
    network.zero_grad()
    scalar.backward()
    return torch.cat(
        [
            (torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1).clone()
            for p in network.parameters()
        ]
    )


def one_step_q(Q: nn.Module, Q_target: nn.Module, rollout: Any, gamma: float) -> Tensor:
    """Algorithm 1: dθ ← dθ + ∂(y − Q(s,a;θ))²/∂θ, y = r + γ max_a' Q(s',a';θ⁻)."""

    def y(r: Tensor, s1: Tensor, a1: Tensor | None, terminal: bool) -> Tensor:
        return r if terminal else r + gamma * Q_target(s1).max().detach()

    return _algorithm_1(Q, rollout, y)


def one_step_sarsa(
    Q: nn.Module, Q_target: nn.Module, rollout: Any, gamma: float
) -> Tensor:
    """Algorithm 1 with y = r + γ Q(s',a';θ⁻), a' the action taken in s'."""

    def y(r: Tensor, s1: Tensor, a1: Tensor | None, terminal: bool) -> Tensor:
        return r if terminal else r + gamma * Q_target(s1)[a1].detach()

    return _algorithm_1(Q, rollout, y)


def _algorithm_1(
    Q: nn.Module,
    rollout: Any,
    y: Callable[[Tensor, Tensor, Tensor | None, bool], Tensor],
) -> Tensor:
    d_theta = torch.zeros(sum(p.numel() for p in Q.parameters())).double()
    for column in columns(rollout):
        for s, a, r, terminal, _, s1, a1 in column:
            target = y(r, s1, a1, terminal)
            d_theta += gradient((target - Q(s)[a]) ** 2, Q)
    return d_theta


def n_step_q(Q: nn.Module, Q_target: nn.Module, rollout: Any, gamma: float) -> Tensor:
    """Algorithm S2: dθ ← dθ + ∂(R − Q(s_i,a_i;θ'))²/∂θ'."""
    d_theta = torch.zeros(sum(p.numel() for p in Q.parameters())).double()
    for steps, s_t, terminal in unbroken(rollout):
        R = torch.zeros(()) if terminal else Q_target(s_t).max().detach()
        for s, a, r, *_ in reversed(steps):
            R = r + gamma * R
            d_theta += gradient((R - Q(s)[a]) ** 2, Q)
    return d_theta


def a3c(
    network: nn.Module,
    rollout: Any,
    gamma: float,
    value_coef: float,
    beta: float,
) -> Tensor:
    """Algorithm S3, with the entropy of section 4; the gradient to descend.

    dθ ← dθ + ∇ log π(a_i|s_i;θ') (R − V(s_i;θ_v')) climbs, and
    dθ_v ← dθ_v + ∂(R − V(s_i;θ_v'))²/∂θ_v' descends. π and V share a body, so one
    vector takes value_coef dθ_v − dθ.
    """
    P = sum(p.numel() for p in network.parameters())
    d_theta, d_theta_v = torch.zeros(P).double(), torch.zeros(P).double()

    def pi(s: Tensor) -> Tensor:
        return torch.softmax(network(s)[0], 0)

    def V(s: Tensor) -> Tensor:
        value: Tensor = network(s)[1]
        return value

    for steps, s_t, terminal in unbroken(rollout):
        R = torch.zeros(()) if terminal else V(s_t).detach()
        for s, a, r, *_ in reversed(steps):
            R = r + gamma * R
            advantage = (R - V(s)).item()
            d_theta += gradient(pi(s)[a].log(), network) * advantage
            d_theta += beta * gradient(-(pi(s) * pi(s).log()).sum(), network)
            d_theta_v += gradient((R - V(s)) ** 2, network)
    return value_coef * d_theta_v - d_theta


Step = tuple[Any, ...]  # s_i, a_i, r_i, terminated, truncated, s_{i+1}, a_{i+1}


def columns(rollout: Any) -> list[list[Step]]:
    """The steps of each environment: a rollout [T] is that of one."""
    together = rollout.rewards.ndim == 1

    def cell(field: Tensor | None, i: int, k: int) -> Any:
        if field is None:
            return None
        return field[i] if together else field[i, k]

    fields = (
        *(rollout.observations, rollout.actions, rollout.rewards),
        *(rollout.terminated, rollout.truncated),
        *(rollout.next_observations, rollout.next_actions),
    )
    return [
        [
            tuple(cell(field, i, k) for field in fields)
            for i in range(len(rollout.rewards))
        ]
        for k in range(1 if together else rollout.rewards.shape[1])
    ]


def unbroken(rollout: Any) -> Iterator[tuple[list[Step], Tensor, bool]]:
    """Stretches of steps that the loop of S2 and S3 would see as one rollout.

    Each comes with the observation after its last step, and whether that is terminal.
    """
    for column in columns(rollout):
        steps: list[Step] = []
        for step in column:
            steps.append(step)
            _, _, _, terminated, truncated, s1, _ = step
            if terminated or truncated or step is column[-1]:
                yield steps, s1, bool(terminated)
                steps = []
