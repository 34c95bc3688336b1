"""Reading what a worker says: it may have been told to say anything."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course.exercises import EXERCISES
from course.exercises.observe import Seen
from course.grading.process import WorkerGoneError

LONGEST_TEXT = 500  # characters of a message from a worker
MOST_TEXTS = 40  # notes that are taken from a worker
FOLDER = re.compile(r"[\w./-]*/course-(?:sandbox|worker)-\w+")


@dataclass(frozen=True)
class Report:
    """What a worker said after running the cells.

    Attributes:
        functions: Names of the exercises that have an answer.
        lesson: What the notebook says it belongs to, or "".
        notes: On cells that failed or were skipped, double definitions, and answers
            that lean on the course's own.
        fingerprints: By exercise, the same for answers that differ in names only.
        broken: By exercise that has no answer, why the cell that should hold it failed.
    """

    functions: tuple[str, ...]
    lesson: str
    notes: tuple[str, ...]
    fingerprints: Mapping[str, str]
    broken: Mapping[str, str]


def report_of(read: Any, reply: Any) -> Report:
    """Reads what a worker says of the cells; it may say anything.

    Args:
        read: What it said before it ran them.
        reply: What it said after that.

    Raises:
        WorkerGoneError: It is no report.
    """
    told = reply.get("ready") if isinstance(reply, dict) else None
    if not isinstance(told, dict) or not isinstance(read, dict):
        raise WorkerGoneError("The worker sent no report.")
    broken = told.get("broken")
    reasons = broken if isinstance(broken, dict) else {}
    functions = set(_texts(told.get("functions")))
    return Report(
        tuple(name for name in EXERCISES if name in functions),
        text_of(read.get("lesson")),
        tuple(_texts(read.get("notes")) + _texts(told.get("notes"))),
        dict(read.get("fingerprints") or {}),
        {name: text_of(why) for name, why in reasons.items() if name in EXERCISES},
    )


def seen_of(reply: Any, request: int, call: int) -> Seen:
    """Reads what a worker says of one call; it may say anything.

    Raises:
        WorkerGoneError: It is no answer to this call.
    """
    told = reply.get("seen") if isinstance(reply, dict) else None
    # Arrays, too, may arrive anywhere, and those compare to no single answer.
    if (
        not isinstance(told, dict)
        or type(reply.get("request")) is not int
        or type(reply.get("call")) is not int
        or type(told.get("how")) is not str
        or (reply["request"], reply["call"]) != (request, call)
        or told["how"] not in ("returned", "not_attempted", "raised", "too_slow")
        or not isinstance(told.get("gradients"), dict)
        or not isinstance(told.get("changed"), dict)
    ):
        raise WorkerGoneError("The worker sent no answer.")
    gradients: dict[str, Any] = defaultdict(lambda: None, told["gradients"])
    return Seen(
        told["how"],
        told.get("value"),
        gradients,
        told["changed"],
        text_of(told.get("message")),
        text_of(told.get("line")),
    )


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list):
        return []
    return [text_of(value) for value in values[:MOST_TEXTS]]


def text_of(value: Any) -> str:
    """A text that may be printed: no control characters, and not too long."""
    if not isinstance(value, str):
        return ""
    # Addresses in memory and temporary folders are different each time; a grade is to
    # be the same.
    value = re.sub(r"\b0x[0-9a-f]{6,}", "0x...", value[: 10 * LONGEST_TEXT])
    value = FOLDER.sub("/sandbox", value)
    kept = "".join(each if each.isprintable() else " " for each in value)
    return kept[:LONGEST_TEXT].strip()
