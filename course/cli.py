"""The command line: `course train`, `compare`, `evaluate`, `watch`, `probe`, `doctor`.

Exit status: 0 only for success, 1 for a failure (a goal that was not reached, a
learner that failed), 2 for a mistake in the command, 130 after Ctrl-C. Every error
that can be expected is one sentence; `course --debug ...` shows the traceback.

Heavy modules are imported inside the commands, so that `course --help` is quick.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from course import __version__
from course.config import Config, require_known

if TYPE_CHECKING:
    from course.trainers.result import TrainResult
    from course.trainers.train import WorkerError

OUR_FILES = ("config.json", "result.json", "checkpoint.pt", "learning_curve.png")
INTERRUPTED = 130  # as every shell counts it: 128 + SIGINT
# As text, because importing the algorithms takes seconds. A test compares.
ALGORITHM_NAMES = "one_step_q, one_step_sarsa, n_step_q or a3c"


class Failure(click.ClickException):
    """An error as one sentence on standard error, and its exit status."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class Commands(click.Group):
    """Turns whatever goes wrong in a command into one sentence and a status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was asked for."""
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except KeyboardInterrupt:
                raise Failure("Interrupted.", INTERRUPTED) from None
            except Exception as error:
                if ctx.params["debug"]:
                    raise
                raise _in_one_sentence(error) from error


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Prints a warning without the line of our code that it comes from."""
    click.echo(f"Warning: {message}", err=True)


def _in_one_sentence(error: Exception) -> Failure:
    """What the user needs to know of an error."""
    if isinstance(error, ValueError):
        return Failure(str(error), exit_code=2)
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return Failure(f"{error.strerror or error}{where}.")
    return Failure(
        f"{type(error).__name__}: {error} (not expected here: run again with "
        "'course --debug ...' to see where it comes from)"
    )


class Setting(click.ParamType):
    """`NAME=VALUE` of a field of `Config`, the value turned into the field's type."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, Any]:
        """From "gamma=0.9" to ("gamma", 0.9)."""
        name, equals, text = value.partition("=")
        kinds = {field.name: str(field.type) for field in dataclasses.fields(Config)}
        if not equals:
            self.fail(f"{value!r} has no '='; write it as in gamma=0.9.", param, ctx)
        try:
            require_known(name, list(kinds), "setting")
            return name, _parse(kinds[name], text)
        except KeyError:
            self.fail(f"{name} must be true or false, but is {text!r}.", param, ctx)
        except ValueError as error:
            sentence = f"{name} must be of type {kinds[name]}, but is {text!r}."
            known = name in kinds
            self.fail(sentence if known else str(error), param, ctx)


def _parse(kind: str, text: str) -> int | float | bool | None:
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()]
    if kind == "int":
        return int(text)
    return None if "None" in kind and text.lower() == "none" else float(text)


