"""Texts and numbers as every export writes them."""

from __future__ import annotations

import dataclasses
import re
from typing import TypeVar, cast

from course.exercises import EXERCISES
from course.grading.result import ExerciseResult, Result

T = TypeVar("T")

# XML has no way to write these, spreadsheets and databases break off at some.
UNPRINTABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(value: T) -> T:
    """The same with � for every character that a format forbids, at any depth."""
    if isinstance(value, str):
        return cast(T, UNPRINTABLE.sub("\ufffd", value))
    if isinstance(value, tuple):
        return cast(T, tuple(printable(each) for each in value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        changed = {name: printable(getattr(value, name)) for name in names}
        return cast(T, dataclasses.replace(value, **changed))
    return value


def number(value: float) -> str:
    """Points without a needless fraction: 3, 2.5, 0.33."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def percent(result: Result) -> float:
    """Of the points that could be had; 0 where there were none."""
    if not result.max_points:
        return 0.0
    return round(100 * result.points / result.max_points, 1)


def judged(result: Result) -> list[ExerciseResult]:
    """Its exercises, without those of a notebook that could not be read or run."""
    return [
        each
        for each in result.exercises
        if not (result.unreadable and each.outcome == "could_not_run")
    ]


def exercise_number(name: str) -> str:
    """Such as "01.2"; empty for an exercise of somebody else's."""
    return EXERCISES[name].number if name in EXERCISES else ""


def full_name(exercise: ExerciseResult) -> str:
    """Number and name, such as "01.2 n_step_returns"."""
    return f"{exercise_number(exercise.name)} {exercise.name}".strip()


def is_full(exercise: ExerciseResult) -> bool:
    """Whether nothing is missing, by the judge or by hand."""
    if not exercise.max_points:
        return exercise.outcome == "passed"
    return exercise.points >= exercise.max_points
