"""The critic's loss, and the entropy bonus."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import losses
from course.exercises.exercise import Case, Exercise, Property
from course.exercises.observe import calling


def _draw_values(rng: np.random.Generator) -> dict[str, Any]:
    steps = int(rng.integers(3, 7))
    return {
        "values": rng.normal(size=steps),
        "returns": rng.normal(size=steps) + 0.5,
    }


VALUE_LOSS = Exercise(
    number="06.3",
    name="value_loss",
    title="How wrong was the critic?",
    difficulty=1,
    minutes=5,
    lines=1,
    reference=losses.value_loss,
    driver=calling(gradients=("values", "returns")),
    cases=[
        Case(
            {"values": [1.0, 2.0], "returns": [3.0, 1.0]},
            "off by 2 and by −1: 4 + 1",
        ),
        Case({"values": [0.5], "returns": [-1.0]}, "one step, off by −1.5: 2.25"),
        Case({"values": [2.0, -1.0], "returns": [2.0, -1.0]}, "a perfect critic"),
    ],
    draw=_draw_values,
    hints=(
        "The critic is to say beforehand what the return will be. The return is what "
        "happened: a constant that V moves towards.",
        "loss = Σᵢ (Rᵢ − V(sᵢ))², without a factor ½",
        "(returns.detach() - values) has shape [T]; square it, then sum.",
    ),
    properties=[
        Property(
            "no gradient flows into the returns",
            lambda arguments, seen: (
                seen.gradients["returns"] is None
                or not np.any(seen.gradients["returns"])
            ),
            "The end of a return is itself a value of the network, the bootstrap. If a "
            "gradient flowed there, the critic could also bend the future to fit its "
            "guess, instead of its guess to fit the future.",
        ),
        Property(
            "the gradient at V(s) is −2 (R − V)",
            lambda arguments, seen: np.allclose(
                seen.gradients["values"],
                -2
                * (np.asarray(arguments["returns"]) - np.asarray(arguments["values"])),
                rtol=1e-3,
                atol=1e-4,
            ),
            "Descending then moves V towards R, the faster the further it is off.",
        ),
    ],
)


@VALUE_LOSS.misconception(
    "You took the mean. Algorithm S3 adds dθ_v up step by step: a sum."
)
def averages_the_errors(values: Tensor, returns: Tensor) -> Tensor:
    return (returns.detach() - values).square().mean()


@VALUE_LOSS.misconception(
    "You put a ½ in front. Many programs do; Algorithm S3 does not, so the gradient "
    "has its factor 2. How much the critic weighs is said elsewhere, by value_coef."
)
def halves_the_square(values: Tensor, returns: Tensor) -> Tensor:
    return 0.5 * losses.value_loss(values, returns)


@VALUE_LOSS.misconception(
    "A gradient flows into the returns. They are the target, and a target holds still: "
    "cut them off, for their end is a value of the same network."
)
def lets_the_gradient_into_the_returns(values: Tensor, returns: Tensor) -> Tensor:
    return (returns - values).square().sum()


@VALUE_LOSS.misconception(
    "You cut off the values, so the critic never learns. It is the returns that are "
    "constants."
)
def freezes_the_critic(values: Tensor, returns: Tensor) -> Tensor:
    return (returns - values.detach()).square().sum()


@VALUE_LOSS.misconception(
    "You added up the errors' sizes without squaring them. Then V would move towards "
    "the median of the returns; the value is their mean, to which squares lead."
)
def takes_absolute_errors(values: Tensor, returns: Tensor) -> Tensor:
    return (returns.detach() - values).abs().sum()


@VALUE_LOSS.misconception(
    "You added the errors up and squared their sum. An error of +1 and one of −1 then "
    "look like none: square each of them first."
)
def squares_the_sum(values: Tensor, returns: Tensor) -> Tensor:
    return (returns.detach() - values).sum().square()


@VALUE_LOSS.misconception(
    "The square is missing: descending on this sum makes every V as large as it can be."
)
def forgets_the_square(values: Tensor, returns: Tensor) -> Tensor:
    return (returns.detach() - values).sum()


@VALUE_LOSS.misconception(
    "The sign: the policy climbs, the critic descends, and an error is what is to "
    "become small. No minus here."
)
def climbs_the_error(values: Tensor, returns: Tensor) -> Tensor:
    return -losses.value_loss(values, returns)


@VALUE_LOSS.misconception(
    "You returned one error for each step. An optimiser descends on one number."
)
def keeps_the_steps_apart(values: Tensor, returns: Tensor) -> Tensor:
    return (returns.detach() - values).square()


def _draw_logits(rng: np.random.Generator) -> dict[str, Any]:
    return {"logits": 1.5 * rng.normal(size=(rng.integers(2, 6), 3))}


ENTROPY = Exercise(
    number="06.4",
    name="entropy",
    title="How undecided is the policy?",
    difficulty=3,
    minutes=8,
    lines=2,
    reference=losses.entropy,
    driver=calling(gradients=("logits",)),
    cases=[
        Case({"logits": [[0.0, 0.0]]}, "two actions, quite undecided: log 2 = 0.693"),
        Case(
            {"logits": [[0.0, 0.0], [1.0, 1.0]]},
            "two such steps: 2 log 2, for the entropies of a rollout are added up",
        ),
        Case(
            {"logits": [[0.0, float(np.log(3.0))]]},
            "probabilities 1/4 and 3/4: −(¼ log ¼ + ¾ log ¾) = 0.562",
        ),
        Case(
            {"logits": [[200.0, 0.0]]},
            "all but certain: 0, and not NaN",
        ),
    ],
    draw=_draw_logits,
    hints=(
        "The entropy of a step is the mean surprise, −log π(a), where each action "
        "counts as often as it is drawn: π(a) times.",
        "H = − Σ_a π(a|s) log π(a|s), added up over the steps",
        "log_probs = torch.log_softmax(logits, -1) are all the logarithms at once, "
        "and log_probs.exp() the probabilities.",
    ),
    properties=[
        Property(
            "it lies between 0 and T log A",
            lambda arguments, seen: (
                -1e-4
                <= float(np.asarray(seen.value).reshape(()))
                <= len(arguments["logits"]) * np.log(len(arguments["logits"][0])) + 1e-4
            ),
            "A certain action has no surprise, and nothing is less decided than a "
            "policy that takes all A actions alike.",
        ),
    ],
)


@ENTROPY.misconception(
    "The sign: logarithms of probabilities are negative, so the minus makes the "
    "entropy positive. (It is the loss that subtracts it.)"
)
def forgets_the_minus_sign(logits: Tensor) -> Tensor:
    return -losses.entropy(logits)


@ENTROPY.misconception(
    "You took the mean over the steps. Like the other two losses, the entropy of a "
    "rollout is a sum; else β would weigh less, the longer the rollout."
)
def averages_over_the_steps(logits: Tensor) -> Tensor:
    return losses.entropy(logits) / len(logits)


@ENTROPY.misconception(
    "You count in bits, with log₂. The course's β belongs to the natural logarithm."
)
def counts_in_bits(logits: Tensor) -> Tensor:
    return losses.entropy(logits) / float(np.log(2.0))


@ENTROPY.misconception(
    "You added up the surprises −log π(a) of all actions alike. Each counts as often "
    "as it happens: weigh it with π(a)."
)
def forgets_to_weigh(logits: Tensor) -> Tensor:
    return -torch.log_softmax(logits, -1).sum()


@ENTROPY.misconception(
    "You took the logarithm of a softmax. Where a probability underflows to 0 this is "
    "0 times -inf: NaN. One function of torch does both steps safely."
)
def takes_the_logarithm_of_zero(logits: Tensor) -> Tensor:
    probs = torch.softmax(logits, -1)
    return -(probs * probs.log()).sum()


@ENTROPY.misconception(
    "Your softmax runs over the steps (axis 0). The probabilities of the actions in "
    "one state sum to 1: the last axis."
)
def compares_the_steps(logits: Tensor) -> Tensor:
    log_probs = torch.log_softmax(logits, 0)
    return -(log_probs.exp() * log_probs).sum()


@ENTROPY.misconception(
    "You multiplied the probabilities by the logits. These are not normalised: "
    "log π(a) is the logit minus the logarithm of a sum."
)
def weighs_the_logits(logits: Tensor) -> Tensor:
    return -(torch.softmax(logits, -1) * logits).sum()


@ENTROPY.misconception(
    "You returned one entropy for each step. Add them up over the rollout."
)
def keeps_one_for_each_step(logits: Tensor) -> Tensor:
    log_probs = torch.log_softmax(logits, -1)
    return -(log_probs.exp() * log_probs).sum(-1)


@ENTROPY.misconception(
    "The number is right, but no gradient flows to the logits, so the bonus does "
    "nothing: no detach, numpy or no_grad here."
)
def stops_the_gradient(logits: Tensor) -> Tensor:
    return losses.entropy(logits).detach()
