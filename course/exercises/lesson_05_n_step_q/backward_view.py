"""Exercise 05.4: the backward view, which keeps a trace of the states visited."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from course.exercises.exercise import Case, Exercise
from course.exercises.observe import Seen, calling


def trace_update(
    values: Tensor,
    traces: Tensor,
    state: int,
    td_error: float,
    step_size: float,
    gamma: float,
    lam: float,
) -> None:
    """One step of TD(λ) with accumulating traces, in place.

    e ← γλ e;  e(s) ← e(s) + 1;  V ← V + α δ e, for all states at once.

    Args:
        values: V, `[S]`; changed.
        traces: e, `[S]`, as the step before left it; changed.
        state: s, the state just left.
        td_error: δ = r + γ V(s') − V(s).
        step_size: α.
        gamma: Discount.
        lam: λ, from 0 to 1.

    Source: Sutton and Barto (2018), section 12.2, for a table of values.
    """
    traces.mul_(gamma * lam)
    traces[state] += 1.0
    values.add_(step_size * td_error * traces)


def _changes_only(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Seen:
    """What counts is the tables afterwards; whatever is returned is no fault."""
    return dataclasses.replace(calling()(function, arguments), value=None)


def _case(story: str, **arguments: Any) -> Case:
    return Case(arguments, story)


def _draw_trace(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "values": rng.normal(size=4),
        "traces": rng.uniform(0.2, 1.5, size=4),
        "state": int(rng.integers(4)),
        "td_error": float(rng.uniform(0.5, 2.0) * rng.choice([-1, 1])),
        "step_size": float(rng.uniform(0.2, 0.8)),
        "gamma": float(rng.uniform(0.6, 0.75)),
        "lam": float(rng.uniform(0.8, 0.95)),
    }


TRACE_UPDATE = Exercise(
    number="05.4",
    name="trace_update",
    title="The backward view: who gets the credit?",
    difficulty=2,
    minutes=8,
    lines=3,
    reference=trace_update,
    driver=_changes_only,
    cases=[
        _case(
            "the first step of an episode: only state 1 has been visited",
            values=[0.0, 0.0, 0.0],
            traces=[0.0, 0.0, 0.0],
            state=1,
            td_error=2.0,
            step_size=0.5,
            gamma=0.5,
            lam=1.0,
        ),
        _case(
            "state 1 was visited one step ago: its trace is down to 0.25",
            values=[4.0, 1.0, 0.0],
            traces=[0.0, 1.0, 0.0],
            state=2,
            td_error=4.0,
            step_size=0.5,
            gamma=0.5,
            lam=0.5,
        ),
        _case(
            "state 0 is visited again: its trace adds up to 1.5",
            values=[0.0, 0.0],
            traces=[1.0, 2.0],
            state=0,
            td_error=-1.0,
            step_size=1.0,
            gamma=1.0,
            lam=0.5,
        ),
    ],
    draw=_draw_trace,
    hints=(
        "Every state that was visited lately shares in the surprise δ. The trace says "
        "how much: it fades with every step and grows with every visit.",
        "e ← γλ e, then e(s) ← e(s) + 1, then V ← V + α δ e",
        "In place, for the tables belong to the caller: traces.mul_(...), "
        "traces[state] += ..., values.add_(...)",
    ),
)


@TRACE_UPDATE.misconception(
    "You change the value of the present state only. That is TD(0); the traces are "
    "there so that the states before it learn from the same δ."
)
def updates_only_this_state(values: Tensor, traces: Tensor, *numbers: Any) -> None:
    state, td_error, step_size, gamma, lam = numbers
    traces.mul_(gamma * lam)
    traces[state] += 1.0
    values[state] += step_size * td_error * traces[state]


@TRACE_UPDATE.misconception(
    "Your traces do not fade: a state visited long ago gets as much credit as the "
    "present one. Before the visit, all of them shrink."
)
def forgets_the_decay(values: Tensor, traces: Tensor, *numbers: Any) -> None:
    state, td_error, step_size, _, _ = numbers
    trace_update(values, traces, state, td_error, step_size, 1.0, 1.0)


@TRACE_UPDATE.misconception(
    "Your traces fade by γ alone: that is right for λ = 1 only. Which two numbers "
    "multiply a trace?"
)
def decays_by_gamma_alone(values: Tensor, traces: Tensor, *numbers: Any) -> None:
    state, td_error, step_size, gamma, _ = numbers
    trace_update(values, traces, state, td_error, step_size, gamma, 1.0)


@TRACE_UPDATE.misconception(
    "Your traces fade by λ alone. A surprise one step later is also discounted once "
    "more, as seen from the earlier state."
)
def decays_by_lambda_alone(values: Tensor, traces: Tensor, *numbers: Any) -> None:
    state, td_error, step_size, _, lam = numbers
    trace_update(values, traces, state, td_error, step_size, 1.0, lam)


@TRACE_UPDATE.misconception(
    "You set the visited state's trace to 1: a replacing trace, known too, but another "
    "method. Only the accumulating one equals the forward view: add 1 to what is left."
)
def replaces_the_trace(values: Tensor, traces: Tensor, *numbers: Any) -> None:
    state, td_error, step_size, gamma, lam = numbers
    traces.mul_(gamma * lam)
    traces[state] = 1.0
    values.add_(step_size * td_error * traces)


@TRACE_UPDATE.misconception(
    "You let the traces fade at the end of the step. They come in as the step before "
    "left them, so they must fade first: now the old ones are one step too strong."
)
def decays_after_the_update(values: Tensor, traces: Tensor, *numbers: Any) -> None:
    state, td_error, step_size, gamma, lam = numbers
    traces[state] += 1.0
    values.add_(step_size * td_error * traces)
    traces.mul_(gamma * lam)


@TRACE_UPDATE.misconception(
    "You changed the values before the visit was counted, so the state that was just "
    "left misses its own full share of δ."
)
def counts_the_visit_too_late(values: Tensor, traces: Tensor, *numbers: Any) -> None:
    state, td_error, step_size, gamma, lam = numbers
    traces.mul_(gamma * lam)
    values.add_(step_size * td_error * traces)
    traces[state] += 1.0


@TRACE_UPDATE.misconception(
    "You put δ into the trace, so that it is carried on into all later steps. A trace "
    "only remembers visits; δ belongs to this one step."
)
def puts_the_error_into_the_trace(
    values: Tensor, traces: Tensor, *numbers: Any
) -> None:
    state, td_error, step_size, gamma, lam = numbers
    traces.mul_(gamma * lam)
    traces[state] += td_error
    values.add_(step_size * traces)