@click.group(cls=Commands, context_settings={"max_content_width": 88})
@click.version_option(__version__, prog_name="course")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Asynchronous methods for deep reinforcement learning, from the command line."""


backend_option = click.option(
    "--backend",
    type=click.Choice(["hogwild", "sequential"]),
    help="Real processes or their simulation.  [default: hogwild]",
)
workers_option = click.option("--workers", type=int, help="Actor-learners at once.")
steps_option = click.option("--steps", type=int, help="Agent steps over all learners.")
goal_option = click.option(
    "--until-return", type=float, help="Stop at this mean return of 100 episodes."
)
set_option = click.option(
    "--set",
    "settings",
    type=Setting(),
    multiple=True,
    help="Any field of Config, such as gamma=0.9; can be given several times.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
seed_option = click.option("--seed", default=0, show_default=True, help="First seed.")
folder_argument = click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False)
)


@main.command()
@click.argument("algorithm", required=False)
@click.argument("environment", required=False)
@backend_option
@workers_option
@click.option("--environments-per-worker", type=int, help="Stepped by each learner.")
@steps_option
@goal_option
@click.option("--seed", type=int, help="Of networks, environments and exploration.")
@click.option("--output", type=Path, help="Folder of the results.  [default: runs/...]")
@click.option("--resume", type=Path, help="Go on with the run in this folder.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in the folder.")
@set_option
@click.option(
    "--schedule", help="Sequential: round_robin, random or 'A.pull B.pull …'."
)
@click.option("--lag", type=int, help="Sequential: updates that overtake each update.")
@click.option("--stop-when-lost", is_flag=True, help="Stop when one learner dies.")
@json_option
@click.option("--quiet", is_flag=True, help="No progress and no summary.")
@click.pass_context
def train(
    ctx: click.Context,
    algorithm: str | None,
    environment: str | None,
    backend: str | None,
    workers: int | None,
    environments_per_worker: int | None,
    steps: int | None,
    until_return: float | None,
    seed: int | None,
    output: Path | None,
    resume: Path | None,
    overwrite: bool,
    settings: tuple[tuple[str, Any], ...],
    schedule: str | None,
    lag: int | None,
    stop_when_lost: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train ALGORITHM on ENVIRONMENT with many actor-learners.

    ALGORITHM is one_step_q, one_step_sarsa, n_step_q or a3c; ENVIRONMENT is a
    Gymnasium id such as CartPole-v1 or ALE/Pong-v5. With --resume both are known.

    Writes result.json, learning_curve.png, config.json and checkpoint.pt. Ctrl-C stops
    and keeps what was learned; --resume goes on with it.
    """
    started = _process_start()
    if resume is not None and (output is not None or overwrite):
        raise click.UsageError("--resume goes on in its own folder: give it alone.")
    if resume is None and environment is None:
        raise click.UsageError("Give an ALGORITHM and an ENVIRONMENT, or --resume DIR.")
    if resume is not None and backend is None:
        backend = _backend_of(resume)
    backend = backend or "hogwild"
    if backend == "hogwild" and not (schedule is None and lag is None):
        raise click.UsageError("--schedule and --lag need --backend sequential.")
    if backend == "hogwild":
        from course.trainers.start import start_early

        start_early()  # the fork server imports torch while this process does
    from course.trainers import train as trainer

    if resume is not None:
        saved = trainer.load_checkpoint(resume)
        algorithm = algorithm or saved["algorithm"]
        environment = environment or saved["environment"]
    assert algorithm is not None
    assert environment is not None
    algorithm = algorithm.replace("-", "_")
    chosen = dict(settings) | _given(
        workers=workers,
        environments_per_worker=environments_per_worker,
        total_steps=steps,
        seed=seed,
    )
    folder = resume or output or _free_folder(algorithm, environment)
    if resume is None:
        _make_room(folder, overwrite, algorithm, environment, chosen)
    try:
        result = trainer.train(
            algorithm,
            environment,
            backend="sequential" if backend == "sequential" else "hogwild",
            until_return=until_return,
            output=None if resume else folder,
            resume=resume,
            stop_when_lost=stop_when_lost,
            progress=not quiet,
            started=started,
            **_given(schedule=schedule, lag=lag),
            **chosen,
        )
    except trainer.WorkerError as error:
        raise _learner_failure(error, folder, ctx) from error
    if as_json:
        click.echo(json.dumps(result.to_json()))
    elif not quiet:
        click.echo(result)
        click.echo(f"learning curve: {folder / 'learning_curve.png'}")
        click.echo(f"result: {folder / 'result.json'}")
    _check_success(result, until_return, folder)


def _process_start() -> float:
    """When this command started, so that importing torch counts as training time."""
    import psutil

    created = psutil.Process().create_time()
    if sys.platform != "linux":
        return created
    # Linux knows the moment of boot in whole seconds only; time since boot is exact.
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - (created - psutil.boot_time())
    return time.time() - age


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _backend_of(folder: Path) -> str | None:
    """The backend of a finished run; one that was killed has not written it."""
    path = folder / "result.json"
    return str(json.loads(path.read_text())["backend"]) if path.exists() else None


def _free_folder(algorithm: str, environment: str) -> Path:
    """`runs/<algorithm>-<environment>-<n>` with the first n that is free."""
    stem = f"{algorithm}-{environment.replace('/', '-')}"
    number = 1
    while Path("runs", f"{stem}-{number}").exists():
        number += 1
    return Path("runs", f"{stem}-{number}")


