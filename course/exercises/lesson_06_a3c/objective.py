"""The whole objective of A3C.

It is what a learner differentiates once for each rollout: Algorithm S3 of the paper
with the entropy bonus of its section 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course import losses, returns
from course.exercises.exercise import Case, Exercise, Property
from course.exercises.networks import (
    call_with_networks,
    draw_transitions,
    one_actor_critic,
)
from course.rollout import Rollout

Net = nn.Module


def a3c_loss(
    network: nn.Module,
    rollout: Rollout,
    gamma: float,
    value_coef: float,
    entropy_coef: float,
) -> Tensor:
    """Policy loss + value_coef · value loss − β · entropy (Algorithm S3, section 4).

    Args:
        network: From observations `[T, *shape]` to logits `[T, A]` and values `[T]`.
        rollout: T steps of one environment; only its last step may end the episode.
        gamma: Discount.
        value_coef: Weight of the value loss.
        entropy_coef: β, weight of the entropy bonus.

    Returns:
        0-d tensor, to be minimised.
    """
    with torch.no_grad():
        _, last_value = network(rollout.next_observations[-1])
    after_end = returns.bootstrap_value(last_value, rollout.terminated[-1])
    targets = returns.n_step_returns(rollout.rewards, after_end, gamma)
    logits, values = network(rollout.observations)
    log_probs = losses.log_probabilities(logits, rollout.actions)
    return (
        losses.policy_loss(log_probs, returns.advantages(targets, values))
        + value_coef * losses.value_loss(values, targets)
        - entropy_coef * losses.entropy(logits)
    )


# Two states, s_0 = [1, 0] and s_1 = [0, 1]; behind them s_2 = [1, 1]. Both logits are
# equal everywhere, so each action has probability 1/2; V is 1, 2 and, behind, 3.
_BY_HAND: dict[str, Any] = {
    "policy_weights": [[1.0, 2.0], [1.0, 2.0]],
    "value_weights": [1.0, 2.0],
    "observations": [[1.0, 0.0], [0.0, 1.0]],
    "actions": [0, 1],
    "rewards": [1.0, 2.0],
    "terminated": [False, False],
    "truncated": [False, False],
    "next_observations": [[0.0, 1.0], [1.0, 1.0]],
    "gamma": 0.5,
    "value_coef": 0.5,
    "entropy_coef": 0.1,
}


def _draw(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "policy_weights": (1.5 * rng.normal(size=(3, 2))).round(2).tolist(),
        "value_weights": (1.5 * rng.normal(size=2)).round(2).tolist(),
        **draw_transitions(rng),
        "gamma": float(rng.uniform(0.5, 0.9)),
        "value_coef": float(rng.uniform(0.2, 0.8)),
        "entropy_coef": float(rng.uniform(0.1, 0.5)),
    }


A3C_LOSS = Exercise(
    number="06.5",
    name="a3c_loss",
    title="The whole objective of A3C",
    difficulty=4,
    minutes=15,
    lines=9,
    reference=a3c_loss,
    driver=call_with_networks(one_actor_critic),
    cases=[
        Case(
            {**_BY_HAND, "terminated": [False, True], "entropy_coef": 0.0},
            "the episode ended and β = 0: returns 2 and 2, values 1 and 2, so "
            "log 2 · (1 + 0) + 0.5 · (1 + 0)",
        ),
        Case(
            {**_BY_HAND, "terminated": [False, True]},
            "the same with β = 0.1: the entropy, 2 log 2, is subtracted 0.1 times",
        ),
        Case(_BY_HAND, "the rollout was cut: R begins with V(s_2) = 3"),
        Case(
            {**_BY_HAND, "truncated": [False, True]},
            "a time limit cut the episode off: as if only the rollout had been cut",
        ),
    ],
    draw=_draw,
    hints=(
        "One rollout, one number: first the returns, which are constants, then three "
        "losses that you have, each with its weight. What behind the rollout still "
        "counts depends on whether the episode truly ended.",
        "−Σ log π(aᵢ|sᵢ) Aᵢ + value_coef · Σ (Rᵢ − V(sᵢ))² − β Σ H(π(·|sᵢ)),  with "
        "Aᵢ = Rᵢ − V(sᵢ) constant, Rᵢ = rᵢ + γ Rᵢ₊₁, and R_T = 0 or V(s_T)",
        "logits, values = network(rollout.observations); under torch.no_grad(): "
        "_, last_value = network(rollout.next_observations[-1])",
    ),
    properties=[
        Property(
            "the critic's weights learn from the value loss alone",
            lambda arguments, seen: np.allclose(
                seen.gradients["value_weights"],
                _gradient_of_the_critic(arguments),
                rtol=1e-3,
                atol=1e-4,
            ),
            "In the policy loss the advantage is a constant, and so is the bootstrap "
            "in the return. Here nothing is shared between actor and critic, so the "
            "critic's gradient is −2 · value_coef · Σ (Rᵢ − V(sᵢ)) ∇V(sᵢ).",
        )
    ],
)


def _gradient_of_the_critic(arguments: Any) -> np.ndarray[Any, Any]:
    """−2 value_coef Σ (R_i − V(s_i)) s_i: V is linear in the observation."""
    weights = np.asarray(arguments["value_weights"])
    observations = np.asarray(arguments["observations"])
    following = np.asarray(arguments["next_observations"])[-1] @ weights
    following *= not arguments["terminated"][-1]
    gradient = np.zeros((1, len(weights)))
    for observation, reward in zip(
        observations[::-1], arguments["rewards"][::-1], strict=True
    ):
        following = reward + arguments["gamma"] * following
        gradient -= 2 * (following - observation @ weights) * observation
    scaled: np.ndarray[Any, Any] = arguments["value_coef"] * gradient
    return scaled


def _returns(rollout: Rollout, gamma: float, following: Tensor) -> Tensor:
    """The recursion, through which a gradient may flow."""
    backwards = []
    for reward in rollout.rewards.flip(0):
        following = reward + gamma * following
        backwards.append(following)
    return torch.stack(backwards[::-1])


def _behind(net: Net, rollout: Rollout) -> Tensor:
    """V(s_T), 0 at a true end, with its gradient."""
    value: Tensor = net(rollout.next_observations[-1])[1]
    return value * ~rollout.terminated[-1]


def _sum(
    net: Net,
    rollout: Rollout,
    targets: Tensor,
    value_coef: float,
    entropy_coef: float,
) -> Tensor:
    """The three losses for returns that are found in another way."""
    logits, values = net(rollout.observations)
    log_probs = losses.log_probabilities(logits, rollout.actions)
    return (
        losses.policy_loss(log_probs, targets - values)
        + value_coef * losses.value_loss(values, targets)
        - entropy_coef * losses.entropy(logits)
    )


@A3C_LOSS.misconception(
    "You bootstrap although the episode ended. Behind a true end nothing follows: R "
    "begins with 0. Where does the rollout say so?"
)
def bootstraps_past_the_end(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    value = net(rollout.next_observations[-1])[1].detach()
    targets = _returns(rollout, gamma, value)
    return _sum(net, rollout, targets, value_coef, beta)


@A3C_LOSS.misconception(
    "You never bootstrap, as if every rollout ended its episode. Where it was only "
    "cut, R begins with V(s_T): what is still to come."
)
def begins_with_nothing(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    targets = _returns(rollout, gamma, torch.tensor(0.0))
    return _sum(net, rollout, targets, value_coef, beta)


@A3C_LOSS.misconception(
    "You take a time limit for an end. A truncated episode would have gone on, so its "
    "last state has a value: look at terminated only."
)
def takes_truncated_for_terminated(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    value = _behind(net, rollout).detach() * ~rollout.truncated[-1]
    targets = _returns(rollout, gamma, value)
    return _sum(net, rollout, targets, value_coef, beta)


@A3C_LOSS.misconception(
    "You bootstrap from the state in which the last action was taken. Its reward is "
    "counted already: you want the state behind it."
)
def bootstraps_one_state_early(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    value = net(rollout.observations[-1])[1].detach() * ~rollout.terminated[-1]
    targets = _returns(rollout, gamma, value)
    return _sum(net, rollout, targets, value_coef, beta)


@A3C_LOSS.misconception(
    "These are one-step targets, r + γ V(s'), for every step. In A3C only the state "
    "behind the whole rollout is valued; the rewards between are known."
)
def looks_one_step_ahead(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    next_values = net(rollout.next_observations)[1]
    targets = returns.one_step_targets(
        rollout.rewards, next_values, rollout.terminated, gamma
    )
    return _sum(net, rollout, targets, value_coef, beta)


@A3C_LOSS.misconception(
    "A gradient flows from the policy loss into the critic: its values bend to make "
    "the policy loss small. The advantage must be a constant."
)
def lets_the_advantage_flow(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    targets = _returns(rollout, gamma, _behind(net, rollout).detach())
    logits, values = net(rollout.observations)
    log_probs = losses.log_probabilities(logits, rollout.actions)
    actor: Tensor = -(log_probs * (targets - values)).sum()
    critic = losses.value_loss(values, targets)
    return actor + value_coef * critic - beta * losses.entropy(logits)


@A3C_LOSS.misconception(
    "A gradient flows into the bootstrap V(s_T). The return is a target and holds "
    "still: compute its end without a graph."
)
def lets_the_bootstrap_flow(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    targets = _returns(rollout, gamma, _behind(net, rollout))
    logits, values = net(rollout.observations)
    log_probs = losses.log_probabilities(logits, rollout.actions)
    actor = losses.policy_loss(log_probs, (targets - values).detach())
    critic: Tensor = (targets - values).square().sum()
    return actor + value_coef * critic - beta * losses.entropy(logits)


@A3C_LOSS.misconception(
    "You weighed the log probabilities with the returns: that is REINFORCE. A3C "
    "subtracts what the critic expected, V(s), and learns from the difference."
)
def forgets_the_baseline(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    targets = _returns(rollout, gamma, _behind(net, rollout).detach())
    logits, values = net(rollout.observations)
    log_probs = losses.log_probabilities(logits, rollout.actions)
    critic = losses.value_loss(values, targets)
    actor = losses.policy_loss(log_probs, targets)
    return actor + value_coef * critic - beta * losses.entropy(logits)


@A3C_LOSS.misconception(
    "The entropy's sign: the bonus is to be climbed, and a loss descends. As it "
    "stands, the policy is rewarded for making up its mind."
)
def adds_the_entropy(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    return a3c_loss(net, rollout, gamma, value_coef, -beta)


@A3C_LOSS.misconception(
    "The entropy bonus is missing. It is not in Algorithm S3; section 4 adds it."
)
def leaves_out_the_entropy(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    return a3c_loss(net, rollout, gamma, value_coef, 0.0)


@A3C_LOSS.misconception(
    "The value loss has no weight: multiply it by value_coef, so that actor and critic "
    "can be balanced in the body they share."
)
def leaves_out_value_coef(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    return a3c_loss(net, rollout, gamma, 1.0, beta)


@A3C_LOSS.misconception(
    "You divided by the number of steps. Algorithm S3 adds up; where a mean is wanted, "
    "the training loop divides."
)
def divides_by_the_length(
    net: Net, rollout: Rollout, gamma: float, value_coef: float, beta: float
) -> Tensor:
    loss = a3c_loss(net, rollout, gamma, value_coef, beta)
    return loss / len(rollout.rewards)
