"""Figures from results: one run's learning curve, and algorithms side by side.

Both take plain data, the fields of `result.json`, so a figure can be drawn again
years later without the network or the environment. `matplotlib.pyplot` is not used:
it keeps every figure in a global list, which leaks and is not safe in threads.
"""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

FloatArray = npt.NDArray[np.float64]
Result = Mapping[str, Any]

# Okabe and Ito's colours, which colour-blind readers can tell apart. Each comes with
# a line style and a marker, so that a print without colour can be read as well.
STYLES = (
    ("#0072B2", "-", "o"),
    ("#D55E00", "--", "s"),
    ("#009E73", "-.", "^"),
    ("#CC79A7", ":", "D"),
)
BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#8A8A8A"

DOTS = 5_000
GRID_POINTS = 200


class Picture(Figure):
    """A figure that knows its own description, and shows itself in a notebook.

    Attributes:
        description: What can be seen, in one sentence: the alternative text.
    """

    description = ""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a PNG that carries the description."""
        self.savefig(path, dpi=120, metadata={"Description": self.description})

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """The picture, as notebooks ask for it.

        As HTML as well, because JupyterLab gives a bare PNG no alternative text.
        """
        content = io.BytesIO()
        self.savefig(content, dpi=120, format="png")
        png = base64.b64encode(content.getvalue()).decode()
        alt = html.escape(self.description)
        return {
            "text/plain": self.description,
            "image/png": png,
            "text/html": f'<img alt="{alt}" style="max-width:100%" '
            f'src="data:image/png;base64,{png}">',
        }


def learning_curve(result: Result) -> Picture:
    """One run: the return of each episode and the mean of the last 100.

    The left panel counts agent steps over all learners, the right one wall time: an
    asynchronous method must be good at both.

    Args:
        result: As in `result.json`. A key `until_return`, if there is one, is drawn
            as the goal.
    """
    figure = Picture(figsize=(9.6, 3.8), layout="constrained")
    figure.description = alt_text(result)
    figure.suptitle(_title(result), fontsize=11)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, unit in ((left, "step"), (right, "seconds")):
        _draw_episodes(axes, result, unit)
    left.set_ylabel("episode return")
    if result["episode_returns"]:
        figure.legend(
            *left.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=4,
            frameon=False,
            fontsize=9,
        )
    return figure


def _draw_episodes(axes: Axes, result: Result, unit: str) -> None:
    """The dots, the mean and the marks of one panel."""
    _prepare(axes, unit)
    times, returns = _episodes(result, unit)
    if len(returns) == 0:
        axes.set_title("no episode has ended", fontsize=10)
        axes.set(xticks=[], yticks=[])
        return
    means = window_means(returns)
    every = -(-len(returns) // DOTS)  # more dots would only be a slower blot
    axes.plot(
        times[::every],
        returns[::every],
        "o",
        color=GREY,
        markersize=2.5,
        markeredgewidth=0,
        alpha=0.45,
        label="one episode" if every == 1 else f"one episode in {every}",
    )
    axes.plot(
        times[::every],
        means[::every],
        color=BLUE,
        linewidth=2.5,
        label="mean of the last 100",
    )
    if result.get("until_return") is not None:
        goal = result["until_return"]
        axes.axhline(goal, color="black", linestyle="--", linewidth=1, label="goal")
    if result["solved_at"] is not None:
        when = result["solved_at"][unit]
        mean = np.interp(when, times, means)
        axes.plot(
            [when],
            [mean],
            "D",
            color=VERMILLION,
            markersize=9,
            markeredgecolor="white",
            clip_on=False,
            zorder=5,
            label="solved",
        )
        axes.annotate(
            f"{when:,.0f} steps" if unit == "step" else f"{when:,.1f} s",
            (when, float(mean)),
            xytext=(4, 10),
            textcoords="offset points",
            ha="right",
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"},
            fontsize=9,
        )


def comparison(runs: Sequence[Result], goal: float | None = None) -> Picture:
    """Algorithms on one environment, against steps and seconds, as in Figure 1.

    A line is the mean over an algorithm's seeds of the mean return of the last 100
    episodes; its band reaches from the worst seed to the best. A run that stopped
    early, because it was solved, keeps its last value.

    Args:
        runs: Results of several algorithms, each with any number of seeds.
        goal: The mean return by which the task counts as solved.

    Raises:
        ValueError: There is no run, or no run has finished an episode.
    """
    groups: dict[str, list[Result]] = {}
    for run in runs:
        if run["episode_returns"]:
            groups.setdefault(run["algorithm"], []).append(run)
    if not groups:
        raise ValueError(
            f"runs holds {len(runs)} results and none with a finished episode; "
            "expected at least one: train for more steps."
        )
    first = next(iter(groups.values()))[0]
    figure = Picture(figsize=(9.6, 4.2), layout="constrained")
    figure.suptitle(f"{first['environment']}, {_learners(first)}", fontsize=11)
    figure.description = (
        f"Mean return of the last 100 episodes on {first['environment']} against "
        "steps and seconds. At the end of training: "
        + "; ".join(_ending(name, group) for name, group in groups.items())
        + "."
    )
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, unit in ((left, "step"), (right, "seconds")):
        _prepare(axes, unit)
        for number, (name, group) in enumerate(groups.items()):
            _draw_group(axes, number, name, group, unit)
        if goal is not None:
            axes.axhline(goal, color="black", linewidth=1, alpha=0.6, label="goal")
    left.set_ylabel("mean return of the last 100 episodes")
    figure.legend(
        *left.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=9,
        handlelength=4,
    )
    return figure


def _draw_group(
    axes: Axes, number: int, name: str, group: Sequence[Result], unit: str
) -> None:
    """One algorithm's line and band, on a grid that all of its seeds share."""
    curves = [_episodes(run, unit) for run in group]
    grid = np.linspace(
        max(times[0] for times, _ in curves),
        max(times[-1] for times, _ in curves),
        GRID_POINTS,
    )
    means = np.stack(
        [np.interp(grid, times, window_means(returns)) for times, returns in curves]
    )
    color, line, marker = STYLES[number % len(STYLES)]
    seeds = f"{len(group)} seed{'s' if len(group) > 1 else ''}"
    axes.plot(
        grid,
        means.mean(0),
        color=color,
        linestyle=line,
        linewidth=2,
        marker=marker,
        markersize=5,
        # Markers of different lines stand at different places.
        markevery=(6 * number, GRID_POINTS // 8),
        label=f"{name} ({seeds})",
    )
    axes.fill_between(
        grid, means.min(0), means.max(0), color=color, alpha=0.15, linewidth=0
    )


def alt_text(result: Result) -> str:
    """What the learning curve shows, in one sentence, for those who cannot see it."""
    _, returns = _episodes(result, "step")
    head = f"Learning curve, {_title(result)}: "
    if len(returns) == 0:
        return f"{head}no episode has ended."
    means = window_means(returns)
    first, last = f"{means[:100][-1]:.1f}", f"{means[-1]:.1f}"
    text = (
        f"{head}over {len(returns):,} episodes, {result['global_step']:,} steps and "
        f"{result['seconds']:.0f} seconds the mean return of the last 100 episodes "
        f"goes from {first} to {last}"
    )
    if result["solved_at"] is not None:
        text += f", and reaches the goal at step {result['solved_at']['step']:,.0f}"
    return text + "."


def window_means(
    returns: Sequence[float] | FloatArray, window: int = 100
) -> FloatArray:
    """Mean of the last `window` returns at each episode (fewer at the beginning).

    Args:
        returns: Episode returns, shape [N].
        window: How many are averaged.

    Returns:
        The means, shape [N].
    """
    sums = np.cumsum(np.insert(np.asarray(returns, dtype=float), 0, 0.0))
    stops = np.arange(1, len(sums))
    starts = np.maximum(stops - window, 0)
    return np.asarray((sums[stops] - sums[starts]) / (stops - starts))


def _episodes(result: Result, unit: str) -> tuple[FloatArray, FloatArray]:
    """Times and returns, in order of time: the learners report in their own order."""
    episodes = result["episode_returns"]
    times = np.array([episode[unit] for episode in episodes], dtype=float)
    returns = np.array([episode["return"] for episode in episodes], dtype=float)
    order = np.argsort(times, kind="stable")
    return times[order], returns[order]


def _ending(name: str, group: Sequence[Result]) -> str:
    """An algorithm's final returns, in words."""
    finals = [window_means(_episodes(run, "step")[1])[-1] for run in group]
    text = f"{name} {np.mean(finals):.1f}"
    if len(finals) > 1:
        text += f" (from {min(finals):.1f} to {max(finals):.1f} over the seeds)"
    return text


def _title(result: Result) -> str:
    return f"{result['algorithm']} on {result['environment']}, {_learners(result)}"


def _learners(result: Result) -> str:
    workers = result["workers"]
    return f"{result['backend']} with {workers} learner{'s' if workers > 1 else ''}"


def _prepare(axes: Axes, unit: str) -> None:
    """Labels and a quiet frame; 50 k reads better than 50000."""
    axes.set_xlabel("agent steps, all learners" if unit == "step" else "seconds")
    if unit == "step":
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
