"""`course collect`: a class's files, as a learning platform packs them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click


@click.command()
@click.argument(
    "download", type=click.Path(exists=True, path_type=Path), metavar="DOWNLOAD"
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default="submissions",
    show_default=True,
    metavar="DIR",
    help="Where each student gets a folder.",
)
def collect(download: Path, output: Path) -> None:
    """Sort a DOWNLOAD from Canvas, Moodle or Gradescope: a folder for each student.

    DOWNLOAD is the archive or folder as it came. Files of the same names that are in
    --output already are replaced; all others stay.
    """
    from course.grading.collect import TABLE
    from course.grading.collect import collect as sort

    with tempfile.TemporaryDirectory(prefix="course-collect-") as scratch:
        collected = sort(download, output, Path(scratch))
    for note in collected.notes:
        click.echo(f"Note: {note}", err=True)
    click.echo(
        f"students: {collected.students}, files: {collected.files}, read as "
        f"{collected.origin}; {output / TABLE} lists them"
    )
