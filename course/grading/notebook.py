"""Reading a submission: its code cells, as text that Python can run.

A notebook has been through many hands and programs, so nothing in it is relied upon:
what is no text of a code cell is left out. Outputs are not looked at.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = frozenset([".ipynb", ".py"])
LARGEST = 50 * 2**20  # bytes; a notebook with many figures has a few million
MOST_CELLS = 2_000
SILENT = frozenset(["check", "hint", "next", "predict", "solution", "status"])
"""Calls of the course's that only talk to the student."""

# The second kind is nbconvert's.
CELL_MARK = re.compile(r"^(?:# ?%%(?![%\w])(.*)|# In ?\[[\d ]*\]:)$", re.MULTILINE)
TAGS = re.compile(r"tags=(\[[^\]]*\])")
# The rest of such a cell is Python all the same; below any other `%%` it may not be.
PYTHON_BELOW = frozenset(["time", "timeit", "capture", "prun"])
FILE_BELOW = frozenset(["writefile", "file"])
# These magics do something that a later line may need.
TIMED = re.compile(r"^([^\S\n]*)%time +(?=\S)", re.MULTILINE)
RUN = re.compile(r"^([^\S\n]*)%run +(?:-i +)?([\w./-]+\.py) *$", re.MULTILINE)


class UnreadableError(Exception):
    """The submission cannot be read; the sentence says why."""


@dataclass(frozen=True)
class Cell:
    """One code cell.

    Attributes:
        number: Its place in the notebook, from 1, text cells counted too.
        source: Its text.
        tags: Such as "train".
    """

    number: int
    source: str
    tags: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """As in a traceback."""
        return f"<cell {self.number}>"


@dataclass(frozen=True)
class Submission:
    """What was handed in.

    Attributes:
        cells: Its code cells, in order.
        lesson: What the notebook says it belongs to, such as "01_returns", or "".
    """

    cells: tuple[Cell, ...]
    lesson: str = ""


def well_formed(text: str) -> str:
    """The text with a question mark for each half of a character.

    Python makes such halves of a file's name that is not UTF-8, and JSON may hold
    them. They can be neither sent nor printed.
    """
    return text.encode("utf-8", "replace").decode()


def quoted(name: str) -> str:
    """The name of a file as a sentence may have it: whoever chose it steers nothing."""
    return "".join(each if each.isprintable() else "?" for each in well_formed(name))


def content_of(path: Path) -> bytes:
    """What the file holds; of one that is too large, enough for `read` to see it.

    Raises:
        UnreadableError: The file is missing, or its name is not that of a submission.
    """
    name = quoted(path.name)
    if path.suffix.lower() not in KINDS:
        raise UnreadableError(f"{name} is neither a notebook (.ipynb) nor a .py.")
    try:
        if path.exists() and not path.is_file():  # a pipe might never be at its end
            raise UnreadableError(f"{name} cannot be opened: it is no file.")
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableError(f"{name} cannot be opened: {reason}.") from error


def read(path: Path, name: str = "") -> Submission:
    """The code cells of a notebook, or of a script in the percent format.

    Args:
        path: The file.
        name: What it is called in the sentence that says what is wrong with it.

    Raises:
        UnreadableError: The file is missing, too large, or not what its name says.
    """
    name = name or quoted(path.name)
    content = content_of(path)
    if len(content) > LARGEST:
        advice = "without its outputs it is smaller: clear them, and save it."
        raise UnreadableError(f"{name} has more than {LARGEST:,} bytes; {advice}")
    try:
        text = content.decode("utf-8-sig")  # Windows likes to put a mark in front
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{name} is not text in UTF-8.") from error
    if path.suffix.lower() == ".py":
        return Submission(tuple(_percent_cells(_with_plain_ends(text))))
    if not text.strip():
        raise UnreadableError(f"{name} is no notebook: it is empty.")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(
            f"{name} is no notebook: it is not valid JSON."
        ) from error
    cells = _cells(notebook)
    if cells is None:
        raise UnreadableError(f"{name} is no notebook: it has no list of cells.")
    if len(cells) > MOST_CELLS:
        raise UnreadableError(f"{name} has more than {MOST_CELLS:,} cells.")
    lesson = _inside(notebook, "metadata", "course", "lesson")
    found = tuple(_code_cells(cells))
    return Submission(found, lesson if isinstance(lesson, str) else "")


