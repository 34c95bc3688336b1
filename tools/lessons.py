"""Makes the notebooks: one source for each lesson, two notebooks out of it.

    python tools/lessons.py                 make all notebooks
    python tools/lessons.py 01_returns      make those of one lesson
    python tools/lessons.py --check         say which are not as their source makes them

`solutions/NN_name.py` is written by hand, in jupytext's percent format. From it come
`solutions/NN_name.ipynb`, with the answers between nbgrader's own delimiters, and
`lessons/NN_name.ipynb`, with a stub in the place of each answer. Nothing flows back.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import nbformat

from course.files import write_whole
from course.grading.release import as_text, digest, released
from tools.lesson_source import ORDER, Cell, LessonError, read

ROOT = Path(__file__).parent.parent
NOTEBOOK = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    # Without Python's version, which differs from machine to machine.
    "language_info": {"file_extension": ".py", "name": "python"},
}


def identities(cells: Sequence[Cell]) -> Iterator[str]:
    """For each cell a name that stays when other cells come or go.

    It is made of the role and the exercise, or of the cell's first words; nbformat
    allows 64 letters, digits, `-` and `_`.
    """
    seen: Counter[str] = Counter()
    for cell in cells:
        if cell.exercise is None:
            rest = _first_words(cell.source)
        elif cell.role in ORDER:
            rest = cell.exercise.name
        elif cell.role in ("predict", "answer"):
            rest = cell.exercise.number.replace(".", "-")
        else:
            rest = _first_words(cell.source)
        name = f"{cell.role}-{rest}"
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}"


def _first_words(source: str) -> str:
    lines = [line for line in source.splitlines() if re.search(r"\w", line)]
    words = re.sub(r"[^a-z0-9]+", "-", lines[0].lower() if lines else "empty")
    return words[:45].strip("-") or "cell"


def metadata(cell: Cell, identity: str) -> dict[str, Any]:
    """What nbgrader and the course's own tools read of a cell.

    Answers and checks cannot be deleted, and checks cannot be edited either. All else
    is the student's to change, and nothing to nbgrader.
    """
    course: dict[str, str] = {"role": cell.role}
    if cell.exercise is not None:
        course["exercise"] = cell.exercise.number
    all_of_it: dict[str, Any] = {"course": course}
    if cell.tags:
        all_of_it["tags"] = list(cell.tags)
    if cell.role in ("solution", "check", "answer"):
        grade = cell.role != "solution"
        all_of_it["deletable"] = False
        all_of_it["nbgrader"] = {
            "grade": grade,
            "grade_id": identity,
            "locked": cell.role == "check",
            "schema_version": 3,
            "solution": cell.role != "check",
            "task": False,
        }
        if grade:
            # nbgrader wants points also where a person will read the answer.
            points = cell.exercise.points if cell.exercise is not None else 0
            all_of_it["nbgrader"]["points"] = points if cell.role == "check" else 0
        if cell.role == "check":
            all_of_it["editable"] = False
    return all_of_it


def notebook(name: str, cells: Sequence[Cell]) -> dict[str, Any]:
    """The notebook with its solutions, without outputs.

    Args:
        name: Of the lesson, such as "01_returns".
        cells: From `read`.
    """
    made = []
    for cell, identity in zip(cells, identities(cells), strict=True):
        new: dict[str, Any] = {
            "cell_type": cell.type,
            "id": identity,
            "metadata": metadata(cell, identity),
            "source": cell.source.splitlines(keepends=True),
        }
        if cell.type == "code":
            new |= {"execution_count": None, "outputs": []}
        made.append(new)
    course = {"lesson": name, "written": digest(made)}
    whole = {
        "cells": made,
        "metadata": {"course": course, **NOTEBOOK},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    nbformat.validate(whole)
    return whole


def edited(path: Path) -> bool:
    """Whether somebody has written in a notebook since it was made."""
    if not path.exists():
        return False
    try:
        content = json.loads(path.read_text("utf-8"))
        return bool(
            content["metadata"]["course"]["written"] != digest(content["cells"])
        )
    except (ValueError, KeyError, TypeError):
        return True


def make(source: Path) -> dict[Path, str]:
    """Both notebooks of a source: where they belong, and what stands in them."""
    solved = notebook(source.stem, read(source))
    name = f"{source.stem}.ipynb"
    return {
        source.with_name(name): as_text(solved),
        source.parent.parent / "lessons" / name: as_text(released(solved, name)),
    }


def drifted(path: Path, text: str) -> bool:
    """Whether a notebook on disk is not, byte for byte, what its source makes."""
    return not path.exists() or path.read_bytes() != text.encode()


@click.command()
@click.argument("names", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing, list what has drifted.")
@click.option("--force", is_flag=True, help="Also overwrite what was edited by hand.")
@click.option("--folder", type=Path, default=ROOT, help="Where solutions/ is.")
def main(names: Sequence[str], check: bool, force: bool, folder: Path) -> None:
    """Makes the notebooks of the lessons NAMES, or of all."""
    sources = sorted((folder / "solutions").glob("[0-9][0-9]_*.py"))
    unknown = set(names) - {source.stem for source in sources}
    if unknown:
        raise click.UsageError(f"no such lesson: {', '.join(sorted(unknown))}.")
    complaints = []
    for source in sources:
        if names and source.stem not in names:
            continue
        try:
            made = make(source)
        except LessonError as fault:
            complaints.append(str(fault))
            continue
        for path, text in made.items():
            where = path.relative_to(folder)
            if not drifted(path, text):
                continue
            if edited(path) and not force:
                complaints.append(
                    f"{where} was edited by hand: keep a copy of what you need, then "
                    "python tools/lessons.py --force makes it anew."
                )
            elif check:
                complaints.append(f"{where} is not what its source makes: make lessons")
            else:
                path.parent.mkdir(exist_ok=True)
                write_whole(path, text.encode())
                print(f"made {where}")
    expected = {source.stem for source in sources}
    for kind in ("solutions", "lessons"):
        for path in sorted((folder / kind).glob("*.ipynb")):
            if path.stem not in expected:
                complaints.append(f"{path.relative_to(folder)} has no source.")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
