"""The command line: training and watching, and the lessons from a terminal.

Exit status: 0 only for success, 1 for a failure (a goal that was not reached, a
learner that failed), 2 for a mistake in the command, 130 after Ctrl-C. Every error
that can be expected is one sentence; `course --debug ...` shows the traceback.

Heavy modules are imported inside the commands, so that `course --help` is quick.
"""

from __future__ import annotations

import io
import os
import sys

import click

from course import __version__
from course.cli.checking import check, hint, status
from course.cli.collecting import collect
from course.cli.errors import Commands
from course.cli.grading import grade
from course.cli.playing import evaluate, watch
from course.cli.releasing import gradescope, release
from course.cli.tables import compare, doctor, probe
from course.cli.training import train


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="course")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Asynchronous methods for deep reinforcement learning."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # films are drawn off screen
    for stream in (sys.stdout, sys.stderr):  # a Windows pipe may know no γ and no ✔
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


TRAINING = (train, compare, evaluate, watch, probe, doctor)
LESSONS = (check, hint, status)
TEACHING = (release, collect, grade, gradescope)

for command in (*TRAINING, *LESSONS, *TEACHING):
    main.add_command(command)
