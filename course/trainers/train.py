"""`train`: from an algorithm and an environment to a result, on either backend."""

from __future__ import annotations

import contextlib
import dataclasses
import io
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
import torch
from gymnasium.envs.registration import EnvSpec
from tqdm.auto import tqdm

from course.actor_learner import new_network
from course.algorithms import Algorithm, get_algorithm
from course.config import Config
from course.environments import environment_spec, make_environment
from course.networks import flatten
from course.shared import Shared
from course.trainers.hogwild import hogwild
from course.trainers.log import Batch
from course.trainers.result import (
    WINDOW,
    History,
    TrainResult,
    episode_dicts,
    write_whole,
)
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
    backend: Literal["hogwild", "sequential"] = "hogwild",
    until_return: float | None = None,
    schedule: str = "round_robin",
    lag: int = 0,
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
        backend: "hogwild", real processes; or "sequential", the simulation.
        until_return: Stop when 100 consecutive episodes have this mean return.
        schedule: Sequential only: "round_robin", "random", or "A.pull B.pull ...".
        lag: Sequential only: how many later updates overtake each update.
        output: Folder for config, result, curve and checkpoints; None writes nothing.
        resume: Folder of an earlier run to go on from; it is also the output. The
            settings are the earlier ones, except those given here.
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
    run = _Run(algorithm, environment, backend, resume, settings)
    started = (started or time.time()) - run.seconds_before
    if resume is not None:
        output = resume
    folder = None if output is None else Path(output)
    if folder is not None:
        run.write_config(folder)
    if backend == "hogwild":
        batches = hogwild(
            *(run.algorithm, run.spec, run.shared, run.config, started),
            stop_when_lost=stop_when_lost,
        )
    else:
        batches = sequential(
            *(run.algorithm, run.spec, run.shared, run.config, started),
            *(schedule, lag),
        )
    failure: str | None = None
    lost: list[int] = []  # in this run; the history counts those before it too
    next_checkpoint = time.time() + checkpoint_seconds
    bar = _ProgressBar(run, started) if progress else None
    with _stop_on_interrupt(run.shared) as interrupted, contextlib.closing(batches):  # type: ignore[type-var]
        for batch in batches:
            run.history.add(batch, until_return)
            failure = failure or batch.failure
            for worker_id, exit_code in batch.lost:
                lost.append(worker_id)
                _warn_of_loss(worker_id, exit_code, len(lost), run.config.workers)
            if run.history.solved_at is not None:
                run.shared.stop()
            if on_batch is not None:
                on_batch(batch, run.shared)
            if bar is not None:
                bar.update()
            if folder is not None and time.time() >= next_checkpoint:
                run.checkpoint(folder, time.time() - started)
                next_checkpoint = time.time() + checkpoint_seconds
    if bar is not None:
        bar.close()
    seconds = time.time() - started
    given_up = len(lost) == run.config.workers or (stop_when_lost and bool(lost))
    stopped = _why_stopped(run, failure, bool(interrupted), given_up)
    result = run.result(backend, seconds, stopped)
    if folder is not None:
        run.checkpoint(folder, seconds)
        result.save(folder)
    if result.nan_updates:
        warnings.warn(
            f"{result.nan_updates} updates had a gradient with NaN or infinity and "
            "were refused: look at the rewards, the learning rate and the loss.",
            RuntimeWarning,
            stacklevel=2,
        )
    if failure is not None:
        error = WorkerError(failure)
        error.result = result
        raise error
    return result


