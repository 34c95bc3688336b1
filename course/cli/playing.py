"""`course evaluate` and `course watch`: what a trained network does."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import click

from course.cli.options import (
    episodes_option,
    first_seed_option,
    folder_argument,
    json_option,
)


@click.command()
@folder_argument
@episodes_option(10)
@first_seed_option
@json_option
def evaluate(folder: str, episodes: int, seed: int, as_json: bool) -> None:
    """Play greedy episodes with the network of the run in DIR."""
    from course.evaluate import evaluate as play
    from course.trainers.train import load_result

    result = load_result(folder)
    played = play(result.policy, result.spec, episodes, seed)
    returns = [episode.episode_return for episode in played]
    summary = {
        "mean": statistics.fmean(returns),
        "std": statistics.pstdev(returns),
        "min": min(returns),
        "max": max(returns),
        "n": len(returns),
    }
    if as_json:
        click.echo(json.dumps(summary))
        return
    numbers = "mean {mean:.1f}, std {std:.1f}, min {min:.1f}, max {max:.1f}, n {n}"
    head = f"{result.algorithm} on {result.environment}, greedy episodes"
    click.echo(f"{head}: {numbers.format(**summary)}")


@click.command()
@folder_argument
@episodes_option(1)
@first_seed_option
@click.option(
    "--output", type=Path, metavar="FILE", help="A .gif.  [default: DIR/film.gif]"
)
def watch(folder: str, episodes: int, seed: int, output: Path | None) -> None:
    """Film greedy episodes of the run in DIR as an animated GIF."""
    path = output or Path(folder, "film.gif")
    if path.suffix.lower() != ".gif":
        raise click.UsageError(f"--output must end in .gif, but is {path}.")
    from course.evaluate import record_film
    from course.trainers.train import load_result

    result = load_result(folder)
    click.echo(record_film(result.policy, result.spec, path, episodes, seed))
