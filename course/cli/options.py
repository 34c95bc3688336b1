"""Options that several commands share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import click

from course.config import Config, require_known

Command = Callable[..., Any]
Backend = Literal["hogwild", "sequential"]


def parse_settings(ctx: Any, param: Any, pairs: tuple[str, ...]) -> dict[str, Any]:
    """From ("gamma=0.9",) to {"gamma": 0.9}, of the type of the field of `Config`."""
    kinds = {field.name: str(field.type) for field in dataclasses.fields(Config)}
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} has no '='; write it as in gamma=0.9.")
        try:
            require_known(name, list(kinds), "setting")
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        try:
            settings[name] = _parse(kinds[name], text)
        except (ValueError, KeyError) as error:
            raise click.BadParameter(
                f"{name} must be of type {kinds[name]}, but is {text!r}."
            ) from error
    return settings


def _parse(kind: str, text: str) -> int | float | bool | None:
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()]
    if kind == "int":
        return int(text)
    return None if "None" in kind and text.lower() == "none" else float(text)


backend_option = click.option(
    "--backend",
    type=click.Choice(get_args(Backend)),
    help="Real processes, or their simulation.  [default: hogwild]",
)
workers_option = click.option("--workers", type=int, help="Actor-learners at once.")
steps_option = click.option("--steps", type=int, help="Agent steps over all learners.")
goal_option = click.option(
    "--until-return", type=float, help="Stop at this mean return of 100 episodes."
)
set_option = click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    callback=parse_settings,
    help="Any setting of Config, as in gamma=0.9; may be repeated.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON and nothing else."
)


def _with_tests(ctx: Any, param: Any, folder: Path | None) -> Path | None:
    if folder is not None and not any(folder.rglob("test_*.py")):
        raise click.BadParameter(
            f"in {folder} there is no file such as test_01_returns_hidden.py."
        )
    return folder


hidden_tests_option = click.option(
    "--hidden-tests",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    callback=_with_tests,
    help="A folder with pytest files of your own.",
)


def episodes_option(default: int) -> Callable[[Command], Command]:
    """How many episodes to play, at least one."""
    return click.option(
        "--episodes",
        type=click.IntRange(1),
        default=default,
        show_default=True,
        help="How many to play.",
    )


first_seed_option = click.option(
    "--seed", default=0, show_default=True, help="Seed of the first episode."
)
folder_argument = click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False)
)


def given(**options: Any) -> dict[str, Any]:
    """The options that were given; the others keep the algorithm's own defaults."""
    return {name: value for name, value in options.items() if value is not None}


def folder_name(environment: str) -> str:
    """An environment's id as part of a folder's name."""
    return environment.replace("/", "-")
