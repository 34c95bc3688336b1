"""An environment that plays from a script, and the same script read by plain loops."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

Observation = tuple[float, ...]


class Episode(NamedTuple):
    """The rewards of an episode and how it ends."""

    rewards: Sequence[float]
    terminated: bool = True
    truncated: bool = False

    @property
    def score(self) -> float:
        """Its undiscounted return, added up in order."""
        total = 0.0
        for reward in self.rewards:
            total += reward
        return total


class Transition(NamedTuple):
    """One step, as `transitions` reads it from a script."""

    observation: Observation
    reward: float
    terminated: bool
    truncated: bool
    next_observation: Observation


class Scripted(gymnasium.Env[Any, Any]):
    """Plays `script` over and over, whatever the actions.

    The observation is (number, episode, step): no two are alike, so any mix-up shows.
    """

    def __init__(self, number: int, script: Sequence[Episode]) -> None:
        self.number = number
        self.script = script
        self.observation_space = Box(-np.inf, np.inf, (3,), np.float32)
        self.action_space = Discrete(100)
        self.episode = -1
        self.executed: list[tuple[Observation, int]] = []
        self.seed: int | None = None

    def _observe(self) -> Observation:
        return (float(self.number), float(self.episode), float(self.at))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self.seed = self.seed if seed is None else seed
        self.episode += 1
        self.at = 0
        return np.array(self._observe(), np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.executed.append((self._observe(), int(action)))
        playing = self.script[self.episode % len(self.script)]
        reward = playing.rewards[self.at]
        self.at += 1
        over = self.at == len(playing.rewards)
        observation = np.array(self._observe(), np.float32)
        ends = (over and playing.terminated, over and playing.truncated)
        return observation, reward, *ends, {}


def transitions(number: int, script: Sequence[Episode]) -> Iterator[Transition]:
    """What `Scripted(number, script)` goes through, step by step, without end."""
    for index, episode in enumerate(itertools.cycle(script)):
        for at, reward in enumerate(episode.rewards):
            over = at == len(episode.rewards) - 1
            yield Transition(
                (number, index, at),
                reward,
                over and episode.terminated,
                over and episode.truncated,
                (number, index, at + 1),
            )


def side_by_side(scripts: Sequence[Sequence[Episode]]) -> SyncVectorEnv:
    """One environment for each script, as `make_environments` puts them together."""
    return SyncVectorEnv(
        [functools.partial(Scripted, k, script) for k, script in enumerate(scripts)],
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
