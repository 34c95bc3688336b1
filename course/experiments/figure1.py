"""After Figure 1 of the paper: algorithms side by side on one environment.

The paper plots the score against wall time and against frames, since a method that
needs fewer steps may take longer for each. Here the same is drawn for a task that
is solved in minutes.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from course.files import write_whole
from course.plots import comparison, window_means
from course.trainers.run import Run
from course.trainers.train import train

FINISHED = ("total_steps", "solved")


class RunEndedEarlyError(RuntimeError):
    """A run was interrupted or lost its learners; finished runs are kept.

    Attributes:
        stopped: Why, as in `TrainResult.stopped`.
    """

    def __init__(self, sentence: str, stopped: str) -> None:
        super().__init__(sentence)
        self.stopped = stopped


def compare(
    environment: str,
    algorithms: Sequence[str],
    seeds: Sequence[int],
    *,
    output: str | os.PathLike[str],
    backend: Literal["hogwild", "sequential"] = "hogwild",
    until_return: float | None = None,
    progress: bool = True,
    **settings: Any,
) -> dict[str, Any]:
    """Trains every algorithm with every seed; draws and counts.

    Each run has its folder `output/ALGORITHM/seed-N`. A finished run is not run
    again, so an interrupted comparison can go on.

    Args:
        environment: A Gymnasium id.
        algorithms: Names.
        seeds: One run of each algorithm for each.
        output: Folder of the runs, `compare.png` and `compare.json`.
        backend: As for `train`.
        until_return: A run ends when 100 episodes have this mean return.
        progress: Whether to tell how far it is.
        **settings: Any field of `Config` but `seed`, the same for all runs.

    Returns:
        What `compare.json` holds; see `summarise`.

    Raises:
        ValueError: A name or a setting does not exist or does not fit, or the folder
            holds a finished run with other settings.
        RunEndedEarlyError: A run was interrupted or lost its learners.
        WorkerError: A learner raised.
    """
    if "seed" in settings:
        raise ValueError(
            f"settings has seed={settings['seed']!r}; expected it among the seeds."
        )
    output = Path(output)
    plan = {"backend": backend, "until_return": until_return}
    jobs: list[tuple[Path, dict[str, Any], dict[str, Any] | None]] = []
    for name in dict.fromkeys(algorithms):  # mistakes show up before the first run
        for seed in seeds:
            asked = Run(name, environment, plan, {**settings, "seed": seed}).asked()
            folder = output / name / f"seed-{seed}"
            jobs.append((folder, asked, _finished_run(folder, asked)))
    runs: list[dict[str, Any]] = []
    begun, trained = time.time(), 0
    to_train = sum(run is None for _, _, run in jobs)
    for folder, asked, run in jobs:
        if run is None:
            if progress:
                message = f"{asked['algorithm']}, seed {asked['seed']}"
                if trained > 0:
                    left = (time.time() - begun) / trained * (to_train - trained)
                    message += f" (about {left / 60:.1f} min left)"
                print(f"Run {trained + 1} of {to_train}: {message}", file=sys.stderr)
            runs.append(_train(folder, asked, plan, progress, settings))
            trained += 1
        else:
            runs.append(run)
    summary = summarise(runs, until_return)
    write_whole(output / "compare.json", json.dumps(summary, indent=1).encode())
    comparison(runs, until_return).save(output / "compare.png")
    return summary


def _finished_run(folder: Path, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a finished run in a folder, if there is one.

    Raises:
        ValueError: There is one, but of other settings.
    """
    try:
        run: dict[str, Any] = json.loads((folder / "result.json").read_text())
        then = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):  # not there, or broken
        return None
    if run["stopped"] not in FINISHED:
        return None
    if then != asked:
        raise ValueError(
            f"{folder} holds a finished run with other settings: choose another "
            "folder, or delete this one."
        )
    return run


def _train(
    folder: Path,
    asked: dict[str, Any],
    plan: dict[str, Any],
    progress: bool,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """One run from its beginning."""
    result = train(
        asked["algorithm"],
        asked["environment"],
        **plan,
        output=folder,
        progress=progress,
        seed=asked["seed"],
        **settings,
    )
    if result.stopped not in FINISHED:
        raise RunEndedEarlyError(
            f"{result.algorithm} with seed {result.seed} ended early "
            f"({result.stopped.replace('_', ' ')}); the same command goes on with the "
            "runs that are left.",
            result.stopped,
        )
    return result.to_json()


def summarise(
    runs: Sequence[dict[str, Any]], until_return: float | None
) -> dict[str, Any]:
    """The numbers behind the figure.

    Returns:
        `environment`, `backend`, `workers`, `until_return`, and under `algorithms`
        for each name: `seeds`; for each seed `best_mean_return_100` and
        `final_mean_return` (of the last 100 episodes); `solved`, how many seeds; and
        `steps_to_solve` and `seconds_to_solve` as `{median, min, max}` over the
        solved seeds, or None.
    """
    algorithms: dict[str, Any] = {}
    for name in dict.fromkeys(run["algorithm"] for run in runs):
        group = [run for run in runs if run["algorithm"] == name]
        solved = [run["solved_at"] for run in group if run["solved_at"] is not None]
        algorithms[name] = {
            "seeds": [run["seed"] for run in group],
            "best_mean_return_100": [run["best_mean_return_100"] for run in group],
            "final_mean_return": [_final_mean_return(run) for run in group],
            "solved": len(solved),
            "steps_to_solve": _spread([when["step"] for when in solved]),
            "seconds_to_solve": _spread([when["seconds"] for when in solved]),
        }
    shared = ("environment", "backend", "workers")
    return {
        **{name: runs[0][name] for name in shared},
        "until_return": until_return,
        "algorithms": algorithms,
    }


def _final_mean_return(run: dict[str, Any]) -> float | None:
    returns = [episode["return"] for episode in run["episode_returns"]]
    return float(window_means(returns)[-1]) if returns else None


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
    }


def table(summary: dict[str, Any]) -> str:
    """The summary as aligned text: a median, and the range over seeds in brackets."""
    no_goal = summary["until_return"] is None
    rows = [("algorithm", "final return", "solved", "steps to solve", "seconds")]
    for name, numbers in summary["algorithms"].items():
        finals = [final for final in numbers["final_mean_return"] if final is not None]
        rows.append(
            (
                name,
                _range(_spread(finals), ".1f"),
                "-" if no_goal else f"{numbers['solved']}/{len(numbers['seeds'])}",
                _range(numbers["steps_to_solve"], ",.0f"),
                _range(numbers["seconds_to_solve"], ".1f"),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _range(spread: dict[str, float] | None, form: str) -> str:
    if spread is None:
        return "-"
    median, low, high = (spread[name] for name in ("median", "min", "max"))
    return f"{median:{form}} [{low:{form}}, {high:{form}}]"
