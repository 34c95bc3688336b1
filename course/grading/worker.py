"""The process that runs a student's code, and does nothing else.

    python -m course.grading.worker

It reads requests from its standard input and writes replies to its standard output
(`protocol.py`), on copies of these that no print can reach. It holds no test and no
grade. First it is sent a submission and runs its cells; then it is asked what a
function shows for given arguments, and says so call by call. It ends with its judge.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import os
import queue
import random
import re
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import IPython
import numpy as np
import torch

from course.exercises import EXERCISES
from course.exercises.observe import Driver, Seen, observe_all
from course.grading.cells import Kernel, Quiet, nothing
from course.grading.notebook import (
    Cell,
    Submission,
    UnreadableError,
    read,
    well_formed,
)
from course.grading.protocol import ProtocolError, lead_nowhere, receive, send
from course.grading.similar import course_answers, fingerprints, glances

MOST_NOTES = 20
LONGEST_NOTE = 500  # characters
DEFINED = re.compile(r"^\s*def +(\w+)", re.MULTILINE)


def not_now(*_: Any, **__: Any) -> bool:
    """In the place of `ready`: no experiment is run while grading."""
    return False


def silence_the_course() -> None:
    """Makes harmless whatever talks to the student, keeps a record, or trains."""
    for module in (sys.modules["course"], quiet_notebook()):
        for name in (*NOTEBOOK_NAMES, "train"):
            setattr(module, name, nothing)
        module.ready = not_now  # type: ignore[attr-defined]  # of every module


NOTEBOOK_NAMES = (
    "check",
    "climb",
    "hint",
    "next",
    "predict",
    "solution",
    "status",
    "train_live",
)


def quiet_notebook() -> types.ModuleType:
    """A stand-in for `course.notebook`, which would import half of Jupyter."""
    module = types.ModuleType("course.notebook")
    module.__path__ = []
    module.__dict__["__getattr__"] = _any_name
    sys.modules[module.__name__] = module
    return module


def _any_name(name: str) -> Any:
    if name.startswith("__"):  # Python itself asks every module for some of these
        raise AttributeError(name)
    return nothing


def at_first_sight(submission: Submission) -> dict[str, Any]:
    """What can be said of a submission before any line of it has run."""
    own = {name: each.reference.__name__ for name, each in EXERCISES.items()}
    return {
        "lesson": well_formed(submission.lesson[:LONGEST_NOTE]),
        "fingerprints": fingerprints(submission.cells, EXERCISES),
        "notes": [
            *course_answers(submission.cells, own).values(),
            *glances(submission.cells),
        ],
    }


def run_cells(
    submission: Submission, skip: frozenset[int], seconds: float, replies: BinaryIO
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Runs the cells of a submission in order, in one namespace.

    A cell that raises or takes too long is noted, and the next one runs. Before each
    the judge is told its number, so that it knows which one ended the process, or
    cannot be interrupted.

    Args:
        submission: What was handed in.
        skip: Numbers of cells that are left out: they ended or blocked an earlier
            worker.
        seconds: Time limit of one cell.
        replies: Where the judge listens.

    Returns:
        The answers by name, and what the judge is told of it.
    """
    kernel = Kernel(EXERCISES)
    notes: list[str] = []
    broken: dict[str, str] = {}
    again: list[Cell] = []
    for cell in itertools.chain(submission.cells, again):
        if cell.number in skip:
            how = "ended or blocked the whole process"
            notes.append(f"Cell {cell.number} {how}; it was skipped.")
            continue
        send(replies, {"cell": cell.number})

        def run(function: Any, arguments: Any, cell: Cell = cell) -> Seen:
            try:
                kernel.run(cell)
            except SyntaxError as error:  # it has no traceback that could show the line
                if isinstance(error.text, str) and isinstance(error.msg, str):
                    error.msg += f": {error.text.strip()}"
                raise
            return Seen()

        seen = observed(run, None, {}, seconds)
        kernel.keep_answers()
        # What it needs may be defined below: it gets a second chance at the end.
        if seen.message.startswith("NameError") and cell not in again:
            again.append(cell)
            continue
        if seen.how == "raised":
            where = f" ({seen.line})" if seen.line else ""
            notes.append(f"Cell {cell.number} raised {seen.message}{where}.")
        elif seen.how == "too_slow":
            notes.append(f"Cell {cell.number} ran for more than {seconds:g} seconds.")
        else:
            continue
        for name in DEFINED.findall(cell.source):
            broken[name] = notes[-1]
    notes += [
        f"Cell {number} could not import {name}." for number, name in kernel.missing
    ]
    for defined, cells in kernel.places.items():
        if len(cells) > 1:
            listed = ", ".join(map(str, cells))
            notes.append(
                f"{defined} is defined in the cells {listed}; the last counts."
            )
    report = {
        "functions": [each for each in EXERCISES if each in kernel.answers],
        "notes": [well_formed(note[:LONGEST_NOTE]) for note in notes[:MOST_NOTES]],
        "broken": {
            name: well_formed(broken[name][:LONGEST_NOTE])
            for name in EXERCISES
            if name in broken and name not in kernel.answers
        },
    }
    return kernel.answers, report


