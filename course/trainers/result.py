"""What a training run leaves: its history while it runs, its result at the end."""

from __future__ import annotations

import functools
import json
import os
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from gymnasium.envs.registration import EnvSpec
from torch import Tensor, nn

from course.actor_learner import new_network
from course.algorithms import Algorithm
from course.config import Config
from course.environments import make_environment
from course.evaluate import Policy, greedy_policy, record_film
from course.files import write_whole
from course.networks import bind
from course.trainers.log import Batch, EpisodeEntry, LogEntry

if TYPE_CHECKING:
    from course.plots import Picture

EVENTS_KEPT = 100_000
WINDOW = 100  # episodes in the mean return by which a task counts as solved


class History:
    """Everything reported so far, in bounded memory except for the episodes."""

    def __init__(self) -> None:
        self.episodes: list[EpisodeEntry] = []
        self.events: deque[LogEntry] = deque(maxlen=EVENTS_KEPT)
        self.lags: Counter[int] = Counter()
        self.best_mean_return_100: float | None = None
        self.solved_at: dict[str, float] | None = None
        self.workers_lost = 0
        self._recent: deque[float] = deque(maxlen=WINDOW)

    @property
    def mean_return(self) -> float | None:
        """Mean return of the last 100 episodes, or of all while there are fewer."""
        return sum(self._recent) / len(self._recent) if self._recent else None

    def add(self, batch: Batch, until_return: float | None = None) -> None:
        """Takes in a report; notes when the mean of 100 first reaches the goal."""
        self.events.extend(batch.entries)
        self.lags.update(entry.lag for entry in batch.entries if entry.lag is not None)
        self.workers_lost += len(batch.lost)
        for episode in batch.episodes:
            self.episodes.append(episode)
            self._recent.append(episode.episode_return)
            if len(self._recent) < WINDOW:
                continue
            mean = sum(self._recent) / WINDOW
            if self.best_mean_return_100 is None or mean > self.best_mean_return_100:
                self.best_mean_return_100 = mean
            solved = until_return is not None and mean >= until_return
            if solved and self.solved_at is None:
                self.solved_at = {"step": episode.step, "seconds": episode.seconds}

    def lag_summary(self) -> dict[str, Any]:
        """`mean`, `max` and `histogram` (how many updates had each lag)."""
        count = self.lags.total()
        total = sum(lag * times for lag, times in self.lags.items())
        return {
            "mean": total / count if count else None,
            "max": max(self.lags, default=None),
            "histogram": {str(lag): self.lags[lag] for lag in sorted(self.lags)},
        }

    def state(self) -> dict[str, Any]:
        """For a checkpoint; the event log is not kept."""
        return {
            "episodes": torch.tensor(self.episodes, dtype=torch.float64),
            "lags": dict(self.lags),
            "best_mean_return_100": self.best_mean_return_100,
            "solved_at": self.solved_at,
            "workers_lost": self.workers_lost,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint's state."""
        for episode_return, length, step, seconds, worker in state["episodes"].tolist():
            entry = EpisodeEntry(
                episode_return, int(length), int(step), seconds, int(worker)
            )
            self.episodes.append(entry)
            self._recent.append(episode_return)
        self.lags.update(state["lags"])
        self.best_mean_return_100 = state["best_mean_return_100"]
        self.solved_at = state["solved_at"]
        self.workers_lost = state["workers_lost"]


@dataclass
class TrainResult:
    """What was learned and how.

    Attributes:
        algorithm, environment, backend, until_return, workers,
            environments_per_worker, seed: As asked for.
        global_step: T at the end, in agent steps over all learners.
        num_updates: Updates applied to θ.
        seconds: Wall time from the start, starting the processes included.
        steps_per_second: `global_step / seconds`.
        episode_returns: One entry for each training episode, in the order in which
            the learners reported them (Hogwild: every tenth of a second): `return`,
            `length`, `step`, `seconds`, `worker_id`.
        best_mean_return_100: Best mean return of 100 consecutive episodes, or None.
        solved_at: `{"step", "seconds"}` when that mean reached the goal, or None.
        lag: `mean`, `max`, `histogram` of the updates' lags.
        workers_lost: Processes that died.
        nan_updates: Updates refused because the gradient was not finite.
        stopped: Why it ended: "total_steps", "solved", "interrupted", "failed",
            "workers_lost", or "stopped" by `on_batch`.
        theta: The parameters, one float32 vector.
        events: The latest events of the log, at most 100,000.
    """

    algorithm: str
    environment: str
    backend: str
    until_return: float | None
    workers: int
    environments_per_worker: int
    seed: int
    global_step: int
    num_updates: int
    seconds: float
    steps_per_second: float
    episode_returns: list[dict[str, float]]
    best_mean_return_100: float | None
    solved_at: dict[str, float] | None
    lag: dict[str, Any]
    workers_lost: int
    nan_updates: int
    stopped: str
    theta: Tensor = field(repr=False)
    events: Sequence[LogEntry] = field(repr=False)
    config: Config = field(repr=False)
    spec: EnvSpec = field(repr=False)
    algorithm_record: Algorithm = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The fields of `result.json`."""
        kept = list(self.__dataclass_fields__)
        hidden = ("theta", "events", "config", "spec", "algorithm_record")
        return {name: getattr(self, name) for name in kept if name not in hidden}

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes `result.json` and `learning_curve.png` into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(
            folder / "result.json", json.dumps(self.to_json(), indent=1).encode()
        )
        self.plot().save(folder / "learning_curve.png")

    @functools.cached_property
    def network(self) -> nn.Module:
        """The trained network."""
        environment = make_environment(self.spec)
        spaces = environment.observation_space, environment.action_space
        network = new_network(self.algorithm_record, *spaces, self.config)
        environment.close()
        return bind(network, self.theta)

    @property
    def policy(self) -> Policy:
        """The greedy policy: `result.policy(observation)` is an action."""
        return greedy_policy(self.network)

    def plot(self) -> Picture:
        """The learning curve, against agent steps and against seconds."""
        from course.plots import learning_curve

        return learning_curve(self.to_json())

    def watch(self, path: str | os.PathLike[str] = "film.gif", seed: int = 0) -> Any:
        """Films a greedy episode; in a notebook the film is shown."""
        path = record_film(self.policy, self.spec, path, episodes=1, seed=seed)
        try:
            from IPython.display import Image
        except ImportError:
            return path
        return Image(  # type: ignore[no-untyped-call]  # IPython's own
            filename=str(path), alt=f"One greedy episode, {self.environment}"
        )

    def __repr__(self) -> str:
        """A few readable lines."""
        solved = (
            f"solved at step {self.solved_at['step']:,} "
            f"after {self.solved_at['seconds']:.1f} s"
            if self.solved_at
            else f"ended ({self.stopped.replace('_', ' ')})"
        )
        best = self.best_mean_return_100
        best_text = "fewer than 100 episodes" if best is None else f"{best:.1f}"
        lag = (
            "no updates"
            if self.lag["mean"] is None
            else f"mean {self.lag['mean']:.2f}, max {self.lag['max']}"
        )
        return (
            f"TrainResult: {self.algorithm} on {self.environment}, {self.backend} with "
            f"{self.workers} learner{'s' if self.workers > 1 else ''}: {solved}\n"
            f"  best mean return of 100 episodes: {best_text}\n"
            f"  {self.global_step:,} steps, {self.num_updates:,} updates in "
            f"{self.seconds:.1f} s ({self.steps_per_second:,.0f} steps/s)\n"
            f"  lag: {lag}"
            + (f"\n  workers lost: {self.workers_lost}" if self.workers_lost else "")
            + (f"\n  NaN updates refused: {self.nan_updates}" * bool(self.nan_updates))
        )


def episode_dicts(episodes: Sequence[EpisodeEntry]) -> list[dict[str, float]]:
    """Episodes as `result.json` holds them."""
    return [
        {
            "return": episode.episode_return,
            "length": episode.length,
            "step": episode.step,
            "seconds": round(episode.seconds, 3),
            "worker_id": episode.worker_id,
        }
        for episode in episodes
    ]
