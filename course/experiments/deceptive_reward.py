"""What the entropy bonus is for: a small reward near by lures from a larger one.

In `Lure` a learner can take a little at every step, or walk to the end of a path, where
there is much more. At first almost every walk is broken off by chance, so taking the
little looks better. A policy that grows sure of it too soon never sees the end of
the path again. The entropy bonus β H(π) of section 4 of the paper makes growing sure
cost something, and so keeps the policy trying for longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import TimeLimit
from tqdm.auto import tqdm

from course.algorithms import Algorithm
from course.environments.tabular import TabularEnv
from course.plots import STYLES, Picture, window_means
from course.trainers.train import train

LENGTH = 5  # steps to the far reward
LITTLE = 0.1  # the near reward; the far one is 1
EPISODE_STEPS = 20  # then the episode is cut off
STEPS = 6_000
SETTINGS: dict[str, Any] = {"gamma": 0.9, "t_max": 10, "learning_rate": 1e-2}


class Lure(TabularEnv):
    """A path with an exit at each step; action 0 takes the exit, action 1 walks on.

    Both the exit and the end of the path lead back to the start: the exit for the
    reward `little`, the end for 1; all other steps give 0. Who chooses at random
    comes to the end once in 2 to the power of `length` attempts. Nothing terminates;
    `make_lure` cuts the episodes off.

    Args:
        length: Steps of the path; the state is the number of steps walked.
        little: Reward of an exit.
    """

    def __init__(self, length: int = LENGTH, little: float = LITTLE) -> None:
        def walk_on(state: int) -> tuple[float, int, float, bool]:
            at_end = state == length - 1
            return 1.0, 0 if at_end else state + 1, float(at_end), False

        super().__init__(
            [[[(1.0, 0, little, False)], [walk_on(s)]] for s in range(length)]
        )


def make_lure() -> gymnasium.Env[Any, Any]:
    """`Lure` in episodes of `EPISODE_STEPS` steps; `train` takes this function."""
    return TimeLimit(Lure(), EPISODE_STEPS)


NEAR_RETURN = EPISODE_STEPS * LITTLE  # of an episode that takes every exit
FAR_RETURN = float(EPISODE_STEPS // LENGTH)  # of one that never does


@dataclass(frozen=True)
class Attempt:
    """One training run.

    Attributes:
        entropy_coef: β.
        seed: Of the run.
        steps: When each episode ended, in agent steps, `[N]`.
        returns: Return of each episode, `[N]`.
    """

    entropy_coef: float
    seed: int
    steps: Sequence[float]
    returns: Sequence[float]

    @property
    def found(self) -> bool:
        """Whether the last 100 episodes were better than taking every exit.

        The line is drawn in the middle between that and never taking one.
        """
        return float(np.mean(self.returns[-100:])) > (NEAR_RETURN + FAR_RETURN) / 2


def try_entropy(
    algorithm: str | Algorithm = "a3c",
    entropy_coefs: Sequence[float] = (0.0, 0.01),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    total_steps: int = STEPS,
    progress: bool = True,
) -> list[Attempt]:
    """Trains in `Lure` with each β and each seed, in the simulation with one learner.

    Args:
        algorithm: "a3c", or A3C with your own functions.
        entropy_coefs: Each β.
        seeds: One run of each β for each.
        total_steps: Of each run.
        progress: Whether to show a progress bar.

    Returns:
        One `Attempt` for each β and seed, β by β.

    Raises:
        WorkerError: A function of the algorithm raised.
    """
    jobs = [(beta, seed) for beta in entropy_coefs for seed in seeds]
    attempts = []
    for beta, seed in tqdm(jobs, disable=not progress, desc="runs"):
        result = train(
            algorithm,
            make_lure,
            backend="sequential",
            workers=1,
            seed=seed,
            total_steps=total_steps,
            entropy_coef=beta,
            progress=False,
            **SETTINGS,
        )
        steps = [episode["step"] for episode in result.episode_returns]
        returns = [episode["return"] for episode in result.episode_returns]
        attempts.append(Attempt(beta, seed, steps, returns))
    return attempts


def count_found(attempts: Sequence[Attempt]) -> dict[float, tuple[int, int]]:
    """For each β: how many runs found the far reward, and how many there were."""
    return {
        beta: (
            sum(each.found for each in attempts if each.entropy_coef == beta),
            sum(each.entropy_coef == beta for each in attempts),
        )
        for beta in dict.fromkeys(each.entropy_coef for each in attempts)
    }


def entropy_picture(attempts: Sequence[Attempt]) -> Picture:
    """A panel for each β, with a learning curve for each seed: found it or did not.

    Args:
        attempts: From `try_entropy`.
    """
    counts = count_found(attempts)
    picture = Picture(figsize=(4.8 * len(counts), 3.6), layout="constrained")
    panels = np.atleast_1d(picture.subplots(1, len(counts), sharey=True))
    for axes, (beta, (found, runs)) in zip(panels, counts.items(), strict=True):
        group = [each for each in attempts if each.entropy_coef == beta]
        for each in group:
            colour, line, marker = STYLES[not each.found]
            means = window_means(each.returns)
            axes.plot(
                each.steps, means, line, color=colour, marker=marker, markersize=5,
                markevery=max(len(means) // 6, 1),
                label="found the end" if each.found else "never found it",
            )  # fmt: skip
        for level, words in ((FAR_RETURN, "to the end"), (NEAR_RETURN, "exits only")):
            axes.axhline(level, color="black", linewidth=1, linestyle=":")
            axes.text(0, level, words, fontsize=8, va="bottom")
        axes.set_title(f"β = {beta:g}: {found} of {runs} found it", fontsize=10)
        axes.set_xlabel("agent steps")
        axes.grid(color="#E5E5E5", linewidth=0.8)
    panels[0].set_ylabel("mean return of the last 100 episodes")
    shown = {  # one of each kind
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    picture.legend(
        shown.values(), shown.keys(), loc="outside lower center", ncols=2, frameon=False
    )
    picture.description = (
        "Learning curves on a path with a small reward at each step and a large one at "
        "its end. The large one was found in "
        + ", and in ".join(
            f"{found} of {runs} runs with β = {beta:g}"
            for beta, (found, runs) in counts.items()
        )
        + "."
    )
    return picture
