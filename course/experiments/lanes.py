"""Staleness as lanes: when each learner pulled, acted, computed and pushed.

One lane for each learner. A bar reaches from a pull to the push that belongs to it;
the number at its end is the update's lag, and every push marks a new version of θ
across all lanes. So the lag of a bar is the number of other learners' lines inside it.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

from course.plots import BLUE, GREY, VERMILLION, Picture
from course.trainers.log import LogEntry

MARKS = {"pull": ">", "act": "o", "compute": "s", "push": "D"}
COLOURS = {"pull": BLUE, "act": GREY, "compute": "#009E73", "push": VERMILLION}
LETTERS = string.ascii_uppercase
# In Hogwild a learner pulls as soon as it has pushed: its marks need heights of their
# own, or they would cover each other.
HEIGHTS = {"pull": 0.13, "act": 0.0, "compute": 0.0, "push": -0.13}


def picture(events: Iterable[LogEntry], count: int = 40, first: int = 0) -> Picture:
    """The lanes of some events of a training run, of either backend.

    Args:
        events: `TrainResult.events`; they are put in order of time here, for Hogwild
            reports each learner's apart.
        count: How many events are drawn, at least 1.
        first: How many are passed over, counted from the moment at which every
            learner has pulled once (processes do not start at the same moment).

    Raises:
        ValueError: No event is left to be drawn.
    """
    # At equal times the order in which a learner reported its own events stands.
    ordered = sorted(events, key=lambda event: event.time)
    learners = sorted({event.worker_id for event in ordered})
    begun = [
        next(n for n, event in enumerate(ordered) if event.worker_id == worker_id)
        for worker_id in learners
    ]
    # Of round robin the very first event is wanted: there nobody starts late.
    logical = all(float(event.time).is_integer() for event in ordered)
    start = first + (0 if logical or not begun else max(begun))
    shown = ordered[start : start + count]
    if not shown:
        raise ValueError(
            f"events holds {len(ordered)} events, of which none is left after the "
            f"first {start}; expected a longer run, or a smaller `first`."
        )
    return _draw(shown, learners, logical)


def _draw(shown: list[LogEntry], learners: list[int], logical: bool) -> Picture:
    """One lane for each learner, the earliest event at the left."""
    lane = {worker_id: -row for row, worker_id in enumerate(learners)}
    origin, unit = (0.0, 1.0) if logical else (shown[0].time, 1000.0)
    figure = Picture(figsize=(9.6, 1.5 + 0.8 * len(learners)), layout="constrained")
    axes = figure.subplots()
    pulled: dict[int, float] = {}
    lags: list[int] = []
    for event in shown:
        x, y = (event.time - origin) * unit, lane[event.worker_id]
        if event.kind == "pull":
            pulled[event.worker_id] = x
        if event.kind == "push":
            begin = pulled.pop(event.worker_id, None)
            if begin is not None:
                axes.barh(
                    *(y, x - begin, 0.5, begin),
                    color="#DCE9F3",
                    edgecolor="#7FA8C9",
                    linewidth=0.8,
                    zorder=1,
                )
            axes.axvline(x, color=VERMILLION, linewidth=0.8, linestyle=":", zorder=0)
            axes.annotate(
                f"lag {event.lag}",
                (x, y),
                (0, 23),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
            lags.append(event.lag or 0)
        axes.plot(
            *([x], [y + HEIGHTS[event.kind]], MARKS[event.kind]),
            color=COLOURS[event.kind],
            markersize=6,
        )
    for kind, mark in MARKS.items():
        axes.plot([], [], mark, color=COLOURS[kind], label=kind)
    axes.plot([], [], color=VERMILLION, linewidth=0.8, linestyle=":", label="new θ")
    names = [LETTERS[w] if w < len(LETTERS) else str(w) for w in learners]
    axes.set_yticks(list(lane.values()), names)
    axes.set_ylim(min(lane.values()) - 0.4, 0.7)
    axes.set_ylabel("learner")
    axes.set_xlabel("number of the event" if logical else "milliseconds")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.description = (
        f"Lanes of {len(learners)} learner{'s' if len(learners) > 1 else ''} that "
        f"pull, act, compute and push; {len(lags)} pushes are shown, with the lags "
        f"{', '.join(map(str, lags)) or 'of none'}."
    )
    return figure
