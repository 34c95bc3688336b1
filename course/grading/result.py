"""The record of one graded submission, and its form in a file.

It holds no time and no place, so two gradings with the same seed agree to the byte.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from course.grading.notebook import well_formed

if TYPE_CHECKING:
    from course.exercises.judge import Outcome

OUTCOMES = ("passed", "not_attempted", "misconception", "wrong", "could_not_run")
"""As `Outcome` has them, for those who need no torch."""


@dataclass(frozen=True)
class ExerciseResult:
    """What came of one exercise.

    Attributes:
        name: The exercise.
        lesson: Such as "01_returns".
        outcome: One of the five.
        misconceptions: Names of those that were recognised.
        points: Of the tests that passed.
        max_points: Of all tests.
        message: What to tell the student, a line for each paragraph; "" if it passed.
        case: The call that went wrong, as label and value.
        hints: Of the public tests that failed.
        fingerprint: The same for answers that differ in names only; "" if too short.
        hidden: For the teacher alone: which hidden tests failed, and what they said.
    """

    name: str
    lesson: str
    outcome: Outcome
    misconceptions: tuple[str, ...]
    points: float
    max_points: float
    message: str
    case: tuple[tuple[str, str], ...] = ()
    hints: tuple[str, ...] = ()
    fingerprint: str = ""
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What came of one submission.

    Attributes:
        submission: Its name.
        sandbox: The one it ran in, or "none".
        seed: Of the inputs that were drawn.
        exercises: All of its lessons, in their order.
        points: Of all exercises together.
        max_points: Of all exercises together.
        warnings: What the student and the teacher should know besides.
        key: A hash of all that the result depends on; "" if it is to be graded anew.
        unreadable: Whether something could not be read or run at all.
    """

    submission: str
    sandbox: str
    seed: int
    exercises: tuple[ExerciseResult, ...]
    points: float
    max_points: float
    warnings: tuple[str, ...]
    key: str
    unreadable: bool = False


def to_json(result: Result, indent: int | None = 1) -> str:
    """The text of its file; without an indent, one line."""
    text = json.dumps(asdict(result), indent=indent, ensure_ascii=False)
    return well_formed(text) + "\n"


def from_json(text: str | bytes) -> Result:
    """Reads what `to_json` has written.

    Raises:
        ValueError: It is something else.
    """
    try:
        found = json.loads(text)
        exercises = tuple(_exercise(each) for each in _list(found.pop("exercises")))
        warnings = tuple(map(_text, _list(found.pop("warnings"))))
        result = Result(**found, exercises=exercises, warnings=warnings)
        for each in (result.submission, result.sandbox, result.key):
            _text(each)
        _points(result)
        if type(result.seed) is not int or type(result.unreadable) is not bool:
            raise TypeError(f"{result.seed!r}, {result.unreadable!r}")
    except KeyError as error:
        raise ValueError(f"This is no result of a grading: no {error}.") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"This is no result of a grading: {error}.") from error
    return result


def _exercise(found: dict[str, Any]) -> ExerciseResult:
    case = tuple((_text(label), _text(value)) for label, value in found.pop("case"))
    lists: Mapping[str, Any] = {
        name: tuple(map(_text, _list(found.pop(name))))
        for name in ("misconceptions", "hints", "hidden")
    }
    result = ExerciseResult(**found, **lists, case=case)
    for each in (result.name, result.lesson, result.message, result.fingerprint):
        _text(each)
    _points(result)
    if result.outcome not in OUTCOMES:
        raise ValueError(f"the outcome is {result.outcome!r}")
    return result


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _points(result: Result | ExerciseResult) -> None:
    for value in (result.points, result.max_points):
        if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
            raise ValueError(f"the points are {value!r}")
