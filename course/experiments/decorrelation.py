"""Whether the learners' gradients, in the order in which they arrive, are correlated.

Two gradients that one learner takes one after the other come from neighbouring steps
of one episode. With N learners the one that arrives next comes from another episode.

The weights are held still while the gradients are recorded, so that what correlates
is the data alone, and not the path of the weights.

Source: Mnih et al. (2016), section 4, on parallel actors in the place of a replay
memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from tqdm.auto import tqdm

from course.algorithms import ONE_STEP_SARSA, Algorithm
from course.config import Config
from course.networks import bind
from course.plots import STYLES, Picture, window_means
from course.shared import Shared
from course.trainers.log import Batch
from course.trainers.train import train

FloatArray = npt.NDArray[np.float64]

ENVIRONMENT = "CartPole-v1"
LEARNERS = (1, 2, 4, 16)


@dataclass(frozen=True)
class Correlation:
    """How the gradients of N learners hang together.

    Attributes:
        learners: N.
        by_lag: Autocorrelation of their deviations from the mean gradient at lags 1,
            2, ..., `[seeds, lags]`.
    """

    learners: int
    by_lag: FloatArray


@dataclass(frozen=True)
class Stability:
    """How training went with N learners; one number for each seed.

    Attributes:
        learners: N.
        seeds: The seeds.
        last: Mean return of the last 100 episodes.
        fall: How far the mean of 100 episodes ever was below its best until then.
    """

    learners: int
    seeds: tuple[int, ...]
    last: list[float]
    fall: list[float]


def trained_weights(
    algorithm: Algorithm = ONE_STEP_SARSA, steps: int = 2_000, seed: int = 0
) -> Tensor:
    """θ `[P]` after some training of one learner, to record gradients at.

    Args:
        algorithm: One of the Q methods.
        steps: Of training, in the simulation.
        seed: Of the run.
    """
    result = train(
        algorithm,
        ENVIRONMENT,
        backend="sequential",
        workers=1,
        total_steps=steps,
        epsilon_anneal_steps=steps // 2,
        seed=seed,
        progress=False,
    )
    return nn.utils.parameters_to_vector(result.network.parameters()).detach().clone()


def gradients(
    theta: Tensor,
    learners: int,
    count: int = 400,
    algorithm: Algorithm = ONE_STEP_SARSA,
    seed: int = 0,
) -> FloatArray:
    """Gradients in the order in which they would be applied, `[count, P]`.

    They are taken in the simulation, in turns, from five steps each; none is applied.
    The first ten of each learner are left out: all begin their first episode at once.

    Args:
        theta: The weights, θ and θ⁻ alike, `[P]`.
        learners: N, each with an environment and random numbers of its own.
        count: How many gradients are recorded.
        algorithm: One of the Q methods.
        seed: Of the run.
    """
    recorded: list[FloatArray] = []
    warm_up = 10 * learners

    def make_network(
        space: gymnasium.Space[Any], num_actions: int, config: Config
    ) -> nn.Module:
        network: nn.Module = algorithm.make_network(space, num_actions, config)
        return bind(network, theta.clone())

    def record(theta: Tensor, statistics: Tensor, gradient: Tensor, *_: float) -> None:
        recorded.append(gradient.double().numpy().copy())

    def enough(batch: Batch, shared: Shared) -> None:
        if len(recorded) >= warm_up + count:
            shared.stop()

    train(
        algorithm.replace(make_network=make_network, update=record),
        ENVIRONMENT,
        backend="sequential",
        workers=learners,
        total_steps=10**9,
        epsilon_anneal_steps=0,
        final_epsilon=0.1,
        update_period=5,
        target_period=10**9,
        max_grad_norm=1e9,
        seed=seed,
        progress=False,
        on_batch=enough,
    )
    return np.array(recorded[warm_up : warm_up + count])


def autocorrelation(gradients: FloatArray, lags: int) -> FloatArray:
    """r_k = Σ_i (g_i − ḡ)·(g_{i+k} − ḡ) / Σ_i |g_i − ḡ|² for k = 1 to `lags`.

    1 if every deviation from the mean ḡ repeats the one k places before, 0 if they have
    nothing to do with each other. What all gradients share, ḡ, is not counted.

    Args:
        gradients: In order, `[count, P]`.
        lags: How many lags, less than `count`.

    Returns:
        `[lags]`.
    """
    centred = gradients - gradients.mean(axis=0)
    total = np.sum(centred**2)
    return np.array(
        [np.sum(centred[k:] * centred[:-k]) / total for k in range(1, lags + 1)]
    )


def measure(
    theta: Tensor,
    learners: Sequence[int] = LEARNERS,
    *,
    lags: int = 20,
    count: int = 400,
    seeds: int = 3,
    algorithm: Algorithm = ONE_STEP_SARSA,
    progress: bool = True,
) -> list[Correlation]:
    """The autocorrelation of the gradients' deviations from the mean, by learners.

    Args:
        theta: From `trained_weights`.
        learners: The numbers N.
        lags: How many places apart gradients are compared.
        count: Gradients of each run.
        seeds: Runs for each N, with seeds 0, 1, ...
        algorithm: One of the Q methods.
        progress: Whether to show a progress bar.
    """
    rows = []
    with tqdm(total=len(learners) * seeds, disable=not progress, leave=False) as bar:
        for number in learners:
            runs = []
            for seed in range(seeds):
                series = gradients(theta, number, count, algorithm, seed)
                runs.append(autocorrelation(series, lags))
                bar.update()
            rows.append(Correlation(number, np.array(runs)))
    return rows


def stability(
    algorithm: Algorithm = ONE_STEP_SARSA,
    learners: Sequence[int] = (1, 16),
    *,
    seeds: Sequence[int] = (0,),
    steps: int = 60_000,
    progress: bool = True,
) -> list[Stability]:
    """Trains with one and with many learners, everything else alike.

    An update gathers 32 steps. A gradient longer than 10 is shortened to that, which is
    more than the course's algorithms allow.

    Args:
        algorithm: One of the Q methods.
        learners: The numbers N; each learner takes its N-th part of the steps.
        seeds: Runs for each N.
        steps: Of all learners together.
        progress: Whether to show a progress bar.
    """
    rows = []
    total = len(learners) * len(seeds)
    with tqdm(total=total, disable=not progress, leave=False) as bar:
        for number in learners:
            finals, falls = [], []
            for seed in seeds:
                result = train(
                    algorithm,
                    ENVIRONMENT,
                    backend="sequential",
                    workers=number,
                    total_steps=steps,
                    epsilon_anneal_steps=steps // 3,
                    update_period=32,
                    max_grad_norm=10.0,
                    seed=seed,
                    progress=False,
                )
                scores = [each["return"] for each in result.episode_returns]
                means = window_means(scores)[99:]
                finals.append(float(means[-1]))
                falls.append(float(np.max(np.maximum.accumulate(means) - means)))
                bar.update()
            rows.append(Stability(number, tuple(seeds), finals, falls))
    return rows


def picture(rows: Sequence[Correlation]) -> Picture:
    """Autocorrelation of the deviations against the lag, a panel for each N.

    Args:
        rows: From `measure`.
    """
    figure = Picture(figsize=(9.6, 3.4), layout="constrained")
    panels = figure.subplots(1, len(rows), sharey=True, squeeze=False)[0]
    told = []
    for number, (axes, each) in enumerate(zip(panels, rows, strict=True)):
        color = STYLES[number % len(STYLES)][0]
        lags = np.arange(1, each.by_lag.shape[1] + 1)
        mean = each.by_lag.mean(axis=0)
        axes.vlines(lags, 0, mean, color=color, linewidth=2)
        axes.plot(lags, mean, "o", color=color, markersize=4)
        axes.fill_between(
            *(lags, each.by_lag.min(axis=0), each.by_lag.max(axis=0)),
            color=color,
            alpha=0.2,
            linewidth=0,
        )
        axes.axhline(0, color="black", linewidth=0.8)
        plural = "s" if each.learners > 1 else ""
        axes.set_title(f"{each.learners} learner{plural}\nat lag 1: {mean[0]:.2f}")
        axes.set_xlabel("lag, in updates")
        axes.spines[["top", "right"]].set_visible(False)
        told.append(f"{mean[0]:.2f} with {each.learners}")
        if 1 < each.learners <= len(mean):
            back = mean[each.learners - 1]
            others = np.abs(mean[lags % each.learners != 0]).max()
            told[-1] += (
                f" (and {back:.2f} at lag {each.learners}; at lags that are no "
                f"multiple of {each.learners} its size is {others:.2f} at most)"
            )
    panels[0].set_ylabel("autocorrelation")
    figure.description = (
        "Autocorrelation of deviations from the mean gradient. One panel for each "
        f"number of learners, stems over lags 1 to {rows[0].by_lag.shape[1]}, a band "
        "for the seeds: at lag 1 it is " + ", ".join(told) + " learners."
    )
    return figure
