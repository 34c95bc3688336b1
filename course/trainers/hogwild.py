"""Hogwild!: many actor-learner processes, one θ in shared memory, no locks.

The parent only listens. Each worker has a pipe of its own, so that a worker killed
in the middle of anything can hold no lock that another one needs.
"""

from __future__ import annotations

import math
import multiprocessing
import multiprocessing.connection
import time
from collections.abc import Generator
from multiprocessing.process import BaseProcess
from typing import Any

import cloudpickle
from gymnasium.envs.registration import EnvSpec

from course.algorithms import Algorithm
from course.config import Config
from course.shared import Shared
from course.trainers.log import Batch
from course.trainers.start import start_early, start_method, starting_processes
from course.trainers.worker import Failure, run_worker

LISTEN_SECONDS = 0.2
GRACE_SECONDS = 30.0  # a rollout in a slow environment may take that long


def hogwild(
    algorithm: Algorithm,
    spec: EnvSpec,
    shared: Shared,
    config: Config,
    started: float,
    stop_when_lost: bool = False,
) -> Generator[Batch, None, None]:
    """Trains with `config.workers` processes; yields what they report.

    Args:
        algorithm: What each learner runs; its functions are sent by value.
        spec: Recipe of the environment.
        shared: θ and the counters; moved to shared memory here.
        config: Settings.
        started: When the run started, as `time.time()`.
        stop_when_lost: Whether the death of one worker stops the others.
    """
    import torch.multiprocessing  # how torch sends tensors as handles to their memory

    start_early()
    context: Any = torch.multiprocessing.get_context(start_method())
    shared.share_memory()
    payload = cloudpickle.dumps((algorithm, spec, config))
    workers: dict[Any, tuple[int, BaseProcess]] = {}  # by the pipe's reading end
    processes: list[BaseProcess] = []
    try:
        with starting_processes():
            for worker_id in range(config.workers):
                reader, writer = context.Pipe(duplex=False)
                process = context.Process(
                    target=run_worker,
                    args=(payload, shared.tensors, writer, worker_id, started),
                    name=f"learner-{worker_id}",
                    daemon=True,
                )
                process.start()
                writer.close()  # the worker's end of file then shows its death
                workers[reader] = (worker_id, process)
                processes.append(process)
        deadline = math.inf
        while workers:
            ready: list[Any] = multiprocessing.connection.wait(workers, LISTEN_SECONDS)
            if shared.finished:
                deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
            if time.monotonic() > deadline:
                for _, process in workers.values():
                    process.kill()  # stuck in its environment, say
            # A death shows as the end of the pipe; not everywhere, though: on Windows
            # not while the process is still importing.
            dead = [] if ready else [r for r in workers if _is_dead(workers[r][1], r)]
            if not ready:
                yield Batch([], [])  # lets the caller look at the clock
            for reader in (*ready, *dead):
                message = EOFError() if reader in dead else _receive(reader)
                if isinstance(message, Batch):
                    yield message
                    continue
                worker_id, process = workers.pop(reader)
                if isinstance(message, Failure):
                    shared.stop()
                    text = f"Learner {worker_id} failed:\n{message}"
                    yield Batch([], [], failure=text)
                elif isinstance(message, EOFError):
                    if stop_when_lost:
                        shared.stop()
                    process.join(GRACE_SECONDS)
                    yield Batch([], [], lost=[(worker_id, process.exitcode or 0)])
    finally:
        shared.stop()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in processes:
            process.join(max(deadline - time.monotonic(), 0.0))
            if process.is_alive():
                process.kill()
                process.join()


def _is_dead(process: BaseProcess, reader: Any) -> bool:
    """Whether a process is gone and all it said has been heard."""
    return not process.is_alive() and not reader.poll()


def _receive(reader: Any) -> Any:
    """The next message, or the `EOFError` of a worker that is gone."""
    try:
        return reader.recv()
    except (EOFError, OSError) as error:  # OSError: killed in mid-message
        return error if isinstance(error, EOFError) else EOFError()
