"""Tables 1 and 2 of the paper as data, and a picture of Table 2.

Source: Mnih et al. (2016), "Asynchronous Methods for Deep Reinforcement Learning".
Table 1: scores on Atari games, from human starts, normalised so that 0 is random play
and 100 a human. Table 2: speed-up by the number of threads, over seven Atari games.
"""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.ticker import NullLocator

from course.plots import GREY, STYLES, Picture


class Table1Row(NamedTuple):
    """One line of Table 1.

    Attributes:
        method: As printed.
        training: Time and hardware.
        mean, median: Human-normalised score over the games, in per cent.
    """

    method: str
    training: str
    mean: float
    median: float


TABLE_1 = (
    Table1Row("DQN", "8 days on GPU", 121.9, 47.5),
    Table1Row("Gorila", "4 days, 100 machines", 215.2, 71.3),
    Table1Row("Double DQN", "8 days on GPU", 332.9, 110.9),
    Table1Row("Dueling Double DQN", "8 days on GPU", 343.8, 117.1),
    Table1Row("Prioritized DQN", "8 days on GPU", 463.6, 127.6),
    Table1Row("A3C, feed-forward", "1 day on CPU", 344.1, 68.2),
    Table1Row("A3C, feed-forward", "4 days on CPU", 496.8, 116.6),
    Table1Row("A3C, LSTM", "4 days on CPU", 623.0, 112.6),
)

THREADS = (1, 2, 4, 8, 16)
TABLE_2 = {
    "one-step Q": (1.0, 3.0, 6.3, 13.3, 24.1),
    "one-step Sarsa": (1.0, 2.8, 5.9, 13.1, 22.1),
    "n-step Q": (1.0, 2.7, 5.9, 10.7, 17.2),
    "A3C": (1.0, 2.1, 3.7, 6.9, 12.5),
}
"""Speed-up of each method with `THREADS` threads, relative to one thread."""


def speed_up_picture() -> Picture:
    """Table 2: speed-up against threads, both on logarithmic axes.

    The grey line is linear speed-up: n threads, n times as fast.
    """
    figure = Picture(figsize=(6.4, 4.4), layout="constrained")
    figure.description = (
        "Speed-up against the number of threads as the paper's Table 2 prints it: "
        + "; ".join(
            f"{name} {speeds[-1]:g} times with {THREADS[-1]} threads"
            for name, speeds in TABLE_2.items()
        )
        + "."
    )
    axes = figure.subplots()
    axes.plot(THREADS, THREADS, color=GREY, linewidth=5, alpha=0.35, label="linear")
    for (name, speeds), style in zip(TABLE_2.items(), STYLES, strict=True):
        colour, line, marker = style
        label = f"{name}: {speeds[-1]:g}"
        axes.plot(THREADS, speeds, line, color=colour, marker=marker, label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(THREADS, map(str, THREADS))
    axes.set_yticks((*THREADS, 24), map(str, (*THREADS, 24)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="threads", ylabel="speed-up over one thread")
    axes.set_title("Table 2 of the paper", fontsize=11)
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, title="with 16 threads", loc="upper left")
    return figure
