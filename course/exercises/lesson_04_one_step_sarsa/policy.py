"""Exercises 04.2 and 04.3: the policy that acts, and the mean target under it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import returns
from course.exercises.exercise import Arguments, Case, Exercise, Property
from course.exercises.observe import Seen


def epsilon_greedy_probabilities(q_values: Tensor, epsilon: float) -> Tensor:
    """pi(a|s) of the epsilon-greedy policy, [A] -> [A].

    Every action gets epsilon / A, and the greedy one 1 - epsilon more.
    """
    probabilities = torch.full_like(q_values, epsilon / len(q_values))
    probabilities[q_values.argmax()] += 1.0 - epsilon
    return probabilities


def expected_sarsa_targets(
    rewards: Tensor,
    terminated: Tensor,
    next_q_values: Tensor,
    epsilon: float,
    gamma: float,
) -> Tensor:
    """The mean of Sarsa's target over the next action, [T].

    y_i = r_i where s_{i+1} is terminal, else
    r_i + gamma sum_a pi(a|s_{i+1}) Q(s_{i+1}, a; theta^-), pi being epsilon-greedy.
    """
    greedy = next_q_values.max(-1).values
    uniform = next_q_values.mean(-1)
    expected = (1.0 - epsilon) * greedy + epsilon * uniform
    return returns.one_step_targets(rewards, expected, terminated, gamma)


def draw_step_columns(rng: np.random.Generator) -> dict[str, Any]:
    """What the targets of 04.1 and 04.3 are made of; the episode may end at the end."""
    steps = int(rng.integers(3, 7))
    return {
        "rewards": rng.normal(size=steps),
        "terminated": [False] * (steps - 1) + [bool(rng.integers(2))],
        "next_q_values": rng.normal(size=(steps, 3)),
    }


def _terminal_rows_are_rewards(arguments: Arguments, seen: Seen) -> bool:
    ended = np.asarray(arguments["terminated"], dtype=bool)
    rewards = np.asarray(arguments["rewards"], dtype=float)
    return np.allclose(np.asarray(seen.value)[ended], rewards[ended], atol=1e-5)


TERMINAL_ROWS = Property(
    "where the episode terminated, the target is the reward alone",
    _terminal_rows_are_rewards,
    "Nothing comes after a true end, so there is no value to add: what the network "
    "says of a terminal state is an accident.",
)

PROBABILITIES = Exercise(
    number="04.2",
    name="epsilon_greedy_probabilities",
    title="The policy that acts, as probabilities",
    difficulty=2,
    minutes=6,
    lines=3,
    reference=epsilon_greedy_probabilities,
    cases=[
        Case(
            {"q_values": [1.0, 5.0, 2.0, 0.0], "epsilon": 0.4},
            "four actions, epsilon = 0.4: 0.1 for each, and 0.6 more for the best",
        ),
        Case({"q_values": [3.0, -1.0], "epsilon": 0.0}, "epsilon = 0: the greedy one"),
        Case({"q_values": [3.0, -1.0], "epsilon": 1.0}, "epsilon = 1: any alike"),
        Case(
            {"q_values": [2.0, 7.0, 7.0], "epsilon": 0.3},
            "two equal values: argmax, and so our learner, takes the first of them",
        ),
        Case({"q_values": [4.0], "epsilon": 0.5}, "a single action"),
    ],
    draw=lambda rng: {
        "q_values": rng.normal(size=rng.integers(3, 6)),
        "epsilon": float(rng.uniform(0.1, 0.9)),
    },
    hints=(
        "There are two ways to come to the greedy action: on purpose, and by chance.",
        "π(a) = ε / A for every action, and 1 − ε more for the greedy one",
        "Begin with torch.full_like(q_values, epsilon / len(q_values)) and add to the "
        "entry q_values.argmax().",
    ),
    properties=[
        Property(
            "the probabilities sum to 1",
            lambda arguments, seen: np.isclose(np.sum(seen.value), 1.0, atol=1e-4),
            "Some action is always taken: if the sum is not 1, a way to come to an "
            "action was counted twice or not at all.",
        ),
        Property(
            "no probability is negative",
            lambda arguments, seen: np.min(seen.value) >= -1e-6,
            "A probability lies between 0 and 1.",
        ),
    ],
)


@PROBABILITIES.misconception(
    "You let exploration avoid the greedy action and shared ε among the others. Our "
    "ε-greedy draws from all A actions, so the greedy one gets ε / A as well."
)
def explores_only_the_others(q_values: Tensor, epsilon: float) -> Tensor:
    others = max(len(q_values) - 1, 1)
    probabilities = torch.full_like(q_values, epsilon / others)
    probabilities[q_values.argmax()] = 1.0 - epsilon
    return probabilities


@PROBABILITIES.misconception(
    "You took ε for the probability of being greedy. ε is the probability of "
    "exploring: with ε = 0 the learner is always greedy."
)
def takes_epsilon_for_greed(q_values: Tensor, epsilon: float) -> Tensor:
    return epsilon_greedy_probabilities(q_values, 1.0 - epsilon)


@PROBABILITIES.misconception(
    "Your probabilities do not sum to 1: the greedy action has 1 − ε, but it can also "
    "be drawn at random. That chance is missing."
)
def forgets_the_lucky_draw(q_values: Tensor, epsilon: float) -> Tensor:
    probabilities = torch.full_like(q_values, epsilon / len(q_values))
    probabilities[q_values.argmax()] = 1.0 - epsilon
    return probabilities


@PROBABILITIES.misconception(
    "You gave ε to each of the other actions. ε is the probability of exploring at "
    "all, and it is shared by the A actions."
)
def gives_epsilon_to_each(q_values: Tensor, epsilon: float) -> Tensor:
    probabilities = torch.full_like(q_values, epsilon)
    probabilities[q_values.argmax()] = 1.0 - epsilon
    return probabilities


@PROBABILITIES.misconception(
    "You returned the greedy policy: the best action for certain. Where is ε?"
)
def ignores_epsilon(q_values: Tensor, epsilon: float) -> Tensor:
    return epsilon_greedy_probabilities(q_values, 0.0)


@PROBABILITIES.misconception(
    "You returned a softmax, where better values are more likely. Under ε-greedy only "
    "the order counts: the best one stands out, and all others are alike."
)
def takes_a_softmax(q_values: Tensor, epsilon: float) -> Tensor:
    return torch.softmax(q_values, -1)


@PROBABILITIES.misconception(
    "With two equal values you raised both by 1 − ε, so the sum is more than 1. "
    "A comparison with the maximum can be true more than once; argmax names one action."
)
def raises_every_maximum(q_values: Tensor, epsilon: float) -> Tensor:
    greedy = (q_values == q_values.max()).to(q_values.dtype)
    return epsilon / len(q_values) + (1.0 - epsilon) * greedy


@PROBABILITIES.misconception(
    "You shared the greedy part among equal values. That is a policy as well, but not "
    "the one that acts here: argmax takes the first of the equals."
)
def shares_among_equals(q_values: Tensor, epsilon: float) -> Tensor:
    greedy = (q_values == q_values.max()).to(q_values.dtype)
    return epsilon / len(q_values) + (1.0 - epsilon) * greedy / greedy.sum()


EXPECTED = Exercise(
    number="04.3",
    name="expected_sarsa_targets",
    title="The mean of Sarsa's target over the next action",
    difficulty=3,
    minutes=8,
    lines=4,
    reference=expected_sarsa_targets,
    cases=[
        Case(
            {
                "rewards": [1.0],
                "terminated": [False],
                "next_q_values": [[0.0, 8.0]],
                "epsilon": 0.5,
                "gamma": 0.5,
            },
            "one step: Q is 0 with probability 0.25 and 8 with 0.75, so 1 + 0.5 · 6",
        ),
        Case(
            {
                "rewards": [1.0, 2.0],
                "terminated": [False, True],
                "next_q_values": [[4.0, 0.0, 2.0], [9.0, 6.0, 3.0]],
                "epsilon": 0.0,
                "gamma": 0.5,
            },
            "epsilon = 0: the policy is greedy, and the target that of Q-learning",
        ),
        Case(
            {
                "rewards": [1.0, 2.0],
                "terminated": [False, False],
                "next_q_values": [[4.0, 0.0, 2.0], [9.0, 6.0, 3.0]],
                "epsilon": 1.0,
                "gamma": 0.5,
            },
            "epsilon = 1: all actions alike, so the mean of each row",
        ),
    ],
    draw=lambda rng: {
        **draw_step_columns(rng),
        "epsilon": float(rng.uniform(0.2, 0.8)),
        "gamma": float(rng.uniform(0.3, 0.9)),
    },
    hints=(
        "You need not know which action comes next: you know how likely each one is. "
        "Weigh the values of a row by these probabilities and add them up.",
        "E[Q(s′, a′)] = Σ_a π(a|s′) Q(s′, a) = (1 − ε) max_a Q(s′, a) + ε mean_a Q(s′, "
        "a)",
        "next_q_values.max(-1).values and next_q_values.mean(-1) both have the shape "
        "[T].",
    ),
    properties=[
        TERMINAL_ROWS,
        Property(
            "with epsilon = 0 these are the targets of Q-learning",
            lambda arguments, seen: (
                arguments["epsilon"] != 0.0
                or np.allclose(seen.value, _q_targets(arguments), atol=1e-4)
            ),
            "A policy without exploration always takes the maximum, so the mean over "
            "its actions is the maximum.",
        ),
    ],
)


def _q_targets(arguments: Arguments) -> Any:
    return returns.one_step_q_targets(
        *(arguments["rewards"], arguments["terminated"]),
        *(arguments["next_q_values"], arguments["gamma"]),
    ).numpy()


@EXPECTED.misconception(
    "These are the targets of Q-learning, whatever ε: you took the maximum alone. With "
    "probability ε the next action is any of the A."
)
def ignores_exploration(
    rewards: Tensor, ended: Tensor, next_q: Tensor, epsilon: float, gamma: float
) -> Tensor:
    return rewards + gamma * next_q.amax(-1) * ~ended


@EXPECTED.misconception(
    "You took the plain mean of each row, as if every action were equally likely. The "
    "greedy one is more likely by 1 − ε."
)
def treats_actions_alike(
    rewards: Tensor, ended: Tensor, next_q: Tensor, epsilon: float, gamma: float
) -> Tensor:
    return rewards + gamma * next_q.mean(-1) * ~ended


@EXPECTED.misconception(
    "You have ε the wrong way round: it weighs the mean over all actions, and 1 − ε "
    "weighs the maximum."
)
def swaps_the_weights(
    rewards: Tensor, ended: Tensor, next_q: Tensor, epsilon: float, gamma: float
) -> Tensor:
    return expected_sarsa_targets(rewards, ended, next_q, 1.0 - epsilon, gamma)


@EXPECTED.misconception(
    "You bootstrap beyond the end of an episode. Where terminated is True the target "
    "is the reward alone."
)
def goes_on_after_the_end(
    rewards: Tensor, ended: Tensor, next_q: Tensor, epsilon: float, gamma: float
) -> Tensor:
    expected = (1 - epsilon) * next_q.amax(-1) + epsilon * next_q.mean(-1)
    return rewards + gamma * expected


@EXPECTED.misconception(
    "You averaged over the whole table. Each row is a state of its own: take the mean "
    "over its actions, the last axis."
)
def averages_the_whole_table(
    rewards: Tensor, ended: Tensor, next_q: Tensor, epsilon: float, gamma: float
) -> Tensor:
    expected = (1 - epsilon) * next_q.amax(-1) + epsilon * next_q.mean()
    return rewards + gamma * expected * ~ended


@EXPECTED.misconception(
    "You weighed the sum of a row by ε. A random action is any one of the A, so the "
    "sum is divided by A: ε times the mean."
)
def forgets_to_divide_by_actions(
    rewards: Tensor, ended: Tensor, next_q: Tensor, epsilon: float, gamma: float
) -> Tensor:
    expected = (1 - epsilon) * next_q.amax(-1) + epsilon * next_q.sum(-1)
    return rewards + gamma * expected * ~ended


@EXPECTED.misconception(
    "You let exploration avoid the greedy action. Our ε-greedy draws from all A "
    "actions, the greedy one among them: compare your probabilities of 04.2."
)
def averages_the_others_only(
    rewards: Tensor, ended: Tensor, next_q: Tensor, epsilon: float, gamma: float
) -> Tensor:
    best = next_q.amax(-1)
    others = (next_q.sum(-1) - best) / (next_q.shape[-1] - 1)
    expected = (1 - epsilon) * best + epsilon * others
    return rewards + gamma * expected * ~ended


@EXPECTED.misconception(
    "You left out the discount: the expected value of the next state is multiplied by "
    "γ."
)
def leaves_gamma_out(
    rewards: Tensor, ended: Tensor, next_q: Tensor, epsilon: float, gamma: float
) -> Tensor:
    expected = (1 - epsilon) * next_q.amax(-1) + epsilon * next_q.mean(-1)
    return rewards + expected * ~ended
