"""Gradients are added up and applied once: how often do learners overwrite each other?

Here a write takes time. A learner reads all of θ, and some time later writes it back
with its own step added; what others wrote in between is lost. That is the worst that
can happen without a lock: real writes are shorter and lose single numbers at most. A
learner that accumulates more steps into one update writes less often, so fewer of the
writes meet.

Source: Mnih et al. (2016), section 4, on why gradients are accumulated.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from course.actor_learner import Acted
from course.algorithms import ONE_STEP_Q, Algorithm
from course.config import Config
from course.environments.tabular import Chain
from course.experiments.target_period import prepare
from course.plots import BLUE, GREY, VERMILLION, Picture
from course.shared import Update

LENGTH, TIME_LIMIT = 6, 60  # of the chain
WORKERS, STEPS = 4, 2_000
WRITE = 1.0  # duration of a write; a step of acting lasts from 0.5 to 1.5, 1 on average


@dataclass(frozen=True)
class Accumulation:
    """Training with one update period.

    Attributes:
        update_period: I_AsyncUpdate, steps that a learner accumulates into an update.
        updates: For each seed: how many updates were written.
        overwritten: For each seed: how many of them another learner overwrote.
        scores: For each seed: rewards in 100 steps of all learners, over the whole run,
            so that learning sooner counts.
    """

    update_period: int
    updates: list[int]
    overwritten: list[int]
    scores: list[float]

    @property
    def shares(self) -> list[float]:
        """For each seed: the part of the updates that was overwritten."""
        pairs = zip(self.overwritten, self.updates, strict=True)
        return [lost / max(updates, 1) for lost, updates in pairs]


def sweep(
    periods: Sequence[int] = (1, 2, 5, 20),
    seeds: Sequence[int] = (0, 1, 2),
    algorithm: Algorithm = ONE_STEP_Q,
    workers: int = WORKERS,
    total_steps: int = STEPS,
) -> list[Accumulation]:
    """Trains learners on a chain whose writes to θ overlap, for each period and seed.

    Args:
        periods: Values of `update_period`.
        seeds: One run for each; a seed also draws how long each step takes.
        algorithm: One-step Q-learning, or it with your own functions.
        workers: How many learners.
        total_steps: Length of a run, in steps of all learners.
    """
    jobs = [(period, seed) for period in periods for seed in seeds]
    runs = {
        (period, seed): _run(algorithm, period, seed, workers, total_steps)
        for period, seed in tqdm(jobs, desc="update periods", unit="run")
    }
    results = []
    for period in periods:
        group = [runs[period, seed] for seed in seeds]
        results.append(
            Accumulation(
                period,
                [updates for updates, _, _ in group],
                [overwritten for _, overwritten, _ in group],
                [score for _, _, score in group],
            )
        )
    return results


def _run(
    algorithm: Algorithm, period: int, seed: int, workers: int, total_steps: int
) -> tuple[int, int, float]:
    """One run: updates, how many of them were overwritten, and the score."""
    config = Config().replace(
        **{
            **algorithm.defaults,
            "total_steps": total_steps,
            "workers": workers,
            "seed": seed,
            "gamma": 0.9,
            "update_period": period,
            "target_period": 100,
            "learning_rate": 2e-3,
            "max_grad_norm": 10.0,
            "reward_scale": 1.0,
            "final_epsilon": 0.1,
            "epsilon_anneal_steps": total_steps // 4,
        }
    )
    shared, learners = prepare([algorithm] * workers, _chain, [config] * workers)
    durations = random.Random(seed)
    rewards = 0.0
    read: list[tuple[Update, Tensor, int] | None] = [None] * workers
    written, overwritten = 0, set[int]()

    def act(worker_id: int) -> float | None:
        """Plays a rollout; returns how long it takes, None at the end of training."""
        nonlocal rewards
        for event in learners[worker_id]:
            if isinstance(event, Acted):
                rewards += sum(each.episode_return for each in event.episodes)
                return sum(durations.uniform(0.5, 1.5) for _ in range(event.steps))
        return None

    agenda: list[tuple[float, int]] = []  # when which learner has something to do
    for worker_id in range(workers):
        if (lasts := act(worker_id)) is not None:
            heapq.heappush(agenda, (lasts, worker_id))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        while agenda:
            now, worker_id = heapq.heappop(agenda)
            begun = read[worker_id]
            if begun is None:  # the rollout is over: a gradient, and the write begins
                update = next(learners[worker_id])
                assert isinstance(update, Update)
                read[worker_id] = update, shared.theta.clone(), written
                heapq.heappush(agenda, (now + WRITE, worker_id))
                continue
            update, theta, before = begun
            overwritten.update(range(before, written))  # what came in between is lost
            shared.theta.copy_(theta)
            shared.apply(update)
            written += 1
            read[worker_id] = None
            if (lasts := act(worker_id)) is not None:
                heapq.heappush(agenda, (now + lasts, worker_id))
    finally:
        torch.set_num_threads(threads)
        for learner in learners:
            learner.close()
    return written, len(overwritten), 100 * rewards / total_steps


def _chain() -> gymnasium.Env[np.int64, np.int64]:
    return gymnasium.wrappers.TimeLimit(Chain(LENGTH), TIME_LIMIT)


def table(results: Sequence[Accumulation]) -> str:
    """The sweep as text: medians, and in brackets the range over the seeds."""
    lines = ["period  updates  overwritten           rewards in 100 steps"]
    lines += [
        f"{each.update_period:>6}  {statistics.median(each.updates):>7,.0f}  "
        f"{_spread(each.shares, '.1%'):<20}  {_spread(each.scores, '.1f')}"
        for each in results
    ]
    return "\n".join(lines)


def _spread(values: Sequence[float], form: str) -> str:
    median = statistics.median(values)
    return f"{median:{form}} [{min(values):{form}}, {max(values):{form}}]"


def picture(results: Sequence[Accumulation]) -> Picture:
    """Overwritten updates on the left, the score on the right, by update period.

    Args:
        results: From `sweep`.

    Raises:
        ValueError: There is none.
    """
    if not results:
        raise ValueError("results is empty; expected at least one Accumulation.")
    figure = Picture(figsize=(8.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    places = range(len(results))
    for axes, heading, values, color in (
        (
            *(left, "updates overwritten by another learner, %"),
            *([[100 * share for share in each.shares] for each in results], VERMILLION),
        ),
        (right, "rewards in 100 steps", [each.scores for each in results], BLUE),
    ):
        medians = [statistics.median(of_seeds) for of_seeds in values]
        axes.plot(places, medians, color=color, linewidth=2, marker="_", markersize=18)
        for place, of_seeds in zip(places, values, strict=True):
            axes.plot([place] * len(of_seeds), of_seeds, "o", color=GREY, alpha=0.8)
        axes.set_xticks(places, [str(each.update_period) for each in results])
        axes.set_xlabel("update period, in steps of one learner")
        axes.set_ylabel(heading)
        axes.set_ylim(0.0, 1.1 * max(map(max, values)) or 1.0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("dots: seeds; bars and line: their median", fontsize=10)
    figure.description = (
        "Updates overwritten and score by update period, as median and range over the "
        "seeds: "
        + "; ".join(
            f"period {each.update_period}, overwritten {_spread(each.shares, '.1%')}, "
            f"rewards in 100 steps {_spread(each.scores, '.1f')}"
            for each in results
        )
        + "."
    )
    return figure
