"""Lock-free SGD on least squares: how much lag does it bear, and what is parallel?

A sample i has features x_i of length 1 and the target y_i = x_i · θ*. One update takes
one sample and moves θ along x_i:

    θ <- θ - η (x_i · θ - y_i) x_i

How far two updates disturb each other depends on x_i · x_j. Three kinds of features
show it: *sparse* ones, where two samples hardly ever touch the same numbers of θ;
*dense, mixed signs*, where all touch all numbers, but point in unrelated directions;
and *dense, one sign* (as pixels are, or what a ReLU lets through), where all pull the
same way. `lag_sweep` computes each gradient at a θ that is `lag` updates old;
`run_together` lets real threads or processes write into one θ without a lock.

Source: Recht et al. (2011), "Hogwild!", for sparse problems; Mnih et al. (2016),
section 4, which takes the lock-free update over.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from course.plots import GREY, STYLES, Picture
from course.trainers.start import start_early, start_method, starting_processes

FloatArray = npt.NDArray[np.float64]
Kind = Literal["sparse", "dense, mixed signs", "dense, one sign"]
How = Literal["in turn", "threads", "processes"]

KINDS: tuple[Kind, ...] = ("sparse", "dense, mixed signs", "dense, one sign")
LAGS = (0, 1, 2, 4, 8, 16, 32, 64)
LEARNING_RATE = 0.2
DIVERGED = 1e3  # times the first loss: it will not come back
PATIENCE = 60.0  # seconds in which a process must have started or finished


@dataclass(frozen=True)
class Problem:
    """Least squares with an exact solution.

    Attributes:
        kind: How the features were drawn.
        features: x_i, `[N, P]`, each row of length 1.
        targets: y_i, `[N]`.
        touched: Which numbers of θ each sample reads and writes, `[N, K]`.
    """

    kind: Kind
    features: FloatArray
    targets: FloatArray
    touched: npt.NDArray[np.int64]

    def loss(self, theta: FloatArray) -> float:
        """Mean squared error, as a share of what θ = 0 has."""
        errors = self.features @ theta - self.targets
        return float((errors**2).mean() / (self.targets**2).mean())

    def overlap(self) -> tuple[float, float]:
        """How much two samples have to do with each other.

        Returns:
            The share of pairs that touch a common number of θ, and the mean of
            x_i · x_j over the pairs, both from 0 to 1 but for sampling noise.
        """
        touches = (self.features != 0).astype(float)
        pairs = ~np.eye(len(touches), dtype=bool)
        common = (touches @ touches.T > 0)[pairs].mean()
        return float(common), float((self.features @ self.features.T)[pairs].mean())


def make_problem(
    kind: Kind, seed: int, samples: int = 1000, size: int = 100, nonzero: int = 3
) -> Problem:
    """Draws features, and targets from a random θ*.

    Args:
        kind: One of `KINDS`.
        seed: Of all that is drawn.
        samples: N.
        size: P, the numbers in θ.
        nonzero: Features of a sparse sample that are not 0.

    Raises:
        ValueError: There is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}.")
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(samples, size))
    touched = np.tile(np.arange(size), (samples, 1))
    if kind == "sparse":
        touched = rng.permuted(touched, axis=1)[:, :nonzero]
        mask = np.zeros_like(features)
        np.put_along_axis(mask, touched, 1.0, axis=1)
        features *= mask
    elif kind == "dense, one sign":
        features = np.abs(features)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return Problem(kind, features, features @ rng.normal(size=size), touched)


