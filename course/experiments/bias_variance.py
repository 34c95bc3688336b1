"""How wrong a return is at each place of a rollout: bias, variance and error.

In a rollout of t_max steps the first step gets a t_max-step return and the last one a
1-step return. A long return leans on many random rewards, so it varies; a short one
leans on the estimate of V, so it inherits the estimate's error. Here the exact values
are known, and both can be measured.

The task is a race in laps: a circle of states, a reward for each lap, and after each
lap the race may end. The estimate is one in the middle of learning: right in the
states before the reward, still 0 in those to which it has not spread yet.

Source: Mnih et al. (2016), section 4 and Algorithms S2 and S3, for the returns; bias
and variance are our measurement, the paper has none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.ticker import MaxNLocator

from course import returns
from course.environments.tabular import Outcome, TabularEnv, dynamics, exact_values
from course.plots import STYLES, Picture

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FORWARDS = 0  # the only action
LENGTH = 10
STAY = 0.1
END = 0.5
GAMMA = 0.95
FEWEST = 100  # returns at a place, below which its average is not drawn


@dataclass(frozen=True)
class Errors:
    """What was measured for one t_max, by the place in the rollout.

    Every entry is an average over the states that a rollout has at this place.

    Attributes:
        t_max: Longest rollout; None for whole episodes.
        bias_squared: (mean return - V(s))^2, `[places]`.
        variance: Variance of the return in one state, `[places]`.
        counts: How many returns were seen there, `[places]`.
    """

    t_max: int | None
    bias_squared: FloatArray
    variance: FloatArray
    counts: IntArray

    @property
    def rms(self) -> FloatArray:
        """Root of the mean squared error, which is bias^2 + variance, `[places]`."""
        return np.asarray(np.sqrt(self.bias_squared + self.variance))

    @property
    def means(self) -> tuple[float, float, float]:
        """Bias^2, variance and rms error over all steps of all rollouts."""
        bias_squared = float(np.average(self.bias_squared, weights=self.counts))
        variance = float(np.average(self.variance, weights=self.counts))
        return bias_squared, variance, float(np.sqrt(bias_squared + variance))

    @property
    def name(self) -> str:
        """As in tables and legends."""
        return "whole episode" if self.t_max is None else f"t_max = {self.t_max}"


def laps(length: int = LENGTH, stay: float = STAY, end: float = END) -> TabularEnv:
    """A race on a circle of states, driven forwards; there is nothing to choose.

    A step fails with probability `stay`, and the state remains. Crossing the line,
    from the last state to state 0, gives reward 1, and there the race ends with
    probability `end`; every other step gives 0.
    """
    table: list[list[list[Outcome]]] = []
    for state in range(length):
        outcomes = [(stay, state, 0.0, False)]
        if state < length - 1:
            outcomes.append((1 - stay, state + 1, 0.0, False))
        else:
            outcomes.append(((1 - stay) * (1 - end), 0, 1.0, False))
            outcomes.append(((1 - stay) * end, state, 1.0, True))
        table.append([outcomes])
    return TabularEnv(table)


def half_learned(values: FloatArray, known: int) -> FloatArray:
    """An estimate that is right in the `known` last states and 0 in all others."""
    unknown = len(values) - known
    return np.where(np.arange(len(values)) < unknown, 0.0, values)


def run(
    n_step_returns: Callable[..., Any] = returns.n_step_returns,
    bootstrap_value: Callable[..., Any] = returns.bootstrap_value,
    *,
    known: int = 8,
    t_maxes: Sequence[int | None] = (1, 5, 20, None),
    rollouts: int = 3_000,
    gamma: float = GAMMA,
    seed: int = 0,
) -> list[Errors]:
    """Measures the returns of many rollouts against the exact values.

    A rollout begins in any state, as often as an episode passes through it, and ends
    after t_max steps or where the race ends.

    Args:
        n_step_returns: `n_step_returns(rewards, bootstrap_value, gamma)` as in
            `course.returns`; it is given rewards `[T]` and a 0-d tensor.
        bootstrap_value: `bootstrap_value(last_value, terminated)` as in
            `course.returns`; it is given 0-d tensors.
        known: In how many states, counted from the line, the estimate is right.
        t_maxes: Longest rollouts to compare; None stands for whole episodes.
        rollouts: How many for each t_max.
        gamma: Discount, 0 to 1.
        seed: Of the rollouts.

    Raises:
        ValueError: `known` is not a number of states, or a t_max is
            less than 1.
    """
    environment = laps()
    continuation, rewards = dynamics(environment)
    length = len(rewards)
    if not 0 <= known <= length:
        raise ValueError(f"known is {known}; expected 0 to {length} states.")
    policy = np.ones((length, 1))
    exact = exact_values(environment, policy, gamma)
    estimate = torch.tensor(half_learned(exact, known), dtype=torch.float32)
    visits = np.linalg.solve(
        np.eye(length) - continuation[:, FORWARDS].T, np.eye(length)[environment.start]
    )
    rng = np.random.default_rng(seed)
    measured = []
    for t_max in t_maxes:
        if t_max is not None and t_max < 1:
            raise ValueError(f"t_maxes holds {t_max}; expected 1 or more, or None.")
        starts = rng.choice(length, size=rollouts, p=visits / visits.sum())
        states, rewards, steps, terminated = _roll_out(environment, starts, t_max, rng)
        results = np.full(rewards.shape, np.nan)
        for k, taken in enumerate(steps):
            last = bootstrap_value(
                estimate[states[taken, k]].clone(), torch.tensor(terminated[k])
            )
            numbers = torch.tensor(rewards[:taken, k], dtype=torch.float32)
            results[:taken, k] = _array(n_step_returns(numbers, last, gamma))
        measured.append(_errors(t_max, states[:-1], results, exact))
    return measured


def _array(values: Any) -> FloatArray:
    """What a student returns: a tensor, an array, or a list of numbers or tensors."""
    if isinstance(values, torch.Tensor):
        values = values.detach()
    return np.asarray([float(value) for value in values])


def _roll_out(
    environment: TabularEnv,
    starts: IntArray,
    t_max: int | None,
    rng: np.random.Generator,
) -> tuple[IntArray, FloatArray, IntArray, npt.NDArray[np.bool_]]:
    """All rollouts at once.

    Returns:
        States `[T + 1, K]`, rewards `[T, K]`, how many steps each took `[K]`, and
        whether it reached the goal `[K]`. What lies behind a rollout's end is filler.
    """
    table, num_states = environment.transitions, len(environment.transitions)
    width = max(len(table[s][FORWARDS]) for s in range(num_states))
    outcomes = np.zeros((num_states, width, 4))
    for s in range(num_states):
        outcomes[s, : len(table[s][FORWARDS])] = table[s][FORWARDS]
    cumulated = outcomes[:, :, 0].cumsum(axis=1)
    states, rewards = [starts], list[FloatArray]()
    steps = np.zeros(len(starts), dtype=np.int64)
    terminated = np.zeros(len(starts), dtype=bool)
    while not terminated.all() and (t_max is None or len(rewards) < t_max):
        state = states[-1]
        # Below 0.999..., for the sums end there and not always at 1.
        chance = rng.random((len(starts), 1)) * cumulated[state][:, -1:]
        drawn = (chance >= cumulated[state]).sum(axis=1)
        _, next_state, reward, ends = outcomes[state, drawn].T
        steps += ~terminated
        rewards.append(reward)
        terminated = terminated | (ends == 1.0)
        states.append(np.where(terminated, state, next_state).astype(np.int64))
    return np.stack(states), np.stack(rewards), steps, terminated


def _errors(
    t_max: int | None, states: IntArray, results: FloatArray, exact: FloatArray
) -> Errors:
    """Bias and variance state by state, averaged at each place."""
    rows = []
    for state, result in zip(states, results, strict=True):
        seen = ~np.isnan(result)
        state, result = state[seen], result[seen]
        counts = np.bincount(state, minlength=len(exact))
        some = np.maximum(counts, 1)
        mean = np.bincount(state, result, len(exact)) / some
        square = np.bincount(state, (result - mean[state]) ** 2, len(exact))
        total = max(len(result), 1)
        bias_squared = counts @ (mean - exact) ** 2 / total
        rows.append((bias_squared, square.sum() / total, len(result)))
    bias, variance, counts = np.array(rows).T
    return Errors(t_max, bias, variance, counts.astype(np.int64))


def table(measured: Sequence[Errors]) -> str:
    """Aligned text: rms error at the first and last place, and means over all steps."""
    heads = ("rollout", "first place", "last place", "bias²", "variance", "rms error")
    rows: list[tuple[str, ...]] = [heads]
    for each in measured:
        bias_squared, variance, rms = each.means
        few = each.counts[-1] < FEWEST  # the longest of whole episodes is one alone
        rows.append(
            (
                each.name,
                f"{each.rms[0]:.3f}",
                "-" if few else f"{each.rms[-1]:.3f}",
                *(f"{number:.3f}" for number in (bias_squared, variance, rms)),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        row[0].ljust(widths[0])
        + "".join(
            "  " + cell.rjust(width)
            for cell, width in zip(row[1:], widths[1:], strict=True)
        )
        for row in rows
    )


def picture(measured: Sequence[Errors]) -> Picture:
    """Bias², variance and rms error at each place, one line for each t_max.

    Args:
        measured: From `run`.

    Raises:
        ValueError: There is nothing to draw.
    """
    if not measured:
        raise ValueError("measured is empty; expected at least one Errors.")
    figure = Picture(figsize=(10.5, 3.9), layout="constrained")
    figure.suptitle(
        "How far returns are from the exact values, by place in the rollout",
        fontsize=11,
    )
    figure.description = (
        "Three panels: bias squared, variance and rms error of the return, each "
        "against the place in the rollout, first step 0; one line for each t_max. "
        + "; ".join(_in_words(each) for each in measured)
        + "."
    )
    places = max((each.t_max or 0) for each in measured) or len(measured[0].counts)
    panels = figure.subplots(1, 3)
    for axes, title in zip(
        panels, ("bias²", "variance", "rms error = √(bias² + variance)"), strict=True
    ):
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("place in the rollout (0 = first step)")
        axes.grid(color="#E5E5E5", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    for number, each in enumerate(measured):
        enough = (each.counts >= FEWEST) & (np.arange(len(each.counts)) < places)
        where = np.flatnonzero(enough)
        colour, line, marker = STYLES[number % len(STYLES)]
        for axes, values in zip(
            panels, (each.bias_squared, each.variance, each.rms), strict=True
        ):
            axes.plot(
                where,
                values[where],
                color=colour,
                linestyle=line,
                marker=marker,
                markersize=5,
                markevery=max(1, len(where) // 8),
                label=each.name,
            )
    for axes in panels:
        axes.set_ylim(bottom=0.0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=9,
        handlelength=4,
    )
    return figure


def _in_words(each: Errors) -> str:
    bias_squared, variance, rms = each.means
    ends = f"rms error {each.rms[0]:.3f} at the first place"
    if len(each.rms) > 1 and each.counts[-1] >= FEWEST:
        ends += f" and {each.rms[-1]:.3f} at the last"
    return (
        f"{each.name}: {ends}; over all steps bias² {bias_squared:.3f}, variance "
        f"{variance:.3f}, rms error {rms:.3f}"
    )
