"""Asynchronous advantage actor-critic, A3C: Algorithm S3 of the paper.

    repeat                                              where
      dθ ← 0, dθ_v ← 0;  θ' ← θ, θ_v' ← θ_v             actor_learner ("pull")
      repeat                                            Collector.collect ("act")
        a_t ~ π(·|s_t; θ')                              act
        receive r_t and s_{t+1};  t ← t + 1, T ← T + 1
      until s_t is terminal or t − t_start == t_max
      R = 0            for terminal s_t                 bootstrap_value
          V(s_t; θ_v')  otherwise
      for i = t − 1 down to t_start:
        R ← r_i + γ R                                   n_step_returns
        dθ ← dθ + ∇ log π(a_i|s_i; θ') (R − V(s_i; θ_v'))   policy_loss, advantages
        dθ_v ← dθ_v + ∂(R − V(s_i; θ_v'))² / ∂θ_v'          value_loss
      update θ with dθ and θ_v with dθ_v, without a lock    Shared.apply ("push")
    until T > T_max

θ ascends and θ_v descends, so `policy_loss` carries a minus sign and one minimised
sum serves both; the value loss is weighted by `value_coef`. The entropy bonus β H(π)
comes from section 4 of the paper. The policy and the value share a body, and there is
no θ⁻.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course.algorithms.algorithm import Algorithm
from course.config import Config
from course.exploration import sample_actions
from course.losses import entropy, log_probabilities, policy_loss, value_loss
from course.networks import ActorCritic
from course.optim import shared_rmsprop_update
from course.returns import advantages, bootstrap_value, n_step_returns
from course.rollout import Rollout, split_at_episode_ends


def act(
    output: tuple[Tensor, Tensor], epsilon: float, generator: torch.Generator
) -> Tensor:
    """Draws a ~ π(·|s; θ'); exploration comes from the policy, so ε is not used."""
    logits, _ = output
    return sample_actions(logits, generator)


def objective(
    algorithm: Algorithm,
    network: nn.Module,
    target_network: nn.Module | None,
    rollout: Rollout,
    config: Config,
) -> Tensor:
    """Policy loss + value_coef · value loss − β · entropy, at the snapshot θ'."""
    pieces = split_at_episode_ends(rollout)
    with torch.no_grad():  # R is a constant
        _, last_values = network(pieces.last_observations)
    returns = pieces.merge(
        algorithm.n_step_returns(
            pieces.rewards,
            algorithm.bootstrap_value(last_values, pieces.terminated),
            config.gamma,
        )
    )
    logits, values = network(rollout.observations)
    log_probs = log_probabilities(logits, rollout.actions)
    loss: Tensor = (
        algorithm.policy_loss(log_probs, algorithm.advantages(returns, values))
        + config.value_coef * algorithm.value_loss(values, returns)
        - config.entropy_coef * algorithm.entropy(logits)
    )
    return loss


A3C = Algorithm(
    name="a3c",
    objective=objective,
    functions={
        "make_network": ActorCritic,
        "act": act,
        "n_step_returns": n_step_returns,
        "bootstrap_value": bootstrap_value,
        "advantages": advantages,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "update": shared_rmsprop_update,
    },
    snapshot=True,
    target_network=False,
    defaults={
        "gamma": 0.98,
        "t_max": 32,
        "learning_rate": 3e-3,
        "eps": 1e-5,
        "max_grad_norm": 0.5,
        "mean_loss": True,
        "reward_scale": 0.1,
        "entropy_coef": 0.001,
    },
)
