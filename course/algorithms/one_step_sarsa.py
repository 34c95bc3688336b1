"""Asynchronous one-step Sarsa: Algorithm 1 with another target.

      y = r                   if s' is terminal
          r + γ Q(s', a'; θ⁻)  otherwise

where a' is the action that is really taken in s'. It is therefore chosen before the
update and executed next, even if the update changes the learner's mind: the
collector's `look_ahead` does that. All else is one-step Q-learning, line by line.
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
from course.returns import sarsa_targets
from course.rollout import Rollout


def objective(
    algorithm: Algorithm,
    network: nn.Module,
    target_network: nn.Module | None,
    rollout: Rollout,
    config: Config,
) -> Tensor:
    """The sum of squared one-step errors with the value of the action taken."""
    assert target_network is not None
    with torch.no_grad():  # y is a constant: no gradient reaches θ⁻
        next_q_values = target_network(rollout.next_observations)
    targets = algorithm.targets(
        *(rollout.rewards, rollout.terminated),
        *(next_q_values, rollout.next_actions, config.gamma),
    )
    q_values = network(rollout.observations)
    loss: Tensor = algorithm.loss(q_values, rollout.actions, targets)
    return loss


ONE_STEP_SARSA = Algorithm(
    name="one_step_sarsa",
    objective=objective,
    functions={
        "make_network": QNetwork,
        "act": epsilon_greedy,
        "targets": sarsa_targets,
        "loss": td_loss,
        "update": shared_rmsprop_update,
    },
    snapshot=False,
    target_network=True,
    look_ahead=True,
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
