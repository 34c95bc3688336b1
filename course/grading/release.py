"""What an instructor gives away: the students' copy, and Gradescope's autograder.

The students' copy has notebooks without answers, and the course that they import. What
stands between nbgrader's delimiters is cut out. `tools/lessons.py` makes the
course's own lessons with the same functions.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import ValidationError as NotValid

from course.config import require_known
from course.exercises import EXERCISES
from course.grading.autograder import HIDDEN

ROOT = Path(__file__).parent.parent.parent
"""The clone of the repository: the course beside its lessons and tests."""

TEMPLATES = Path(__file__).parent / "templates"
COURSE_FILES = ("constraints.txt", "LICENSE", "pyproject.toml")
"""What pip needs to install the course, besides its README and the package."""
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*", "*.tmp")

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
DELIMITER = re.compile(r"\s*### (BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)\s*")
# One of these, or what somebody may have typed for it.
LIKE_ONE = re.compile(
    "(BEGIN|END) (SOLUTION|HIDDEN TEST|MARK SCHEME)"
    "|(?i:# *(begin|end)[ _-]+(solution|hidden[ _-]test|mark[ _-]scheme))"
)
ANSWER = "*Write your answer here.*"
DRAFT = ".course-draft-"


class ReleaseError(ValueError):
    """What cannot be given to students; the sentence names the cell."""


def without_regions(source: str, stub: str) -> tuple[str, int]:
    """A cell's text as a student gets it.

    Args:
        source: The text, with regions such as `### BEGIN SOLUTION` to `### END
            SOLUTION`.
        stub: The line that stands for each solution.

    Returns:
        The text without its regions, and how many solutions it had.

    Raises:
        ReleaseError: A region does not end, or begins inside another.
    """
    lines: list[str] = []
    inside, solutions = "", 0
    for line in source.splitlines():
        delimiter = DELIMITER.fullmatch(line)
        if delimiter is None:
            if LIKE_ONE.search(line):
                raise ReleaseError(
                    f"{BEGIN} and {END} stand alone in their lines, and so do other "
                    f"delimiters; this is {line.strip()!r}."
                )
            lines += [] if inside else [line]
            continue
        place, kind = delimiter.groups()
        if place == "END" and inside != kind:
            raise ReleaseError(f"an END without its BEGIN {kind}.")
        if place == "BEGIN" and inside:
            which = "a second" if inside == kind else f"inside a {inside}, a"
            raise ReleaseError(f"{which} BEGIN {kind}.")
        inside = kind if place == "BEGIN" else ""
        if place == "BEGIN" and kind == "SOLUTION":
            solutions += 1
            lines.append(line[: line.index("#")] + stub)
    if inside:
        raise ReleaseError(f"a BEGIN {inside} without its END {inside}.")
    return "\n".join(lines), solutions


def stub_of(kind: str, source: str) -> str:
    """What a student finds where the answer was.

    Args:
        kind: "code" or another type of cell.
        source: The cell's text.
    """
    if kind != "code":
        return ANSWER
    names = re.findall(r"^def (\w+)", source, re.MULTILINE)
    known = [name for name in names if name in EXERCISES]
    if not known:
        return "raise NotImplementedError()"
    title = f"Exercise {EXERCISES[known[0]].number}: {known[0]}"
    return f'raise NotImplementedError("{title}")'


def released(notebook: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The notebook without answers, hidden tests and outputs.

    Args:
        notebook: In the form of nbformat 4.
        name: What it is called in a sentence about it.

    Raises:
        ReleaseError: It cannot be told what is an answer.
    """
    cells = []
    for number, cell in enumerate(notebook["cells"], start=1):
        source = "".join(cell["source"])
        where = f"{name}, cell {number}"
        try:
            text, solutions = without_regions(
                source, stub_of(cell["cell_type"], source)
            )
        except ReleaseError as fault:
            raise ReleaseError(f"{where}: {fault}") from fault
        if cell["metadata"].get("nbgrader", {}).get("solution") and not solutions:
            raise ReleaseError(
                f"{where} is marked as an answer, but has no {BEGIN} and {END} around "
                "what is to be cut out."
            )
        new = {**cell, "source": text.splitlines(keepends=True)}
        if cell["cell_type"] == "code":
            new |= {"execution_count": None, "outputs": []}
        cells.append(new)
    metadata = dict(notebook["metadata"])
    metadata.pop("widgets", None)  # outputs again
    if "written" in metadata.get("course", {}):
        metadata["course"] = {**metadata["course"], "written": digest(cells)}
    return {**notebook, "cells": cells, "metadata": metadata}


def digest(cells: Sequence[Mapping[str, Any]]) -> str:
    """A short fingerprint of what stands in a notebook's cells."""
    sources = ["".join(cell["source"]) for cell in cells]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def as_text(notebook: Mapping[str, Any]) -> str:
    """What is written to the file, the same on every machine."""
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def verify(path: Path) -> None:
    """Reads a released notebook again, and looks for what students must not see.

    Raises:
        ReleaseError: There is a delimiter, or an output.
    """
    notebook = json.loads(path.read_text("utf-8"))
    for number, cell in enumerate(notebook["cells"], start=1):
        where = f"{path.name}, cell {number}"
        mark = LIKE_ONE.search(json.dumps(cell))
        if mark is not None:
            raise ReleaseError(f"{where}: {mark[0]!r} is left in it.")
        if cell.get("outputs") or cell.get("execution_count"):
            raise ReleaseError(f"{where}: an output is left in it.")
    mark = LIKE_ONE.search(json.dumps(notebook["metadata"]))
    if mark is not None:
        raise ReleaseError(f"{path.name}: {mark[0]!r} is left in its metadata.")


