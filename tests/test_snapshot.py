"""A gradient at θ′ is the true one; one taken while others write is not."""

from __future__ import annotations

import numpy as np
import pytest

from course.experiments import snapshot


@pytest.fixture(scope="module")
def measured() -> snapshot.Measured:
    return snapshot.measure(updates=(0, 16), seeds=(0,), trials=8, progress=False)


def test_with_a_copy_the_gradient_is_the_true_one(measured) -> None:
    np.testing.assert_allclose(measured.with_snapshot, 1.0, atol=1e-4)


def test_without_others_no_copy_is_needed(measured) -> None:
    np.testing.assert_allclose(measured.without_snapshot[:, 0], 1.0, atol=1e-4)
    np.testing.assert_allclose(measured.with_at_arrival[:, 0], 1.0, atol=1e-4)
    np.testing.assert_allclose(measured.without_at_arrival[:, 0], 1.0, atol=1e-4)


def test_writes_in_mid_rollout_turn_the_gradient(measured) -> None:
    turned = measured.without_snapshot[:, 1]
    assert (np.abs(turned) <= 1 + 1e-5).all()
    assert (turned < 0.9999).sum() >= 6  # of 8


def test_a_copy_is_no_fresher(measured) -> None:
    """Both gradients are late: θ has moved on when they arrive."""
    for cosines in (measured.with_at_arrival, measured.without_at_arrival):
        assert (cosines[:, 1] < 0.9999).sum() >= 6  # of 8


def test_it_is_repeatable(measured) -> None:
    again = snapshot.measure(updates=(0, 16), seeds=(0,), trials=8, progress=False)
    np.testing.assert_array_equal(again.without_snapshot, measured.without_snapshot)


def test_a_rollout_leaves_everything_as_it_was() -> None:
    learners = snapshot._Learners(seed=1)
    theta, square_avg = learners.theta.clone(), learners.square_avg.clone()
    learners.rollout(4)
    assert learners.theta.equal(theta)
    assert learners.square_avg.equal(square_avg)


def test_the_table_and_the_picture_say_what_was_measured(measured) -> None:
    lines = snapshot.table(measured).splitlines()
    assert len(lines) == 3
    assert lines[1].count("[") == 4
    assert lines[1].split()[0] == "0"
    figure = snapshot.picture(measured)
    assert "with 0 updates by others" in figure.description
    assert "without θ′" in figure.description


def test_nothing_to_measure_is_said() -> None:
    with pytest.raises(ValueError, match="at least one of each"):
        snapshot.measure(seeds=(), progress=False)
