"""Asynchronous methods for deep reinforcement learning, taught by running them.

The names here are all that a notebook needs. Each is imported when first used, so
`import course` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course.algorithms import (
        A3C,
        ALGORITHMS,
        N_STEP_Q,
        ONE_STEP_Q,
        ONE_STEP_SARSA,
    )
    from course.config import Config
    from course.environments import make_environment
    from course.notebook import check, hint, next, predict, ready, solution, status
    from course.trainers.result import TrainResult
    from course.trainers.train import WorkerError, load_result, train

__version__ = "0.1.0"

_HOMES = {
    "A3C": "course.algorithms",
    "ALGORITHMS": "course.algorithms",
    "N_STEP_Q": "course.algorithms",
    "ONE_STEP_Q": "course.algorithms",
    "ONE_STEP_SARSA": "course.algorithms",
    "Config": "course.config",
    "TrainResult": "course.trainers.result",
    "check": "course.notebook",
    "hint": "course.notebook",
    "next": "course.notebook",
    "predict": "course.notebook",
    "ready": "course.notebook",
    "solution": "course.notebook",
    "status": "course.notebook",
    "WorkerError": "course.trainers.train",
    "load_result": "course.trainers.train",
    "make_environment": "course.environments",
    "train": "course.trainers.train",
}

__all__ = [
    "A3C",
    "ALGORITHMS",
    "N_STEP_Q",
    "ONE_STEP_Q",
    "ONE_STEP_SARSA",
    "Config",
    "TrainResult",
    "WorkerError",
    "__version__",
    "check",
    "hint",
    "load_result",
    "make_environment",
    "next",
    "predict",
    "ready",
    "solution",
    "status",
    "train",
]


def __getattr__(name: str) -> Any:
    """Imports a public name from its home when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'course' has no attribute {name!r}")
    if name == "train":
        from course.trainers.start import start_early

        start_early()  # the fork server imports torch while this process does
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, for completion in notebooks."""
    return sorted(__all__)
