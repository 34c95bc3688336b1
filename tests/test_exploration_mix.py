"""The mix of epsilons: what is counted is what was done."""

from __future__ import annotations

import numpy as np
import pytest

from course.experiments.exploration_mix import (
    LENGTH,
    MIXES,
    Exploration,
    compare,
    overlap,
    picture,
    table,
)


def test_overlap_by_hand() -> None:
    assert overlap(np.array([[3.0, 1.0], [6.0, 2.0]])) == pytest.approx(1.0)
    assert overlap(np.array([[5.0, 0.0], [0.0, 1.0]])) == pytest.approx(0.0)
    # Shares (1/2, 1/2) and (1, 0): 1/2. A third learner like the first: 1/2, 1, 1/2.
    visits = np.array([[2.0, 2.0], [3.0, 0.0], [1.0, 1.0]])
    assert overlap(visits) == pytest.approx(2 / 3)


def test_the_mixes_are_of_the_papers_values() -> None:
    assert {each for epsilons in MIXES.values() for each in epsilons} == {
        0.5,
        0.1,
        0.01,
    }
    assert set(MIXES["the mix"]) == {0.5, 0.1, 0.01}


@pytest.mark.timeout(120)
def test_every_step_of_every_learner_is_counted() -> None:
    result, again = (
        compare({"two": (0.5, 1.0)}, seeds=[3], total_steps=400)[0] for _ in range(2)
    )
    assert result.visits.shape == (1, 2, LENGTH)
    np.testing.assert_allclose(result.visits.sum(axis=-1), 1.0)
    assert 0.0 < result.overlaps[0] <= 1.0
    assert result.found == [result.found[0]]
    assert result.scores == again.scores
    np.testing.assert_array_equal(result.visits, again.visits)


def made_up(name: str, scores: list[float]) -> Exploration:
    visits = np.full((len(scores), 2, LENGTH), 1 / LENGTH)
    found = [score > 0 for score in scores]
    return Exploration(name, (0.1, 0.5), scores, [0.9] * len(scores), found, visits)


def test_the_picture_and_the_table_say_the_same() -> None:
    results = [made_up("all 0.1", [0.0, 8.0, 9.0]), made_up("the mix", [7.0, 8.0, 8.5])]
    text = table(results)
    assert "8.00 [0.00, 9.00]" in text
    assert "2 of 3" in text
    figure = picture(results)
    assert "the mix: rewards in 100 steps 8.00 [7.00, 8.50]" in figure.description
    assert len(figure.axes) == 2
    with pytest.raises(ValueError, match="results is empty"):
        picture([])
