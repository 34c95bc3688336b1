"""`course compare`, `course probe` and `course doctor`: many answers in a table."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from course.cli.errors import Failure, Interrupted
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


@click.command()
@click.argument("environment")
@click.option("--algorithms", metavar="A,B,...", help="Which ones.  [default: all]")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Runs of each algorithm, with the seeds 0, 1, ...",
)
@backend_option
@workers_option
@steps_option
@goal_option
@click.option(
    "--output", type=Path, help="Folder of the runs.  [default: runs/compare-...]"
)
@set_option
@json_option
def compare(
    environment: str,
    algorithms: str | None,
    seeds: int,
    backend: Backend | None,
    workers: int | None,
    steps: int | None,
    until_return: float | None,
    output: Path | None,
    settings: dict[str, Any],
    as_json: bool,
) -> None:
    """Train several algorithms with several seeds on ENVIRONMENT, as in Figure 1.

    Writes compare.png, compare.json and a folder for each run. Finished runs are not
    run again, so the same command goes on where it was interrupted.
    """
    backend = backend or "hogwild"
    if backend == "hogwild":
        from course.trainers.start import start_early

        start_early()  # the fork server imports torch while this process does
    from course.algorithms import ALGORITHMS
    from course.experiments import figure1

    names = [*ALGORITHMS]
    if algorithms is not None:
        names = algorithms.replace("-", "_").replace(" ", "").split(",")
    folder = output or Path("runs", f"compare-{folder_name(environment)}")
    try:
        summary = figure1.compare(
            environment,
            names,
            range(seeds),
            backend=backend,
            output=folder,
            until_return=until_return,
            **settings | given(workers=workers, total_steps=steps),
        )
    except figure1.RunEndedEarlyError as error:
        kind = Interrupted if error.stopped == "interrupted" else Failure
        raise kind(str(error)) from error
    if as_json:
        click.echo(json.dumps(summary))
        return
    click.echo(figure1.table(summary))
    click.echo(f"figure: {folder / 'compare.png'}")
    click.echo(f"numbers: {folder / 'compare.json'}")


@click.command()
@click.argument("algorithm", required=False)
@json_option
def probe(algorithm: str | None, as_json: bool) -> None:
    """Climb the probe ladder: tiny tasks, each of which isolates one fault.

    Without ALGORITHM all four climb. A rung that fails says where to look.
    """
    from course.algorithms import ALGORITHMS
    from course.experiments.probe_ladder import run_ladder

    names = [algorithm.replace("-", "_")] if algorithm else [*ALGORITHMS]
    climbed: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for name in names:
        for rung in run_ladder(name):
            climbed[name].append(dataclasses.asdict(rung))
            if as_json:
                continue
            mark = "passed" if rung.passed else "FAILED"
            click.echo(f"{mark}  {name:<14}  {rung.name:<40}  {rung.seconds:5.1f} s")
            if not rung.passed:
                for line in (rung.question, rung.got, rung.look_at):
                    click.echo(f"        {line}")
    if as_json:
        click.echo(json.dumps(climbed))
    failed = sum(not rung["passed"] for rungs in climbed.values() for rung in rungs)
    if failed:
        raise Failure(f"{failed} of the rungs failed.")


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check that this machine can run the course; say how to mend what cannot."""
    from course.doctor import examine

    findings = examine()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            mark = {True: "ok", False: "FAILED", None: "optional"}[finding.ok]
            click.echo(f"{mark:<8}  {finding.name:<20}  {finding.found}")
            if not finding.ok:
                click.echo(f"{'':<8}  {'':<20}  to mend it: {finding.mend}")
    failed = [finding.name for finding in findings if finding.ok is False]
    if failed:
        raise Failure(f"The course cannot run here yet; look at: {', '.join(failed)}.")