def with_lag(problem: Problem, lag: int, updates: int, seed: int) -> float:
    """The loss after SGD in which each gradient is `lag` updates old.

    Args:
        problem: What is to be solved.
        lag: How many newer gradients are computed before one is applied.
        updates: How many gradients are computed; the last `lag` are never applied.
        seed: Of the order of samples.

    Returns:
        The loss as a share of the first one; infinity if it has diverged.
    """
    theta = np.zeros(problem.features.shape[1])
    pending: deque[FloatArray] = deque()
    order = np.random.default_rng(seed).integers(len(problem.targets), size=updates)
    for i in order:
        x = problem.features[i]
        error = x @ theta - problem.targets[i]
        if abs(error) > DIVERGED:
            return float("inf")
        pending.append(error * x)
        if len(pending) > lag:
            theta -= LEARNING_RATE * pending.popleft()
    loss = problem.loss(theta)
    return loss if loss < DIVERGED else float("inf")


@dataclass(frozen=True)
class LagRow:
    """One kind at one lag: the final loss of each seed."""

    kind: Kind
    lag: int
    losses: tuple[float, ...]


def lag_sweep(
    lags: Sequence[int] = LAGS, seeds: int = 5, updates: int = 4000
) -> list[LagRow]:
    """Every kind at every lag; a few seconds, with a progress bar."""
    problems = {
        (kind, seed): make_problem(kind, seed)
        for kind in KINDS
        for seed in range(seeds)
    }
    return [
        LagRow(
            kind,
            lag,
            tuple(
                with_lag(problems[kind, seed], lag, updates, seed)
                for seed in range(seeds)
            ),
        )
        for kind, lag in tqdm(
            [*itertools.product(KINDS, lags)], desc="lag", leave=False
        )
    ]


def lag_picture(rows: Sequence[LagRow]) -> Picture:
    """Final loss against lag: a line for the median seed, a band over all.

    Args:
        rows: From `lag_sweep`.
    """
    figure = Picture(figsize=(7.6, 4.2), layout="constrained")
    axes = figure.subplots()
    lags = sorted({row.lag for row in rows})
    words = []
    for kind, (colour, line, marker) in zip(KINDS, STYLES, strict=False):
        mine = sorted((row for row in rows if row.kind == kind), key=lambda r: r.lag)
        losses = np.minimum([row.losses for row in mine], DIVERGED)  # [lags, seeds]
        places = [lags.index(row.lag) for row in mine]
        middle = np.median(losses, axis=1)
        axes.plot(places, middle, line, color=colour, marker=marker, label=kind)
        axes.fill_between(
            places, losses.min(1), losses.max(1), color=colour, alpha=0.15, linewidth=0
        )
        lost = [row.lag for row in mine if np.median(row.losses) >= DIVERGED]
        fate = f"diverge from lag {lost[0]} on" if lost else "bear every lag shown"
        words.append(f"{kind} features {fate}")
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.text(0, 1.4, "nothing learned", fontsize=8)
    axes.axhline(DIVERGED, color=GREY, linewidth=0.8, linestyle=":")
    axes.text(0, DIVERGED * 1.4, "diverged", fontsize=8)
    axes.set_yscale("log")
    axes.set_xticks(range(len(lags)), map(str, lags))
    axes.set(xlabel="lag of every update", ylabel="loss, as a share of the first")
    seeds = len(rows[0].losses)
    axes.set_title(f"Least squares by SGD; median and range of {seeds} seeds")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left")
    figure.description = f"Final loss against lag: {'; '.join(words)}."
    return figure


@dataclass(frozen=True)
class Together:
    """What several learners did to one shared vector, without a lock.

    Attributes:
        how: "in turn", "threads" or "processes".
        workers: Learners.
        updates: Of all learners together.
        seconds: From the common start to the end of the last one.
        theta: The shared vector at the end, `[P]`.
    """

    how: How
    workers: int
    updates: int
    seconds: float
    theta: FloatArray

    @property
    def updates_per_second(self) -> float:
        """Of all learners together."""
        return self.updates / self.seconds


