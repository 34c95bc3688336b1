"""A lost update: two learners add 1 to one shared counter, and it ends at 1.

`counter += 1` is not one action but two, with an addition between them: a learner
*reads* the counter into memory of its own, adds there, unseen by anybody, and *writes*
the sum back. A schedule says in which order the reads and writes happen:

    "A.read B.read A.write B.write"

Here B read before A wrote, so B's write puts back a sum that knows nothing of A's:
A's update is lost. The counter stands for one number of the shared θ.

Source of the question: Recht et al. (2011), "Hogwild!", which updates without locks
and so allows this; Mnih et al. (2016), section 4, which does the same with a network.
"""

from __future__ import annotations

import itertools
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course.plots import Picture


@dataclass(frozen=True)
class Access:
    """One read or write of the counter.

    Attributes:
        learner: "A", "B", ...
        kind: "read" or "write".
        value: What was read or written.
    """

    learner: str
    kind: str
    value: int


@dataclass(frozen=True)
class Outcome:
    """What a schedule did to the counter, which began at 0.

    Attributes:
        schedule: As given.
        accesses: Reads and writes in order.
        final: The counter at the end.
        lost: Additions that are missing from it.
    """

    schedule: str
    accesses: tuple[Access, ...]
    final: int
    lost: int


def simulate(schedule: str) -> Outcome:
    """Runs a schedule; every learner adds 1 to what it read and writes the sum.

    Args:
        schedule: Words such as "A.read" or "B.write", in order of time. A learner
            reads, then writes, and may then begin again.

    Raises:
        ValueError: The schedule is no text, or has a word that is not understood, a
            write without a read, a read that is never written, or no word at all.
    """
    if not isinstance(schedule, str):
        raise ValueError(
            f"The schedule is a {type(schedule).__name__}; expected one string of "
            "words with spaces between them, such as 'A.read A.write'."
        )
    counter, writes = 0, 0
    held: dict[str, int] = {}  # what each learner read and has not yet written
    accesses: list[Access] = []
    for word in schedule.split():
        learner, _, kind = word.partition(".")
        known = len(learner) == 1 and learner in string.ascii_uppercase
        if not known or kind not in ("read", "write"):
            raise ValueError(
                f"The schedule has the word {word!r}; expected a learner and what it "
                "does, as in 'A.read' or 'B.write', with only spaces between words."
            )
        if kind == "read":
            if learner in held:
                raise ValueError(f"{learner} reads twice before it writes.")
            held[learner] = counter
            accesses.append(Access(learner, kind, counter))
        else:
            if learner not in held:
                raise ValueError(f"{learner} writes before it has read.")
            counter = held.pop(learner) + 1
            writes += 1
            accesses.append(Access(learner, kind, counter))
    if held:
        raise ValueError(f"{' and '.join(sorted(held))} reads but never writes.")
    if not accesses:
        raise ValueError("The schedule is empty.")
    return Outcome(schedule, tuple(accesses), counter, writes - counter)


def all_orders() -> list[str]:
    """Every schedule in which A and B read and write once, six in all."""
    words = ("A.read", "A.write", "B.read", "B.write")
    orders = itertools.permutations(words)
    return [
        " ".join(order)
        for order in orders
        if all(order.index(f"{x}.read") < order.index(f"{x}.write") for x in "AB")
    ]


def table(outcomes: list[Outcome]) -> str:
    """Schedules with their final counter and lost updates, as aligned text."""
    width = max(len(each.schedule) for each in outcomes)
    lines = [f"{'schedule':<{width}}  final  lost"]
    lines += [
        f"{each.schedule:<{width}}  {each.final:>5}  {each.lost:>4}"
        for each in outcomes
    ]
    return "\n".join(lines)


def picture(outcome: Outcome) -> Picture:
    """Who read and wrote what: learners as lanes, the counter as the lowest lane.

    Args:
        outcome: From `simulate`.
    """
    # Here, for the exercises use `simulate`: a check needs no matplotlib.
    from course.plots import BLUE, GREY, VERMILLION, Picture

    learners = sorted({access.learner for access in outcome.accesses})
    height = {name: len(learners) - row for row, name in enumerate(learners)}
    figure = Picture(
        figsize=(1.6 + 1.2 * len(outcome.accesses), 1.4 + 0.7 * len(learners)),
        layout="constrained",
    )
    figure.description = f"A shared counter under the schedule {outcome.schedule}: "
    figure.description += ", ".join(map(_in_words, outcome.accesses))
    figure.description += f"; it ends at {outcome.final}, {outcome.lost} lost."
    axes = figure.subplots()
    axes.set_title(
        f"The counter ends at {outcome.final}; updates lost: {outcome.lost}",
        fontsize=10,
    )
    counter = 0
    box = {"boxstyle": "round,pad=0.3", "fc": "white", "ec": GREY}
    for time, access in enumerate(outcome.accesses, 1):
        lane = height[access.learner]
        reads = access.kind == "read"
        start, end = (0, lane) if reads else (lane, 0)
        counter = counter if reads else access.value
        axes.annotate(
            "",
            (time, end),
            (time, start),
            arrowprops={
                "arrowstyle": "-|>",
                "color": BLUE if reads else VERMILLION,
                "linestyle": "--" if reads else "-",
                "shrinkA": 11,
                "shrinkB": 11,
                "linewidth": 1.8,
            },
        )
        text = f"reads {access.value}" if reads else f"writes {access.value}"
        axes.text(time, lane, text, ha="center", va="center", fontsize=9, bbox=box)
        axes.text(time, 0, str(counter), ha="center", va="center", bbox=box)
    axes.text(0.2, 0, "0", ha="center", va="center", bbox=box)
    for lane in range(len(learners) + 1):
        axes.axhline(lane, color="#E5E5E5", zorder=0)
    axes.set_yticks([*height.values(), 0], [*learners, "counter"])
    axes.set(xlim=(-0.1, len(outcome.accesses) + 0.7), ylim=(-0.5, len(learners) + 0.5))
    axes.set(xticks=[], xlabel="time →")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def _in_words(access: Access) -> str:
    return f"{access.learner} {access.kind}s {access.value}"
