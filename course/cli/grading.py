"""`course grade`: the command around `course.grading.bulk`."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from course.cli.errors import Failure, Interrupted
from course.cli.options import hidden_tests_option, json_option

if TYPE_CHECKING:
    from course.grading.bulk import Grading
    from course.grading.reports.overrides import Overrides
    from course.grading.result import Result

folder_type = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH...",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default="grades",
    show_default=True,
    metavar="DIR",
    help="Folder of results and reports.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Submissions at the same time.  [default: one for each core]",
)
@hidden_tests_option
@click.option(
    "--overrides",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A CSV file with points that you give by hand.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Time limit of one submission.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Of the inputs that are drawn.  [default: that of the last run in --output]",
)
@json_option
@click.option(
    "--unsafe-no-sandbox",
    is_flag=True,
    help="Where there is no sandbox, run submissions as you.",
)
@click.option(
    "--nbgrader",
    type=folder_type,
    metavar="DIR",
    help="Fill the points into the gradebook of this nbgrader course.",
)
def grade(
    paths: Sequence[Path],
    output: Path,
    jobs: int | None,
    hidden_tests: Path | None,
    overrides: Path | None,
    timeout: float,
    seed: int | None,
    as_json: bool,
    unsafe_no_sandbox: bool,
    nbgrader: Path | None,
) -> None:
    """Grade the submissions in PATHs: notebooks, scripts, folders and archives.

    Each submission runs in a sandbox. What is graded already and has not changed is
    not graded again, so the same command goes on after an interruption.
    """
    from course.doctor import available_cores
    from course.grading.bulk import AUTOGRADERS, Grading, Settings, holding, seed_in
    from course.grading.judges import StoppedError
    from course.grading.result import to_json
    from course.grading.sandbox import SandboxMissingError, choose, readable
    from course.grading.submissions import find

    if not AUTOGRADERS.is_dir():
        raise Failure(
            f"The tests are not at {AUTOGRADERS}: grade with a whole copy of the "
            "course, from its repository, not with the installed package alone."
        )
    if any(output.resolve().is_relative_to(path.resolve()) for path in paths):
        raise click.UsageError(
            f"--output: {output} lies in a folder that is graded; choose another one."
        )
    for path in filter(None, (*paths, output, hidden_tests)):
        if any(path.resolve().is_relative_to(each.resolve()) for each in readable()):
            raise click.UsageError(
                f"{path} lies where every submission may read: move it out of the "
                "folders of the system, of Python and of the course."
            )
    try:
        sandbox = choose(unsafe_no_sandbox)
    except SandboxMissingError as problem:
        raise Failure(str(problem)) from problem
    if sandbox == "none":
        click.echo(
            "Warning: there is no sandbox here; submissions run as you, and may do "
            "whatever you may do.",
            err=True,
        )
    changes = None
    if overrides is not None:  # a mistake in it is to be said before the grading
        from course.grading.reports.overrides import load

        changes = load(overrides)
    if nbgrader is not None:
        from course.grading.nbgrader import fill

        fill(nbgrader, ())  # nothing yet; what is wrong with it is said before as well
    try:
        with holding(output) as scratch:
            for option in _left_out(output, hidden_tests, overrides):
                click.echo(
                    f"Warning: the last run in {output} used {option}; this one does "
                    "not.",
                    err=True,
                )
            seed = seed_in(output) if seed is None else seed
            settings = Settings(seed, sandbox, timeout, hidden_tests)
            submissions = find(paths, scratch)
            grading = Grading(submissions, output, settings, jobs or available_cores())
            _run(grading)
            final = _final(grading, changes)
            for note in _report(grading, changes, nbgrader, final):
                click.echo(f"Warning: {note}", err=True)
            if not as_json:
                click.echo(_summary(grading, final()), nl=False)
                return
            for result in final():
                click.echo(to_json(result, indent=None), nl=False)
    except StoppedError as problem:
        raise Failure(str(problem)) from problem


def _left_out(output: Path, hidden: Path | None, overrides: Path | None) -> list[str]:
    """What the last run there was given, and this one is not."""
    options = []
    with contextlib.suppress(OSError, ValueError, AttributeError, RecursionError):
        head = json.loads((output / "grading.json").read_bytes())
        if hidden is None and head.get("hidden_tests") is True:
            options.append("hidden tests")
    with contextlib.suppress(OSError, ValueError, csv.Error):
        text = (output / "grades.csv").read_text("utf-8-sig")
        rows = csv.DictReader(text.splitlines())
        if overrides is None and any(row.get("overridden") == "yes" for row in rows):
            options.append("overrides")
    return options


def _run(grading: Grading) -> None:
    """Grades, with a progress bar."""
    from tqdm import tqdm

    total = len(grading.submissions)
    often = 0.2 if sys.stderr.isatty() else 10.0  # a log needs no film
    try:
        with grading, tqdm(total=total, unit=" graded", mininterval=often) as bar:
            for done in grading.run():
                bar.update(done - bar.n)
    except KeyboardInterrupt:
        raise Interrupted(
            f"{grading.done} of {total} graded; the same command goes on from here."
        ) from None


def _final(
    grading: Grading, changes: Overrides | None
) -> Callable[[], Iterator[Result]]:
    """Gives the results with what was changed by hand, from the beginning each time."""
    if changes is None:
        return grading.results
    return lambda: (changes.applied(result).result for result in grading.results())


def _report(
    grading: Grading,
    changes: Overrides | None,
    nbgrader: Path | None,
    final: Callable[[], Iterator[Result]],
) -> list[str]:
    """Writes what is handed back; sentences on what does not fit."""
    from course.grading.reports import write_all

    notes = write_all(grading.results, grading.output, changes)
    if nbgrader is not None:
        from course.grading.nbgrader import fill

        notes += fill(nbgrader, final())
    return notes


def _summary(grading: Grading, final: Iterator[Result]) -> str:
    """A few lines on a run that is over."""
    from course.grading.reports.overrides import Graded
    from course.grading.reports.summary import Summary

    settings, output = grading.settings, grading.output
    summary = Summary()
    for result in final:
        summary.add(Graded(result))
    warned = sum(bool(row.warnings) for row in summary.rows)
    rows = {
        "submissions": f"{grading.done}, of which {grading.fresh} graded now",
        "mean": f"{summary.mean:.1f} % of the points, over all submissions",
        "warnings": f"for {warned}",
        "sandbox": settings.sandbox,
        "seed": settings.seed,
        "grades": output / "grades.csv",
        "class report": output / "report.html",
        "feedback": output / "feedback",
    }
    return "".join(f"{label:<14}{value}\n" for label, value in rows.items())
