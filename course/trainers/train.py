"""`train`: from an algorithm and an environment to a result, on either backend."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import gymnasium
from gymnasium.envs.registration import EnvSpec

from course.algorithms import Algorithm
from course.shared import Shared
from course.trainers.hogwild import hogwild
from course.trainers.log import Batch
from course.trainers.progress import ProgressBar
from course.trainers.result import TrainResult
from course.trainers.run import Run, load_checkpoint
from course.trainers.sequential import sequential

CHECKPOINT_SECONDS = 30.0


class WorkerError(RuntimeError):
    """A learner raised; the text holds its traceback.

    Attributes:
        result: What had been learned until then.
    """

    result: TrainResult


def train(
    algorithm: str | Algorithm,
    environment: str | EnvSpec | Callable[[], gymnasium.Env[Any, Any]],
    *,
    backend: Literal["hogwild", "sequential"] | None = None,
    until_return: float | None = None,
    schedule: str | None = None,
    lag: int | None = None,
    output: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    stop_when_lost: bool = False,
    progress: bool = True,
    started: float | None = None,
    on_batch: Callable[[Batch, Shared], object] | None = None,
    **settings: Any,
) -> TrainResult:
    """Trains with many actor-learners at once and returns what was learned.

    Ctrl-C, or a notebook's interrupt, stops cleanly and returns the result so far.

    Args:
        algorithm: "one_step_q", "one_step_sarsa", "n_step_q", "a3c", or one of them
            with your own functions (`N_STEP_Q.replace(targets=mine)`).
        environment: A Gymnasium id with discrete actions, an `EnvSpec`, or a function
            that makes an environment.
        backend: "hogwild" (the default), real processes; or "sequential", the
            simulation.
        until_return: Stop when 100 consecutive episodes have this mean return.
        schedule: Sequential only: "round_robin" (the default), "random", or words
            such as "A.pull B.pull A.push B.push".
        lag: Sequential only: how many updates wait in a queue before they are applied.
        output: Folder for config, result, curve and checkpoints; None writes nothing.
        resume: Folder of an earlier run to go on from; it is also the output. What is
            not given here is as it was.
        checkpoint_seconds: Time between checkpoints.
        stop_when_lost: Whether the others stop when a worker process dies.
        progress: Whether to show a progress bar.
        started: When the command started (`time.time()`); now if not given.
        on_batch: Called with each report, for live views; may call `shared.stop()`.
        **settings: Any field of `Config`, such as `workers=4, total_steps=200_000`.

    Raises:
        ValueError: Something asked for does not exist or does not fit.
        WorkerError: A learner raised; the others were stopped, `error.result` and the
            output folder hold what was learned.
    """
    plan = {
        "backend": backend,
        "until_return": until_return,
        "schedule": schedule,
        "lag": lag,
    }
    plan = {name: value for name, value in plan.items() if value is not None}
    saved = None if resume is None else load_checkpoint(resume)
    if saved and saved["history"]["solved_at"] and until_return is None:
        plan["until_return"] = None  # the goal was reached: go on to total_steps
    run = Run(algorithm, environment, plan, settings, saved)
    started = (started or time.time()) - run.seconds_before
    if resume is not None and output is not None:
        raise ValueError(
            f"output is {os.fspath(output)!r}, but a resumed run goes on in its own "
            "folder: leave output out."
        )
    output = resume or output
    folder = None if output is None else Path(output)
    if folder is not None:
        run.write_config(folder)
        # From the first moment on the folder holds one whole run, and only this one.
        (folder / "result.json").unlink(missing_ok=True)
        run.write_checkpoint(folder, run.seconds_before)
    common = run.algorithm, run.spec, run.shared, run.config, started
    if run.plan.backend == "hogwild":
        batches = hogwild(*common, stop_when_lost=stop_when_lost)
    else:
        batches = sequential(*common, run.plan.schedule, run.plan.lag)
    failure: str | None = None
    cause: Exception | None = None
    lost: list[int] = []  # in this run; the history counts those before it too
    next_checkpoint = time.time() + checkpoint_seconds
    with (
        _stop_on_interrupt(run.shared) as interrupted,
        contextlib.closing(ProgressBar(run, progress)) as bar,
        contextlib.closing(batches),
    ):
        for batch in batches:
            run.history.add(batch, run.plan.until_return)
            failure, cause = failure or batch.failure, cause or batch.cause
            for worker_id, exit_code in batch.lost:
                lost.append(worker_id)
                _warn_of_loss(worker_id, exit_code, len(lost), run.config.workers)
            if run.is_solved:
                run.shared.stop()
            if on_batch is not None:
                on_batch(batch, run.shared)
            bar.update()
            if folder is not None and time.time() >= next_checkpoint:
                run.write_checkpoint(folder, time.time() - started)
                next_checkpoint = time.time() + checkpoint_seconds
    seconds = time.time() - started
    given_up = len(lost) == run.config.workers or (stop_when_lost and bool(lost))
    stopped = _why_stopped(run, failure, bool(interrupted), given_up)
    result = run.result(seconds, stopped)
    if folder is not None:
        run.write_checkpoint(folder, seconds)
        try:
            result.save(folder)
        except OSError as problem:
            warnings.warn(
                f"The result was not written to {folder} ({problem.strerror}).",
                RuntimeWarning,
                stacklevel=2,
            )
    if result.nan_updates:
        warnings.warn(
            f"{result.nan_updates} updates had a gradient with NaN or infinity and "
            "were refused: look at the loss and the learning rate.",
            RuntimeWarning,
            stacklevel=2,
        )
    if failure is not None:
        error = WorkerError(failure)
        error.result = result
        raise error from cause
    return result


def load_result(
    folder: str | os.PathLike[str],
    algorithm: Algorithm | None = None,
    environment: EnvSpec | Callable[[], gymnasium.Env[Any, Any]] | None = None,
) -> TrainResult:
    """The result of an earlier run, from its folder.

    Args:
        folder: Where the run wrote its checkpoint and result.
        algorithm: Needed only when the run used functions of your own.
        environment: Needed only when it was not one of Gymnasium's ids.

    Raises:
        ValueError: There is no whole run in the folder, or it used your own functions.
    """
    saved = load_checkpoint(folder)
    asked = saved["asked"]
    run = Run(
        algorithm or asked["algorithm"],
        environment or asked["environment"],
        *({}, {}, saved),
    )
    path = Path(folder) / "result.json"
    stopped = json.loads(path.read_text())["stopped"] if path.exists() else "killed"
    return run.result(saved["seconds"], stopped)


def _why_stopped(
    run: Run, failure: str | None, interrupted: bool, given_up: bool
) -> str:
    if failure is not None:
        return "failed"
    if run.is_solved:
        return "solved"
    if interrupted:
        return "interrupted"
    if run.shared.global_step >= run.config.total_steps:
        return "total_steps"
    return "workers_lost" if given_up else "stopped"


def _warn_of_loss(worker_id: int, exit_code: int, lost: int, workers: int) -> None:
    how = f"killed by signal {-exit_code}" if exit_code < 0 else f"exit {exit_code}"
    warnings.warn(
        f"Learner {worker_id} died ({how}); {workers - lost} of {workers} are left.",
        RuntimeWarning,
        stacklevel=3,
    )


@contextlib.contextmanager
def _stop_on_interrupt(shared: Shared) -> Iterator[list[int]]:
    """The first Ctrl-C asks the learners to end; a second one interrupts at once.

    Yields the list of interrupts seen.
    """
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen  # only the main thread is ever interrupted
        return

    def handle(number: int, frame: object) -> None:
        seen.append(number)
        shared.stop()
        if len(seen) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
