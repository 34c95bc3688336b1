"""Forward and backward view agree while the values hold still."""

from __future__ import annotations

import numpy as np
import pytest

from course.exercises import EXERCISES
from course.experiments import eligibility_traces
from course.experiments.eligibility_traces import TwoViews

LAMBDA_RETURNS = EXERCISES["lambda_returns"].reference
TRACE_UPDATE = EXERCISES["trace_update"].reference


def views(lam: float, step_size: float = 0.1, seed: int = 3) -> TwoViews:
    return eligibility_traces.compare(
        lam, LAMBDA_RETURNS, TRACE_UPDATE, step_size, seed=seed
    )


@pytest.mark.parametrize("lam", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_offline_the_two_views_are_one(lam: float, seed: int) -> None:
    each = views(lam, seed=seed)
    assert each.offline_gap < 1e-14
    assert np.abs(each.forward).max() > 0.01
    assert each.visits.sum() == len(eligibility_traces.walk(seed).states)


def test_online_they_part_by_the_square_of_the_step_size() -> None:
    gaps = [views(0.9, step_size).online_gap for step_size in (0.01, 0.005)]
    assert gaps[0] / gaps[1] == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize(
    "wrong",
    EXERCISES["trace_update"].misconceptions,
    ids=lambda each: each.name,
)
def test_wrong_traces_break_the_identity(wrong) -> None:
    each = eligibility_traces.compare(0.5, LAMBDA_RETURNS, wrong.function)
    # Traces that fade after the update instead of before it are the same over a whole
    # episode, which begins with traces of 0.
    assert (each.offline_gap < 1e-14) == (wrong.name == "decays_after_the_update")


def test_the_walk_ends_at_the_right() -> None:
    walk = eligibility_traces.walk()
    assert walk.states == [0, 1, 2, 1, 2, 3, 4, 5]
    assert walk.rewards == [0.0] * 7 + [1.0]
    assert walk.next_states[:-1] == walk.states[1:]


def test_the_picture_names_the_difference() -> None:
    figure = eligibility_traces.picture([views(lam) for lam in (0.0, 1.0)])
    assert len(figure.axes) == 2
    assert "with λ = 1" in figure.description
    assert ", on their tips" in figure.description
    wrong = eligibility_traces.compare(0.5, LAMBDA_RETURNS, lambda *_: None)
    assert "not all on their tips" in eligibility_traces.picture([wrong]).description
    with pytest.raises(ValueError, match="views is empty"):
        eligibility_traces.picture([])
