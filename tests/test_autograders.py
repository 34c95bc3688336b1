"""The autograders are graded: right variants lose nothing, wrong answers gain nothing.

Their tests are run here in this process, without a worker, so that many answers can be
tried: `tests/autograders` itself runs the solutions in real processes.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course.exercises import EXERCISES, LESSONS, Misconception
from course.exercises.observe import Seen, as_plain, observe_all
from course.grading import student as student_module
from course.grading.student import Student

MODULES = [
    importlib.import_module(f"tests.autograders.{path.stem}")
    for path in sorted((Path(__file__).parent / "autograders").glob("test_*.py"))
]
TESTS = [
    function
    for module in MODULES
    for name, function in vars(module).items()
    if name.startswith("test_")
]
VARIANTS = {
    name: variants
    for lesson in LESSONS
    for name, variants in importlib.import_module(
        "variants." + "_".join(lesson.split("_")[:2])
    ).RIGHT.items()
}


class Here:
    """In the place of the worker: calls the functions in this process."""

    functions: Mapping[str, Callable[..., Any]]

    def __init__(self, *_: object) -> None:
        pass

    def seen(self, name: str, calls: Sequence[Mapping[str, Any]]) -> list[Seen]:
        plain = [{key: as_plain(each) for key, each in call.items()} for call in calls]
        return observe_all(EXERCISES[name].driver, self.functions[name], plain)


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, bool]]:
    """Runs the tests that ask for a function; whether each of them failed."""
    monkeypatch.setattr(student_module, "Session", Here)

    def run(name: str, answer: Callable[..., Any]) -> dict[str, bool]:
        functions = {each.name: each.reference for each in EXERCISES.values()}
        monkeypatch.setattr(
            Here, "functions", {**functions, name: answer}, raising=False
        )
        failed = {}
        for test in TESTS:
            asks = rf"student(\.gradients|\.changed)?\.{name}\("
            if not re.search(asks, inspect.getsource(test)):
                continue
            student = Student("nowhere.ipynb")
            given = {"student": student, "rng": np.random.default_rng(0)}
            wanted = inspect.signature(test).parameters
            try:
                test(**{key: given[key] for key in wanted})
            except Exception:  # pytest would count any of them as a failure
                failed[test.__name__] = True
            else:
                failed[test.__name__] = False
            assert name in student.asked
        return failed

    return run


@pytest.mark.parametrize("name", list(EXERCISES))
def test_right_variants_lose_no_point(
    name: str, failures: Callable[..., dict[str, bool]]
) -> None:
    assert len(failures(name, EXERCISES[name].reference)) >= 2
    for variant in VARIANTS[name]:
        lost = [test for test, failed in failures(name, variant).items() if failed]
        assert lost == [], variant.__name__


@pytest.mark.parametrize("name", list(EXERCISES))
def test_thoughtless_answers_gain_no_point(
    name: str, failures: Callable[..., dict[str, bool]]
) -> None:
    def stub(*arguments: Any) -> Any:
        raise NotImplementedError(f"Exercise {EXERCISES[name].number}: {name}")

    answers = {
        "the stub": stub,
        "nothing": lambda *arguments: None,
        "zero": lambda *arguments: 0.0,
        "a text": lambda *arguments: "A.read",
        "an empty list": lambda *arguments: [],
        "an object": lambda *arguments: object(),
    }
    gained = {
        (what, test)
        for what, answer in answers.items()
        for test, failed in failures(name, answer).items()
        if not failed
    }
    assert gained == set()


@pytest.mark.parametrize(
    ("name", "misconception"),
    [(name, each) for name, e in EXERCISES.items() for each in e.misconceptions],
    ids=lambda each: getattr(each, "name", each),
)
def test_a_misconception_loses_a_point(
    name: str,
    misconception: Misconception,
    failures: Callable[..., dict[str, bool]],
) -> None:
    assert any(failures(name, misconception.function).values())
