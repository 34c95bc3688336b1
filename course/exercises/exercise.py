"""The record of one exercise: what is asked, how it is checked, what goes wrong.

A check never looks at a student's code. It calls the function on the inputs of an
exercise, and compares what it saw with what the right function shows, and with what
each known misconception shows on the same inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course.exercises.observe import Driver, Seen, calling

Function = Callable[..., Any]
Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One call of the student's function, small enough to be followed by hand.

    Attributes:
        arguments: By parameter name, in the order of the signature. Lists and arrays
            arrive as tensors (floats as float32), numbers and strings as they are,
            and `generator` as a `torch.Generator` with that seed.
        story: What the case is about, for instance "a rollout that was cut off".
    """

    arguments: Arguments
    story: str = ""


@dataclass(frozen=True)
class Property:
    """What must hold of every right answer, whatever the inputs.

    Attributes:
        name: The property, as a sentence that is true of a right answer.
        holds: Whether it holds, from the arguments and what was seen.
        why: Why it matters, in one or two sentences for the student.
    """

    name: str
    holds: Callable[[Arguments, Seen], bool]
    why: str


@dataclass(frozen=True)
class Misconception:
    """A wrong implementation that a person would write, and the sentence that helps.

    Attributes:
        function: The wrong implementation; its name names the misconception.
        message: What the student did, why it is wrong, and where to look.
        same_as: Names of misconceptions that no input can tell from this one.
    """

    function: Function
    message: str
    same_as: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As in reports: the wrong implementation's name."""
        return self.function.__name__


@dataclass
class Exercise:
    """One graded function.

    Attributes:
        number: Lesson and place, such as "01.2".
        name: The function that the student writes.
        title: What it is, in a few words.
        difficulty: From 1 to 5.
        minutes: That a student needs, about.
        lines: That a short right answer has, about.
        reference: The right function, or one of them.
        cases: Calls to be checked, the easiest first: the first that fails is shown.
        draw: Draws the arguments of one more call from a NumPy generator.
        hints: Concept, then formula, then shape or line of code.
        driver: How the function is called and what is seen (`observe.py`).
        properties: What must hold of every answer; looked at before equality.
        rtol, atol: How far an answer may lie from the right one.
        points: Its weight in a grade.
    """

    number: str
    name: str
    title: str
    difficulty: int
    minutes: int
    lines: int
    reference: Function
    cases: Sequence[Case]
    draw: Callable[[np.random.Generator], Arguments]
    hints: tuple[str, str, str]
    driver: Driver = field(default_factory=calling)
    properties: Sequence[Property] = ()
    rtol: float = 1e-4
    atol: float = 1e-5
    points: int = 1
    misconceptions: list[Misconception] = field(default_factory=list)

    def misconception(
        self, message: str, same_as: tuple[str, ...] = ()
    ) -> Callable[[Function], Function]:
        """Decorates a wrong implementation with the sentence that helps."""

        def register(function: Function) -> Function:
            self.misconceptions.append(Misconception(function, message, same_as))
            return function

        return register

    def calls(self, rng: np.random.Generator, drawn: int = 4) -> list[Case]:
        """The cases by hand, and some drawn afresh so that no table of answers passes.

        The first comes once more at the end: a function must not answer differently.
        """
        random = [Case(self.draw(rng), "numbers drawn at random") for _ in range(drawn)]
        return [*self.cases, *random, self.cases[0]]
