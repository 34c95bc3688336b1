"""`course release` and `course gradescope`: what an instructor gives away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from course.cli.options import hidden_tests_option


@click.command()
@click.argument("lessons", nargs=-1, metavar="[LESSON]...")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="release",
    show_default=True,
    metavar="DIR",
    help="A new folder.",
)
def release(lessons: Sequence[str], output: Path) -> None:
    """Write the students' folder: lessons without answers, and the course.

    A LESSON is a name such as 01_returns, or a notebook of your own in which
    nbgrader's delimiters mark answers and hidden tests. Without any, all lessons are
    taken.
    """
    from course.grading.release import release as write

    names = write(lessons, output)
    click.echo(f"{output}: {', '.join(names)}, and the course that they import.")


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="gradescope",
    show_default=True,
    metavar="DIR",
    help="A new folder.",
)
@hidden_tests_option
def gradescope(output: Path, hidden_tests: Path | None) -> None:
    """Write an autograder for Gradescope: a folder, and its archive to upload."""
    from course.grading.release import gradescope as write

    archive = write(output, hidden_tests)
    click.echo(f"{archive} is the archive to upload; {output} is what is in it.")