def _make_room(
    folder: Path,
    overwrite: bool,
    algorithm: str,
    environment: str,
    settings: dict[str, Any],
) -> None:
    """Removes an earlier run's files, and nothing else, if that was asked for."""
    from course.algorithms import get_algorithm
    from course.environments import environment_spec

    if not any((folder / name).exists() for name in ("result.json", "checkpoint.pt")):
        return
    if not overwrite:
        raise Failure(
            f"{folder} already holds a run: choose another --output, replace it with "
            f"--overwrite, or go on with it by --resume {folder}.",
            exit_code=2,
        )
    # A mistyped name must be found before the old results are gone.
    environment_spec(environment)
    Config().replace(**{**get_algorithm(algorithm).defaults, **settings})
    for name in OUR_FILES:
        (folder / name).unlink(missing_ok=True)


def _learner_failure(error: WorkerError, folder: Path, ctx: click.Context) -> Exception:
    """One sentence with the line that raised, or everything with --debug."""
    if ctx.find_root().params["debug"]:
        return error
    text = str(error).rstrip()
    cause = text.splitlines()[-1]
    where = re.findall(r'File "(.+)", line (\d+), in .+\n(?!  File)\s*(.+)', text)
    # The line to mend is the last one that is not inside an installed package.
    own = [line for line in where if "site-packages" not in line[0]] or where
    line = f" at {own[-1][0]}:{own[-1][1]}, in `{own[-1][2]}`" if own else ""
    return Failure(
        f"{text.splitlines()[0].rstrip(':')}{line}: {cause} (what was learned until "
        f"then is in {folder}; 'course --debug train ...' shows the whole traceback)"
    )


def _check_success(
    result: TrainResult, until_return: float | None, folder: Path
) -> None:
    """Raises what keeps a finished run from being a success."""
    if result.stopped == "interrupted":
        raise Failure(
            f"Interrupted; go on with: course train --resume {folder}", INTERRUPTED
        )
    if result.stopped == "workers_lost":
        raise Failure(
            f"{result.workers_lost} of {result.workers} learners died before the end; "
            f"go on with: course train --resume {folder}"
        )
    if until_return is not None and result.solved_at is None:
        best = result.best_mean_return_100
        reached = (
            "no 100 episodes ended" if best is None else f"the best was {best:.1f}"
        )
        raise Failure(
            f"The mean return of 100 episodes did not reach {until_return:g} in "
            f"{result.global_step:,} steps: {reached}."
        )


@main.command()
@click.argument("environment")
@click.option(
    "--algorithms", help="Names with commas between.  [default: all]", metavar="NAMES"
)
@click.option("--seeds", default=3, show_default=True, help="Runs of each algorithm.")
@backend_option
@workers_option
@steps_option
@goal_option
@click.option("--output", type=Path, help="Folder.  [default: runs/compare-...]")
@set_option
@json_option
def compare(
    environment: str,
    algorithms: str | None,
    seeds: int,
    backend: str | None,
    workers: int | None,
    steps: int | None,
    until_return: float | None,
    output: Path | None,
    settings: tuple[tuple[str, Any], ...],
    as_json: bool,
) -> None:
    """Train several algorithms with several seeds on ENVIRONMENT: Figure 1.

    Writes compare.png, compare.json and a folder for each run. Finished runs are kept:
    the same command goes on where an interrupted one stopped.
    """
    if seeds < 1:
        raise click.UsageError(f"--seeds must be at least 1, but is {seeds}.")
    backend = backend or "hogwild"
    if backend == "hogwild":
        from course.trainers.start import start_early

        start_early()
    from course.algorithms import ALGORITHMS
    from course.experiments import figure1

    names = algorithms.replace("-", "_").split(",") if algorithms else list(ALGORITHMS)
    folder = output or Path("runs", f"compare-{environment.replace('/', '-')}")
    chosen = dict(settings) | _given(workers=workers, total_steps=steps)
    try:
        summary = figure1.compare(
            environment,
            [name.strip() for name in names],
            range(seeds),
            backend="sequential" if backend == "sequential" else "hogwild",
            output=folder,
            until_return=until_return,
            **chosen,
        )
    except figure1.Unfinished as error:
        raise Failure(str(error), INTERRUPTED if error.interrupted else 1) from error
    if as_json:
        click.echo(json.dumps(summary))
        return
    click.echo(figure1.table(summary))
    click.echo(f"figure: {folder / 'compare.png'}")
    click.echo(f"numbers: {folder / 'compare.json'}")


