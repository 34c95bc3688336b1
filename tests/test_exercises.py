"""The checks are checked: on wrong answers, right variants, stubs and faults."""

from __future__ import annotations

import importlib
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course.exercises import EXERCISES, LESSONS, Exercise, Misconception
from course.exercises.judge import agree, show, try_out
from course.exercises.observe import (
    Seen,
    as_plain,
    calling,
    observe,
    own_line,
    same,
    time_limit,
)

ALL = list(EXERCISES.values())
VARIANTS = [
    (name, variant)
    for lesson in LESSONS
    for name, variants in importlib.import_module(
        "variants." + "_".join(lesson.split("_")[:2])
    ).RIGHT.items()
    for variant in variants
]
each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda each: each.name)


def verdict_of(exercise: Exercise, function: Callable[..., Any], seed: int = 0) -> Any:
    return try_out(exercise, function, np.random.default_rng(seed), seconds=20.0)


def test_there_is_enough_to_do() -> None:
    assert len(ALL) >= 25
    assert sum(len(exercise.misconceptions) for exercise in ALL) >= 120


@each_exercise
def test_an_exercise_is_whole(exercise: Exercise) -> None:
    assert re.fullmatch(r"\d\d\.\d", exercise.number)
    assert len(exercise.misconceptions) >= 5
    assert len(exercise.hints) == 3
    assert 1 <= exercise.difficulty <= 5
    names = [each.name for each in exercise.misconceptions]
    assert len(names) == len(set(names))
    for misconception in exercise.misconceptions:
        # One or more sentences, addressed to the student.
        assert len(misconception.message) > 40
        assert misconception.message.rstrip()[-1] in ".?!)"
        assert set(misconception.same_as) <= set(names)


def test_the_numbers_are_in_order() -> None:
    numbers = [exercise.number for exercise in ALL]
    assert numbers == sorted(numbers)
    assert len(numbers) == len(set(numbers))


@each_exercise
@pytest.mark.parametrize("seed", range(3))
def test_the_reference_passes(exercise: Exercise, seed: int) -> None:
    verdict = verdict_of(exercise, exercise.reference, seed)
    assert verdict.outcome == "passed", verdict.message


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("exercise", "misconception"),
    [(exercise, each) for exercise in ALL for each in exercise.misconceptions],
    ids=lambda each: each.name,
)
def test_a_misconception_is_named(
    exercise: Exercise, misconception: Misconception, seed: int
) -> None:
    verdict = verdict_of(exercise, misconception.function, seed)
    assert verdict.outcome == "misconception"
    assert misconception.name in verdict.misconceptions
    assert {*verdict.misconceptions} <= {misconception.name, *misconception.same_as}
    assert misconception.message in verdict.message


@each_exercise
def test_there_are_five_right_variants(exercise: Exercise) -> None:
    variants = [variant for name, variant in VARIANTS if name == exercise.name]
    assert len(variants) >= 5


@pytest.mark.parametrize(
    ("name", "variant"),
    VARIANTS,
    ids=[f"{name}-{variant.__name__}" for name, variant in VARIANTS],
)
def test_a_right_variant_passes(name: str, variant: Callable[..., Any]) -> None:
    verdict = verdict_of(EXERCISES[name], variant)
    assert verdict.outcome == "passed", (verdict.message, verdict.returned)


@each_exercise
def test_a_stub_is_not_attempted(exercise: Exercise) -> None:
    def stub(*arguments: Any) -> Any:
        raise NotImplementedError(f"Exercise {exercise.number}: {exercise.name}")

    assert verdict_of(exercise, stub).outcome == "not_attempted"


@each_exercise
def test_an_empty_function_is_wrong(exercise: Exercise) -> None:
    def empty(*arguments: Any) -> Any:
        """Just a docstring."""

    # An in-place function returns nothing also when it is right.
    assert verdict_of(exercise, empty).outcome in ("wrong", "could_not_run")


@each_exercise
def test_an_exception_is_shown_with_its_own_line(exercise: Exercise) -> None:
    def failing(*arguments: Any) -> Any:
        return len(arguments) / 0

    verdict = verdict_of(exercise, failing)
    assert verdict.outcome == "could_not_run"
    assert "ZeroDivisionError" in verdict.message[0]
    assert "return len(arguments) / 0" in verdict.message[0]


@each_exercise
def test_an_exit_is_only_a_failure(exercise: Exercise) -> None:
    def leaving(*arguments: Any) -> Any:
        raise SystemExit(0)

    assert verdict_of(exercise, leaving).outcome == "could_not_run"


@each_exercise
def test_a_never_ending_function_is_ended(exercise: Exercise) -> None:
    def endless(*arguments: Any) -> Any:
        while True:
            try:
                len(arguments)
            except BaseException:  # also ours: it must come again
                continue

    verdict = try_out(exercise, endless, np.random.default_rng(0), seconds=0.1)
    assert verdict.outcome == "could_not_run"
    assert "still running" in verdict.message[0]


