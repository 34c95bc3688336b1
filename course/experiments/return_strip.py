"""The return as a sum over a strip of rewards, each with a smaller weight.

Above, the rewards of an episode or a rollout, step by step. Below, what is left of
each of them after discounting; the return is the sum of what is below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from course.plots import BLUE, GREY, VERMILLION, Picture

MOST = 12  # columns up to which numbers fit


def picture(
    rewards: Any, gamma: float, bootstrap_value: float | None = None
) -> Picture:
    """Draws rewards, weights and the discounted sum.

    Args:
        rewards: r_0 to r_{T-1}, `[T]`, numbers in a list, an array or a tensor.
        gamma: Discount, 0 to 1.
        bootstrap_value: What stands behind a rollout that was cut, V(s_T); None for
            an episode that ended.

    Raises:
        ValueError: There is no reward, or `gamma` is outside [0, 1].
    """
    strip = np.array([float(reward) for reward in rewards])
    if len(strip) == 0:
        raise ValueError("rewards is empty; expected at least one reward.")
    if not 0.0 <= gamma <= 1.0:
        raise ValueError(f"gamma is {gamma}; expected a discount from 0 to 1.")
    names = [f"r{_lowered(i)}" for i in range(len(strip))]
    if bootstrap_value is not None:
        strip = np.append(strip, float(bootstrap_value))
        names.append(f"V(s{_lowered(len(strip) - 1)})")
    weights = gamma ** np.arange(len(strip))
    shares = weights * strip
    total = float(shares.sum())

    figure = Picture(figsize=(9.0, 4.2), layout="constrained")
    figure.description = _in_words(names, strip, weights, bootstrap_value)
    above, below = figure.subplots(2, 1, sharex=True, sharey=True)
    hatches = [
        "" if bootstrap_value is None or i < len(strip) - 1 else "//"
        for i in range(len(strip))
    ]
    _bars(above, strip, GREY, hatches)
    _bars(below, shares, BLUE, hatches)
    above.set_title("what came at each step", fontsize=10, loc="left")
    below.set_title(
        f"times its weight γ^i (γ = {gamma:g}); the sum is {total:.4g}",
        fontsize=10,
        loc="left",
    )
    scale = float(np.abs(strip).max()) or 1.0
    below.plot(
        weights * scale,
        color=VERMILLION,
        linestyle="--",
        linewidth=1.5,
        label="weight γ^i, scaled to the largest bar",
    )
    below.legend(frameon=False, fontsize=8, loc="best")
    if len(strip) <= MOST:
        below.set_xticks(
            range(len(strip)),
            [
                f"{name}\n× {weight:.3g}"
                for name, weight in zip(names, weights, strict=True)
            ],
        )
    else:
        below.set_xlabel("step i")
    return figure


def _bars(axes: Axes, heights: Any, colour: str, hatches: list[str]) -> None:
    """One strip, with its numbers where there is room."""
    bars = axes.bar(
        range(len(heights)),
        heights,
        width=0.8,
        color=colour,
        alpha=0.75,
        edgecolor="white",
        hatch=hatches,
    )
    if len(heights) <= MOST:
        axes.bar_label(bars, [f"{height:.3g}" for height in heights], fontsize=9)
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.margins(y=0.2)
    axes.spines[["top", "right"]].set_visible(False)


def _lowered(number: int) -> str:
    """The number as a subscript, such as ₁₂."""
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _in_words(
    names: list[str], strip: Any, weights: Any, bootstrap_value: float | None
) -> str:
    """The alternative text; of a long strip it tells the sums alone."""
    count = len(strip) - (bootstrap_value is not None)
    end = "" if bootstrap_value is None else ", and last, hatched, the value V"
    each = ""
    if len(strip) <= MOST:
        each = ": " + ", ".join(
            f"{name} = {height:.3g} times {weight:.3g} is {weight * height:.3g}"
            for name, height, weight in zip(names, strip, weights, strict=True)
        )
    return (
        f"Two strips of bars: above {count} reward{'s' if count > 1 else ''}{end}; "
        f"below the same after their weights{each}. The sum is {strip.sum():.4g} above "
        f"and {(weights * strip).sum():.4g} below."
    )
