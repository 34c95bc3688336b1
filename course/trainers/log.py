"""The event log: who pulled, acted, computed and pushed, when, and with what lag.

Both backends write the same log, so the same pictures can be drawn of a simulation
and of real processes. The time is the number of the event in the simulation, which
makes it the same in every run, and seconds since the start in Hogwild.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from course.actor_learner import Acted, Pulled
from course.shared import Shared, Update


class LogEntry(NamedTuple):
    """One event of one learner.

    Attributes:
        time: Number of the event (simulation) or seconds since the start (Hogwild).
        worker_id: Which learner.
        kind: "pull", "act", "compute" or "push".
        version: Updates that θ had seen at that moment.
        lag: For a push: updates that θ has had since the gradient's version
            (`Shared.apply`); otherwise None.
        global_step: T at that moment.
    """

    time: float
    worker_id: int
    kind: str
    version: int
    lag: int | None
    global_step: int


class EpisodeEntry(NamedTuple):
    """One finished training episode, and when it finished."""

    episode_return: float
    length: int
    step: int
    seconds: float
    worker_id: int


class Batch(NamedTuple):
    """What happened since the last batch.

    Attributes:
        entries: Events, in order for each learner.
        episodes: Episodes that ended.
        lost: Learners that died without a word, as (worker_id, exit code).
        failure: The traceback of a learner that raised, else None.
        cause: The exception itself, where it was raised in this process.
    """

    entries: list[LogEntry]
    episodes: list[EpisodeEntry]
    lost: list[tuple[int, int]] = []  # noqa: RUF012  (a default that nobody writes to)
    failure: str | None = None
    cause: Exception | None = None


class Recorder:
    """Writes the log of one process.

    Args:
        shared: Where version and T are read.
        started: When the run started, as `time.time()`.
        logical: Whether time is the number of the event, as in the simulation.
    """

    def __init__(self, shared: Shared, started: float, logical: bool) -> None:
        self.shared = shared
        self.started = started
        self.logical = logical
        self.count = 0
        self.entries: list[LogEntry] = []
        self.episodes: list[EpisodeEntry] = []

    def note(self, worker_id: int, event: Pulled | Acted | Update) -> None:
        """Logs an event of the actor-learner."""
        if isinstance(event, Pulled):
            self._add(worker_id, "pull", event.version, None)
        elif isinstance(event, Update):
            self._add(worker_id, "compute", self.shared.num_updates, None)
        else:
            self._add(worker_id, "act", self.shared.num_updates, None)
            for episode in event.episodes:
                self.episodes.append(
                    EpisodeEntry(
                        *episode,
                        step=self.shared.global_step,
                        seconds=time.time() - self.started,
                        worker_id=worker_id,
                    )
                )

    def push(self, update: Update) -> int:
        """Applies an update to θ and logs its lag."""
        lag = self.shared.apply(update)
        self._add(update.worker_id, "push", self.shared.num_updates, lag)
        return lag

    def _add(self, worker_id: int, kind: str, version: int, lag: int | None) -> None:
        self.count += 1
        now = self.count if self.logical else time.time() - self.started
        self.entries.append(
            LogEntry(now, worker_id, kind, version, lag, self.shared.global_step)
        )

    def drain(self) -> Batch:
        """Everything logged since the last call."""
        batch = Batch(self.entries, self.episodes)
        self.entries, self.episodes = [], []
        return batch
