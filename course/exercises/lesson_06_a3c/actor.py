"""What the actor learns from: log probabilities and the policy loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import losses
from course.exercises.exercise import Arguments, Case, Exercise, Property
from course.exercises.observe import Seen, calling


def _draw_logits(rng: np.random.Generator) -> dict[str, Any]:
    steps = int(rng.integers(3, 7))
    return {
        "logits": 2 * rng.normal(size=(steps, 3)),
        "actions": rng.integers(3, size=steps),
    }


def _log_3(times: float) -> float:
    return times * float(np.log(3.0))


LOG_PROBABILITIES = Exercise(
    number="06.1",
    name="log_probabilities",
    title="How likely was what I did?",
    difficulty=2,
    minutes=7,
    lines=2,
    reference=losses.log_probabilities,
    driver=calling(gradients=("logits",)),
    cases=[
        Case(
            {"logits": [[0.0, 0.0], [0.0, _log_3(1.0)]], "actions": [0, 1]},
            "probabilities 1/2, 1/2 and then 1/4, 3/4: log 1/2 and log 3/4",
        ),
        Case(
            {"logits": [[5.0, 5.0, 5.0]], "actions": [2]},
            "equal logits, whatever they are: each of three actions has 1/3",
        ),
        Case(
            {"logits": [[0.0, 200.0], [200.0, 0.0]], "actions": [0, 0]},
            "an action that is all but impossible: its logarithm is -200, not -inf",
        ),
    ],
    draw=_draw_logits,
    hints=(
        "A softmax turns the logits of one step into probabilities that sum to 1. You "
        "need the logarithm of one of them: that of the action taken.",
        "log π(a|s) = logit_a − log Σ_b exp(logit_b)",
        "torch.log_softmax(logits, -1) does it safely; .gather(-1, actions[:, None]) "
        "picks one number of each row, as a column.",
    ),
    properties=[
        Property(
            "no log probability is above 0",
            lambda arguments, seen: bool(np.all(np.asarray(seen.value) <= 1e-5)),
            "A probability is at most 1, so its logarithm is at most 0.",
        ),
        Property(
            "adding the same number to all logits of a step changes nothing: the "
            "gradients of a row sum to 0",
            lambda arguments, seen: np.allclose(
                np.sum(seen.gradients["logits"], axis=-1), 0.0, atol=1e-4
            ),
            "A softmax only knows differences between logits. Making one action more "
            "likely makes the others less likely.",
        ),
    ],
)


@LOG_PROBABILITIES.misconception(
    "You took the logarithm of a softmax. A small probability underflows to 0 first, "
    "and log 0 is -inf; its gradient is NaN and ends a training. There is one function "
    "that does both steps at once, safely."
)
def takes_the_log_of_a_softmax(logits: Tensor, actions: Tensor) -> Tensor:
    return torch.softmax(logits, -1).log().gather(-1, actions[:, None])[:, 0]


@LOG_PROBABILITIES.misconception(
    "You returned probabilities. The policy gradient needs their logarithms, for "
    "∇ log π = ∇π / π: dividing by π makes up for how seldom a rare action is drawn."
)
def forgets_the_log(logits: Tensor, actions: Tensor) -> Tensor:
    return torch.softmax(logits, -1).gather(-1, actions[:, None])[:, 0]


@LOG_PROBABILITIES.misconception(
    "You returned the logits of the actions. They are not normalised: without the "
    "softmax, raising one action would not lower the others."
)
def returns_the_logits(logits: Tensor, actions: Tensor) -> Tensor:
    return logits.gather(-1, actions[:, None])[:, 0]


@LOG_PROBABILITIES.misconception(
    "Your softmax runs over the steps of the rollout (axis 0). The probabilities of "
    "the actions in one state sum to 1: that is the last axis."
)
def normalises_over_the_steps(logits: Tensor, actions: Tensor) -> Tensor:
    return torch.log_softmax(logits, 0).gather(-1, actions[:, None])[:, 0]


@LOG_PROBABILITIES.misconception(
    "You returned the log probability of every action, [T, A]. Only one action was "
    "taken in each step: pick it."
)
def keeps_all_actions(logits: Tensor, actions: Tensor) -> Tensor:
    return torch.log_softmax(logits, -1)


@LOG_PROBABILITIES.misconception(
    "Indexing with [:, actions] takes all these columns in every row: [T, T]. You want "
    "from row i the column actions[i] alone."
)
def indexes_every_row_with_all_actions(logits: Tensor, actions: Tensor) -> Tensor:
    return torch.log_softmax(logits, -1)[:, actions]


@LOG_PROBABILITIES.misconception(
    "You took the most likely action of each step. What counts is the action that was "
    "drawn and led to the rewards, likely or not."
)
def takes_the_likeliest_action(logits: Tensor, actions: Tensor) -> Tensor:
    return torch.log_softmax(logits, -1).amax(-1)


@LOG_PROBABILITIES.misconception(
    "You added up the steps already. Each step has an advantage of its own to be "
    "multiplied by, so keep them apart: the shape is [T]."
)
def adds_up_the_steps(logits: Tensor, actions: Tensor) -> Tensor:
    return losses.log_probabilities(logits, actions).sum()


@LOG_PROBABILITIES.misconception(
    "The numbers are right, but the gradient is cut off: no detach, no numpy and no "
    "no_grad here, for this is the very thing through which the policy learns."
)
def cuts_the_gradient(logits: Tensor, actions: Tensor) -> Tensor:
    return losses.log_probabilities(logits, actions).detach()


def _draw_policy(rng: np.random.Generator) -> dict[str, Any]:
    steps = int(rng.integers(3, 7))
    return {
        "log_probs": -rng.uniform(0.1, 3.0, size=steps),
        "advantages": rng.normal(size=steps) + 0.3,
    }


def _nothing_flows(name: str) -> Any:
    def holds(arguments: Arguments, seen: Seen) -> bool:
        return seen.gradients[name] is None or not np.any(seen.gradients[name])

    return holds


POLICY_LOSS = Exercise(
    number="06.2",
    name="policy_loss",
    title="More of what went better than expected",
    difficulty=2,
    minutes=8,
    lines=1,
    reference=losses.policy_loss,
    driver=calling(gradients=("log_probs", "advantages")),
    cases=[
        Case(
            {"log_probs": [-1.0, -2.0], "advantages": [3.0, -1.0]},
            "a good step and a bad one: −(−1 · 3 + −2 · −1) = 1",
        ),
        Case({"log_probs": [-0.5], "advantages": [2.0]}, "one good step: 0.5 · 2"),
        Case(
            {"log_probs": [-1.0, -3.0], "advantages": [0.0, 0.0]},
            "all went as expected: there is nothing to learn",
        ),
    ],
    draw=_draw_policy,
    hints=(
        "The paper climbs along ∇ log π · (R − V). An optimiser descends, so turn the "
        "sign; and only the policy may learn from this loss.",
        "loss = − Σᵢ log π(aᵢ|sᵢ) Aᵢ, with Aᵢ a constant",
        "advantages.detach() has the same numbers, and no gradient flows through it.",
    ),
    properties=[
        Property(
            "no gradient flows into the advantages",
            _nothing_flows("advantages"),
            "The advantage must be a constant: no gradient may flow from the policy "
            "loss into the critic, which would learn to make the loss small instead of "
            "learning the returns.",
        ),
        Property(
            "descending makes a step of positive advantage more likely, and one of "
            "negative advantage less likely",
            lambda arguments, seen: bool(
                np.all(
                    np.asarray(seen.gradients["log_probs"])
                    * np.asarray(arguments["advantages"])
                    <= 1e-6
                )
            ),
            "The gradient at log π(a|s) is what descending subtracts: minus the "
            "advantage.",
        ),
    ],
)


@POLICY_LOSS.misconception(
    "The sign: the paper climbs, an optimiser descends. As it stands, it makes what "
    "went well less likely."
)
def forgets_the_minus(log_probs: Tensor, advantages: Tensor) -> Tensor:
    return (log_probs * advantages.detach()).sum()


@POLICY_LOSS.misconception(
    "You took the mean. Algorithm S3 adds dθ up step by step: a sum. (Where a mean is "
    "wanted, the training loop divides.)"
)
def takes_the_mean(log_probs: Tensor, advantages: Tensor) -> Tensor:
    return -(log_probs * advantages.detach()).mean()


@POLICY_LOSS.misconception(
    "The advantage must be a constant: in your loss a gradient flows through it into "
    "the critic. The number is the same, and the learning is not: cut it off."
)
def lets_the_gradient_into_the_advantages(
    log_probs: Tensor, advantages: Tensor
) -> Tensor:
    return -(log_probs * advantages).sum()


@POLICY_LOSS.misconception(
    "You cut off the wrong one: the policy learns through log π, which must keep its "
    "gradient; it is the advantage that is a constant."
)
def detaches_the_wrong_one(log_probs: Tensor, advantages: Tensor) -> Tensor:
    return -(log_probs.detach() * advantages).sum()


@POLICY_LOSS.misconception(
    "The advantages are missing: you make every action that was taken more likely, "
    "however it turned out."
)
def ignores_the_advantages(log_probs: Tensor, advantages: Tensor) -> Tensor:
    return -log_probs.sum() + 0 * advantages.detach().sum()


@POLICY_LOSS.misconception(
    "You multiplied two sums. Each step's log probability goes with its own advantage: "
    "multiply first, then add up."
)
def multiplies_two_sums(log_probs: Tensor, advantages: Tensor) -> Tensor:
    return -log_probs.sum() * advantages.detach().sum()


@POLICY_LOSS.misconception(
    "You turned the log probabilities back into probabilities. The policy gradient is "
    "∇ log π · A: use them as they come."
)
def takes_the_exponential(log_probs: Tensor, advantages: Tensor) -> Tensor:
    return -(log_probs.exp() * advantages.detach()).sum()


@POLICY_LOSS.misconception(
    "You dropped the steps of negative advantage. That it went worse than expected is "
    "as good a lesson: such an action is to become less likely."
)
def learns_only_from_success(log_probs: Tensor, advantages: Tensor) -> Tensor:
    return -(log_probs * advantages.detach().clamp(min=0.0)).sum()


@POLICY_LOSS.misconception(
    "You returned one loss for each step. An optimiser descends on one number: add the "
    "steps up."
)
def returns_a_loss_for_each_step(log_probs: Tensor, advantages: Tensor) -> Tensor:
    return -(log_probs * advantages.detach())
