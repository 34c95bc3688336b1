"""Reads the source of a lesson, and says in one sentence what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jupytext

from course.exercises import EXERCISES, Exercise
from course.grading.release import BEGIN, ReleaseError, without_regions

HEADING = re.compile(r"^### Exercise (\d\d\.\d+): (\w+)$", re.MULTILINE)
CHECK = re.compile(r"check\((\w+)\)")
HINT = re.compile(r"# hint\((\w+)\)")
# The cell with the guess; the one that says what happened is ordinary code.
PREDICT = re.compile(r"predict\(\s*[\"'](.+?)[\"'].*\bguess=.*\)", re.DOTALL)

Role = Literal[
    "text", "heading", "answer", "code", "solution", "check", "hint", "predict", "train"
]
# What every exercise has, in this order.
ORDER: dict[Role, str] = {
    "heading": "heading (### Exercise NN.k: name)",
    "solution": "cell with a solution region",
    "check": "check",
    "hint": "hint (# hint(name))",
}


class LessonError(ValueError):
    """A source that makes no lesson: one sentence that names the cell."""


@dataclass(frozen=True)
class Cell:
    """One cell of a source.

    Attributes:
        type: "markdown" or "code".
        source: As it was written, solutions and all.
        tags: For instance `train`.
        role: What it is for.
        exercise: The exercise that it belongs to, if it does.
    """

    type: str
    source: str
    tags: Sequence[str]
    role: Role
    exercise: Exercise | None = None


def read(path: Path, exercises: Mapping[str, Exercise] = EXERCISES) -> list[Cell]:
    """The cells of a source.

    Args:
        path: `NN_name.py`, in the percent format.
        exercises: All there are, by the name of the function.

    Raises:
        LessonError: A region has no end, or an exercise is unknown, incomplete or out
            of order.
    """
    number = path.name.partition("_")[0]
    own = [each for each in exercises.values() if each.number.startswith(f"{number}.")]
    by_number = {each.number: each for each in own}
    notebook = jupytext.reads(path.read_text("utf-8"), fmt="py:percent")
    cells: list[Cell] = []
    section: Exercise | None = None  # the one whose heading came last
    for place, raw in enumerate(notebook.cells, 1):
        where = f"{path.name}, cell {place}"
        tags = raw.metadata.get("tags", [])
        role, name = _role(raw.cell_type, raw.source, tags, where, exercises)
        if role == "text" and re.search(r"^#{1,3} ", raw.source, re.MULTILINE):
            section = None
        if role == "predict":
            name = by_number[name].name if name in by_number else ""
        if name and (name not in exercises or exercises[name] not in own):
            raise LessonError(f"{where}: {name} is no exercise of this lesson.")
        exercise = exercises[name] if name else section
        if role == "heading":
            section = exercise
        cells.append(Cell(raw.cell_type, raw.source, tags, role, exercise))
    _check_order(path.name, cells, own)
    return cells


def _role(
    kind: str,
    source: str,
    tags: Sequence[str],
    where: str,
    exercises: Mapping[str, Exercise],
) -> tuple[Role, str]:
    """What a cell is for, and the name (a prediction: the number) of its exercise."""
    try:
        _, regions = without_regions(source, stub="")
    except ReleaseError as fault:
        raise LessonError(f"{where}: {fault}") from fault
    if kind == "markdown":
        if regions:
            return "answer", ""
        found = HEADING.search(source)
        known = exercises.get(found[2]) if found else None
        if found and known and known.number != found[1]:
            raise LessonError(f"{where}: {found[2]} is exercise {known.number}.")
        return ("heading", found[2]) if found else ("text", "")
    if regions:
        names = re.findall(r"^def (\w+)", source, re.MULTILINE)
        graded = [name for name in names if name in exercises]
        if len(graded) != 1:
            raise LessonError(
                f"{where}: a solution stands in a cell that defines one exercise's "
                f"function, this one defines {' and '.join(graded or names) or 'none'}."
            )
        if re.search(f"^{BEGIN}", source, re.MULTILINE):
            raise LessonError(f"{where}: {BEGIN} must stand inside the function.")
        return "solution", graded[0]
    if found := CHECK.fullmatch(source.strip()):
        return "check", found[1]
    if found := HINT.fullmatch(source.strip()):
        return "hint", found[1]
    if "train" in tags:
        return "train", ""
    if found := PREDICT.fullmatch(source.strip()):
        return "predict", found[1]
    return "code", ""


def _check_order(file: str, cells: Sequence[Cell], own: Sequence[Exercise]) -> None:
    """Each exercise has its heading, stub, check and hint, and all in order."""
    wanted = [(role, e.name) for e in own for role in ORDER]
    found = [
        (cell.role, cell.exercise.name)
        for cell in cells
        if cell.role in ORDER and cell.exercise is not None
    ]
    for role, name in wanted:
        times = found.count((role, name))
        if times != 1:
            amount = "has no" if not times else f"has {times} times its"
            raise LessonError(f"{file}: {name} {amount} {ORDER[role]}.")
    for expected, actual in zip(wanted, found, strict=True):
        if expected != actual:
            raise LessonError(
                f"{file}: expected the {ORDER[expected[0]]} of {expected[1]} next, "
                f"found the {ORDER[actual[0]]} of {actual[1]}."
            )
