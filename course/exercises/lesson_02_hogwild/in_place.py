"""Calling an update that changes shared vectors in place, and seeing the change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from course.exercises.observe import Seen, as_arguments, as_plain, calling

_call = calling()


def call_in_place(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Seen:
    """What the call changed; what it returns is not asked for, and may be anything."""
    return dataclasses.replace(_call(function, arguments), value=None)


def draw_update(rng: np.random.Generator, state: str, signed: bool) -> dict[str, Any]:
    """Arguments of an update whose vector of statistics has the name `state`."""
    size = int(rng.integers(2, 5))
    statistics = rng.uniform(0.5, 2.0, size)
    return {
        "theta": rng.normal(size=size),
        state: statistics * rng.choice([-1.0, 1.0], size) if signed else statistics,
        "gradient": rng.normal(size=size) + 0.5,
        "learning_rate": float(rng.uniform(0.1, 0.5)),
        "alpha": float(rng.uniform(0.6, 0.95)),
        "eps": float(rng.uniform(0.05, 0.5)),
    }


def kept(arguments: Mapping[str, Any], seen: Seen, name: str) -> Any:
    """An argument as it is after the call."""
    return seen.changed.get(name, as_plain(as_arguments({name: arguments[name]})[name]))
