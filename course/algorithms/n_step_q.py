"""Asynchronous n-step Q-learning: Algorithm S2 of the paper, in our words.

    repeat                                              where
      dθ ← 0;  θ' ← θ;  t_start = t                     actor_learner ("pull")
      repeat                                            Collector.collect ("act")
        a_t ← ε-greedy on Q(s_t, ·; θ')                 act
        receive r_t and s_{t+1};  t ← t + 1, T ← T + 1
      until s_t is terminal or t − t_start == t_max
      R = 0                  for terminal s_t           targets, at θ⁻
          max_a Q(s_t, a; θ⁻)  otherwise
      for i = t − 1 down to t_start:
        R ← r_i + γ R                                   targets
        dθ ← dθ + ∂(R − Q(s_i, a_i; θ'))² / ∂θ'         loss, at the snapshot θ'
      update θ with dθ, without a lock                  Shared.apply ("push")
      if T mod I_target == 0: θ⁻ ← θ                    Shared.refresh_target_if_due
    until T > T_max

Each step gets the longest return that the rollout allows: the last a one-step return,
the one before it a two-step return, and so on.
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
from course.returns import n_step_q_targets
from course.rollout import Rollout, split_at_episode_ends


def objective(
    algorithm: Algorithm,
    network: nn.Module,
    target_network: nn.Module | None,
    rollout: Rollout,
    config: Config,
) -> Tensor:
    """The sum of squared n-step errors, (R − Q(s_i, a_i; θ'))²."""
    assert target_network is not None
    pieces = split_at_episode_ends(rollout)
    with torch.no_grad():  # R is a constant: no gradient reaches θ⁻
        bootstrap_q_values = target_network(pieces.last_observations)
    targets = algorithm.targets(
        pieces.rewards, bootstrap_q_values, pieces.terminated, config.gamma
    )
    q_values = network(rollout.observations)
    loss: Tensor = algorithm.loss(q_values, rollout.actions, pieces.merge(targets))
    return loss


N_STEP_Q = Algorithm(
    name="n_step_q",
    objective=objective,
    functions={
        "make_network": QNetwork,
        "act": epsilon_greedy,
        "targets": n_step_q_targets,
        "loss": td_loss,
        "update": shared_rmsprop_update,
    },
    snapshot=True,
    target_network=True,
    defaults={
        "gamma": 0.98,
        "t_max": 32,
        "target_period": 2_000,
        "learning_rate": 2e-3,
        "eps": 1e-5,
        "max_grad_norm": 10.0,
        "mean_loss": True,
        "reward_scale": 0.1,
        "final_epsilon": 0.01,
        "epsilon_anneal_steps": 50_000,
    },
)
