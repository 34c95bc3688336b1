"""Greedy episodes of a trained network: their scores, and a film of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.envs.registration import EnvSpec
from torch import nn

from course.environments import make_environment
from course.rollout import Episode

Policy = Callable[[Any], int]

FILM_FRAMES = 1_000


def greedy_policy(network: nn.Module) -> Policy:
    """The action with the highest value or probability, from one observation."""

    def policy(observation: Any) -> int:
        values = np.asarray(observation)
        if values.dtype != np.uint8:  # pictures stay bytes until the network
            values = values.astype(np.float32)
        with torch.inference_mode():
            output = network(torch.from_numpy(values))
        scores = output[0] if isinstance(output, tuple) else output
        return int(scores.argmax(-1))

    return policy


def evaluate(
    policy: Policy, spec: EnvSpec, episodes: int = 10, seed: int = 0
) -> list[Episode]:
    """Plays episodes and returns their undiscounted scores and lengths.

    Args:
        policy: From an observation to an action.
        spec: Recipe of the environment.
        episodes: How many.
        seed: Seed of the first reset.
    """
    played = []
    environment = make_environment(spec)
    try:
        for number in range(episodes):
            observation, _ = environment.reset(seed=seed if number == 0 else None)
            episode_return, length, over = 0.0, 0, False
            while not over:
                step = environment.step(policy(observation))
                observation, reward, terminated, truncated, _ = step
                episode_return += float(reward)
                length += 1
                over = terminated or truncated
            played.append(Episode(episode_return, length))
    finally:
        environment.close()
    return played


def record_film(
    policy: Policy,
    spec: EnvSpec,
    path: str | os.PathLike[str],
    episodes: int = 1,
    seed: int = 0,
) -> Path:
    """Films greedy episodes as an animated GIF of at most 1,000 frames.

    Raises:
        ValueError: The environment cannot draw itself.
    """
    from PIL import Image

    frames: list[Image.Image] = []
    environment = _make_drawn(spec)
    fps = environment.metadata.get("render_fps", 30)
    try:
        for number in range(episodes):
            observation, _ = environment.reset(seed=seed if number == 0 else None)
            over = False
            while len(frames) < FILM_FRAMES:
                picture: Any = environment.render()
                frames.append(Image.fromarray(picture))
                if over:
                    break
                step = environment.step(policy(observation))
                observation, over = step[0], step[2] or step[3]
    finally:
        environment.close()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # GIF counts in hundredths of a second, and viewers slow down below two of them.
    duration = max(round(100 / fps), 2) * 10
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=duration,
        loop=0,
    )
    return path


def _make_drawn(spec: EnvSpec) -> gymnasium.Env[Any, Any]:
    """The environment with render() giving pictures."""
    plain = make_environment(spec)
    modes = plain.metadata.get("render_modes", [])
    plain.close()
    try:
        if "rgb_array" in modes:
            return make_environment(spec, render_mode="rgb_array")
    except TypeError:  # its function takes no argument render_mode
        pass
    raise ValueError(
        f"{spec.id} cannot be filmed: expected an environment that can be made with "
        "render_mode='rgb_array'."
    )
