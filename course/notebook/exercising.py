"""`check`, `hint`, `solution`, `predict`, `ready`, `status` and `next`.

A function is found by its name, so it does not matter in which cell it stands. Each
of these shows its answer and returns nothing, apart from `ready`.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import numpy as np

from course.exercises import EXERCISES, Exercise
from course.exercises.exercise import Function
from course.exercises.judge import Verdict, show, try_out
from course.exercises.observe import as_plain, same
from course.notebook.display import HEADS, Box, put, verdict_box, verdict_text
from course.notebook.finding import find
from course.notebook.progress import (
    Record,
    change,
    exercise_record,
    load,
    now,
    prediction_record,
    under_nbgrader,
)

HINTS = ("concept", "formula", "line")

_verdicts: dict[str, tuple[Function, str]] = {}
"""The last function tried for each exercise and its outcome, for `ready`."""


class WrongAnswerError(AssertionError):
    """Under nbgrader a check that does not pass must fail its cell."""


def check(function: Function) -> None:
    """Tries your function on small cases and says what it found.

    In a notebook nothing is ever raised. Under nbgrader's autograder, which looks for
    a failing cell, a check that does not pass raises `WrongAnswerError`.

    Args:
        function: Your function, by its name and without calling it.
    """
    try:
        exercise = find(function)
    except ValueError as problem:
        put(Box("⚠ This cannot be checked", [str(problem)], colour=HEADS["wrong"][2]))
        if under_nbgrader():
            raise WrongAnswerError(str(problem)) from None
        return
    verdict = _try(exercise, function)
    notice = record_verdict(verdict)
    put(verdict_box(verdict, [_what_now(verdict), notice]))
    if under_nbgrader() and verdict.outcome != "passed":
        raise WrongAnswerError(verdict_text(verdict))


def record_verdict(verdict: Verdict) -> str:
    """Counts an attempt; returns "" or what the student should know of the file."""

    def note(record: Record) -> None:
        kept = exercise_record(record, verdict.exercise.name)
        if verdict.outcome != "not_attempted":
            kept["attempts"] += 1
        for name in verdict.misconceptions:
            counts = kept["misconceptions"]
            counts[name] = counts.get(name, 0) + 1
        # What was passed once stays passed: a kernel restart empties no record.
        if kept["outcome"] != "passed":
            kept["outcome"] = verdict.outcome
        if verdict.outcome == "passed":
            kept.setdefault("passed_at", now())

    return change(note)


def hint(function: Function | str) -> None:
    """Shows the next hint: the concept, then the formula, then the line or shape."""
    try:
        exercise = find(function)
    except ValueError as problem:
        put(Box("⚠ There is no hint for this", [str(problem)]))
        return
    put(Box(*hint_text(exercise.name)))


def hint_text(name: str) -> tuple[str, list[str]]:
    """The next hint of an exercise and those before it; counts it as seen.

    Returns:
        A heading, and one paragraph for each hint.
    """
    exercise = EXERCISES[name]

    def note(record: Record) -> None:
        kept = exercise_record(record, name)
        kept["hints"] = min(kept["hints"] + 1, len(exercise.hints))
        seen.append(kept["hints"])

    seen: list[int] = []
    notice = change(note)
    number = seen[0] if seen else 1
    texts = [
        f"{kind.capitalize()}: {text}"
        for kind, text in zip(HINTS, exercise.hints[:number], strict=False)
    ]
    if number == len(exercise.hints):
        notice = f"That was the last hint. After it there is solution({name})." + notice
    heading = f"Hint {number} of {len(exercise.hints)} · {exercise.number} {name}"
    return heading, [*texts, notice]


def solution(function: Function | str) -> None:
    """Shows the course's own function, after the hints or on a second request."""
    try:
        exercise = find(function)
    except ValueError as problem:
        put(Box("⚠ There is no solution for this", [str(problem)]))
        return
    shown: list[bool] = []

    def note(record: Record) -> None:
        kept = exercise_record(record, exercise.name)
        done = kept["outcome"] == "passed" or kept["hints"] == len(exercise.hints)
        shown.append(done or kept["solution"] != "hidden")
        if shown[0] and kept["outcome"] != "passed":
            kept["solution"] = "seen"
        elif not shown[0]:
            kept["solution"] = "asked"

    notice = change(note)
    head = f"Solution · {exercise.number} {exercise.name}"
    if shown and not shown[0]:
        advice = (
            f"hint({exercise.name}) has more to say. To see the solution all the "
            "same, run this cell once more."
        )
        put(Box(head, [advice, notice]))
        return
    source = textwrap.dedent(inspect.getsource(exercise.reference)).strip()
    where = inspect.getmodule(exercise.reference)
    name = where.__name__ if where else "course"
    put(Box(head, [f"The course's own, from {name}:", notice], [("", source)]))


