"""Writes that take time: who overwrites whom, and how often."""

from __future__ import annotations

import pytest

from course.experiments.accumulation import Accumulation, picture, sweep, table


@pytest.mark.timeout(120)
def test_a_learner_alone_overwrites_nobody() -> None:
    (alone,) = sweep([5], seeds=[0], workers=1, total_steps=300)
    assert alone.overwritten == [0]
    assert alone.updates[0] >= 300 / 5


@pytest.mark.timeout(120)
def test_writing_less_often_overwrites_less() -> None:
    often, seldom = sweep([1, 20], seeds=[0, 1], total_steps=500)
    assert often.updates == [500, 500]
    assert max(seldom.updates) < 250
    assert max(seldom.shares) < min(often.shares) < 1.0


@pytest.mark.timeout(120)
def test_the_same_seed_gives_the_same_run() -> None:
    assert sweep([5], [4], total_steps=200) == sweep([5], [4], total_steps=200)


def test_the_picture_and_the_table_say_the_same() -> None:
    results = [
        Accumulation(1, [100, 100], [80, 90], [3.0, 4.0]),
        Accumulation(20, [10, 10], [2, 4], [3.5, 3.5]),
    ]
    assert results[0].shares == [0.8, 0.9]
    assert "85.0% [80.0%, 90.0%]" in table(results)
    figure = picture(results)
    assert "period 20, overwritten 30.0% [20.0%, 40.0%]" in figure.description
    assert len(figure.axes) == 2
    with pytest.raises(ValueError, match="results is empty"):
        picture([])
