"""`course check`, `course hint` and `course status`: the lessons, from a terminal."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

import click

from course.cli.errors import Failure
from course.cli.options import json_option

folder_option = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where progress.json is.  [default: here, or lessons]",
)


@click.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE"
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
def check(file: Path, names: Sequence[str]) -> None:
    """Check the answers in the notebook (.ipynb) or script (.py) FILE.

    Checks the functions NAMEs, or all that the file's lesson asks for, and records
    the outcome in the progress.json beside FILE, as the notebook itself does.
    """
    click.echo(f"Running the cells of {file.name} ...", err=True)
    from course.config import require_known
    from course.exercises import EXERCISES
    from course.grading.session import SubmissionError
    from course.grading.student import Student
    from course.notebook.display import verdict_text
    from course.notebook.exercising import record_verdict

    for name in names:
        require_known(name, list(EXERCISES), "exercise")
    passed = []
    file = file.resolve()  # the progress is kept beside it, as by the notebook
    with Student(file) as student, contextlib.chdir(file.parent):
        try:
            for verdict in student.verdicts(names):
                click.echo(verdict_text(verdict))
                notice = record_verdict(verdict)
                if notice:
                    click.echo(f"Note: {notice}", err=True)
                passed.append(verdict.outcome == "passed")
            for note in student.session.report.notes:
                click.echo(f"Note: {note}", err=True)
        except SubmissionError as problem:
            raise Failure(str(problem)) from problem
    if not all(passed):
        raise Failure(f"{sum(passed)} of {len(passed)} exercises passed.")


@click.command()
@click.argument("name")
@folder_option
def hint(name: str, folder: Path | None) -> None:
    """Show the next hint for the exercise NAME, and those before it.

    The notebook counts the same hints: what is shown here has been seen there.
    """
    from course.config import require_known
    from course.exercises import EXERCISES
    from course.notebook.exercising import hint as show_hint

    require_known(name, list(EXERCISES), "exercise")
    with contextlib.chdir(folder or _folder()):
        show_hint(name)


@click.command()
@folder_option
@json_option
def status(folder: Path | None, as_json: bool) -> None:
    """Show how far you are: every exercise, its outcome, attempts and hints.

    With --json that is everything that is kept, predictions as well.
    """
    from course.notebook.exercising import status as show_status
    from course.notebook.exercising import status_rows
    from course.notebook.progress import load

    with contextlib.chdir(folder or _folder()):
        if not as_json:
            show_status()
            return
        record, notice = load()
    if notice:
        click.echo(f"Note: {notice}", err=True)
    whole = {**record, "exercises": status_rows(record)}
    click.echo(json.dumps(whole, ensure_ascii=False))


def _folder() -> Path:
    """This one, or `lessons` where only that has a record."""
    from course.notebook.progress import FILE

    lessons = Path("lessons")
    return lessons if (lessons / FILE).exists() and not Path(FILE).exists() else Path()
