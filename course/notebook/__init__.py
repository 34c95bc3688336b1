"""What notebooks need beside the algorithms: checks, live curves, the ladder."""

from __future__ import annotations

from course.notebook.exercising import (
    check,
    hint,
    next,
    predict,
    ready,
    solution,
    status,
)
from course.notebook.ladder import climb
from course.notebook.training import train_live

__all__ = [
    "check",
    "climb",
    "hint",
    "next",
    "predict",
    "ready",
    "solution",
    "status",
    "train_live",
]
