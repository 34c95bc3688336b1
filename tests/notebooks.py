"""Notebooks in tests: made from their sources, run in real kernels, looked through."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from course.exercises import EXERCISES, Exercise
from tools.lessons import make

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))


def solved(source: Path) -> Any:
    """The notebook with the solutions."""
    return _made(source, "solutions")


def shipped(source: Path) -> Any:
    """The notebook that students get."""
    return _made(source, "lessons")


def _made(source: Path, folder: str) -> Any:
    texts = {path.parent.name: text for path, text in make(source).items()}
    return nbformat.reads(texts[folder], as_version=4)


def exercises_of(source: Path) -> list[Exercise]:
    number = source.name.partition("_")[0]
    return [e for e in EXERCISES.values() if e.number.startswith(f"{number}.")]


def markdown(notebook: Any) -> str:
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def execute(notebook: Any, folder: Path) -> dict[str, str]:
    """Runs a notebook from top to bottom, as a student would.

    An error in a cell is raised as it is.

    Args:
        notebook: Gets the outputs.
        folder: Where it lies; the kernel works there.

    Returns:
        The outcome of each exercise, from the record of progress.
    """
    client = NotebookClient(
        notebook, timeout=None, resources={"metadata": {"path": str(folder)}}
    )
    # Measuring what the kernel and its learners run would slow the training down.
    foreign = ("COVERAGE_", "COURSE_", "NBGRADER_")
    client.execute(
        env={k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    )
    record = json.loads((folder / "progress.json").read_text("utf-8"))
    return {name: kept["outcome"] for name, kept in record["exercises"].items()}