def observed(driver: Driver, function: Any, arguments: Any, seconds: float) -> Seen:
    """What one call shows; nothing that it raises gets past this."""
    try:
        [seen] = observe_all(driver, function, [arguments], seconds)
    except BaseException as error:  # KeyboardInterrupt, which `observe_all` lets by
        seen = Seen("raised", message=type(error).__name__)
    return seen


@contextlib.contextmanager
def switched_off(function: Callable[..., Any]) -> Iterator[None]:
    """Meanwhile the course's own function raises, wherever it has been imported to.

    So an answer that only calls it is none. One that has copied it is an answer, as it
    is on paper.
    """

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("the course's own function is switched off while yours runs")

    function = inspect.unwrap(function)
    assert isinstance(function, types.FunctionType)
    code, function.__code__ = function.__code__, refuse.__code__
    try:
        yield
    finally:
        function.__code__ = code


def answer(
    namespace: dict[str, Any], request: dict[str, Any], replies: BinaryIO
) -> None:
    """Makes the calls that are asked for, and sends what each of them showed."""
    name = request["exercise"]
    end = time.monotonic() + request["seconds"]
    late = False
    for number, arguments in enumerate(request["calls"]):
        if name not in namespace:
            seen = Seen("not_attempted")
        elif late:
            seen = Seen("too_slow")
        else:
            left = max(end - time.monotonic(), 0.01)
            exercise = EXERCISES[name]
            with switched_off(exercise.reference):
                seen = observed(exercise.driver, namespace[name], arguments, left)
            late = seen.how == "too_slow"
        reply = {"request": request["number"], "call": number}
        try:
            send(replies, reply | {"seen": vars(seen)})
        except ProtocolError as problem:
            seen = Seen("raised", message=f"ValueError: {problem}")
            send(replies, reply | {"seen": vars(seen)})


def separate_channels() -> tuple[BinaryIO, BinaryIO]:
    """The judge's two pipes, on descriptors that no print and no child inherits.

    After this 0, 1 and 2 lead nowhere: input is at its end, output is lost.
    """
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    sys.stdout.flush()
    sys.stderr.flush()
    lead_nowhere(0, 1, 2)
    return requests, replies


def listen(requests: BinaryIO, waiting: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Passes requests on, and ends this process when there can be no more.

    In a thread, so that a worker in the middle of an endless loop ends as well.
    """
    try:
        while True:
            waiting.put(receive(requests))
    except ProtocolError:
        os._exit(0)


def prepare() -> None:
    """What is the same for every submission, and done before the first."""
    torch.set_num_threads(1)
    silence_the_course()
    # Some import it, although every cell has it.
    IPython.get_ipython = Quiet()


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Runs one submission, and answers calls of its functions until its judge is gone.

    The first message says what comes; the submission's bytes follow in parts.
    """
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(requests, waiting), daemon=True).start()
    first = waiting.get()
    parts = [waiting.get()["part"] for _ in range(first["parts"])]
    path = Path.cwd() / f"submission{first['kind']}"
    path.write_bytes(b"".join(part.tobytes() for part in parts))
    # Whoever guesses is to guess the same each time: a grade can be repeated.
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    try:
        submission = read(path, first["name"])
    except UnreadableError as problem:
        send(replies, {"unreadable": well_formed(str(problem))})
        submission = Submission(())
    else:
        send(replies, at_first_sight(submission))
    path.unlink()
    skip = frozenset(first["skip"])
    namespace, report = run_cells(submission, skip, first["seconds"], replies)
    send(replies, {"ready": report})
    while True:
        answer(namespace, waiting.get(), replies)


def main() -> None:
    """Serves one judge without a sandbox."""
    requests, replies = separate_channels()
    prepare()
    serve(requests, replies)


if __name__ == "__main__":
    main()