@each_exercise
def test_nan_is_never_right(exercise: Exercise) -> None:
    def nan(*arguments: Any) -> Any:
        return torch.tensor(float("nan"))

    assert verdict_of(exercise, nan).outcome in ("wrong", "could_not_run")


def first_seen(exercise: Exercise) -> Seen:
    return exercise.driver(exercise.reference, exercise.cases[0].arguments)


RETURNS_A_TENSOR = [
    exercise for exercise in ALL if isinstance(first_seen(exercise).value, np.ndarray)
]


@pytest.mark.parametrize("exercise", RETURNS_A_TENSOR, ids=lambda each: each.name)
def test_a_wrong_shape_is_never_right(exercise: Exercise) -> None:
    def tall(*arguments: Any) -> Any:
        value = exercise.reference(*arguments)
        return torch.as_tensor(value)[..., None].repeat_interleave(3, -1)

    verdict = verdict_of(exercise, tall)
    assert verdict.outcome == "wrong"
    assert "returned the shape" in verdict.message[0]


def test_most_exercises_return_tensors() -> None:
    assert len(RETURNS_A_TENSOR) > 15


@each_exercise
@pytest.mark.parametrize("value", [0.0, 1.0, True, False, "A.read", []])
def test_a_constant_is_wrong_and_no_misconception_unless_it_is_one(
    exercise: Exercise, value: Any
) -> None:
    def constant(*arguments: Any) -> Any:
        return value

    verdict = verdict_of(exercise, constant)
    assert verdict.outcome != "passed"
    for name in verdict.misconceptions:  # then it must be the same on every call
        [known] = [each for each in exercise.misconceptions if each.name == name]
        calls = exercise.calls(np.random.default_rng(0))
        for call in calls:
            mine, its = (
                observe(exercise.driver, function, call.arguments)
                for function in (constant, known.function)
            )
            assert agree(exercise, mine, its)


def test_a_loss_that_calls_backward_itself_gets_a_sentence() -> None:
    exercise = EXERCISES["value_loss"]

    def value_loss(values: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
        loss = exercise.reference(values, returns)
        loss.backward()
        return loss

    assert "called backward" in verdict_of(exercise, value_loss).message[0]


def test_a_list_of_tensors_keeps_its_gradient() -> None:
    def log_probabilities(logits: torch.Tensor, actions: torch.Tensor) -> Any:
        rows = zip(logits, actions, strict=True)
        return [torch.log_softmax(row, -1)[action] for row, action in rows]

    exercise = EXERCISES["log_probabilities"]
    assert verdict_of(exercise, log_probabilities).outcome == "passed"


def test_what_torch_has_not_implemented_is_no_stub() -> None:
    def discounted_return(rewards: torch.Tensor, gamma: float) -> torch.Tensor:
        return torch.softmax(rewards.long(), -1)

    verdict = verdict_of(FIRST, discounted_return)
    assert verdict.outcome == "could_not_run"
    assert "torch.softmax(rewards.long(), -1)" in verdict.message[0]


def test_an_exception_that_cannot_be_printed_is_only_a_failure() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def mute(rewards: torch.Tensor, gamma: float) -> torch.Tensor:
        raise MuteError

    verdict = verdict_of(FIRST, mute)
    assert "It raised MuteError: (without a message)" in verdict.message[0]


def test_a_long_answer_is_cut() -> None:
    verdict = verdict_of(FIRST, lambda *_: "x" * 10**7)
    assert len(show(verdict.returned.value)) < 500


FIRST = EXERCISES["discounted_return"]


def test_a_changed_argument_is_said() -> None:
    def doubling(rewards: torch.Tensor, gamma: float) -> torch.Tensor:
        value = FIRST.reference(rewards, gamma)
        rewards.mul_(2)
        return value

    verdict = verdict_of(FIRST, doubling)
    assert verdict.outcome == "wrong"
    assert "changed its argument rewards" in verdict.message[0]


def test_a_function_with_a_memory_is_said() -> None:
    calls = []

    def remembering(rewards: torch.Tensor, gamma: float) -> torch.Tensor:
        calls.append(1)
        return FIRST.reference(rewards, gamma) + (len(calls) > 5)

    verdict = verdict_of(FIRST, remembering)
    assert verdict.outcome == "wrong"
    assert "differently the second time" in verdict.message[0]


def test_a_missing_return_is_said() -> None:
    verdict = verdict_of(FIRST, lambda rewards, gamma: None)
    assert "returned nothing" in verdict.message[0]


def test_a_property_shows_the_case_that_breaks_it() -> None:
    verdict = verdict_of(FIRST, lambda rewards, gamma: rewards[0] + 1)
    assert "with gamma = 1" in verdict.message[0]
    assert verdict.case.arguments["gamma"] == 1.0


def test_a_misconception_is_named_beside_another_fault() -> None:
    exercise = EXERCISES["one_step_targets"]
    [known] = [
        each
        for each in exercise.misconceptions
        if each.name == "bootstraps_through_the_end"
    ]

    def mixed(*arguments: Any) -> Any:
        *_, gamma = arguments
        return known.function(*arguments) + (100 if gamma == 0.0 else 0)

    verdict = verdict_of(exercise, mixed)
    assert verdict.misconceptions == ("bootstraps_through_the_end",)
    assert "something else" in verdict.message[-1]


def test_a_half_written_function_could_not_run() -> None:
    def half(rewards: torch.Tensor, gamma: float) -> torch.Tensor:
        if gamma < 0.5:
            raise NotImplementedError
        return FIRST.reference(rewards, gamma)

    verdict = verdict_of(FIRST, half)
    assert verdict.outcome == "could_not_run"
    assert "still to be written" in verdict.message[0]


def test_what_claims_to_equal_everything_equals_nothing() -> None:
    class Liar(torch.Tensor):
        def __eq__(self, other: object) -> bool:  # type: ignore[override]
            return True

        __hash__ = None  # type: ignore[assignment]

        def numpy(self, *_: Any) -> Any:
            return np.zeros(3)

        def detach(self) -> Any:
            return self

    class LyingFloat(float):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    liar = torch.tensor([7.0]).as_subclass(Liar)
    assert as_plain(liar) == np.array([7.0])
    assert type(as_plain(liar)) is np.ndarray
    assert "LyingFloat" in as_plain(LyingFloat(1.0))
    assert verdict_of(FIRST, lambda *_: LyingFloat(1.0)).outcome == "wrong"


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([1, 2], np.array([1.0, 2.0]), True),
        (np.array([1.0]), 1.0, True),
        (True, 1, True),
        (np.ones((2, 1)), np.ones(2), False),
        ([1, [2, 3]], [1, 2], False),
        (float("nan"), float("nan"), True),
        (1.0, float("nan"), False),
        ([np.ones(2), "a"], [np.ones(2), "a"], True),
        ([np.ones(2), "a"], [np.zeros(2), "a"], False),
        ([np.ones(2), np.ones(3)], [np.ones(2)], False),
        (["a"], np.ones(1), False),
        ("a", "a", True),
        ("1", 1, False),
        (None, 0, False),
        (None, None, True),
        ({"a": [1.0]}, {"a": np.array([1.0])}, True),
        ({"a": 1}, {"b": 1}, False),
        (1.0, 1.00001, True),
        (1.0, 1.001, False),
    ],
)
def test_same(left: Any, right: Any, expected: bool) -> None:
    assert same(left, right) is expected
    assert same(right, left) is expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1.0, 2.5]), "[1. , 2.5]"),
        (np.float32(0.1), "0.1"),
        (3, "3"),
        (True, "True"),
        (None, "None"),
        ("A.pull", "'A.pull'"),
        ({"final": 1, "lost": 1}, "final 1, lost 1"),
        ([(1, "pull")], "[(1, 'pull')]"),
    ],
)
def test_values_are_shown_plainly(value: Any, text: str) -> None:
    assert show(value) == text


