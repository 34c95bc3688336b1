"""`course train`: the command around `course.train`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from course.cli.errors import Failure, Interrupted, Mistake, learner_failure
from course.cli.options import (
    Backend,
    backend_option,
    folder_name,
    given,
    goal_option,
    json_option,
    set_option,
    steps_option,
    workers_option,
)

if TYPE_CHECKING:
    from course.trainers.result import TrainResult

OUR_FILES = ("config.json", "result.json", "checkpoint.pt", "learning_curve.png")


@click.command()
@click.argument("algorithm", required=False)
@click.argument("environment", required=False)
@backend_option
@workers_option
@click.option("--environments-per-worker", type=int, help="Stepped by each learner.")
@steps_option
@goal_option
@click.option("--seed", type=int, help="Of networks, environments and exploration.")
@click.option(
    "--output", type=Path, help="Folder of the run.  [default: runs/ALGORITHM-...]"
)
@click.option("--resume", type=Path, help="Go on with the run in this folder.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in --output.")
@set_option
@click.option("--schedule", help="round_robin, random or 'A.pull ...' (sequential).")
@click.option(
    "--lag", type=int, help="Updates that wait before they are applied (sequential)."
)
@click.option("--stop-when-lost", is_flag=True, help="Stop when one learner dies.")
@json_option
@click.option("--quiet", is_flag=True, help="No progress and no summary.")
@click.pass_context
def train(
    ctx: click.Context,
    algorithm: str | None,
    environment: str | None,
    backend: Backend | None,
    workers: int | None,
    environments_per_worker: int | None,
    steps: int | None,
    until_return: float | None,
    seed: int | None,
    output: Path | None,
    resume: Path | None,
    overwrite: bool,
    settings: dict[str, Any],
    schedule: str | None,
    lag: int | None,
    stop_when_lost: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train ALGORITHM on ENVIRONMENT with many actor-learners.

    ALGORITHM is one_step_q, one_step_sarsa, n_step_q or a3c; ENVIRONMENT is a
    Gymnasium id such as CartPole-v1 or ALE/Pong-v5. With --resume neither is needed.

    Writes result.json, learning_curve.png, config.json and checkpoint.pt. Ctrl-C
    stops and keeps what was learned; --resume goes on with it.
    """
    started = _process_start()
    if resume is None and environment is None:
        raise click.UsageError("Give an ALGORITHM and an ENVIRONMENT, or --resume DIR.")
    if resume is not None and (output is not None or overwrite):
        raise click.UsageError(
            "--resume writes to its own folder: leave the other out."
        )
    backend = backend or _backend_of(resume)
    if backend == "hogwild" and not (schedule is None and lag is None):
        raise click.UsageError("--schedule and --lag need --backend sequential.")
    if backend == "hogwild":
        from course.trainers.start import start_early

        start_early()  # the fork server imports torch while this process does
    from course.trainers import train as trainer
    from course.trainers.run import Run, load_checkpoint

    if resume is not None:
        asked = load_checkpoint(resume)["asked"]
        algorithm = algorithm or str(asked["algorithm"])
        environment = environment or str(asked["environment"])
    assert algorithm is not None
    assert environment is not None
    algorithm = algorithm.replace("-", "_")
    chosen = settings | given(
        workers=workers,
        environments_per_worker=environments_per_worker,
        total_steps=steps,
        seed=seed,
    )
    folder = resume or output or _free_folder(algorithm, environment)
    if resume is None:
        plan = given(
            backend=backend, until_return=until_return, schedule=schedule, lag=lag
        )
        _make_room(folder, overwrite, lambda: Run(algorithm, environment, plan, chosen))
    try:
        result = trainer.train(
            algorithm,
            environment,
            backend=backend,
            output=None if resume else folder,
            resume=resume,
            stop_when_lost=stop_when_lost,
            progress=not quiet,
            started=started,
            **given(until_return=until_return, schedule=schedule, lag=lag),
            **chosen,
        )
    except trainer.WorkerError as error:
        if ctx.find_root().params["debug"]:
            raise
        raise learner_failure(str(error), folder) from error
    if as_json:
        click.echo(json.dumps(result.to_json()))
    elif not quiet:
        click.echo(result)
        click.echo(f"learning curve: {folder / 'learning_curve.png'}")
        click.echo(f"result: {folder / 'result.json'}")
    _check_success(result, folder)


def _process_start() -> float:
    """When this command started, so that importing torch counts as training time."""
    import psutil

    created: float = psutil.Process().create_time()
    if sys.platform != "linux":
        return created
    # Linux tells the moment of boot in whole seconds, the time since boot exactly.
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - (created - psutil.boot_time())
    return time.time() - age


def _backend_of(resume: Path | None) -> Backend:
    """The backend of an earlier run, found without loading torch."""
    path = None if resume is None else resume / "config.json"
    if path is not None and path.exists():
        backend: Backend = json.loads(path.read_text())["backend"]
        return backend
    return "hogwild"


def _free_folder(algorithm: str, environment: str) -> Path:
    """`runs/ALGORITHM-ENVIRONMENT-n` with the first n that is free."""
    number = 1
    while True:
        folder = Path("runs", f"{algorithm}-{folder_name(environment)}-{number}")
        if not folder.exists():
            return folder
        number += 1


def _make_room(folder: Path, overwrite: bool, prepare: Callable[[], object]) -> None:
    """Removes an earlier run's files, and nothing else, if that was asked for."""
    if not any((folder / name).exists() for name in ("result.json", "checkpoint.pt")):
        return
    if not overwrite:
        raise Mistake(
            f"{folder} already holds a run: choose another --output, replace the run "
            f"with --overwrite, or go on with it with --resume {folder}."
        )
    prepare()  # a mistake must be found before the old results are gone
    for name in OUR_FILES:
        (folder / name).unlink(missing_ok=True)


def _check_success(result: TrainResult, folder: Path) -> None:
    """Raises what keeps a finished run from being a success."""
    go_on = f"go on with: course train --resume {folder}"
    if result.stopped == "interrupted":
        raise Interrupted(f"Interrupted; {go_on}")
    if result.stopped == "workers_lost":
        raise Failure(
            f"Training ended early, since learners died "
            f"({result.workers_lost} so far); {go_on}"
        )
    if result.until_return is not None and result.solved_at is None:
        best = result.best_mean_return_100
        was = (
            "fewer than 100 episodes ended" if best is None else f"best was {best:.1f}"
        )
        raise Failure(
            f"The mean return of 100 episodes did not reach {result.until_return:g} in "
            f"{result.global_step:,} steps ({was}); {go_on} --steps MORE"
        )
