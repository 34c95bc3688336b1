"""The four algorithms by name. A new one is one new file and one line here."""

from __future__ import annotations

from course.algorithms.a3c import A3C
from course.algorithms.algorithm import Algorithm
from course.algorithms.n_step_q import N_STEP_Q
from course.algorithms.one_step_q import ONE_STEP_Q
from course.algorithms.one_step_sarsa import ONE_STEP_SARSA
from course.config import require_known

ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (ONE_STEP_Q, ONE_STEP_SARSA, N_STEP_Q, A3C)
}


def get_algorithm(algorithm: str | Algorithm) -> Algorithm:
    """The algorithm of that name, or the one that is given.

    Raises:
        ValueError: There is no algorithm of that name; the closest is suggested.
    """
    if isinstance(algorithm, Algorithm):
        return algorithm
    require_known(algorithm, list(ALGORITHMS), "algorithm")
    return ALGORITHMS[algorithm]


__all__ = [
    "A3C",
    "ALGORITHMS",
    "N_STEP_Q",
    "ONE_STEP_Q",
    "ONE_STEP_SARSA",
    "Algorithm",
    "get_algorithm",
]
