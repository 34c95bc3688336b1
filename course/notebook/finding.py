"""Which exercise a student's function answers: it is found by its name."""

from __future__ import annotations

import difflib
import inspect

from course.exercises import EXERCISES, Exercise
from course.exercises.exercise import Function


def find(function: Function | str) -> Exercise:
    """The exercise of a function's name.

    Raises:
        ValueError: What was given is no function with the name of an exercise; the
            sentence says what to do.
    """
    if not isinstance(function, str) and not callable(function):
        raise ValueError(
            f"This is an object of type {type(function).__name__}, not a function: "
            "write the name alone, without calling it, as in check(n_step_returns)."
        )
    name = function if isinstance(function, str) else _name_of(function)
    if name not in EXERCISES:
        close = difflib.get_close_matches(name, list(EXERCISES), n=1)
        other = f" Did you mean {close[0]}?" if close else ""
        raise ValueError(
            f"No exercise asks for a function named {name!r}.{other} An answer is "
            "found by its name, so keep the name that the exercise gives."
        )
    module = getattr(function, "__module__", "") or ""
    if module.split(".")[0] == "course":
        raise ValueError(
            f"This is the course's own {name}, from {module}. Write yours in the "
            "cell of the exercise and run that cell first."
        )
    return EXERCISES[name]


def _name_of(function: Function) -> str:
    """The function's name; what has none gets a sentence."""
    name = getattr(function, "__name__", None)
    if name == "<lambda>":
        raise ValueError(
            "A lambda has no name to be found by: write it with def and the name "
            "that the exercise gives."
        )
    if inspect.ismethod(function):
        raise ValueError(
            f"{function.__qualname__} is a method, bound to an object: write a plain "
            "function with def, outside of any class."
        )
    if name is None or inspect.isclass(function):
        raise ValueError(
            f"This is an object of type {type(function).__name__}, not a plain "
            "function: write one with def and the name that the exercise gives."
        )
    return str(name)
