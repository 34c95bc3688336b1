"""Does it help that learners explore differently? The paper's mix against one epsilon.

Three learners share θ and walk a chain whose reward lies at the far end. Each keeps an
epsilon of its own from the first step on. Counted are the score, and in how far the
learners see the same states: the less their visits overlap, the more different are the
gradients that reach θ one after another.

Source: Mnih et al. (2016), sections 4 and 5.1, on exploration policies that differ.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from course.actor_learner import Acted
from course.algorithms import ONE_STEP_Q, Algorithm
from course.config import Config
from course.environments.tabular import Chain
from course.experiments.target_period import prepare
from course.plots import BLUE, GREY, Picture
from course.rollout import Rollout
from course.shared import Update

FloatArray = npt.NDArray[np.float64]

LENGTH, TIME_LIMIT, STEPS = 10, 60, 3_000
MIXES: Mapping[str, tuple[float, ...]] = {
    "all 0.01": (0.01, 0.01, 0.01),
    "all 0.1": (0.1, 0.1, 0.1),
    "all 0.5": (0.5, 0.5, 0.5),
    "the mix": (0.1, 0.01, 0.5),
}
"""The final epsilons of three learners."""


@dataclass(frozen=True)
class Exploration:
    """Training with one set of epsilons.

    Attributes:
        name: As in `MIXES`.
        epsilons: One for each learner.
        scores: For each seed: rewards in 100 steps of all learners, over the second
            half of the run.
        overlaps: For each seed: how far the visits of two learners agree, the mean over
            the pairs; 1 if they see the same states equally often, 0 if none twice.
        found: For each seed: whether the reward was found at all.
        visits: For each seed and learner the share of each state, `[seeds, learners,
            states]`.
    """

    name: str
    epsilons: tuple[float, ...]
    scores: list[float]
    overlaps: list[float]
    found: list[bool]
    visits: FloatArray


def overlap(visits: FloatArray) -> float:
    """How far learners see the same: sum over s of min(p_i(s), p_j(s)), pairs' mean.

    Args:
        visits: How often each learner was in each state, `[learners, states]`, at least
            two learners and no row of zeros.

    Returns:
        A number from 0 to 1.
    """
    shares = visits / visits.sum(axis=1, keepdims=True)
    pairs = itertools.combinations(shares, 2)
    return float(np.mean([np.minimum(one, other).sum() for one, other in pairs]))


def compare(
    mixes: Mapping[str, tuple[float, ...]] = MIXES,
    seeds: Sequence[int] = (0, 1, 2, 3),
    algorithm: Algorithm = ONE_STEP_Q,
    total_steps: int = STEPS,
) -> list[Exploration]:
    """Trains in the simulation with every set of epsilons and every seed.

    Args:
        mixes: Names, and the epsilon of each learner.
        seeds: One run for each.
        algorithm: One-step Q-learning, or it with your own functions.
        total_steps: Length of a run, in steps of all learners.
    """
    jobs = [(name, seed) for name in mixes for seed in seeds]
    runs = {
        (name, seed): _run(algorithm, mixes[name], seed, total_steps)
        for name, seed in tqdm(jobs, desc="explorations", unit="run")
    }
    results = []
    for name, epsilons in mixes.items():
        group = [runs[name, seed] for seed in seeds]
        results.append(
            Exploration(
                name,
                epsilons,
                [score for score, _, _ in group],
                [overlap(visits) for _, _, visits in group],
                [found for _, found, _ in group],
                np.stack([v / v.sum(axis=1, keepdims=True) for _, _, v in group]),
            )
        )
    return results


def _chain() -> gymnasium.Env[np.int64, np.int64]:
    return gymnasium.wrappers.TimeLimit(Chain(LENGTH), TIME_LIMIT)


def _run(
    algorithm: Algorithm, epsilons: Sequence[float], seed: int, total_steps: int
) -> tuple[float, bool, FloatArray]:
    """One run: its score, whether the reward was found, and `[learners, states]`."""
    settings = {
        **algorithm.defaults,
        "total_steps": total_steps,
        "workers": len(epsilons),
        "seed": seed,
        "gamma": 0.9,
        "update_period": 5,
        "target_period": 100,
        "learning_rate": 2e-3,
        "max_grad_norm": 10.0,
        "reward_scale": 1.0,
        "epsilon_anneal_steps": 0,
    }
    configs = [
        Config().replace(**{**settings, "final_epsilon": each}) for each in epsilons
    ]
    visits = np.zeros((len(epsilons), LENGTH))

    def watching(worker_id: int) -> Algorithm:
        """The algorithm, which counts the states of one learner on the way."""

        def objective(
            algorithm: Algorithm,
            network: nn.Module,
            target_network: nn.Module | None,
            rollout: Rollout,
            config: Config,
        ) -> Tensor:
            visits[worker_id] += rollout.observations.sum(0).numpy()
            return original(algorithm, network, target_network, rollout, config)

        original = algorithm.objective
        return algorithm.replace(objective=objective)

    algorithms = [watching(worker_id) for worker_id in range(len(epsilons))]
    shared, learners = prepare(algorithms, _chain, configs)
    rewards = late_rewards = 0.0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        while learners:
            for learner in list(learners):  # round robin: one update each
                for event in learner:
                    if isinstance(event, Acted):
                        gained = sum(each.episode_return for each in event.episodes)
                        rewards += gained
                        late_rewards += gained * (shared.global_step > total_steps / 2)
                    elif isinstance(event, Update):
                        shared.apply(event)
                        break
                else:
                    learners.remove(learner)
    finally:
        torch.set_num_threads(threads)
        for learner in learners:
            learner.close()
    return 100 * late_rewards / (total_steps / 2), rewards > 0, visits


def table(results: Sequence[Exploration]) -> str:
    """The comparison as text: medians, and in brackets the range over the seeds."""
    lines = [f"{'epsilons':<10}  found   {'rewards in 100 steps':<20}  overlap"]
    lines += [
        f"{each.name:<10}  {sum(each.found)} of {len(each.found)}  "
        f"{_spread(each.scores):<20}  {_spread(each.overlaps)}"
        for each in results
    ]
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    median = statistics.median(values)
    return f"{median:.2f} [{min(values):.2f}, {max(values):.2f}]"


def picture(results: Sequence[Exploration]) -> Picture:
    """Score on the left, overlap on the right: a dot for each seed, a bar the median.

    Args:
        results: From `compare`.

    Raises:
        ValueError: There is none.
    """
    if not results:
        raise ValueError("results is empty; expected at least one Exploration.")
    figure = Picture(figsize=(8.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, heading, values in (
        (left, "rewards in 100 steps", [each.scores for each in results]),
        (right, "overlap of visited states", [each.overlaps for each in results]),
    ):
        for place, of_seeds in enumerate(values):
            shifts = np.linspace(-0.12, 0.12, len(of_seeds))
            axes.plot(place + shifts, of_seeds, "o", color=GREY, alpha=0.8)
            median = statistics.median(of_seeds)
            axes.plot([place - 0.3, place + 0.3], [median] * 2, color=BLUE, linewidth=3)
        axes.set_xticks(range(len(results)), [each.name for each in results])
        axes.set_ylabel(heading)
        axes.set_ylim(0.0, 1.1 * max(map(max, values)) or 1.0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        "epsilons of three learners; dots: seeds, bars: medians", fontsize=10
    )
    figure.description = (
        "Score and overlap of visited states by the epsilons of three learners, as "
        "median and range over the seeds: "
        + "; ".join(
            f"{each.name}: rewards in 100 steps {_spread(each.scores)}, overlap "
            f"{_spread(each.overlaps)}, reward found in {sum(each.found)} of "
            f"{len(each.found)} runs"
            for each in results
        )
        + "."
    )
    return figure