def predict(
    number: str,
    question: str | None = None,
    guess: Any = None,
    *,
    happened: Any = None,
) -> None:
    """Records one guess before the code is run, and shows it beside what happened.

    `predict("01.2", "What is R_0?", guess=4)` before, and
    `predict("01.2", happened=float(returns[0]))` after. A guess may be changed until
    then, and stays as it was afterwards.

    Args:
        number: The exercise, or any name for the question.
        question: What is to be guessed.
        guess: Your guess; None records nothing yet.
        happened: What the code gave.
    """
    kept: Record = {"guess": None}

    def note(record: Record) -> None:
        nonlocal kept
        kept = prediction_record(record, number)
        if question is not None and "happened" not in kept:
            kept["question"] = question
        if guess is not None and "happened" not in kept:
            kept["guess"] = _plain(guess)
        if happened is not None and kept["guess"] is not None:
            kept["happened"] = _plain(happened)

    notice = change(note)
    head = f"Prediction {number}"
    asked = kept.get("question", "")
    yours = "none was recorded" if kept["guess"] is None else show(kept["guess"])
    if happened is not None:
        right = kept["guess"] is not None and same(kept["guess"], _plain(happened))
        rows = [("your guess", yours), ("what happened", show(_plain(happened)))]
        verdict = "It came as you guessed." if right else ""
        put(Box(f"{head}: guess and outcome", [asked, verdict, notice], rows))
    elif kept["guess"] is None:
        advice = "Replace None by your guess and run this cell: it costs nothing."
        put(Box(f"{head}: your guess?", [asked, advice, notice]))
    else:
        late = (
            "" if "happened" not in kept else "It stays: the code has been run since."
        )
        put(Box(f"{head}: noted", [asked, late, notice], [("your guess", yours)]))


def ready(*functions: Function) -> bool:
    """Whether all these functions pass; if not, says which are still to be written.

    An experiment asks this first, so that a lesson runs from top to bottom also while
    parts of it are missing. Under nbgrader it is False, for grading trains nothing.
    """
    if under_nbgrader():
        return False
    missing = []
    for function in functions:
        exercise = find(function)
        before = _verdicts.get(exercise.name)
        # Only a pass is remembered: a function may call another that was mended.
        if before is None or before[0] is not function or before[1] != "passed":
            _try(exercise, function)
        if _verdicts[exercise.name][1] != "passed":
            missing.append(f"{exercise.number} {exercise.name}")
    if missing:
        text = "Come back to this cell when these pass: " + ", ".join(missing) + "."
        put(Box("○ Waiting for your functions", [text], colour=HEADS["passed"][2]))
    return not missing


def status() -> None:
    """Shows how far you are: every exercise, its outcome, attempts and hints."""
    record, notice = load()
    exercises = status_rows(record)
    rows = [
        (
            f"{HEADS[row['outcome']][0]} {row['number']} {row['name']}",
            f"{HEADS[row['outcome']][1]:<32} "
            f"{row['attempts']:>3} attempts {row['hints']:>2} hints",
        )
        for row in exercises
    ]
    passed = sum(row["outcome"] == "passed" for row in exercises)
    predictions = [
        prediction_record({"predictions": {**record["predictions"]}}, number)
        for number in record["predictions"]
    ]
    guesses = [each for each in predictions if "happened" in each]
    right = sum(same(each["guess"], each["happened"]) for each in guesses)
    summary = f"{passed} of {len(rows)} exercises passed."
    if guesses:
        summary += f" {right} of {len(guesses)} predictions came as guessed."
    put(Box("Your progress", [summary, next_text(record), notice], rows))


def status_rows(record: Record) -> list[dict[str, Any]]:
    """One plain row for each exercise of the course, in order."""
    kept = record["exercises"]
    rows = []
    for exercise in EXERCISES.values():
        mine = exercise_record({"exercises": dict(kept)}, exercise.name)
        if mine["outcome"] not in HEADS:  # the file may have been edited by hand
            mine["outcome"] = "not_attempted"
        rows.append({"number": exercise.number, "name": exercise.name, **mine})
    return rows


def next() -> None:
    """Says which exercise comes next."""
    record, notice = load()
    put(Box("What comes next", [next_text(record), notice]))


def next_text(record: Record) -> str:
    """The first exercise that has not been passed, in a sentence."""
    for row in status_rows(record):
        if row["outcome"] != "passed":
            exercise = EXERCISES[row["name"]]
            return (
                f"Next: exercise {exercise.number}, {exercise.name} "
                f"({exercise.title.lower()}; about {exercise.minutes} minutes)."
            )
    return "You have passed every exercise."


def _try(exercise: Exercise, function: Function) -> Verdict:
    verdict = try_out(exercise, function, np.random.default_rng())
    _verdicts[exercise.name] = (function, verdict.outcome)
    return verdict


def _what_now(verdict: Verdict) -> str:
    name = verdict.exercise.name
    if verdict.outcome in ("misconception", "wrong", "could_not_run"):
        return f"Stuck? hint({name}) helps, a little more each time."
    if verdict.outcome == "passed":
        rows = list(EXERCISES.values())
        following = rows[rows.index(verdict.exercise) + 1 :][:1]
        return "".join(f"Next: {each.number} {each.name}." for each in following)
    return ""


def _plain(value: Any) -> Any:
    """Plain data that JSON can hold."""
    plain = as_plain(value)
    if isinstance(plain, np.ndarray):
        return plain.tolist()
    if isinstance(plain, list):
        return [_plain(each) for each in plain]
    if isinstance(plain, dict):
        return {name: _plain(each) for name, each in plain.items()}
    return plain