def _cells(notebook: Any) -> list[Any] | None:
    """The list of cells; before nbformat 4 there was one in each worksheet."""
    if not isinstance(notebook, dict):
        return None
    if isinstance(notebook.get("cells"), list):
        return list(notebook["cells"])
    sheets = notebook.get("worksheets")
    if not isinstance(sheets, list):
        return None
    lists = [_inside(sheet, "cells") for sheet in sheets]
    return [cell for cells in lists if isinstance(cells, list) for cell in cells]


def _code_cells(cells: list[Any]) -> Iterator[Cell]:
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input"))  # the latter before nbformat 4
        if isinstance(source, list):
            source = "".join(line for line in source if isinstance(line, str))
        if isinstance(source, str):
            tags = _inside(cell, "metadata", "tags")
            names = tags if isinstance(tags, list) else []
            yield Cell(
                number,
                well_formed(_with_plain_ends(source)),
                frozenset(tag for tag in names if isinstance(tag, str)),
            )


def _with_plain_ends(text: str) -> str:
    """The text with the line ends of Linux."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _inside(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _percent_cells(text: str) -> Iterator[Cell]:
    """The code cells between `# %%` marks; a plain script is one cell."""
    marks = list(CELL_MARK.finditer(text))
    first = marks[0].start() if marks else len(text)
    if text[:first].strip():
        yield Cell(0 if marks else 1, text[:first])
    for number, mark in enumerate(marks, start=1):
        end = marks[number].start() if number < len(marks) else len(text)
        title = mark[1] or ""
        if "[markdown]" in title or "[md]" in title or "[raw]" in title:
            continue
        tags = TAGS.search(title)
        names = re.findall(r"[\w-]+", tags[1]) if tags else []
        yield Cell(number, text[mark.end() : end].strip("\n"), frozenset(names))


def parsed(cell: Cell) -> ast.Module | None:
    """The cell as Python, or None if there is nothing in it to run.

    Nothing to run is: a cell tagged `train`, one that only calls `check`, `hint` and
    the like, and one in another language (`%%bash`). IPython's magics and shell
    lines are turned into calls of `get_ipython()`, which the worker answers with
    nothing; those that write a file or define something, into Python that does so.
    Each line keeps its number.

    Raises:
        SyntaxError: It is no Python.
    """
    if "train" in cell.tags:
        return None
    source = cell.source
    while source.lstrip().startswith("%%"):
        head, _, below = source.lstrip().partition("\n")
        magic, *options = head[2:].split() or [""]
        if magic in FILE_BELOW and options:
            mode = "a" if {"-a", "--append"} & set(options) else "w"
            name = options[-1].strip("\"'")
            opened = f"open({name!r}, {mode!r}, encoding='utf-8')"
            return ast.parse(f"with {opened} as _: _.write({below!r})", cell.name)
        if magic not in PYTHON_BELOW:
            return None
        removed = source.count("\n") - below.count("\n")
        source = "\n" * removed + below
    try:
        try:
            tree = ast.parse(source, cell.name)
        except SyntaxError:
            tree = ast.parse(_without_magics(source), cell.name)
    except SyntaxError:
        raise
    except Exception as error:  # of a parser, or of IPython's transformers
        raise SyntaxError(f"it cannot be read: {error}") from error
    return None if all(_is_silent(line) for line in tree.body) else tree


def _without_magics(source: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    text = r"__import__('pathlib').Path('\2').read_text('utf-8')"
    source = RUN.sub(rf"\1exec({text})", source)
    source = TIMED.sub(r"\1", source)
    manager = TransformerManager()  # type: ignore[no-untyped-call]  # IPython's
    first = re.match(r"(?:[^\S\n]*\n)*", source)  # the empty lines: IPython drops them
    assert first is not None
    return "\n" * first[0].count("\n") + manager.transform_cell(source)


def _is_silent(line: ast.stmt) -> bool:
    """Whether this line is a call such as `check(...)`, which needs no grading."""
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Call)
        and isinstance(line.value.func, ast.Name)
        and line.value.func.id in SILENT
    )
