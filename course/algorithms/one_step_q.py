"""Asynchronous one-step Q-learning: Algorithm 1 of the paper.

    repeat                                              where
      a ← ε-greedy on Q(s, ·; θ)                        act, at the shared θ
      observe s', r                                     Collector.collect
      y = r                      if s' is terminal      targets, at θ⁻
          r + γ max_a' Q(s', a'; θ⁻)  otherwise
      dθ ← dθ + ∂(y − Q(s, a; θ))² / ∂θ                 loss, at the shared θ
      T ← T + 1, t ← t + 1                              actor_learner
      if T mod I_target == 0: θ⁻ ← θ                    Shared.refresh_target_if_due
      if t mod I_AsyncUpdate == 0 or s is terminal:     actor_learner
         update θ with dθ, without a lock; dθ ← 0       Shared.apply
    until T > T_max

There is no θ′: the learner acts and differentiates at the shared θ, which others may
change at any moment. The I_AsyncUpdate gradients are computed as one batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course.algorithms.algorithm import Algorithm
from course.config import Config
from course.exploration import epsilon_greedy
from course.losses import td_loss
from course.networks import QNetwork
from course.optim import shared_rmsprop_update
from course.returns import one_step_q_targets
from course.rollout import Rollout


def objective(
    algorithm: Algorithm,
    network: nn.Module,
    target_network: nn.Module | None,
    rollout: Rollout,
    config: Config,
) -> Tensor:
    """The sum of squared one-step errors, (y − Q(s, a; θ))²."""
    assert target_network is not None
    with torch.no_grad():  # y is a constant: no gradient reaches θ⁻
        next_q_values = target_network(rollout.next_observations)
    targets = algorithm.targets(
        rollout.rewards, rollout.terminated, next_q_values, config.gamma
    )
    q_values = network(rollout.observations)
    loss: Tensor = algorithm.loss(q_values, rollout.actions, targets)
    return loss


ONE_STEP_Q = Algorithm(
    name="one_step_q",
    objective=objective,
    functions={
        "make_network": QNetwork,
        "act": epsilon_greedy,
        "targets": one_step_q_targets,
        "loss": td_loss,
        "update": shared_rmsprop_update,
    },
    snapshot=False,
    target_network=True,
    defaults={
        "gamma": 0.98,
        "update_period": 32,
        "target_period": 2_000,
        "learning_rate": 1e-3,
        "eps": 1e-5,
        "max_grad_norm": 0.5,
        "mean_loss": True,
        "reward_scale": 0.1,
        "final_epsilon": 0.01,
        "epsilon_anneal_steps": 50_000,
    },
)
