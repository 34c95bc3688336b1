"""The probe ladder: a fault should show first on the rung that isolates it.

Each rung trains the algorithm for a few thousand steps in the simulation, in an
environment whose right answers are known, and compares. Climb before any long
training: a fault costs seconds here and hours there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from course.algorithms import Algorithm, get_algorithm
from course.environments.probes import PROBES, Expectation, ProbeActionAndObservation
from course.trainers.result import TrainResult
from course.trainers.train import WorkerError, train

STEPS = 2_500
TOLERANCE = 0.1  # of a value, relative where the value is larger than 1
GAMMA = 0.8

INTERLEAVED = "A.compute B.compute A.push B.push"  # B is always one version late


@dataclass(frozen=True)
class Rung:
    """How one rung went.

    Attributes:
        name: The environment, or what else is special about the rung.
        question: What it asks, in one line.
        passed: Whether every answer was right.
        got: Expected and learned values and actions, in words.
        look_at: Where to look if it failed.
        seconds: Wall time.
    """

    name: str
    question: str
    passed: bool
    got: str
    look_at: str
    seconds: float


def run_ladder(algorithm: str | Algorithm, seed: int = 0) -> Iterator[Rung]:
    """Climbs the ladder, yielding each rung as it is done.

    Args:
        algorithm: A name, or one of the four with your own functions.
        seed: Of every rung.
    """
    algorithm = get_algorithm(algorithm)
    for probe in PROBES:
        yield _climb(
            *(algorithm, probe.__name__, probe.question, probe.look_at),
            *(probe.expected(GAMMA), seed, 1, "round_robin"),
        )
    probe = ProbeActionAndObservation
    yield _climb(
        algorithm,
        f"{probe.__name__}, two learners",
        "Do two learners whose updates interleave learn as one does?",
        "Look at what the learners share: does each pull the shared θ before it acts, "
        "and does its update go into the shared θ and not into a copy of its own?",
        probe.expected(GAMMA),
        seed,
        2,
        INTERLEAVED,
    )


def _climb(
    algorithm: Algorithm,
    name: str,
    question: str,
    look_at: str,
    expected: tuple[Expectation, ...],
    seed: int,
    workers: int,
    schedule: str,
) -> Rung:
    start = time.perf_counter()
    environment = f"course/{name.split(',')[0]}-v0"
    try:
        result = train(
            algorithm,
            environment,
            backend="sequential",
            schedule=schedule,
            workers=workers,
            seed=seed,
            total_steps=STEPS,
            gamma=GAMMA,
            t_max=5,
            update_period=5,
            target_period=100,
            learning_rate=5e-3,
            eps=1e-4,
            mean_loss=True,
            reward_scale=1.0,
            final_epsilon=0.1,
            epsilon_anneal_steps=STEPS // 2,
            entropy_coef=0.01,
            progress=False,
        )
    except (ValueError, WorkerError) as error:
        last_line = str(error).rstrip().splitlines()[-1]
        passed, got = False, f"could not train: {last_line}"
    else:
        answers = [_answer(result, expectation) for expectation in expected]
        passed = all(right for right, _ in answers)
        got = "; ".join(text for _, text in answers)
    return Rung(
        name, question, passed, got, look_at, round(time.perf_counter() - start, 2)
    )


def _answer(result: TrainResult, expectation: Expectation) -> tuple[bool, str]:
    """Whether one expectation is met, and what was learned, in words."""
    observation = torch.tensor(expectation.observation)
    output = result.network(observation)
    value = output[1] if isinstance(output, tuple) else output.max(-1).values
    tolerance = TOLERANCE * max(1.0, abs(expectation.value))
    right = abs(value.item() - expectation.value) <= tolerance
    text = (
        f"value of {list(expectation.observation)} is {value.item():.2f}, "
        f"expected {expectation.value:.2f}"
    )
    if expectation.action is not None:
        action = result.policy(observation)
        right = right and action == expectation.action
        text += f", best action {action}, expected {expectation.action}"
    return right, text