def release(chosen: Sequence[str], output: Path, root: Path = ROOT) -> list[str]:
    """Writes the students' folder: all of it, or nothing.

    Args:
        chosen: Names of lessons, and paths of an instructor's own notebooks; all
            lessons if there are none.
        output: The folder, which must not hold anything yet.
        root: The clone.

    Returns:
        The names of the notebooks in it.

    Raises:
        ReleaseError: A notebook cannot be given away as it is.
        ValueError: There is no such lesson, or two notebooks have one name.
        OSError: The folder cannot be written.
    """
    lessons = {path.stem: path for path in _found(root, "solutions/[0-9][0-9]_*.ipynb")}
    notebooks: dict[str, Path] = {}
    for each in chosen or lessons:
        own = Path(each)
        if own.suffix != ".ipynb":
            require_known(each, list(lessons), "lesson")
        path = own if own.suffix == ".ipynb" else lessons[each]
        if path.stem in notebooks:
            raise ReleaseError(f"Two of the notebooks are called {path.name}.")
        notebooks[path.stem] = path
    with whole_folder(output) as draft:
        copy_course(draft, root)
        shutil.copy(root / "environment.yml", draft)
        (draft / "lessons").mkdir()
        for name, path in notebooks.items():
            text = as_text(released(read(path), path.name))
            copy = draft / "lessons" / f"{name}.ipynb"
            copy.write_text(text, "utf-8", newline="\n")
            verify(copy)
        first = f"lessons/{next(iter(notebooks))}.ipynb"
        listed = "\n".join(f"- `lessons/{name}.ipynb`" for name in notebooks)
        write_template("release.md", draft / "README.md", LESSONS=listed, FIRST=first)
    return [f"{name}.ipynb" for name in notebooks]


def gradescope(output: Path, hidden: Path | None = None, root: Path = ROOT) -> Path:
    """Writes the autograder for Gradescope: a folder, and the archive of it.

    Args:
        output: The folder, which must not hold anything yet.
        hidden: The folder of an instructor's own tests.
        root: The clone.

    Returns:
        The archive, which lies beside the folder.

    Raises:
        ValueError: One of the two is there already.
        OSError: They cannot be written.
    """
    archive = output.with_name(f"{output.name}.zip")
    tests = Path("tests", "autograders")
    with whole_folder(output, archive) as draft:
        copy_course(draft, root)
        shutil.copytree(root / tests, draft / tests, ignore=NOT_COPIED)
        if hidden is not None:
            shutil.copytree(hidden, draft / HIDDEN, ignore=NOT_COPIED)
        write_template("gradescope.md", draft / "README.md")
        for name in ("setup.sh", "run_autograder"):
            write_template(name, draft / name)
            (draft / name).chmod(0o755)
        packed = shutil.make_archive(str(draft), "zip", draft)
        os.replace(packed, archive)
    return archive


def read(path: Path) -> dict[str, Any]:
    """An instructor's notebook, brought to the form of nbformat 4.

    Raises:
        ReleaseError: It is none.
    """
    try:
        text = path.read_text("utf-8-sig")
        notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
    except (ValueError, LookupError, TypeError, AttributeError, NotValid) as error:
        raise ReleaseError(f"{path.name} is no notebook that can be read.") from error
    return dict(notebook)


def copy_course(folder: Path, root: Path = ROOT) -> None:
    """Copies what pip installs, but for the README that it asks for.

    Raises:
        ValueError: The course is no clone.
    """
    _found(root, "pyproject.toml")
    shutil.copytree(root / "course", folder / "course", ignore=NOT_COPIED)
    for name in COURSE_FILES:
        shutil.copy(root / name, folder)


def write_template(name: str, path: Path, **values: str) -> None:
    """Writes one of our templates; each `@NAME@` in it becomes a value."""
    text = (TEMPLATES / name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    path.write_text(text, "utf-8", newline="\n")


@contextlib.contextmanager
def whole_folder(output: Path, *others: Path) -> Iterator[Path]:
    """A folder to write in, that becomes `output` if all goes well.

    Args:
        output: It must not hold anything yet.
        others: Must not be there either.

    Raises:
        ValueError: There is something already.
        OSError: A file cannot be written; its name is the one that was asked for.
    """
    there = [each for each in others if each.exists()]
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        there.insert(0, output)
    if there:
        verb, them = ("is", "it") if len(there) == 1 else ("are", "them")
        raise ValueError(
            f"{' and '.join(map(str, there))} {verb} there already: remove {them}, or "
            "choose another --output."
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=DRAFT, dir=output.parent) as scratch:
            draft = Path(scratch, output.name)
            draft.mkdir()
            yield draft
            if output.exists():
                output.rmdir()  # empty; Windows replaces no folder
            draft.rename(output)
    except shutil.Error as error:  # of many files; the first will do
        [(source, _, why), *_] = error.args[0]
        reason = re.sub(r"^\[\w+ \d+\] |: '.*", "", why)  # the system's words alone
        place = output if DRAFT in why else source
        raise OSError(errno.EIO, reason, str(place)) from error
    except OSError as error:
        if DRAFT not in str(error.filename):
            raise
        raise OSError(error.errno, error.strerror, str(output)) from error


def _found(root: Path, pattern: str) -> list[Path]:
    """These files of the clone.

    Raises:
        ValueError: There are none: the course was installed without its repository.
    """
    found = sorted(root.glob(pattern))
    if not found:
        raise ValueError(
            f"There is no {pattern} in {root}: this command needs a clone of the "
            "course's repository, installed with `pip install -e .` or `make train`."
        )
    return found