def run_together(
    problem: Problem, how: How, workers: int = 2, updates: int = 40_000, seed: int = 0
) -> Together:
    """SGD by several learners on one θ, each with its share of the updates.

    Args:
        problem: What is to be solved.
        how: "in turn" (one after the other in this thread), "threads" of this
            process, or "processes" that map the same memory.
        workers: Learners.
        updates: Of all learners together.
        seed: Of the orders of samples.

    Raises:
        ValueError: There is no such way.
        RuntimeError: A learner did not start or finish in time.
    """
    each = updates // workers
    tasks = [(problem, each, [seed, worker_id]) for worker_id in range(workers)]
    seconds, theta = _together(_descend, tasks, problem.features.shape[1], how)
    return Together(how, workers, each * workers, seconds, theta)


def count_together(how: How, workers: int = 2, increments: int = 200_000) -> Together:
    """Learners that each add 1 to one shared number, `increments` times.

    What is missing from `updates` in `theta[0]` at the end are lost updates.

    Args:
        how: As for `run_together`.
        workers: Learners.
        increments: Of each learner.
    """
    tasks = [(increments,)] * workers
    seconds, theta = _together(_count, tasks, 1, how)
    return Together(how, workers, increments * workers, seconds, theta)


def _descend(
    theta: FloatArray, problem: Problem, updates: int, seed: Sequence[int]
) -> None:
    """One learner: read what the sample touches, and write it back changed."""
    rng = np.random.default_rng(seed)
    features = np.take_along_axis(problem.features, problem.touched, axis=1)
    for i in rng.integers(len(features), size=updates):
        touched, x = problem.touched[i], features[i]
        error = x @ theta[touched] - problem.targets[i]
        theta[touched] -= LEARNING_RATE * error * x


def _count(counter: FloatArray, increments: int) -> None:
    """Add 1 again and again: read, add, write."""
    for _ in range(increments):
        counter[0] += 1.0


def _together(
    work: Callable[..., None], tasks: Sequence[tuple[Any, ...]], size: int, how: How
) -> tuple[float, FloatArray]:
    """Seconds from the common start to the end of all, and the shared vector."""
    if how == "in turn":
        theta = np.zeros(size)
        began = time.perf_counter()
        for task in tasks:
            work(theta, *task)
        return time.perf_counter() - began, theta
    if how not in ("threads", "processes"):
        raise ValueError(f"how is {how!r}; expected in turn, threads or processes.")
    context: Any = multiprocessing.get_context(start_method())
    memory = context.RawArray("d", size)  # gone with the last process that maps it
    theta = np.frombuffer(memory)
    parties = len(tasks) + 1
    if how == "threads":
        gates = threading.Barrier(parties), threading.Barrier(parties)
        learners: list[Any] = [
            threading.Thread(target=_learn, args=(work, memory, gates, task))
            for task in tasks
        ]
    else:
        start_early()
        gates = context.Barrier(parties), context.Barrier(parties)
        learners = [
            context.Process(
                target=_learn, args=(work, memory, gates, task), daemon=True
            )
            for task in tasks
        ]
    try:
        # The learners are functions of this module: nobody's script is run again.
        with starting_processes():
            for learner in learners:
                learner.start()
        gates[0].wait(PATIENCE)
        began = time.perf_counter()
        gates[1].wait(PATIENCE)
        seconds = time.perf_counter() - began
    except threading.BrokenBarrierError as error:
        raise RuntimeError(
            f"A learner ({how}) did not start or finish within {PATIENCE:g} seconds."
        ) from error
    finally:
        for learner in learners:
            if how == "processes" and learner.pid is not None:
                learner.join(1.0)
                learner.kill()  # an interrupted cell leaves no process behind
                learner.join()
    return seconds, theta.copy()


def _learn(work: Callable[..., None], memory: Any, gates: Any, task: Any) -> None:
    """One learner; where the others have given up, it ends as well, and quietly."""
    with contextlib.suppress(threading.BrokenBarrierError):
        gates[0].wait(PATIENCE)
        work(np.frombuffer(memory), *task)
        gates[1].wait(PATIENCE)
