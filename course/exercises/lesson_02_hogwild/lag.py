"""02.2: the lag of every push, from the event log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from course.exercises.exercise import Case, Exercise, Property
from course.exercises.observe import Seen, as_plain

Event = tuple[int, str, int]
"""(worker_id, kind, version): the first fields of a `LogEntry`, without its time."""


def lags(events: Sequence[Event]) -> list[int]:
    """The lag of every push: updates by others between its learner's pull and it.

    Args:
        events: (worker_id, kind, version) in order of time; kind is "pull", "act",
            "compute" or "push", and version the number of updates that θ has had
            once the event is over, a push's own included.

    Returns:
        One lag for each push, in the order of the pushes.
    """
    pulled: dict[int, int] = {}
    result = []
    for worker_id, kind, version in events:
        if kind == "pull":
            pulled[worker_id] = version
        elif kind == "push":
            result.append(version - 1 - pulled[worker_id])
    return result


def call_with_events(
    function: Callable[..., Any], arguments: Mapping[str, Any]
) -> Seen:
    """One call with a fresh list of events; a log holds words, so no tensors."""
    events = [(int(w), str(kind), int(v)) for w, kind, v in arguments["events"]]
    given = list(events)
    output = as_plain(function(given))
    changed = {} if given == events else {"events": as_plain(given)}
    return Seen("returned", output, changed=changed)


def events_of(schedule: str) -> list[Event]:
    """The log of a schedule such as "A.pull B.pull A.push B.push"."""
    version = 0
    events = []
    for word in schedule.split():
        name, kind = word.split(".")
        version += kind == "push"
        events.append(("ABCDEFGH".index(name), kind, version))
    return events


def _draw_events(rng: np.random.Generator) -> dict[str, Any]:
    """Three learners, of which any may come next, until each has pushed twice."""
    phases = ("pull", "act", "compute", "push")
    position, pushed, version = [0, 0, 0], [0, 0, 0], 0
    events: list[Event] = []
    while min(pushed) < 2:
        worker_id = int(rng.integers(3))
        kind = phases[position[worker_id]]
        position[worker_id] = (position[worker_id] + 1) % 4
        version += kind == "push"
        pushed[worker_id] += kind == "push"
        events.append((worker_id, kind, version))
    return {"events": events}


LAGS = Exercise(
    number="02.2",
    name="lags",
    title="How late is each update?",
    difficulty=2,
    minutes=10,
    lines=7,
    reference=lags,
    cases=[
        Case(
            {"events": events_of("A.pull A.push A.pull A.push")},
            "a learner alone: no others, no lag",
        ),
        Case(
            {"events": events_of("A.pull B.pull A.push B.push")},
            "both pull, then both push: B comes one update late",
        ),
        Case(
            {"events": events_of("A.pull B.pull B.push B.pull B.push A.push")},
            "B pushes twice while A is still at work",
        ),
        Case(
            {
                "events": events_of(
                    "A.pull A.push B.pull B.push A.pull B.pull A.push B.push"
                )
            },
            "A's second pull comes after B's push, so it has seen it",
        ),
        Case(
            {
                "events": events_of(
                    "A.pull B.pull A.act A.compute B.act B.compute B.push A.push"
                )
            },
            "acting and computing change no θ; both gradients were ready in time",
        ),
    ],
    draw=_draw_events,
    driver=call_with_events,
    hints=(
        "A gradient belongs to the θ that its learner pulled. How many updates has θ "
        "had between that pull and the moment of the push?",
        "lag of a push = (version just before the push) − (version at that learner's "
        "last pull). `version` after a push counts the push itself.",
        'if kind == "pull": pulled[worker_id] = version — and for a push, append '
        "what the formula says.",
    ),
    properties=[
        Property(
            "there is one lag for each push",
            lambda arguments, seen: (
                len(seen.value)
                == sum(event[1] == "push" for event in arguments["events"])
            ),
            "Pulls, acts and computes change no θ and have no lag.",
        ),
        Property(
            "no lag is negative",
            lambda arguments, seen: min(seen.value) >= 0,
            "θ cannot have had fewer updates at the push than at the pull before it.",
        ),
    ],
)


@LAGS.misconception(
    "You counted the push itself. The version after a push includes it; the lag asks "
    "what others did before it, so a learner alone has lag 0."
)
def counts_its_own_push(events: Sequence[Event]) -> list[int]:
    return [lag + 1 for lag in lags(events)]


@LAGS.misconception(
    "You counted all events of the others between pull and push. Only a push changes "
    "θ: acting and computing make nobody's gradient older."
)
def counts_every_event_of_others(events: Sequence[Event]) -> list[int]:
    return _between(events, lambda kind: True)


@LAGS.misconception(
    "You counted the pulls of the others between pull and push. A pull only reads θ; "
    "count what changes it."
)
def counts_pulls_of_others(events: Sequence[Event]) -> list[int]:
    return _between(events, lambda kind: kind == "pull")


@LAGS.misconception(
    "You counted from the learner's last push. But after it the learner pulls anew, "
    "and what θ received before that pull its gradient knows already."
)
def counts_from_its_last_push(events: Sequence[Event]) -> list[int]:
    pushed: dict[int, int] = {}
    result = []
    for worker_id, kind, version in events:
        if kind == "push":
            result.append(version - 1 - pushed.get(worker_id, 0))
            pushed[worker_id] = version
    return result


@LAGS.misconception(
    "You kept each learner's first pull. It pulls anew for every rollout: the last "
    "pull before the push counts."
)
def keeps_the_first_pull(events: Sequence[Event]) -> list[int]:
    pulled: dict[int, int] = {}
    result = []
    for worker_id, kind, version in events:
        if kind == "pull":
            pulled.setdefault(worker_id, version)
        elif kind == "push":
            result.append(version - 1 - pulled[worker_id])
    return result


@LAGS.misconception(
    "You remembered one pull for all learners, the last one of anybody. Each learner "
    "has its own snapshot: keep a dictionary by worker_id."
)
def one_pull_for_all(events: Sequence[Event]) -> list[int]:
    pulled, result = 0, []
    for _, kind, version in events:
        if kind == "pull":
            pulled = version
        elif kind == "push":
            result.append(version - 1 - pulled)
    return result


@LAGS.misconception(
    "Your lags are sorted by learner. They are asked for in the order of the pushes, "
    "so that they can be laid beside the log: go through the events once."
)
def sorts_by_learner(events: Sequence[Event]) -> list[int]:
    pushers = [worker_id for worker_id, kind, _ in events if kind == "push"]
    pairs = zip(pushers, lags(events), strict=True)
    return [lag for _, lag in sorted(pairs, key=lambda pair: pair[0])]


@LAGS.misconception(
    "You took the lag when the gradient was computed. Others may still push between "
    "that moment and this learner's own push, and the gradient is late by those too."
)
def stops_at_compute(events: Sequence[Event]) -> list[int]:
    pulled: dict[int, int] = {}
    computed: dict[int, int] = {}
    result = []
    for worker_id, kind, version in events:
        if kind == "pull":
            pulled[worker_id] = version
        elif kind == "compute":
            computed[worker_id] = version
        elif kind == "push":
            result.append(computed.pop(worker_id, version - 1) - pulled[worker_id])
    return result


def _between(events: Sequence[Event], counted: Callable[[str], bool]) -> list[int]:
    """For each push, how many counted events of others lie after its pull."""
    result, since = [], {}
    for worker_id, kind, _ in events:
        if kind == "pull":
            since[worker_id] = 0
        if kind == "push":
            result.append(since.pop(worker_id))
        for other in since:
            since[other] += other != worker_id and counted(kind)
    return result
