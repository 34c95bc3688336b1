"""One run's state: θ and its history, as they are saved to and loaded from a folder."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import numbers
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import torch
from gymnasium.envs.registration import EnvSpec

from course.actor_learner import new_network
from course.algorithms import Algorithm, get_algorithm
from course.config import Config
from course.environments import environment_spec, make_environment
from course.files import write_whole
from course.networks import flatten
from course.shared import Shared
from course.trainers.result import History, TrainResult, episode_dicts
from course.trainers.sequential import parse_schedule


@dataclass(frozen=True)
class Plan:
    """What was asked for besides the settings; see `train`.

    Raises:
        ValueError: There is no such backend, or the lag or schedule is not for it.
    """

    backend: str = "hogwild"
    until_return: float | None = None
    schedule: str = "round_robin"
    lag: int = 0

    def __post_init__(self) -> None:
        """Checks all but the words of the schedule."""
        if self.backend not in ("hogwild", "sequential"):
            raise ValueError(
                f"backend is {self.backend!r}; expected 'hogwild' or 'sequential'."
            )
        if not isinstance(self.lag, numbers.Integral) or self.lag < 0:
            raise ValueError(
                f"lag must be a whole number, 0 or more, but is {self.lag!r}."
            )
        object.__setattr__(self, "lag", int(self.lag))
        if self.until_return is not None:
            goal = self.until_return
            if not isinstance(goal, numbers.Real) or not math.isfinite(goal):
                raise ValueError(f"until_return must be a number, but is {goal!r}.")
            object.__setattr__(self, "until_return", float(goal))
        simulated = self.schedule != "round_robin" or self.lag > 0
        if simulated and self.backend != "sequential":
            raise ValueError(
                f"schedule is {self.schedule!r} and lag is {self.lag}, but they can be "
                "chosen only with backend='sequential': real processes come as they do."
            )


class Run:
    """What belongs to one run: algorithm, recipe, settings, θ and history.

    Args:
        algorithm: As for `train`.
        environment: As for `train`.
        plan: Fields of `Plan` that were given.
        settings: Fields of `Config` that were given.
        saved: The checkpoint to go on from, if any; what was not given is as it was.

    Raises:
        ValueError: Something asked for does not exist, or does not fit the checkpoint.
    """

    def __init__(
        self,
        algorithm: str | Algorithm,
        environment: str | EnvSpec | Callable[[], gymnasium.Env[Any, Any]],
        plan: dict[str, Any],
        settings: dict[str, Any],
        saved: dict[str, Any] | None = None,
    ) -> None:
        self.algorithm = get_algorithm(algorithm)
        self.spec = environment_spec(environment)
        before = saved["asked"] if saved else {**self.algorithm.defaults}
        if plan.get("backend") == "hogwild":  # no schedule of an earlier simulation
            plan = {"schedule": "round_robin", "lag": 0, **plan}
        self.plan = Plan(**{**_fields_of(Plan, before), **plan})
        self.config = Config().replace(**{**_fields_of(Config, before), **settings})
        # Only for its errors: they should come before anything is written.
        parse_schedule(self.plan.schedule, self.config.workers, self.config.seed)
        first = make_environment(self.spec)
        spaces = first.observation_space, first.action_space
        network = new_network(self.algorithm, *spaces, self.config)
        first.close()
        self.shared = Shared.allocate(
            flatten(network), self.config, self.algorithm.functions["update"]
        )
        self.history = History()
        self.seconds_before = 0.0
        if saved is not None:
            self._check_same_run(saved["asked"])
            self.shared.load(saved["state"])
            self.history.load(saved["history"])
            if self.plan.until_return not in (None, before["until_return"]):
                self.history.solved_at = None  # that was another goal
            self.seconds_before = saved["seconds"]

    @property
    def is_solved(self) -> bool:
        """Whether there is a goal and it has been reached."""
        return self.plan.until_return is not None and (
            self.history.solved_at is not None
        )

    def _check_same_run(self, before: dict[str, Any]) -> None:
        described = [
            f"{asked['algorithm']} on {asked['environment']}"
            + (
                f" with your own {', '.join(asked['replaced'])}"
                * bool(asked["replaced"])
            )
            for asked in (before, self.asked())
        ]
        if described[0] != described[1]:
            raise ValueError(
                f"The checkpoint is of {described[0]}, but this run is "
                f"{described[1]}: resume with the same algorithm and environment."
            )

    def asked(self) -> dict[str, Any]:
        """All that was asked for, as `config.json` holds it."""
        return {
            "algorithm": self.algorithm.name,
            "replaced": list(self.algorithm.replaced),
            "environment": self.spec.id,
            **dataclasses.asdict(self.plan),
            **dataclasses.asdict(self.config),
        }

    def write_config(self, folder: Path) -> None:
        """Writes `config.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "config.json", json.dumps(self.asked(), indent=1).encode())

    def write_checkpoint(self, folder: Path, seconds: float) -> None:
        """Writes `checkpoint.pt` whole, or warns and leaves the old one."""
        content = io.BytesIO()
        torch.save(
            {
                "asked": self.asked(),
                "seconds": seconds,
                "state": self.shared.state(),
                "history": self.history.state(),
            },
            content,
        )
        try:
            write_whole(folder / "checkpoint.pt", content.getvalue())
        except OSError as error:
            warnings.warn(
                f"No checkpoint was written to {folder} ({error.strerror}); training "
                "goes on, and the last whole checkpoint is kept.",
                RuntimeWarning,
                stacklevel=3,
            )

    def result(self, seconds: float, stopped: str) -> TrainResult:
        """The result as it stands now."""
        shared, config, history = self.shared, self.config, self.history
        return TrainResult(
            algorithm=self.algorithm.name,
            environment=self.spec.id,
            backend=self.plan.backend,
            until_return=self.plan.until_return,
            workers=config.workers,
            environments_per_worker=config.environments_per_worker,
            seed=config.seed,
            global_step=shared.global_step,
            num_updates=shared.num_updates,
            seconds=seconds,
            steps_per_second=shared.global_step / seconds,
            episode_returns=episode_dicts(history.episodes),
            best_mean_return_100=history.best_mean_return_100,
            solved_at=history.solved_at,
            lag=history.lag_summary(),
            workers_lost=history.workers_lost,
            nan_updates=shared.nan_updates,
            stopped=stopped,
            theta=shared.theta.clone(),
            events=list(history.events),
            config=config,
            spec=self.spec,
            algorithm_record=self.algorithm,
        )


def load_checkpoint(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads `checkpoint.pt` of a run; only data is read, no code can come with it.

    Raises:
        ValueError: There is no checkpoint, or it is not one of ours.
    """
    path = Path(folder) / "checkpoint.pt"
    if not path.exists():
        raise ValueError(f"{folder} holds no checkpoint.pt: is it a run's folder?")
    try:
        saved: dict[str, Any] = torch.load(path, weights_only=True)
        for part in ("asked", "state", "history", "seconds"):
            saved[part]
    except Exception as error:
        raise ValueError(f"{path} is not a checkpoint of this course.") from error
    return saved


def _fields_of(
    kind: type[Plan] | type[Config], asked: dict[str, Any]
) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: value for name, value in asked.items() if name in names}
