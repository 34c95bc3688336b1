"""The order of gradients: autocorrelation, and what many learners do to it."""

from __future__ import annotations

import numpy as np
import pytest

from course.experiments import decorrelation


@pytest.fixture(scope="module")
def weights():
    return decorrelation.trained_weights(steps=500)


def test_autocorrelation_of_noise_is_small():
    noise = np.random.default_rng(0).normal(size=(2_000, 3))
    assert np.abs(decorrelation.autocorrelation(noise, 5)).max() < 0.1


def test_autocorrelation_of_a_rhythm_comes_back_with_it():
    rhythm = np.tile([[1.0], [0.0], [-1.0], [0.0]], (100, 1))
    found = decorrelation.autocorrelation(rhythm, 4)
    np.testing.assert_allclose(found, [0.0, -0.995, 0.0, 0.99], atol=0.01)


def test_two_interleaved_learners_move_a_rhythm_to_twice_the_lag():
    rng = np.random.default_rng(0)
    walks = rng.normal(size=(2, 3_000)).cumsum(axis=1)
    one = walks[:, 1:] - 0.5 * walks[:, :-1]
    both = one.T.reshape(-1, 1)
    alone = decorrelation.autocorrelation(both[::2], 1)[0]
    assert decorrelation.autocorrelation(both, 2)[1] == pytest.approx(alone, abs=0.05)


def test_gradients_are_recorded_at_weights_that_hold_still(weights):
    before = weights.clone()
    one, other = (decorrelation.gradients(weights, 2, count=6) for _ in range(2))
    assert one.shape == (6, len(weights))
    np.testing.assert_array_equal(one, other)
    assert np.abs(one).sum(axis=1).min() > 0
    assert (weights == before).all()


def test_more_learners_bring_another_order(weights):
    rows = decorrelation.measure(
        weights, (1, 4), lags=5, count=60, seeds=2, progress=False
    )
    assert [row.learners for row in rows] == [1, 4]
    assert rows[0].by_lag.shape == (2, 5)
    assert not np.allclose(rows[0].by_lag, rows[1].by_lag)


def test_picture_says_what_it_shows(tmp_path):
    rows = [
        decorrelation.Correlation(1, np.array([[0.5, 0.2], [0.3, 0.2]])),
        decorrelation.Correlation(2, np.array([[0.0, 0.4], [0.1, 0.4]])),
    ]
    picture = decorrelation.picture(rows)
    picture.save(tmp_path / "lags.png")
    assert (tmp_path / "lags.png").stat().st_size > 5_000
    assert "0.40 with 1" in picture.description
    assert "0.05 with 2" in picture.description
    assert "and 0.40 at lag 2" in picture.description
    assert "deviations from the mean" in picture.description


def test_a_mean_that_all_gradients_share_does_not_count():
    noise = np.random.default_rng(0).normal(size=(200, 3))
    np.testing.assert_allclose(
        decorrelation.autocorrelation(noise + 5.0, 3),
        decorrelation.autocorrelation(noise, 3),
    )


def test_stability_has_one_number_for_each_seed():
    (row,) = decorrelation.stability(
        learners=(2,), steps=6_000, seeds=(0, 3), progress=False
    )
    assert row.learners == 2
    assert row.seeds == (0, 3)
    assert len(row.last) == len(row.fall) == 2
    assert all(1 <= last <= 500 for last in row.last)
    assert all(fall >= 0 for fall in row.fall)
