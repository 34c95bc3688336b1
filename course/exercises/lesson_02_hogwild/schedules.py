"""02.1: a schedule that loses an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from course.exercises.exercise import Case, Exercise, Property
from course.exercises.observe import Seen, as_plain
from course.experiments.lost_update import simulate


def losing_schedule() -> str:
    """Both read before either writes, so the second write knows nothing of the first.

    Returns:
        A schedule for `course.experiments.lost_update.simulate`.
    """
    return "A.read B.read A.write B.write"


def run_schedule(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Seen:
    """What the schedule does to the counter, or the sentence that says what is wrong.

    Several schedules are right, so the text itself is not compared.
    """
    schedule = function(**arguments)
    if schedule is None:
        return Seen(value=None)
    try:
        outcome = simulate(as_plain(schedule))
    except ValueError as error:
        return Seen(value={"problem": str(error)})
    turns = sorted((access.learner, access.kind) for access in outcome.accesses)
    asked = [(name, kind) for name in "AB" for kind in ("read", "write")]
    if turns != asked:
        names = sorted({name for name, _ in turns})
        here = f"{' and '.join(names)} do"
        if len(names) == 1:
            here = f"only {names[0]} takes part"
        text = f"Two learners, A and B, are to read and write once each; here {here}."
        if len(turns) > len(asked):
            text = "Each of A and B is to read once and to write once, no more."
        return Seen(value={"problem": text})
    return Seen(value={"final": outcome.final, "lost": outcome.lost})


LOSING_SCHEDULE = Exercise(
    number="02.1",
    name="losing_schedule",
    title="A schedule that loses an update",
    difficulty=1,
    minutes=5,
    lines=1,
    reference=losing_schedule,
    cases=[Case({}, "a counter at 0, to which A and B each add 1")],
    draw=lambda rng: {},
    driver=run_schedule,
    hints=(
        "An update is lost when a learner writes back a sum that it began before "
        "somebody else's write. Where must B's read stand for that?",
        "B.read stands before A.write, and B.write after it (or with A and B "
        "exchanged).",
        'Four words with spaces between: return "A.read ... ... B.write"',
    ),
    properties=[
        Property(
            "the string is a schedule in which A and B each read once and write once",
            lambda arguments, seen: "problem" not in seen.value,
            "Words such as A.read and B.write, separated by spaces, in the order of "
            "time: see the sentence beside `returned`.",
        ),
        Property(
            "the counter ends at 1",
            lambda arguments, seen: seen.value["final"] == 1,
            "Two additions of which one is lost leave 1.",
        ),
    ],
)


@LOSING_SCHEDULE.misconception(
    "Your learners take turns: the second reads only after the first has written, so "
    "it sees 1 and writes 2. Nothing is lost. For a loss, somebody must read too early."
)
def one_after_the_other() -> str:
    return "A.read A.write B.read B.write"


@LOSING_SCHEDULE.misconception(
    "These are the trainer's words, pull and push. The counter here knows only read "
    "and write: a push consists of both, which is where the trouble comes from."
)
def pulls_and_pushes() -> str:
    return "A.pull B.pull A.push B.push"


@LOSING_SCHEDULE.misconception(
    "B reads but never writes. That update is not lost, it was never made: a lost "
    "update has been written, and then overwritten."
)
def never_writes() -> str:
    return "A.read B.read A.write"


@LOSING_SCHEDULE.misconception(
    "A writes before it has read. To add 1, a learner must first know the old value: "
    "read, then write, for each of the two."
)
def writes_before_reading() -> str:
    return "A.write B.write A.read B.read"


@LOSING_SCHEDULE.misconception(
    "You separated the words by commas. Write one string with a single space between "
    "words and nothing else."
)
def puts_commas() -> str:
    return "A.read, B.read, A.write, B.write"


@LOSING_SCHEDULE.misconception(
    "You returned a list of words. The schedule is one string: put the words between "
    "one pair of quotation marks."
)
def returns_a_list() -> list[str]:
    return ["A.read", "B.read", "A.write", "B.write"]


@LOSING_SCHEDULE.misconception(
    "Only one learner takes part, and alone it cannot lose anything. Interleave A's "
    "read and write with those of B."
)
def leaves_b_out() -> str:
    return "A.read A.write"
