"""Exercises on exploration, whose functions draw random numbers (lesson 03).

Such a function is called many times and its answers are counted. Two right ones may use
the generator differently, so their shares agree only up to noise; the tolerances below
are about four of its standard deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from course import exploration
from course.exercises.exercise import Case, Exercise, Property
from course.exercises.observe import Seen, as_plain, same

CALLS, FEWER_CALLS = 250, 100  # of epsilon_greedy; the fewer if epsilon is small
LONG_LOOK, SHORT_LOOK = 2_000, 40  # calls of sample_final_epsilon
LONG_SEED = 8  # of the one long look; the course's own comes close to the mix with it
AGAIN = 12  # calls repeated with the same seed


@contextmanager
def _global_numbers_kept() -> Iterator[None]:
    """What a wrong function draws from torch's own source is the same each time."""
    before = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def count_actions(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Seen:
    """Driver: how often each action comes, and whether a seed fixes the actions."""
    q_values = torch.tensor(np.asarray(arguments["q_values"]), dtype=torch.float32)
    before = as_plain(q_values)
    epsilon = arguments["epsilon"]

    def play(calls: int) -> list[float]:
        generator = torch.Generator().manual_seed(int(arguments["generator"]))
        return [float(function(q_values, epsilon, generator)) for _ in range(calls)]

    with _global_numbers_kept():
        actions = play(CALLS if epsilon > 0.2 else FEWER_CALLS if epsilon else AGAIN)
        again = play(AGAIN)
    shares = [np.mean([a == action for a in actions]) for action in range(len(before))]
    value = {
        "share of each action": np.array(shares),
        "same seed, same answers": actions[:AGAIN] == again,
    }
    after = as_plain(q_values)
    unchanged = same(after, before, rtol=0.0, atol=0.0)
    return Seen("returned", value, {}, {} if unchanged else {"q_values": after})


def count_values(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Seen:
    """Driver: which values come, and in the long look how often each of the mix."""
    seed = int(arguments["generator"])

    def play(calls: int) -> list[float]:
        generator = torch.Generator().manual_seed(seed)
        return [round(float(function(generator)), 4) for _ in range(calls)]

    with _global_numbers_kept():
        drawn = play(LONG_LOOK if seed == LONG_SEED else SHORT_LOOK)
        again = play(AGAIN)
    different = sorted(set(drawn))
    value: dict[str, Any] = {
        "values": different if len(different) <= 4 else "more than four values",
        "same seed, same answers": drawn[:AGAIN] == again,
    }
    if seed == LONG_SEED:
        value["shares"] = {
            str(each): float(np.mean([abs(d - each) < 1e-4 for d in drawn]))
            for each in exploration.FINAL_EPSILONS
        }
    return Seen("returned", value)


SAME_SEED = Property(
    "the same seed gives the same answers",
    lambda arguments, seen: seen.value["same seed, same answers"],
    "Only then can a run be repeated. Draw only from the generator passed in.",
)


def _draw_values_and_epsilon(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "q_values": rng.permutation(2.0 * np.arange(rng.integers(2, 5))),
        "epsilon": float(rng.uniform(0.05, 0.15)),
        "generator": int(rng.integers(10_000)),
    }


EPSILON_GREEDY = Exercise(
    number="03.1",
    name="epsilon_greedy",
    title="Choose the best action, or now and then any action",
    difficulty=2,
    minutes=10,
    lines=4,
    reference=exploration.epsilon_greedy,
    cases=[
        Case(
            {"q_values": [1.0, 4.0, 2.0], "epsilon": 0.0, "generator": 1},
            "epsilon = 0: always the greedy action, 1",
        ),
        Case(
            {"q_values": [2.0, 0.0, 1.0], "epsilon": 1.0, "generator": 2},
            f"epsilon = 1, {CALLS} calls: each of the three actions about 1/3",
        ),
        Case(
            {"q_values": [0.0, 5.0], "epsilon": 0.5, "generator": 3},
            f"epsilon = 0.5, two actions, {CALLS} calls: about 1/4 and 3/4",
        ),
    ],
    draw=_draw_values_and_epsilon,
    hints=(
        "Throw a coin that shows 'explore' with probability epsilon. If it does, every "
        "action is as likely as any other, the greedy one too.",
        "a = any action, each 1/A, with probability ε; argmaxₐ Q(s, a) otherwise",
        "torch.rand((), generator=generator) < epsilon is the coin; "
        "torch.randint(A, (), generator=generator) is any action",
    ),
    driver=count_actions,
    properties=[
        Property(
            "with epsilon = 0 the greedy action is always taken",
            lambda arguments, seen: (
                arguments["epsilon"] > 0
                or seen.value["share of each action"][np.argmax(arguments["q_values"])]
                == 1
            ),
            "epsilon is the probability of exploring; at 0 nothing is left to chance.",
        ),
        SAME_SEED,
    ],
    rtol=0.0,
    atol=0.18,
)


def _any_action(q_values: Tensor, generator: Generator) -> Tensor:
    return torch.randint(len(q_values), (), generator=generator)


def _explores(epsilon: float, generator: Generator) -> bool:
    return bool(torch.rand((), generator=generator) < epsilon)


@EPSILON_GREEDY.misconception(
    "You took epsilon for the probability of the greedy action. It is the probability "
    "of a random one: at epsilon = 1, where training begins, all is chance. Look at "
    "the direction of your comparison."
)
def takes_epsilon_as_the_greedy_probability(
    q_values: Tensor, epsilon: float, generator: Generator
) -> Tensor:
    greedy = _explores(epsilon, generator)
    return q_values.argmax() if greedy else _any_action(q_values, generator)


@EPSILON_GREEDY.misconception(
    "When you explore you leave the greedy action out. The random action is drawn from "
    "all A actions, so the greedy one comes with probability 1 - epsilon + epsilon/A."
)
def leaves_out_the_greedy_action(
    q_values: Tensor, epsilon: float, generator: Generator
) -> Tensor:
    if not _explores(epsilon, generator):
        return q_values.argmax()
    step = 1 + torch.randint(len(q_values) - 1, (), generator=generator)
    return (q_values.argmax() + step) % len(q_values)


@EPSILON_GREEDY.misconception(
    "You never explore: the answer is the greedy action whatever epsilon is. A learner "
    "that begins with wrong values would never find out."
)
def never_explores(q_values: Tensor, epsilon: float, generator: Generator) -> Tensor:
    return q_values.argmax()


@EPSILON_GREEDY.misconception(
    "Your greedy action is the one of the smallest value. Q is a sum of rewards that "
    "are still to come, so more is better."
)
def takes_the_worst_action(
    q_values: Tensor, epsilon: float, generator: Generator
) -> Tensor:
    explores = _explores(epsilon, generator)
    return _any_action(q_values, generator) if explores else q_values.argmin()


@EPSILON_GREEDY.misconception(
    "You returned the largest value, not the action that has it. An action is a "
    "number from 0 to A - 1: max and argmax are different questions."
)
def returns_the_value(q_values: Tensor, epsilon: float, generator: Generator) -> Tensor:
    explores = _explores(epsilon, generator)
    return _any_action(q_values, generator) if explores else q_values.max()


@EPSILON_GREEDY.misconception(
    "When you explore you still prefer actions of high value, as a softmax does. "
    "Epsilon-greedy explores uniformly: what looks bad now may only be badly known."
)
def explores_by_softmax(
    q_values: Tensor, epsilon: float, generator: Generator
) -> Tensor:
    if not _explores(epsilon, generator):
        return q_values.argmax()
    return torch.multinomial(q_values.softmax(-1), 1, generator=generator)[0]


@EPSILON_GREEDY.misconception(
    "The last action never comes when you explore. The upper end of torch.randint is "
    "not included: with A actions it must be A."
)
def never_tries_the_last_action(
    q_values: Tensor, epsilon: float, generator: Generator
) -> Tensor:
    if not _explores(epsilon, generator):
        return q_values.argmax()
    return torch.randint(len(q_values) - 1, (), generator=generator)


@EPSILON_GREEDY.misconception(
    "Your random numbers do not come from the generator that is passed in, so the same "
    "seed does not give the same actions and no run can be repeated."
)
def ignores_the_generator(
    q_values: Tensor, epsilon: float, generator: Generator
) -> Tensor:
    explores = torch.rand(()) < epsilon
    return torch.randint(len(q_values), ()) if explores else q_values.argmax()


@EPSILON_GREEDY.misconception(
    "You make a new generator, with the same seed, in every call: every call draws the "
    "same numbers, and so does the same thing. Use the one that is passed in, which "
    "goes on from call to call."
)
def begins_anew_each_time(
    q_values: Tensor, epsilon: float, generator: Generator
) -> Tensor:
    own = torch.Generator().manual_seed(3)
    explores = _explores(epsilon, own)
    return _any_action(q_values, own) if explores else q_values.argmax()


SAMPLE_FINAL_EPSILON = Exercise(
    number="03.3",
    name="sample_final_epsilon",
    title="A final epsilon for each learner, drawn from the mix",
    difficulty=2,
    minutes=6,
    lines=3,
    reference=exploration.sample_final_epsilon,
    cases=[
        Case({"generator": 5}, f"{SHORT_LOOK} draws: which values come"),
        Case(
            {"generator": LONG_SEED},
            f"{LONG_LOOK:,} draws: 0.1 with probability 0.4, 0.01 and 0.5 with 0.3",
        ),
    ],
    draw=lambda rng: {"generator": 1_000 + int(rng.integers(10_000))},
    hints=(
        "Cut the line from 0 to 1 into three pieces as long as the probabilities.",
        "P(ε = 0.1) = 0.4, P(ε = 0.01) = 0.3, P(ε = 0.5) = 0.3",
        "i = torch.multinomial(torch.tensor([0.4, 0.3, 0.3]), 1, generator=generator) "
        "is a place in (0.1, 0.01, 0.5)",
    ),
    driver=count_values,
    properties=[
        Property(
            "only 0.1, 0.01 and 0.5 come, and all of them do",
            lambda arguments, seen: same(seen.value["values"], [0.01, 0.1, 0.5]),
            "Each learner keeps one of these three.",
        ),
        SAME_SEED,
    ],
    rtol=0.0,
    atol=0.045,  # below the way from 0.4 to 1/3
)


def _one_of(
    values: Sequence[float], probs: Sequence[float], source: Generator
) -> float:
    number = float(torch.rand((), generator=source)) * sum(probs)
    place = (number >= probs[0]) + (number >= probs[0] + probs[1])
    return values[place]


MIX = exploration.FINAL_EPSILONS


@SAMPLE_FINAL_EPSILON.misconception(
    "All three values come equally often. The paper gives 0.1 the probability 0.4, and "
    "the other two 0.3 each."
)
def makes_all_equally_likely(generator: Generator) -> float:
    return _one_of(MIX, (1.0, 1.0, 1.0), generator)


@SAMPLE_FINAL_EPSILON.misconception(
    "The probabilities stand beside the wrong values: 0.4 belongs to 0.1, not to 0.01."
)
def sorts_the_values_first(generator: Generator) -> float:
    return _one_of(sorted(MIX), exploration.PROBABILITIES, generator)


@SAMPLE_FINAL_EPSILON.misconception(
    "You returned the mean of the mix, 0.193. No learner explores like the mean: each "
    "keeps one of the three values."
)
def takes_the_mean(generator: Generator) -> float:
    return sum(e * p for e, p in zip(MIX, exploration.PROBABILITIES, strict=True))


@SAMPLE_FINAL_EPSILON.misconception(
    "You returned the number of the value (0, 1 or 2), not the value that stands at "
    "that place."
)
def returns_the_place(generator: Generator) -> float:
    return _one_of((0, 1, 2), exploration.PROBABILITIES, generator)


@SAMPLE_FINAL_EPSILON.misconception(
    "You draw any number between the smallest and the largest value. The mix has just "
    "three values: 0.1, 0.01 and 0.5."
)
def draws_from_the_whole_range(generator: Generator) -> float:
    return 0.01 + 0.49 * float(torch.rand((), generator=generator))


@SAMPLE_FINAL_EPSILON.misconception(
    "Your random number does not come from the generator that is passed in, so a "
    "learner would draw another epsilon each time the run is repeated."
)
def draws_without_the_generator(generator: Generator) -> float:
    return _one_of(MIX, exploration.PROBABILITIES, torch.default_generator)
