"""The process side of Hogwild: one actor-learner in a process of its own.

Importing this module imports all that a worker needs, so that a fork server which
has preloaded it starts workers in a few hundredths of a second.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
import traceback

import cloudpickle
import torch
from torch import Tensor

from course.actor_learner import actor_learner
from course.shared import Shared, Update
from course.trainers.log import Recorder

REPORT_SECONDS = 0.1


class Failure:
    """An exception on its way to the parent, which knows the notebook's lines.

    A function sent by value has no source file here, but the parent can look the
    lines up: the frames are sent without them.
    """

    def __init__(self, error: BaseException) -> None:
        self.frames = [
            (frame.f_code.co_filename, line, frame.f_code.co_name, None)
            for frame, line in traceback.walk_tb(error.__traceback__)
        ]
        self.last_lines = traceback.format_exception_only(error)

    def __str__(self) -> str:
        """The traceback as Python would print it."""
        stack = traceback.StackSummary.from_list(self.frames)  # looks the lines up
        head = "Traceback (most recent call last):\n"
        return head + "".join(stack.format()) + "".join(self.last_lines)


def run_worker(
    payload: bytes,
    tensors: dict[str, Tensor],
    connection: multiprocessing.connection.Connection,
    worker_id: int,
    started: float,
) -> None:
    """Trains until the run is finished, and reports to the parent as it goes.

    Args:
        payload: (algorithm, spec, config) by cloudpickle, so that functions written
            in a notebook arrive by value.
        tensors: The shared memory of `Shared`.
        connection: Where `Batch`es, at last a `Failure` or None (done), are sent.
        worker_id: Index of this learner.
        started: When the run started, as `time.time()`.
    """
    torch.set_num_threads(1)  # one thread each, or the learners fight for the cores
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the parent raises the flag
    _end_with_parent()
    try:
        algorithm, spec, config = cloudpickle.loads(payload)
        shared = Shared(tensors, config, algorithm.update)
        recorder = Recorder(shared, started, logical=False)
        next_report = 0.0
        try:
            for event in actor_learner(algorithm, spec, shared, config, worker_id):
                recorder.note(worker_id, event)
                if isinstance(event, Update):
                    recorder.push(event)
                if time.time() >= next_report:
                    connection.send(recorder.drain())
                    next_report = time.time() + REPORT_SECONDS
        finally:  # a learner that raises tells first what it did until then
            connection.send(recorder.drain())
        connection.send(None)
    except BaseException as error:
        connection.send(Failure(error))


def _end_with_parent() -> None:
    """Ends this process as soon as the parent is gone, however it went.

    `daemon=True` is not enough: it does nothing when the parent is killed with -9.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True, name="end-with-parent").start()
