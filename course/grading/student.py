"""A submission as tests see it: `student.n_step_returns(rewards, 1.2, 0.9)`.

Nothing of the student's runs in this process; `Session` asks a worker.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from course.exercises import EXERCISES, LESSONS
from course.exercises.judge import Verdict, judge
from course.exercises.observe import SECONDS, Seen, as_plain
from course.grading.notebook import quoted
from course.grading.process import Workers
from course.grading.session import (
    ENDED,
    TOTAL_SECONDS,
    Session,
    SubmissionError,
)

ENDED_ADVICE = (
    "The call ended the whole process, so there is no answer: look for os._exit, or "
    "for a crash outside of Python."
)


class CallFailedError(AssertionError):
    """A call gave no value: it raised, took too long, or ended the process."""


class NotAttemptedError(CallFailedError):
    """The function is missing, or still the stub."""


class Calls:
    """Each exercise's function as an attribute; a call shows one thing of it."""

    def __init__(self, show: Callable[[str, Mapping[str, Any]], Any]) -> None:
        self._show = show

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The function that this exercise asks for.

        Raises:
            AttributeError: There is no such exercise.
        """
        if name not in EXERCISES:
            raise AttributeError(f"There is no exercise {name!r}.")

        def call(*values: Any, **named: Any) -> Any:
            parameters = list(EXERCISES[name].cases[0].arguments)
            given = dict(zip(parameters, values, strict=False)) | named
            if len(given) < len(values) + len(named) or given.keys() - set(parameters):
                raise TypeError(f"{name} takes the arguments {parameters}.")
            # In the order of the signature, also when some are given by name.
            ordered = {key: given[key] for key in parameters if key in given}
            return self._show(name, ordered)

        return call


class Student(Calls):
    """A submission whose functions can be called, and judged.

    `student.f(*arguments)` is the value, `student.gradients.f(*arguments)` has the
    gradients, `student.changed.f(*arguments)` the arguments as they are afterwards. A
    call that shows no value raises `CallFailedError`.

    A context manager: on the way out the worker ends.

    Args:
        path: The submission.
        seconds: Time limit of the calls that are asked for together.
        seed: Of the random calls in verdicts; without it they differ each time.
        workers: The sandbox; without it, plain processes.
        total: Time limit of everything together, in seconds.

    Attributes:
        session: The worker that is asked.
        asked: Names of the functions that were called, in order.
    """

    def __init__(
        self,
        path: str | Path,
        seconds: float = SECONDS,
        seed: int | None = None,
        workers: Workers | None = None,
        total: float = TOTAL_SECONDS,
    ) -> None:
        super().__init__(lambda *call: self._one(*call).value)
        self.session = Session(path, seconds, workers, total)
        self.asked: list[str] = []
        self.gradients = Calls(lambda *call: dict(self._one(*call).gradients))
        self.changed = Calls(self._afterwards)
        self._seed = seed
        self._verdicts: dict[str, Verdict] = {}

    def verdict(self, name: str, rng: np.random.Generator | None = None) -> Verdict:
        """Judges one function on its exercise's cases and on random ones.

        Args:
            name: The exercise.
            rng: Draws the random calls, afresh each time; without it they are drawn
                once, as the seed says, and the same verdict is given again.

        Raises:
            SubmissionError: The submission cannot be read or run at all.
        """
        if rng is not None or name not in self._verdicts:
            self._verdicts[name] = self._judged(name, rng or self._generator(name))
        return self._verdicts[name]

    def verdicts(self, names: Sequence[str] = ()) -> Iterator[Verdict]:
        """Judges these functions, or all that the submission's lesson asks for."""
        for name in names or self.exercises():
            yield self.verdict(name)

    def exercises(self) -> list[str]:
        """Names of the exercises of the submission's lesson.

        The lesson is found by the file's name, or by what the notebook says of itself,
        or by where most of its functions belong.

        Raises:
            SubmissionError: There is nothing to find it by.
        """
        path, report = self.session.path, self.session.report
        lesson = lesson_in(path.stem) or lesson_in(report.lesson)
        if lesson is None:
            known = [name for name in report.functions if name in EXERCISES]
            homes = [lesson_of(name) for name in known]
            lesson = max(homes, key=homes.count, default=None)
        if lesson is None:
            raise SubmissionError(
                f"{quoted(path.name)} has none of the functions that the "
                "exercises ask for, and its name is not that of a lesson."
            )
        return [name for name in EXERCISES if lesson_of(name) == lesson]

    def close(self) -> None:
        """Ends the worker."""
        self.session.close()

    def _generator(self, name: str) -> np.random.Generator:
        """For one exercise, whichever others are judged before it."""
        if self._seed is None:
            return np.random.default_rng()
        return np.random.default_rng([self._seed, zlib.crc32(name.encode())])

    def _judged(self, name: str, rng: np.random.Generator) -> Verdict:
        exercise = EXERCISES[name]
        calls = exercise.calls(rng)
        seen = self.session.seen(name, [case.arguments for case in calls])
        try:
            verdict = judge(exercise, calls, seen)
        except Exception as error:  # a forged answer may have any form at all
            text = f"Its answer has a form that cannot be compared ({error})."
            return Verdict(exercise, "could_not_run", (text,))
        if verdict.returned is not None and verdict.returned.message == ENDED:
            return replace(verdict, message=(ENDED_ADVICE,))
        return verdict

    def _afterwards(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        before = {key: as_plain(value) for key, value in arguments.items()}
        return before | dict(self._one(name, arguments).changed)

    def _one(self, name: str, arguments: Mapping[str, Any]) -> Seen:
        self.asked.append(name)
        [seen] = self.session.seen(name, [arguments])
        if seen.how == "not_attempted":
            raise NotAttemptedError(f"{name}: not attempted")
        if seen.how == "too_slow":
            raise CallFailedError(f"{name} was still running after the time limit.")
        if seen.how == "raised":
            where = f", at {seen.line}" if seen.line else ""
            how = "" if seen.message == ENDED else "it raised "
            raise CallFailedError(f"{name}: {how}{seen.message}{where}.")
        return seen

    def __enter__(self) -> Student:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lesson_of(name: str) -> str:
    """The lesson that an exercise belongs to, as in `LESSONS`."""
    number = EXERCISES[name].number.partition(".")[0]
    return next(each for each in LESSONS if each.startswith(f"lesson_{number}_"))


def lesson_in(text: str) -> str | None:
    """The lesson that a file's name or a label names, such as "ada_01_returns (2)"."""
    for lesson in LESSONS:
        short = lesson.removeprefix("lesson_")
        if re.search(rf"(?<![a-z0-9]){short}(?![a-z0-9])", text.lower()):
            return lesson
    return None
