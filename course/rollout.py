"""Up to t_max consecutive steps, as the actor-learners collect and learn from them.

With one environment, the paper's form, every array is `[T]` and a rollout ends at the
end of an episode. With K environments every array is `[T, K]`; an episode that ends
in mid-rollout cuts its column into pieces (`split_at_episode_ends`), so that no
return ever crosses the end of an episode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Rollout:
    """T steps of one environment (`[T]`) or of K environments (`[T, K]`).

    Attributes:
        observations: s_i, `[T, *shape]` or `[T, K, *shape]`.
        actions: a_i, int64.
        rewards: r_i, received after a_i, float32.
        terminated: True where s_{i+1} is a true end; no value lies beyond it.
        truncated: True where the episode was cut off; its value lies beyond.
        next_observations: s_{i+1}, also where the environment has begun anew.
        next_actions: a_{i+1}, chosen in s_{i+1}; only for Sarsa, else None.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    terminated: Tensor
    truncated: Tensor
    next_observations: Tensor
    next_actions: Tensor | None

    def __len__(self) -> int:
        """Steps of all its environments together: T, or T × K."""
        return self.rewards.numel()


class Episode(NamedTuple):
    """One finished episode: its undiscounted score and its number of steps."""

    episode_return: float
    length: int


class Collector:
    """Steps the environments of one actor-learner and keeps the place.

    Args:
        environments: K environments that begin anew in the same step, with the true
            last observation in `info["final_obs"]` (`make_environments`).
        seed: Seed of the environments.
        reward_scale: Factor on the rewards of rollouts, not on episode returns.
    """

    def __init__(
        self, environments: VectorEnv, seed: int, reward_scale: float = 1.0
    ) -> None:
        self.environments = environments
        self.reward_scale = reward_scale
        self.observation = environments.reset(seed=seed)[0]
        self.next_action: NDArray[np.int64] | None = None
        self.finished: list[Episode] = []
        self._returns = np.zeros(environments.num_envs)
        self._lengths = np.zeros(environments.num_envs, dtype=np.int64)

    def collect(
        self,
        act: Callable[[NDArray[Any]], NDArray[np.int64]],
        length: int,
        look_ahead: bool = False,
    ) -> Rollout:
        """Acts for up to `length` steps.

        The rollout is shorter when the episodes of all environments end in the same
        step; with one environment, that is at each end of an episode.

        Args:
            act: From observations `[K, *shape]` to actions `[K]`.
            length: Most steps T.
            look_ahead: Also choose a_{i+1} in each s_{i+1}, and execute it next, as
                Sarsa must.
        """
        steps = []
        for _ in range(length):
            observation, action = self.observation, self.next_action
            if action is None:
                action = act(observation)
            step = self.environments.step(action)
            self.observation, reward, terminated, truncated, info = step
            ended = terminated | truncated
            successor = _true_successor(self.observation, ended, info)
            next_action = act(successor) if look_ahead else None
            scaled = reward.astype(np.float32) * self.reward_scale
            steps.append(
                (
                    *(observation, action, scaled, terminated, truncated),
                    *(successor, next_action),
                )
            )
            # Scores are the game's own, also where training clips its rewards (Atari).
            self._count(info.get("unclipped_rewards", reward), ended)
            if next_action is not None and ended.any():
                # The choice in an ended episode is for its target alone: the new
                # episode begins with a choice of its own.
                next_action = np.where(ended, act(self.observation), next_action)
            self.next_action = next_action
            if ended.all():
                break
        columns = (_stack(column) for column in zip(*steps, strict=True))
        return Rollout(*columns)  # type: ignore[arg-type]  # None only for next_actions

    def _count(self, reward: NDArray[Any], ended: NDArray[np.bool_]) -> None:
        self._returns += reward
        self._lengths += 1
        for k in np.flatnonzero(ended):
            self.finished.append(
                Episode(float(self._returns[k]), int(self._lengths[k]))
            )
            self._returns[k] = self._lengths[k] = 0

    def drain_finished(self) -> list[Episode]:
        """The episodes that ended since the last call."""
        finished, self.finished = self.finished, []
        return finished


def _true_successor(
    observation: NDArray[Any], ended: NDArray[np.bool_], info: dict[str, Any]
) -> NDArray[Any]:
    """s_{i+1} `[K, *shape]`: where an episode ended, its own last observation."""
    if not ended.any():
        return observation
    successor = observation.copy()
    for k in np.flatnonzero(ended):
        successor[k] = info["final_obs"][k]
    return successor


def _stack(column: tuple[NDArray[Any] | None, ...]) -> Tensor | None:
    """One column of the steps as `[T, K, ...]`, or `[T, ...]` for one environment."""
    if column[0] is None:
        return None
    stacked = np.stack(cast(tuple[NDArray[Any], ...], column))
    return torch.from_numpy(stacked[:, 0] if stacked.shape[1] == 1 else stacked)


@dataclass(frozen=True)
class Pieces:
    """A rollout cut at the ends of episodes, one column for each of P pieces.

    Pieces are aligned at their last step and padded with zero rewards in front: a
    return looks only forward, so the padding changes none.

    Attributes:
        rewards: `[T]` for one environment, else `[T, P]`.
        last_observations: s_{i+1} after each piece's last step, `[*shape]` or
            `[P, *shape]`.
        terminated: Whether that is a true end, 0-d or `[P]`.
        place: For K environments: row and column of each step `[T, K]`.
    """

    rewards: Tensor
    last_observations: Tensor
    terminated: Tensor
    place: tuple[Tensor, Tensor] | None

    def merge(self, columns: Tensor) -> Tensor:
        """Puts what was computed for the pieces back into the rollout's shape."""
        return columns if self.place is None else columns[self.place]


def split_at_episode_ends(rollout: Rollout) -> Pieces:
    """Cuts a rollout into pieces that cross no episode's end."""
    if rollout.rewards.ndim == 1:
        # One environment: the rollout has already stopped where the episode did.
        last = rollout.next_observations[-1]
        return Pieces(rollout.rewards, last, rollout.terminated[-1], None)
    steps, _ = rollout.rewards.shape
    is_last = rollout.terminated | rollout.truncated
    is_last[-1] = True
    by_environment = is_last.T.reshape(-1).long()
    piece = (by_environment.cumsum(0) - by_environment).view(-1, steps).T  # [T, K]
    k, i = is_last.T.nonzero(as_tuple=True)  # last step of each piece, [P]
    row = torch.arange(steps)[:, None] + (steps - 1 - i)[piece]
    rewards = rollout.rewards.new_zeros(steps, len(i))
    rewards[row, piece] = rollout.rewards
    return Pieces(
        rewards, rollout.next_observations[i, k], rollout.terminated[i, k], (row, piece)
    )
