"""What goes wrong in a command: one sentence on standard error, and a status."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import click


class Failure(click.ClickException):
    """What went wrong, as one sentence on standard error; exit status 1."""


class Mistake(Failure):
    """What was asked for does not exist or does not fit."""

    exit_code = 2


class Interrupted(Failure):
    """Somebody pressed Ctrl-C."""

    exit_code = 130  # as every shell counts it: 128 + SIGINT


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
                raise Interrupted("Interrupted.") from None
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
        return Mistake(str(error))
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return Failure(f"{error.strerror or error}{where}.")
    return Failure(
        f"{type(error).__name__}: {error} (this was not expected: run again with "
        "'course --debug ...' to see where it comes from)"
    )


def learner_failure(traceback: str, folder: Path) -> Failure:
    """A learner's exception and the line that raised it, from its traceback."""
    lines = traceback.rstrip().splitlines()
    where = re.findall(r'File "(.+)", line (\d+), in .+\n(?!  File) *(.+)', traceback)
    # The line to mend is the last one that is not inside an installed package.
    own = [frame for frame in where if "site-packages" not in frame[0]] or where
    place = " at {}:{}, in `{}`".format(*own[-1]) if own else ""
    return Failure(
        f"{lines[0].rstrip(':')}{place}: {lines[-1]} (what was learned until then is "
        f"in {folder}; 'course --debug ...' shows the whole traceback)"
    )
