"""The pictures of cliff walking: paths on the grid, online returns, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from course.environments.tabular import CliffWalk
from course.experiments.cliff import Walks, exact_start_value, greedy_path, row_policy
from course.plots import STYLES, Picture

FloatArray = npt.NDArray[np.float64]


def paths(walks: Sequence[Walks]) -> Picture:
    """On the grid: how many runs' greedy paths lead through each cell.

    Args:
        walks: From `learn`; one grid each.
    """
    environment = CliffWalk()
    shape = environment.height, environment.width
    figure = Picture(figsize=(7.2, 0.4 + 2.35 * len(walks)), layout="constrained")
    panels = figure.subplots(len(walks), 1, squeeze=False)[:, 0]
    told = []
    for axes, each in zip(panels, walks, strict=True):
        visits = np.zeros(shape[0] * shape[1])
        arrived = 0
        for table in each.q_values:
            path = greedy_path(table)
            visits[path] += 1
            arrived += path[-1] == len(visits) - 1
        share = 100 * visits.reshape(shape) / len(each.q_values)
        _draw_grid(axes, share)
        text = f"{arrived} of {len(each.q_values)} greedy paths reach the goal"
        axes.set_title(f"{each.name}: {text}", fontsize=10)
        middle = share[:-1, 1:-1].mean(axis=1)
        told.append(
            f"{each.name}: along the edge {middle[2]:.0f} percent, "
            f"one row higher {middle[1]:.0f}, at the top {middle[0]:.0f}"
        )
    figure.description = (
        "Cliff grids with the percentage of runs whose greedy path passes each cell. "
        "On the way across, " + "; ".join(told) + "."
    )
    return figure


def _draw_grid(axes: Axes, share: FloatArray) -> None:
    """Numbers in cells; the shade says the same, the cliff is hatched."""
    height, width = share.shape
    axes.imshow(share, cmap="Blues", vmin=0, vmax=170, aspect="equal")
    for (row, column), value in np.ndenumerate(share):
        if value >= 0.5:
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=8)
    axes.axvspan(
        *(0.5, width - 1.5),
        *(0.0, 1 / height),
        facecolor="#B0B0B0",
        edgecolor="#505050",
        hatch="///",
    )
    box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none"}
    axes.text(width / 2 - 0.5, height - 1, "cliff", ha="center", va="center", bbox=box)
    for column, letter in ((0, "S"), (width - 1, "G")):
        axes.text(column - 0.4, height - 0.62, letter, fontsize=8, weight="bold")
    axes.set(xticks=np.arange(width) - 0.5, yticks=np.arange(height) - 0.5)
    axes.set(xticklabels=[], yticklabels=[])
    axes.grid(color="#C8C8C8", linewidth=0.8)
    axes.tick_params(length=0)


def online_returns(walks: Sequence[Walks]) -> Picture:
    """The return of the exploring learners in each tenth of their training.

    A line is the mean over the runs, a band reaches from the worst run to the best.

    Args:
        walks: From `learn`.
    """
    figure = Picture(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    tenths = np.arange(1, 11)
    told = []
    for number, each in enumerate(walks):
        color, line, marker = STYLES[number % len(STYLES)]
        lowest, mean, highest = _spread(each.online_return)
        axes.plot(tenths, mean, line, color=color, marker=marker, label=each.name)
        axes.fill_between(tenths, lowest, highest, color=color, alpha=0.15, lw=0)
        told.append(
            f"{each.name} {mean[-1]:.0f} (runs from {lowest[-1]:.0f} to "
            f"{highest[-1]:.0f})"
        )
    axes.set_xlabel("tenth of the training")
    axes.set_ylabel("return of an episode, exploring")
    axes.set_ylim(-160, 0)  # the first episodes take far longer
    axes.set_xticks(tenths)
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    figure.description = (
        "Online return on the cliff by tenths of the training; in the last tenth: "
        + "; ".join(told)
        + "."
    )
    return figure


def _spread(returns_: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lowest, mean and highest over the runs, `[10]` each."""
    return (
        np.nanmin(returns_, axis=0),
        np.nanmean(returns_, axis=0),
        np.nanmax(returns_, axis=0),
    )


def why(epsilons: Sequence[float] = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)) -> Picture:
    """Exact return of the three rows' walkers against ε.

    Args:
        epsilons: Where it is computed.
    """
    figure = Picture(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    names = {2: "along the edge", 1: "one row higher", 0: "at the top"}
    told, lines = [], []
    for number, (row, name) in enumerate(names.items()):
        values = [exact_start_value(row_policy(row), each) for each in epsilons]
        color, line, marker = STYLES[number]
        axes.plot(epsilons, values, line, color=color, marker=marker, label=name)
        told.append(f"{name} from {values[0]:.0f} to {values[-1]:.0f}")
        lines.append(values)
    at_best = [
        f"{epsilon:g}"
        for epsilon, edge, *others in zip(epsilons, *lines, strict=True)
        if edge > max(others)
    ]
    axes.set_xlabel("ε")
    axes.set_ylabel("exact mean return from the start")
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    figure.description = (
        f"Exact mean returns of three paths as ε goes from {epsilons[0]:g} to "
        f"{epsilons[-1]:g}: "
        + "; ".join(told)
        + "; the edge is best "
        + (f"only at ε = {', '.join(at_best)}." if at_best else "nowhere.")
    )
    return figure
