"""What a student has done so far, in one small file next to the lessons.

`progress.json` is plain JSON that a person can read. It is read afresh before each
change and replaced as a whole, so that neither a crash nor a second notebook leaves
half a file. A file that this version cannot read is set aside, never overwritten.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock

from course import __version__
from course.files import write_whole

FORMAT = 1
FILE = "progress.json"
PATIENCE = 5.0  # seconds to wait for another notebook

Record = dict[str, Any]


def progress_path() -> Path:
    """`progress.json` in the working folder, where a notebook lies as well.

    The environment variable COURSE_PROGRESS names another file.
    """
    return Path(os.environ.get("COURSE_PROGRESS") or FILE)


def load() -> tuple[Record, str]:
    """The record, and "" or a sentence that says why it is an empty one.

    The record is `{"format", "course", "exercises", "predictions"}`.
    """
    path = progress_path()
    try:
        record, why = _read(path)
    except OSError as problem:
        record, why = _new(), f"could not be read ({problem.strerror})"
    return record, f"{path.name} {why}." if why else ""


def _read(path: Path) -> tuple[Record, str]:
    """The record, and "" or why the file's content cannot be used."""
    if not path.exists():
        return _new(), ""
    try:
        record = json.loads(path.read_text("utf-8"))
        if record["format"] != FORMAT:
            text = f"has the format {record['format']!r}, this version writes {FORMAT}"
            return _new(), text
        if all(isinstance(record[part], dict) for part in ("exercises", "predictions")):
            return record, ""
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return _new(), "is not a progress file that can be read"


def _new() -> Record:
    return {
        "format": FORMAT,
        "course": __version__,
        "exercises": {},
        "predictions": {},
    }


def under_nbgrader() -> bool:
    """Whether nbgrader executes this notebook, to grade or to validate it."""
    return "NBGRADER_EXECUTION" in os.environ


def change(edit: Callable[[Record], None]) -> str:
    """Reads the record, lets `edit` change it, and writes it whole.

    Two notebooks take turns. A file of another format, or one that is broken, gets
    another name, and a new record begins.

    Returns:
        "" or what the student should know: a full disk must not hide a verdict.
    """
    path = progress_path()
    if under_nbgrader():  # which would hand the file on to other students
        edit(_new())
        return ""
    try:
        with filelock.FileLock(lock_path(path), timeout=PATIENCE):
            record, why = _read(path)
            notice = ""
            if why:
                aside = _set_aside(path)
                notice = f"{path.name} {why}: it is kept as {aside}, a new one begins."
            edit(record)
            record["course"] = __version__
            text = json.dumps(record, indent=1, ensure_ascii=False)
            write_whole(path, text.encode("utf-8", "replace"))
    except (OSError, filelock.Timeout) as problem:
        reason = getattr(problem, "strerror", None) or "another notebook holds it"
        return f"Your progress was not saved to {path} ({reason})."
    return notice


def lock_path(path: Path) -> Path:
    """The hidden file by which two notebooks take turns."""
    return path.with_name(f".{path.name}.lock")


def _set_aside(path: Path) -> str:
    """Gives the file a name that is still free, and returns that."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.{number}.old.json")).exists():
        number += 1
    path.rename(aside)
    return aside.name


def exercise_record(record: Record, name: str) -> Record:
    """What is kept of one exercise; changes to it are changes to the record.

    What somebody has edited into another form counts as not there.
    """
    kept: Record = _dict_in(record["exercises"], name)
    fresh = {
        "outcome": "not_attempted",
        "attempts": 0,
        "hints": 0,
        "solution": "hidden",
        "misconceptions": {},
    }
    for key, value in fresh.items():
        if type(kept.get(key)) is not type(value):
            kept[key] = value
    return kept


def prediction_record(record: Record, number: str) -> Record:
    """What is kept of one prediction: `guess`, `question`, and later `happened`."""
    kept: Record = _dict_in(record["predictions"], number)
    kept.setdefault("guess", None)
    return kept


def _dict_in(parent: Record, key: str) -> Record:
    if not isinstance(parent.get(key), dict):
        parent[key] = {}
    child: Record = parent[key]
    return child


def now() -> str:
    """The time, for the record: local, with its offset, to the second."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
