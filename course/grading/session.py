"""One submission in a worker: its cells are run, then its functions are called.

Whatever ends the worker costs the cell or the call that it was busy with. It is started
again, without that cell, and goes on.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from course.exercises.observe import SECONDS, Seen, as_plain
from course.grading.heard import Report, report_of, seen_of, text_of
from course.grading.notebook import UnreadableError, content_of, quoted
from course.grading.process import (
    WorkerGoneError,
    WorkerLateError,
    WorkerProcess,
    Workers,
)
from course.grading.protocol import ProtocolError

CELL_SECONDS = 20.0
"""Time limit of one cell. Training cells are not run."""

START_SECONDS = 120.0
"""Time limit for starting Python and torch, before the first cell runs."""

TOTAL_SECONDS = 600.0
"""Time limit for one submission: starting, running its cells, and all calls."""

PART = 4 * 2**20  # bytes of a submission that are sent at once
GRACE = 2.0  # seconds between the worker's own limit and its end by force
MOST_DEADLY_CELLS = 4
MOST_STARTS = 2

ENDED = "the call ended the whole process"


class SubmissionError(Exception):
    """The submission as a whole cannot be graded; the sentence says why."""


class StartError(SubmissionError):
    """It did not come to the first cell: the machine may be to blame for that."""


class Session:
    """A submission and its worker. A context manager: on the way out the worker ends.

    Args:
        path: The submission.
        seconds: Time limit of the calls that are asked for together.
        workers: The sandbox; without it, plain processes.
        total: Time limit of everything together, in seconds.

    Attributes:
        spent: How much of that is over.
    """

    def __init__(
        self,
        path: str | Path,
        seconds: float = SECONDS,
        workers: Workers | None = None,
        total: float = TOTAL_SECONDS,
    ) -> None:
        self.path = Path(path).absolute()
        self.seconds = seconds
        self.total = total
        self._workers = workers or Workers()
        self._worker: WorkerProcess | None = None
        self._report: Report | None = None
        self._problem: SubmissionError | None = None
        self._skip: list[int] = []
        self._requests = 0
        self._starts = 0
        self.spent = 0.0

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
            if self.spent > self.total:
                break
            worker = self._started()
            with self._timed():
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

    @property
    def never_started(self) -> bool:
        """Whether it could not be run for a reason that may not be the student's."""
        return isinstance(self._problem, StartError)

    @property
    def failed(self) -> bool:
        """Whether it cannot be read or run at all."""
        return self._problem is not None

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
            yield seen_of(reply, self._requests, call)

    def _started(self) -> WorkerProcess:
        """The worker, after it has run the cells."""
        if self._problem is not None:
            raise self._problem  # the next worker would find the same
        if self._worker is not None and self._worker.closed:
            self._worker = None  # another submission has taken its place
        while self._worker is None:
            with self._timed():
                try:
                    self._start()
                except SubmissionError as problem:
                    self._problem = problem
                    raise
        return self._worker

    def _start(self) -> None:
        """Starts a worker once; afterwards there is one, unless a cell is at fault."""
        try:
            content = content_of(self.path)
        except UnreadableError as problem:
            raise SubmissionError(str(problem)) from problem
        worker = self._workers.start()
        try:
            report = self._run_cells(worker, content)
            if report is not None:
                self._report, self._worker = report, worker
        finally:
            if self._worker is None:
                worker.close()

    def _run_cells(self, worker: WorkerProcess, content: bytes) -> Report | None:
        """What came of it; None if one cell was at fault: the next try is without it.

        Such a cell has ended the worker, or does not end itself and cannot be
        interrupted either.
        """
        cell: int | None = None
        name = quoted(self.path.name)
        end = time.monotonic() + self.total - self.spent
        limit = START_SECONDS
        # The worker sees no folder of ours, and no name that it may stumble over.
        whole = np.frombuffer(content, np.uint8)
        parts = [
            {"part": part} for part in np.split(whole, range(PART, len(whole), PART))
        ]
        first = {"name": name, "kind": self.path.suffix, "parts": len(parts)}
        first |= {"skip": self._skip, "seconds": CELL_SECONDS}
        try:
            worker.ask(first, *parts)
            # Said before any line of the student's has run: this is to be believed.
            read = worker.reply(min(end - time.monotonic(), limit))
            if isinstance(read, dict) and "unreadable" in read:
                raise SubmissionError(text_of(read["unreadable"]))
            while True:
                reply = worker.reply(min(end - time.monotonic(), limit))
                if not isinstance(reply, dict) or type(reply.get("cell")) is not int:
                    return report_of(read, reply)
                cell, limit = reply["cell"], CELL_SECONDS + GRACE
                if time.monotonic() > end:  # so many messages come from no cells
                    raise WorkerLateError("The worker is late.")
        except ProtocolError as error:
            raise SubmissionError(f"{name} could not be run. {error}") from error
        except WorkerLateError as error:
            if cell is None or time.monotonic() > end:
                where = f"in its cell {cell}" if cell is not None else "when starting"
                after = START_SECONDS if time.monotonic() < end else self.total
                kind = StartError if cell is None else SubmissionError
                raise kind(
                    f"{name} could not be run: it was still busy {where} after "
                    f"{after:g} seconds."
                ) from error
        except WorkerGoneError as error:
            if cell is None:
                self._starts += 1
                if self._starts < MOST_STARTS:
                    return None
                raise StartError(
                    f"{name} could not be run: the process ends when it starts."
                ) from error
        if len(self._skip) == MOST_DEADLY_CELLS:
            cells = ", ".join(map(str, [*self._skip, cell]))
            raise SubmissionError(
                f"{name} could not be run: the cells {cells} end or block the process."
            )
        self._skip.append(cell)
        return None

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        """Counts how long this takes."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.spent += time.monotonic() - begun

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
