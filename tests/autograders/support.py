"""What the autograders compare answers with."""

from __future__ import annotations

from typing import Any

import numpy as np

from course.exercises.judge import show
from course.exercises.observe import as_plain, same


def assert_close(
    actual: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """The same shape and the same numbers; one number may have any shape.

    Both may be arrays, tensors, lists, numbers, or dicts of these.
    """
    __tracebackhide__ = True
    actual, expected = as_plain(actual), as_plain(expected)
    if same(actual, expected, rtol, atol):
        return
    raise AssertionError(
        "the answer is not the expected one\n"
        f"returned: {_described(actual)}\nexpected: {_described(expected)}"
    )


def _described(value: Any) -> str:
    """The value and, where it has one, its shape."""
    if isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim):
        try:
            return f"{show(value)}, shape {list(np.shape(value))}"
        except ValueError:  # rows of different lengths
            pass
    return show(value)
