"""Training in a notebook: a learning curve that grows while the learners work."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from course.algorithms import Algorithm
from course.config import Config
from course.notebook.display import in_notebook, put_live
from course.plots import Picture, learning_curve
from course.shared import Shared
from course.trainers.log import Batch
from course.trainers.result import History, TrainResult, episode_dicts
from course.trainers.train import train

SHARE = 0.1  # of the time may go into drawing


class LiveCurve:
    """Draws the learning curve anew, seldom enough not to slow the learners down.

    Args:
        heading: Fields of a result that do not change: `algorithm`, `environment`,
            `backend`, `workers`, `until_return`.
    """

    def __init__(self, heading: dict[str, Any]) -> None:
        self.heading = heading
        self.history = History()
        self.started = time.time()
        self.global_step = 0
        self.next_drawing = self.started + 1.0
        self.handle = put_live(self._picture())

    def __call__(self, batch: Batch, shared: Shared) -> None:
        """Takes in a report of `train`; draws if it is time to."""
        self.history.add(batch, self.heading["until_return"])
        if time.time() >= self.next_drawing:
            self.global_step = shared.global_step
            began = time.time()
            self.handle.update(self._picture())
            self.next_drawing = time.time() + max(1.0, (time.time() - began) / SHARE)

    def finish(self, result: TrainResult) -> None:
        """Leaves the final curve, which stays in the notebook."""
        self.handle.update(result.plot())

    def _picture(self) -> Picture:
        return learning_curve(
            {
                **self.heading,
                "episode_returns": episode_dicts(self.history.episodes),
                "solved_at": self.history.solved_at,
                "global_step": self.global_step,
                "seconds": time.time() - self.started,
            }
        )


def train_live(
    algorithm: str | Algorithm,
    environment: str | EnvSpec | Callable[[], gymnasium.Env[Any, Any]],
    *,
    name: str,
    **settings: Any,
) -> TrainResult:
    """`course.train` with a live curve; an interrupted run is gone on with.

    The run is kept in the folder `runs/NAME`. If it was interrupted there, running
    the cell again goes on from where it stopped; otherwise it begins anew.

    Args:
        algorithm: As for `train`.
        environment: As for `train`.
        name: Of the run's folder.
        **settings: As for `train`, except `output` and `resume`.
    """
    folder = Path("runs") / name
    where: dict[str, Any] = {"output": folder}
    if _was_interrupted(folder):
        where = {"resume": folder}
        print(f"Going on with the run in {folder}, which was interrupted.")
    if not in_notebook():
        return train(algorithm, environment, **where, **settings)
    curve = LiveCurve(
        {
            "algorithm": algorithm if isinstance(algorithm, str) else algorithm.name,
            "environment": environment if isinstance(environment, str) else "own task",
            "backend": settings.get("backend") or "hogwild",
            "workers": settings.get("workers", Config().workers),
            "until_return": settings.get("until_return"),
        }
    )
    result = train(algorithm, environment, **where, **settings, on_batch=curve)
    curve.finish(result)
    return result


def _was_interrupted(folder: Path) -> bool:
    """Whether the folder holds a run that was stopped by hand, or killed."""
    if not (folder / "checkpoint.pt").exists():
        return False
    try:
        result = json.loads((folder / "result.json").read_text("utf-8"))
    except FileNotFoundError:
        return True  # killed: `train` removes the result when it begins
    except ValueError:
        return False
    return bool(result.get("stopped") == "interrupted")
