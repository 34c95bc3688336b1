"""Exercises 03.2 and 03.6: along a straight line, and over a multiple."""

from __future__ import annotations

from typing import Any

import numpy as np

from course import exploration
from course.exercises.exercise import Case, Exercise


def _line(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> dict[str, Any]:
    return {
        "initial": initial,
        "final": final,
        "global_step": global_step,
        "anneal_steps": anneal_steps,
    }


LINEAR_SCHEDULE = Exercise(
    number="03.2",
    name="linear_schedule",
    title="From one value to another in a straight line",
    difficulty=2,
    minutes=6,
    lines=3,
    reference=exploration.linear_schedule,
    cases=[
        Case(_line(1.0, 0.2, 0, 100), "the first step: still the initial value"),
        Case(_line(1.0, 0.2, 50, 100), "half of the way: (1.0 + 0.2) / 2"),
        Case(_line(1.0, 0.2, 250, 100), "long after the end: the final value"),
        Case(_line(0.5, 0.0, 30, 100), "a learning rate: down to 0"),
        Case(_line(1.0, 0.2, 5, 0), "a line of length 0: the final value at once"),
    ],
    draw=lambda rng: _line(
        float(rng.uniform(0.6, 0.9)),
        float(rng.uniform(0.1, 0.4)),
        int(rng.integers(10, 90)),
        int(rng.integers(40, 80)),
    ),
    hints=(
        "Ask first whether the line is already at its end. If not, you are at a "
        "fraction of the way from the initial value to the final one.",
        "ε(T) = initial + (final − initial) · T / anneal_steps while T < anneal_steps, "
        "and final from then on",
        "if global_step >= anneal_steps: return final",
    ),
)


@LINEAR_SCHEDULE.misconception(
    "Your line goes on behind its end, so that epsilon falls below the final value and "
    "at last below 0. From step anneal_steps on the value stays at `final`."
)
def goes_on_for_ever(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> float:
    return initial + (final - initial) * global_step / anneal_steps


@LINEAR_SCHEDULE.misconception(
    "Your line runs the other way, from `final` to `initial`: training would begin "
    "greedy, when nothing is known, and end at random."
)
def goes_the_other_way(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> float:
    return exploration.linear_schedule(final, initial, global_step, anneal_steps)


@LINEAR_SCHEDULE.misconception(
    "Your line aims at 0 and is stopped when it meets `final`, which is too early. It "
    "must reach `final` exactly at anneal_steps."
)
def aims_at_zero(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> float:
    return max(
        final, exploration.linear_schedule(initial, 0.0, global_step, anneal_steps)
    )


@LINEAR_SCHEDULE.misconception(
    "You let the value fall by the same factor at each step. The schedule is a "
    "straight line: the same amount at each step."
)
def decays_geometrically(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> float:
    fraction = min(global_step / anneal_steps, 1.0) if anneal_steps else 1.0
    return float(initial * (final / initial) ** fraction)


@LINEAR_SCHEDULE.misconception(
    "You divided whole numbers with //, so the fraction is 0 until the last step, and "
    "the value falls in one jump. Use /."
)
def falls_in_one_jump(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> float:
    return final if global_step >= anneal_steps else initial


@LINEAR_SCHEDULE.misconception(
    "You forgot where the line begins: the change (final - initial) T / anneal_steps "
    "has to be added to `initial`."
)
def forgets_the_initial_value(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> float:
    if global_step >= anneal_steps:
        return final
    return (final - initial) * global_step / anneal_steps


@LINEAR_SCHEDULE.misconception(
    "You took for granted that the line begins at 1. It does for epsilon, but the same "
    "function lowers the learning rate, which begins elsewhere: use `initial`."
)
def begins_at_one(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> float:
    return exploration.linear_schedule(1.0, final, global_step, anneal_steps)


@LINEAR_SCHEDULE.misconception(
    "All is well but for a line of length 0, where you divide by 0. Look first whether "
    "T has reached anneal_steps, and divide only if it has not."
)
def divides_by_zero(
    initial: float, final: float, global_step: int, anneal_steps: int
) -> float:
    return initial + (final - initial) * min(global_step / anneal_steps, 1.0)


def target_is_due(previous_step: int, global_step: int, target_period: int) -> bool:
    """Whether T has reached or passed a multiple of I_target since the last look."""
    return global_step // target_period > previous_step // target_period


def _steps(previous_step: int, global_step: int, target_period: int) -> dict[str, Any]:
    return {
        "previous_step": previous_step,
        "global_step": global_step,
        "target_period": target_period,
    }


def _draw_steps(rng: np.random.Generator) -> dict[str, Any]:
    previous_step = int(rng.integers(0, 1_000))
    moved = int(rng.integers(0, 60))
    return _steps(previous_step, previous_step + moved, int(rng.integers(20, 60)))


TARGET_IS_DUE = Exercise(
    number="03.6",
    name="target_is_due",
    title="Is it time to copy θ into θ⁻?",
    difficulty=3,
    minutes=8,
    lines=1,
    reference=target_is_due,
    cases=[
        Case(_steps(0, 4, 10), "T goes from 0 to 4, the period is 10: not yet"),
        Case(_steps(5, 10, 10), "from 5 to 10: T stands on a multiple"),
        Case(_steps(8, 13, 10), "from 8 to 13: T has jumped over 10"),
        Case(_steps(10, 15, 10), "from 10 to 15: the copy of 10 was made before"),
        Case(_steps(20, 20, 10), "T has not moved since"),
        Case(_steps(13, 18, 10), "from 13 to 18: nothing between 10 and 20"),
        Case(_steps(3, 24, 10), "from 3 to 24: two multiples in one jump"),
        Case(_steps(12, 24, 40), "from 12 to 24, the period is 40: not yet"),
    ],
    draw=_draw_steps,
    hints=(
        "Cut the line of steps into stretches of one period each. A copy is due when T "
        "has come into another stretch than the one in which it was before.",
        "due when ⌊T / I_target⌋ > ⌊T_before / I_target⌋",
        "global_step // target_period is the number of the stretch",
    ),
)


@TARGET_IS_DUE.misconception(
    "You asked for T mod I_target == 0. The other learners count as well, so T moves "
    "several steps between two looks and may jump over the multiple: then that copy is "
    "missed."
)
def waits_for_an_exact_multiple(
    previous_step: int, global_step: int, target_period: int
) -> bool:
    return global_step % target_period == 0 and global_step > previous_step


@TARGET_IS_DUE.misconception(
    "You asked for T mod I_target == 0 alone. That misses multiples which T jumps "
    "over, and copies again and again while T stands on one."
)
def looks_only_at_the_remainder(
    previous_step: int, global_step: int, target_period: int
) -> bool:
    return global_step % target_period == 0


@TARGET_IS_DUE.misconception(
    "You wait until a whole period lies between two looks. The looks are only a few "
    "steps apart, so this hardly ever happens: ask for a multiple between the two."
)
def waits_for_a_jump_of_a_period(
    previous_step: int, global_step: int, target_period: int
) -> bool:
    return global_step - previous_step >= target_period


@TARGET_IS_DUE.misconception(
    "Once T has passed the first period you copy at every look, so that θ⁻ does not "
    "hold still any more. Ask whether a multiple lies between previous_step and T."
)
def copies_ever_after(previous_step: int, global_step: int, target_period: int) -> bool:
    return global_step >= target_period


@TARGET_IS_DUE.misconception(
    "You count the step at which T stood before a second time: a multiple there was "
    "seen at the last look. It must be above previous_step, and at most T."
)
def counts_the_start_again(
    previous_step: int, global_step: int, target_period: int
) -> bool:
    return global_step // target_period > (previous_step - 1) // target_period


@TARGET_IS_DUE.misconception(
    "You leave out the last step: when T stands exactly on a multiple, the copy is due."
)
def leaves_out_the_last_step(
    previous_step: int, global_step: int, target_period: int
) -> bool:
    return (global_step - 1) // target_period > (previous_step - 1) // target_period


@TARGET_IS_DUE.misconception(
    "You look whether the remainder has become smaller. That fails when T jumps by a "
    "whole period or more: compare whole periods instead of remainders."
)
def compares_remainders(
    previous_step: int, global_step: int, target_period: int
) -> bool:
    return global_step % target_period < previous_step % target_period


@TARGET_IS_DUE.misconception(
    "You turned steps into frames on the way (× 4). T, previous_step and target_period "
    "are all in agent steps here: compare them as they are."
)
def counts_in_frames(previous_step: int, global_step: int, target_period: int) -> bool:
    return 4 * global_step // target_period > 4 * previous_step // target_period