class _Run:
    """What belongs to one run: algorithm, recipe, settings, θ and history."""

    def __init__(
        self,
        algorithm: str | Algorithm,
        environment: str | EnvSpec | Callable[[], gymnasium.Env[Any, Any]],
        backend: str,
        resume: str | os.PathLike[str] | None,
        settings: dict[str, Any],
    ) -> None:
        if backend not in ("hogwild", "sequential"):
            raise ValueError(
                f"backend is {backend!r}; expected 'hogwild' or 'sequential'."
            )
        self.algorithm = get_algorithm(algorithm)
        self.spec = environment_spec(environment)
        saved = None if resume is None else load_checkpoint(resume)
        base = (
            Config().replace(**self.algorithm.defaults)
            if saved is None
            else Config(**saved["config"])
        )
        self.config = base.replace(**settings)
        self.history = History()
        first = make_environment(self.spec)
        spaces = first.observation_space, first.action_space
        network = new_network(self.algorithm, *spaces, self.config)
        first.close()
        self.shared = Shared.allocate(
            flatten(network), self.config, self.algorithm.functions["update"]
        )
        self.seconds_before = 0.0
        if saved is not None:
            self._check_same_run(saved)
            self.shared.load(saved["state"])
            self.history.load(saved["history"])
            self.seconds_before = saved["seconds"]

    def _check_same_run(self, saved: dict[str, Any]) -> None:
        now = (self.algorithm.name, self.spec.id, list(self.algorithm.replaced))
        then = (saved["algorithm"], saved["environment"], saved["replaced"])
        if now != then:
            described = [
                f"{name} on {environment}"
                + (f" with your own {', '.join(replaced)}" if replaced else "")
                for name, environment, replaced in (then, now)
            ]
            raise ValueError(
                f"The checkpoint is of {described[0]}, but this run is "
                f"{described[1]}: resume with the same algorithm and environment."
            )

    def write_config(self, folder: Path) -> None:
        """Writes `config.json`: what was asked for."""
        folder.mkdir(parents=True, exist_ok=True)
        asked = {
            "algorithm": self.algorithm.name,
            "replaced": list(self.algorithm.replaced),
            "environment": self.spec.id,
            **dataclasses.asdict(self.config),
        }
        write_whole(folder / "config.json", json.dumps(asked, indent=1).encode())

    def checkpoint(self, folder: Path, seconds: float) -> None:
        """Writes `checkpoint.pt` whole, or warns and leaves the old one."""
        content = io.BytesIO()
        torch.save(
            {
                "algorithm": self.algorithm.name,
                "replaced": list(self.algorithm.replaced),
                "environment": self.spec.id,
                "config": dataclasses.asdict(self.config),
                "seconds": seconds,
                "state": self.shared.state(),
                "history": self.history.state(),
            },
            content,
        )
        try:
            write_whole(folder / "checkpoint.pt", content.getvalue())
        except OSError as error:
            warnings.warn(
                f"No checkpoint was written to {folder} ({error.strerror}); training "
                "goes on, and the last whole checkpoint is kept.",
                RuntimeWarning,
                stacklevel=3,
            )

    def result(self, backend: str, seconds: float, stopped: str) -> TrainResult:
        """The result as it stands now."""
        shared, config, history = self.shared, self.config, self.history
        steps = shared.global_step - shared.start_step
        return TrainResult(
            algorithm=self.algorithm.name,
            environment=self.spec.id,
            backend=backend,
            workers=config.workers,
            environments_per_worker=config.environments_per_worker,
            seed=config.seed,
            global_step=shared.global_step,
            num_updates=shared.num_updates,
            seconds=seconds,
            steps_per_second=steps / (seconds - self.seconds_before),
            episode_returns=episode_dicts(history.episodes),
            best_mean_return_100=history.best_mean_return_100,
            solved_at=history.solved_at,
            lag=history.lag_summary(),
            workers_lost=history.workers_lost,
            nan_updates=shared.nan_updates,
            stopped=stopped,
            theta=shared.theta.clone(),
            events=list(history.events),
            config=config,
            spec=self.spec,
            algorithm_record=self.algorithm,
        )


def load_checkpoint(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads `checkpoint.pt` of a run; only data is read, no code can come with it.

    Raises:
        ValueError: There is no checkpoint, or it is not one of ours.
    """
    path = Path(folder) / "checkpoint.pt"
    if not path.exists():
        raise ValueError(f"{folder} holds no checkpoint.pt: is it a run's folder?")
    try:
        saved: dict[str, Any] = torch.load(path, weights_only=True)
        saved["state"], saved["history"]
    except Exception as error:
        raise ValueError(f"{path} is not a checkpoint of this course.") from error
    return saved


def load_result(
    folder: str | os.PathLike[str], algorithm: Algorithm | None = None
) -> TrainResult:
    """The result of an earlier run, from its folder.

    Args:
        folder: Where the run wrote its checkpoint and result.
        algorithm: Needed only when the run used your own `make_network`.

    Raises:
        ValueError: There is no whole run in the folder.
    """
    saved = load_checkpoint(folder)
    run = _Run(
        algorithm or saved["algorithm"], saved["environment"], "hogwild", None, {}
    )
    run.config = Config(**saved["config"])
    run.shared = Shared.allocate(
        saved["state"]["theta"], run.config, run.algorithm.functions["update"]
    )
    run.shared.load(saved["state"])
    run.history.load(saved["history"])
    path = Path(folder) / "result.json"
    written = json.loads(path.read_text()) if path.exists() else {}
    result = run.result(
        written.get("backend", "hogwild"), saved["seconds"], written.get("stopped", "")
    )
    result.solved_at = written.get("solved_at")
    return result


def _why_stopped(
    run: _Run, failure: str | None, interrupted: bool, given_up: bool
) -> str:
    if failure is not None:
        return "failed"
    if run.history.solved_at is not None:
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


class _ProgressBar:
    """Steps done, rate, estimate, and the mean return of the last 100 episodes."""

    def __init__(self, run: _Run, started: float) -> None:
        self.run = run
        self.next_refresh = 0.0
        self.bar = tqdm(
            total=run.config.total_steps,
            initial=run.shared.start_step,
            desc=f"{run.algorithm.name} on {run.spec.id}",
            unit=" steps",
            unit_scale=True,
            dynamic_ncols=True,
        )

    def update(self) -> None:
        """Redraws at most five times a second."""
        if time.time() < self.next_refresh:
            return
        self.next_refresh = time.time() + 0.2
        self._draw()

    def _draw(self) -> None:
        mean = self.run.history.mean_return
        if mean is not None:
            self.bar.set_postfix_str(f"return of last {WINDOW}: {mean:.1f}", False)
        self.bar.update(self.run.shared.global_step - self.bar.n)

    def close(self) -> None:
        """Leaves the final figures on the screen."""
        self._draw()
        self.bar.close()