@main.command()
@folder_argument
@click.option("--episodes", default=10, show_default=True, help="How many to play.")
@seed_option
@json_option
def evaluate(folder: str, episodes: int, seed: int, as_json: bool) -> None:
    """Play greedy episodes with the network of a run in DIR."""
    import statistics

    from course.evaluate import evaluate as play
    from course.trainers.train import load_result

    if episodes < 1:
        raise click.UsageError(f"--episodes must be at least 1, but is {episodes}.")
    result = load_result(folder)
    returns = [
        episode.episode_return
        for episode in play(result.policy, result.spec, episodes, seed)
    ]
    summary = {
        "mean": statistics.fmean(returns),
        "std": statistics.pstdev(returns),
        "min": min(returns),
        "max": max(returns),
        "n": len(returns),
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        click.echo(
            f"return of {result.algorithm} on {result.environment}, greedy: "
            "mean {mean:.1f}, std {std:.1f}, min {min:.1f}, max {max:.1f}, "
            "{n} episodes".format(**summary)
        )


@main.command()
@folder_argument
@click.option("--episodes", default=1, show_default=True, help="How many to film.")
@seed_option
@click.option("--output", type=Path, help="A .gif file.  [default: DIR/film.gif]")
def watch(folder: str, episodes: int, seed: int, output: Path | None) -> None:
    """Film greedy episodes of a run in DIR as an animated GIF."""
    path = output or Path(folder, "film.gif")
    if path.suffix.lower() != ".gif":
        raise click.UsageError(f"--output must end in .gif, but is {path}.")
    if episodes < 1:
        raise click.UsageError(f"--episodes must be at least 1, but is {episodes}.")
    from course.evaluate import record_film
    from course.trainers.train import load_result

    result = load_result(folder)
    click.echo(record_film(result.policy, result.spec, path, episodes, seed))


@main.command()
@click.argument("algorithm", required=False)
@json_option
def probe(algorithm: str | None, as_json: bool) -> None:
    """Climb the probe ladder: tiny tasks that each isolate one fault.

    Without ALGORITHM all four climb. A failed rung says where to look.
    """
    from course.algorithms import ALGORITHMS, get_algorithm
    from course.experiments.probe_ladder import run_ladder

    names = [algorithm.replace("-", "_")] if algorithm else list(ALGORITHMS)
    rungs: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        get_algorithm(name)
        rungs[name] = []
        for rung in run_ladder(name):
            rungs[name].append(dataclasses.asdict(rung))
            if not as_json:
                mark = "passed" if rung.passed else "FAILED"
                click.echo(f"{mark}  {name:<14}  {rung.name:<42}{rung.seconds:6.1f} s")
            if not as_json and not rung.passed:
                click.echo(f"        {rung.question}\n        {rung.got}")
                click.echo(f"        {rung.look_at}")
    if as_json:
        click.echo(json.dumps(rungs))
    failed = sum(not rung["passed"] for climbed in rungs.values() for rung in climbed)
    if failed:
        raise Failure(f"{failed} rung{'s' if failed > 1 else ''} failed.")


@main.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check that this machine can run the course, and say how to mend what cannot."""
    from course.doctor import examine

    findings = examine()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            mark = {True: "ok", False: "FAILED", None: "optional"}[finding.ok]
            click.echo(f"{mark:<8}  {finding.name:<22}  {finding.found}")
            if not finding.ok:
                click.echo(f"{'':<8}  to mend it: {finding.mend}")
    failed = [finding.name for finding in findings if finding.ok is False]
    if failed:
        raise Failure(f"The course cannot run here yet: {', '.join(failed)}.")
