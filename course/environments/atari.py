"""Atari games as the paper plays them: four grey frames of 84 x 84, repeat 4.

Both classes stand on ale-py's own vector environment. Its defaults are the
protocol of the paper: an action is repeated for 4 frames, the last two of which
are pooled; 4 such observations are stacked; an episode begins with up to 30
no-ops (and the fire button, where a game waits for it), and it is truncated after
108,000 frames.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorWrapper

Frames = npt.NDArray[np.uint8]


class AtariGames(VectorWrapper[Any, Any, Any]):
    """K games, `[K, 4, 84, 84]` uint8, with rewards clipped to [-1, 1].

    `info["unclipped_rewards"]` has the rewards as the game counts them. Mends two
    places where ale-py's vector differs from Gymnasium's: it gives no mask
    `_final_obs`, and it refuses seeds of 2^31 and more.
    """

    def __init__(self, spec: EnvSpec, num_envs: int, **kwargs: Any) -> None:
        super().__init__(
            gymnasium.make_vec(
                spec,
                num_envs=num_envs,
                vectorization_mode="vector_entry_point",
                autoreset_mode=AutoresetMode.SAME_STEP,
                reward_clipping=False,
                **kwargs,
            )
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every game; game k gets the seed `seed` + k."""
        if seed is not None:
            seed %= 2**31 - self.num_envs
        return self.env.reset(seed=seed, options=options)

    def step(self, actions: Any) -> Any:
        """Step every game; a game that ends begins anew in the same step."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        if "final_obs" in info:
            info["_final_obs"] = terminated | truncated
        info["unclipped_rewards"] = rewards
        return observations, np.clip(rewards, -1, 1), terminated, truncated, info


class AtariGame(gymnasium.Env[Frames, np.integer[Any]]):
    """One game behind the plain interface, with rewards as the game counts them.

    It is a vector of one, so that evaluation sees to the last pixel what training
    saw. To film it, a twin in colour and full size gets the same seeds and the
    same actions; without sticky actions the two games stay identical.
    """

    metadata = gymnasium.Env.metadata | {
        "render_modes": ["rgb_array"],
        "render_fps": 15,  # 60 frames a second, of which each action takes 4
    }

    def __init__(self, spec: EnvSpec, render_mode: str | None = None) -> None:
        self.spec = spec
        self.render_mode = render_mode
        self._games = [AtariGames(spec, 1)]
        if render_mode is not None:
            screen = {"img_height": 210, "img_width": 160, "grayscale": False}
            self._games.append(AtariGames(spec, 1, stack_num=1, **screen))
        self.observation_space = self._games[0].single_observation_space
        self.action_space = self._games[0].single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frames, dict[str, Any]]:
        """Begin an episode; without `seed`, the next of the sequence seeded last."""
        super().reset(seed=seed)
        game_seed = int(self.np_random.integers(2**31 - 1))
        self._views = [game.reset(seed=game_seed)[0][0] for game in self._games]
        return self._views[0], {}

    def step(
        self, action: np.integer[Any]
    ) -> tuple[Frames, float, bool, bool, dict[str, Any]]:
        """Repeat one action for four frames."""
        steps = [game.step(np.array([action])) for game in self._games]
        _, _, [terminated], [truncated], info = steps[0]
        [reward] = info["unclipped_rewards"]
        # A vector has begun the next episode already; we still show this one's end.
        self._views = [
            info["final_obs"][0] if terminated or truncated else observations[0]
            for observations, _, _, _, info in steps
        ]
        return self._views[0], float(reward), bool(terminated), bool(truncated), {}

    def render(self) -> Frames:
        """The screen in colour, [210, 160, 3] uint8."""
        picture: Frames = self._views[-1][-1]
        return picture

    def close(self) -> None:
        """Free the emulators."""
        for game in self._games:
            game.close()
