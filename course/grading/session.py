"""One submission in a worker: its cells are run, then its functions are called.

Whatever ends the worker costs the cell or the call that it was busy with. It is started
again, without that cell, and goes on.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from course.exercises.observe import SECONDS, Seen, as_plain
from course.grading.process import WorkerGoneError, WorkerLateError, WorkerProcess

CELL_SECONDS = 20.0
"""Time limit of one cell. Training cells are not run."""

START_SECONDS = 120.0
"""Time limit for starting Python and torch and running all the cells."""

TOTAL_SECONDS = 600.0
"""Time limit for everything that is asked of one submission."""

GRACE = 2.0  # seconds between the worker's own limit and its end by force
MOST_DEADLY_CELLS = 4
LONGEST_TEXT = 500  # characters of a message from a worker

ENDED = "the call ended the whole process"


class SubmissionError(Exception):
    """The submission as a whole cannot be graded; the sentence says why."""


@dataclass(frozen=True)
class Report:
    """What a worker said after running the cells.

    Attributes:
        functions: Names of the exercises that have an answer.
        lesson: What the notebook says it belongs to, or "".
        notes: On cells that failed or were skipped, and double definitions.
    """

    functions: tuple[str, ...]
    lesson: str
    notes: tuple[str, ...]


class Session:
    """A submission and its worker. A context manager: on the way out the worker ends.

    Attributes:
        path: The submission.
        seconds: Time limit of the calls that are asked for together.
    """

    def __init__(self, path: str | Path, seconds: float = SECONDS) -> None:
        self.path = Path(path).absolute()
        self.seconds = seconds
        self._worker: WorkerProcess | None = None
        self._report: Report | None = None
        self._problem: SubmissionError | None = None
        self._skip: list[int] = []
        self._requests = 0
        self._spent = 0.0

    def seen(self, name: str, calls: Sequence[Mapping[str, Any]]) -> list[Seen]:
        """What the student's function shows, call by call.

        Args:
            name: The exercise.
            calls: Its arguments by name: numbers, strings, lists and arrays.

        Raises:
            SubmissionError: The submission cannot be read or run at all.
            ProtocolError: The arguments are no plain data, or too many.
        """
        plain = [as_plain(dict(call)) for call in calls]
        results: list[Seen] = []
        deaths = 0
        while len(results) < len(plain):
            if self._spent > TOTAL_SECONDS:
                break
            worker = self._started()
            begun = time.monotonic()
            try:
                for seen in self._ask(worker, name, plain[len(results) :]):
                    results.append(seen)
            except WorkerLateError:
                self.close()
                break
            except WorkerGoneError:
                self.close()
                deaths += 1
                results.append(Seen("raised", message=ENDED))
                if deaths == 2:  # twice is no accident: it does so every time
                    results += results[-1:] * (len(plain) - len(results))
            finally:
                self._spent += time.monotonic() - begun
        return results + [Seen("too_slow")] * (len(plain) - len(results))

    @property
    def report(self) -> Report:
        """What came of running the cells.

        Raises:
            SubmissionError: The submission cannot be read or run at all.
        """
        if self._report is None:
            self._started()
        assert self._report is not None
        return self._report

    def close(self) -> None:
        """Ends the worker; another is started if something is asked again."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _ask(
        self, worker: WorkerProcess, name: str, calls: Sequence[Any]
    ) -> Iterator[Seen]:
        self._requests += 1
        end = time.monotonic() + self.seconds + GRACE
        request = {"number": self._requests, "exercise": name, "calls": list(calls)}
        worker.ask(request | {"seconds": self.seconds})
        for call in range(len(calls)):
            reply = worker.reply(end - time.monotonic())
            yield _seen(reply, self._requests, call)

    def _started(self) -> WorkerProcess:
        """The worker, after it has run the cells."""
        if self._problem is not None:
            raise self._problem  # the next worker would find the same
        while self._worker is None:
            worker = WorkerProcess()
            try:
                report = self._run_cells(worker)
                if report is not None:
                    self._report, self._worker = report, worker
            except SubmissionError as problem:
                self._problem = problem
                raise
            finally:
                if self._worker is None:
                    worker.close()
        return self._worker

    def _run_cells(self, worker: WorkerProcess) -> Report | None:
        """What came of it; None if one cell ended the worker: then without that one."""
        cell: int | None = None
        end = time.monotonic() + START_SECONDS
        first = {"submission": str(self.path), "skip": self._skip}
        try:
            worker.ask(first | {"seconds": CELL_SECONDS})
            while True:
                reply = worker.reply(end - time.monotonic())
                if isinstance(reply, dict) and type(reply.get("cell")) is int:
                    cell = reply["cell"]
                else:
                    return _report(reply)
        except WorkerLateError as error:
            where = f"in its cell {cell}" if cell is not None else "when starting"
            raise SubmissionError(
                f"{self.path.name} could not be run: it was still busy {where} after "
                f"{START_SECONDS:g} seconds."
            ) from error
        except WorkerGoneError as error:
            if cell is None or len(self._skip) == MOST_DEADLY_CELLS:
                cells = f" (so did the cells {self._skip})" if self._skip else ""
                where = "it starts" if cell is None else f"its cell {cell}"
                raise SubmissionError(
                    f"{self.path.name} could not be run: the process ends when "
                    f"{where} runs{cells}."
                ) from error
            self._skip.append(cell)
            return None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _report(reply: Any) -> Report:
    """Reads what a worker says of the cells; it may say anything.

    Raises:
        SubmissionError: The worker could not read the submission.
        WorkerGoneError: It said something else.
    """
    told = reply.get("ready") if isinstance(reply, dict) else None
    if not isinstance(told, dict):
        raise WorkerGoneError("The worker sent no report.")
    if "unreadable" in told:
        raise SubmissionError(_text(told["unreadable"]))
    return Report(
        tuple(_texts(told.get("functions"))),
        _text(told.get("lesson")),
        tuple(_texts(told.get("notes"))),
    )


def _seen(reply: Any, request: int, call: int) -> Seen:
    """Reads what a worker says of one call; it may say anything.

    Raises:
        WorkerGoneError: It is no answer to this call.
    """
    told = reply.get("seen") if isinstance(reply, dict) else None
    if (
        not isinstance(told, dict)
        or (reply.get("request"), reply.get("call")) != (request, call)
        or told.get("how") not in ("returned", "not_attempted", "raised", "too_slow")
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
        _text(told.get("message")),
        _text(told.get("line")),
    )


def _texts(values: Any) -> list[str]:
    return [_text(value) for value in values] if isinstance(values, list) else []


def _text(value: Any) -> str:
    """A text that may be printed: no control characters, and not too long."""
    if not isinstance(value, str):
        return ""
    kept = "".join(each if each.isprintable() else " " for each in value)
    return kept[:LONGEST_TEXT].strip()