def test_what_is_no_data_becomes_words() -> None:
    assert as_plain(object()) == "<an object of type object>"
    assert as_plain(x for x in "ab") == "<an object of type generator>"
    nested: list[Any] = []
    nested.append(nested)
    assert "list" in str(as_plain(nested))
    assert "Tensor" not in str(as_plain(torch.ones(2, requires_grad=True)))


def test_the_time_limit_strikes_only_in_the_call_and_is_put_back() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(0.01):
        time.sleep(0.05)  # our own code, however slow
        seen = observe(calling(), lambda: time.sleep(10), {})
    assert seen.how == "too_slow"
    assert "time.sleep(10)" in seen.line
    assert signal.getsignal(signal.SIGALRM) is before


def test_somebody_elses_alarm_goes_on() -> None:
    left, _ = signal.setitimer(signal.ITIMER_REAL, 1000.0)  # pytest-timeout's own
    try:
        verdict_of(FIRST, FIRST.reference)
        after, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 900.0 < after <= 1000.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)


def test_windows_has_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "setitimer")

    def endless(*arguments: Any) -> Any:
        while True:
            pass

    verdict = try_out(FIRST, endless, np.random.default_rng(0), seconds=0.1)
    assert "still running" in verdict.message[0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_off_the_main_thread_there_is_no_limit() -> None:
    seen = []

    def work() -> None:
        with time_limit(0.01):
            time.sleep(0.05)
        seen.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


def test_a_line_of_the_course_is_not_the_students() -> None:
    def asks_too_much() -> None:
        FIRST.reference([], 0.5)

    with pytest.raises(ValueError, match="at least one step") as caught:
        asks_too_much()
    assert "FIRST.reference([], 0.5)" in own_line(caught.value.__traceback__)


def test_every_lesson_file_has_its_variants() -> None:
    here = Path(__file__).parent / "variants"
    for lesson in LESSONS:
        assert (here / f"{'_'.join(lesson.split('_')[:2])}.py").exists()
