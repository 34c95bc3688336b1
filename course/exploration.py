"""How actions are chosen, and how exploration fades.

Random numbers come only from the generator passed in, so that a run can be repeated.

Source: Mnih et al. (2016), "Asynchronous Methods for Deep Reinforcement Learning",
sections 4 and 5.1.
"""

from __future__ import annotations

import torch

from course import validate
from course.validate import TensorLike

FINAL_EPSILONS = (0.1, 0.01, 0.5)
"""Where the exploration of a learner can end; every learner draws one of them."""

PROBABILITIES = (0.4, 0.3, 0.3)
"""How likely each of `FINAL_EPSILONS` is."""


def epsilon_greedy(
    q_values: TensorLike, epsilon: float, generator: torch.Generator
) -> torch.Tensor:
    """With probability epsilon a uniformly random action, else argmax_a Q(s, a).

    The random action can be the greedy one, which is therefore taken with probability
    1 - epsilon + epsilon / A.

    Args:
        q_values: Q(s, .), [..., A].
        epsilon: probability of a random action, from 0 to 1.
        generator: source of the random numbers. Each call draws equally many,
            whatever epsilon, so that runs with different epsilons stay comparable.

    Returns:
        Actions, int64, [...].

    Raises:
        ValueError: for a wrong shape, a NaN, or an epsilon outside [0, 1].
    """
    q_values = validate.action_tensor("q_values", q_values)
    epsilon = validate.probability("epsilon", epsilon)
    *batch, num_actions = q_values.shape
    explores = torch.rand(batch, generator=generator) < epsilon
    random_actions = torch.randint(num_actions, batch, generator=generator)
    return torch.where(explores, random_actions, q_values.argmax(-1))


def sample_actions(logits: TensorLike, generator: torch.Generator) -> torch.Tensor:
    """Draw a ~ pi(. | s), where pi is the softmax of the logits (Algorithm S3).

    Args:
        logits: the policy's unnormalised scores, [..., A]; -inf forbids an action.
        generator: source of the random numbers.

    Returns:
        Actions, int64, [...].

    Raises:
        ValueError: for a wrong shape or a NaN.
    """
    logits = validate.action_tensor("logits", logits)
    # multinomial takes one or two axes only.
    probs = torch.softmax(logits, -1).reshape(-1, logits.shape[-1])
    return torch.multinomial(probs, 1, generator=generator).reshape(logits.shape[:-1])


def sample_final_epsilon(generator: torch.Generator) -> float:
    """Draw the epsilon at which one actor-learner's schedule ends.

    Different learners explore differently, which makes them see different parts of
    the environment: 0.1, 0.01 or 0.5 with probability 0.4, 0.3 and 0.3. A learner draws
    once; the paper speaks of sampling it periodically.

    Args:
        generator: source of the random number.

    Returns:
        One of `FINAL_EPSILONS`.
    """
    probs = torch.tensor(PROBABILITIES)
    return FINAL_EPSILONS[int(torch.multinomial(probs, 1, generator=generator))]


def linear_schedule(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> float:
    """Go in a straight line from `initial` to `final`, then stay there.

    initial + (final - initial) T / anneal_steps, for T up to anneal_steps. It serves
    epsilon (1 to the final epsilon) and the learning rate (eta to 0 over the run).

    Args:
        initial: value at step 0.
        final: value from step `anneal_steps` on.
        global_step: T, in agent steps of all learners together.
        anneal_steps: length of the slope in the same steps; 0 means `final` at once.

    Returns:
        The value at `global_step`.

    Raises:
        ValueError: for a NaN, or negative steps.
    """
    initial, final = (
        validate.number("initial", initial),
        validate.number("final", final),
    )
    step = validate.non_negative("global_step", global_step)
    length = validate.non_negative("anneal_steps", anneal_steps)
    if step >= length:
        return final
    return initial + (final - initial) * step / length
