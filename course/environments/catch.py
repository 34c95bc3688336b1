"""Catch: the smallest game that needs to look ahead."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

FloatArray = npt.NDArray[np.float32]


class Catch(gymnasium.Env[FloatArray, np.int64]):
    """A ball falls through a board; a paddle on the bottom row is to catch it.

    The ball begins in a random column of the top row and falls one row each step;
    the paddle begins in the middle. Actions: 0 left, 1 stay, 2 right. When the ball
    reaches the bottom row the episode terminates, with reward 1 if the paddle is
    there and -1 if not; every other reward is 0. An episode has `rows` - 1 steps.

    The observation is the board row by row, [rows x columns] float32: 1 where the
    ball or the paddle is, else 0.

    Args:
        rows: Height of the board, at least 2.
        columns: Width of the board; every ball can be caught while half of it is
            at most `rows` - 1.
        render_mode: `"rgb_array"` or None.

    Source: the environment of this name in bsuite (Osband et al., 2020).
    """

    metadata = gymnasium.Env.metadata | {"render_modes": ["rgb_array"], "render_fps": 8}

    def __init__(
        self, rows: int = 10, columns: int = 5, render_mode: str | None = None
    ) -> None:
        self.rows, self.columns = rows, columns
        self.render_mode = render_mode
        self.observation_space = Box(0.0, 1.0, (rows * columns,), np.float32)
        self.action_space = Discrete(3)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Drop a new ball."""
        super().reset(seed=seed)
        self._ball_row = 0
        self._ball_column = int(self.np_random.integers(self.columns))
        self._paddle = self.columns // 2
        return self._board().reshape(-1), {}

    def step(
        self, action: np.int64
    ) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        """Move the paddle, then let the ball fall one row."""
        self._paddle = min(max(self._paddle + int(action) - 1, 0), self.columns - 1)
        self._ball_row += 1
        terminated = self._ball_row == self.rows - 1
        caught = self._paddle == self._ball_column
        reward = (1.0 if caught else -1.0) if terminated else 0.0
        return self._board().reshape(-1), reward, terminated, False, {}

    def render(self) -> npt.NDArray[np.uint8]:
        """The board in white on black, [16 rows, 16 columns, 3] uint8."""
        picture = (255 * self._board()).astype(np.uint8).repeat(16, 0).repeat(16, 1)
        return picture[..., None].repeat(3, axis=2)

    def _board(self) -> FloatArray:
        board = np.zeros((self.rows, self.columns), np.float32)
        board[self._ball_row, self._ball_column] = 1.0
        board[self.rows - 1, self._paddle] = 1.0
        return board
