"""Lesson 02: lost updates, lag, and updates in place on shared vectors."""

from __future__ import annotations

import numpy as np
import pytest

from course.exercises.lesson_02_hogwild.lag import events_of
from tests.autograders.support import assert_close

# --- 02.1: a schedule that loses an update ------------------------------------------


@pytest.mark.points(1)
@pytest.mark.hint(
    "Words such as A.read and B.write in one string, spaces between them."
)
def test_it_is_a_schedule_of_two_learners(student):
    assert "problem" not in student.losing_schedule()


@pytest.mark.points(2)
@pytest.mark.hint("B must read before A writes, and write after it, or the reverse.")
def test_one_of_the_two_additions_is_lost(student):
    assert_close(student.losing_schedule(), {"final": 1, "lost": 1})


# --- 02.2: the lag of every push ----------------------------------------------------


@pytest.mark.points(1)
@pytest.mark.hint("The version after a push counts that push; the lag does not.")
def test_a_learner_alone_is_never_late(student):
    alone = events_of("A.pull A.act A.compute A.push A.pull A.push")
    assert_close(student.lags(alone), [0, 0])


@pytest.mark.points(1)
@pytest.mark.hint("Count what others pushed since this learner's last pull.")
def test_two_interleaved_learners(student):
    twice = "A.pull B.pull A.push B.push A.pull B.pull B.push A.push"
    assert_close(student.lags(events_of(twice)), [0, 1, 0, 1])
    # B pushes after A has computed its gradient, and before A pushes it.
    late = "A.pull A.compute B.pull B.compute B.push A.push"
    assert_close(student.lags(events_of(late)), [0, 1])


@pytest.mark.points(1)
@pytest.mark.hint("Each learner has a snapshot of its own: remember one for each.")
def test_many_learners_push_in_turn(student):
    # B pulls anew before A pushes: A's own pull counts, not the last of anybody.
    again = "A.pull B.pull B.push B.pull A.push B.push"
    assert_close(student.lags(events_of(again)), [0, 1, 1])
    # All eight pull, then all push: the k-th comes k updates late.
    names = "ABCDEFGH"
    schedule = [f"{name}.pull" for name in names] + [f"{name}.push" for name in names]
    assert_close(student.lags(events_of(" ".join(schedule))), list(range(8)))


# --- 02.3: shared RMSProp -----------------------------------------------------------


@pytest.mark.points(1)
@pytest.mark.hint("g takes in the new squared gradient first; ε is added to g.")
def test_rmsprop_by_hand(student):
    # g = 12/2 + 2²/2 = 8, root of 8 + 1 is 3; g = 14/2 + 4²/2 = 15, root of 16 is 4.
    after = student.changed.shared_rmsprop_update(
        [1.0, 1.0], [12.0, 14.0], [2.0, 4.0], 0.6, 0.5, 1.0
    )
    assert_close(after["square_avg"], [8.0, 15.0])
    assert_close(after["theta"], [0.6, 0.4])


@pytest.mark.points(1)
@pytest.mark.hint("Write into theta and square_avg; leave the gradient alone.")
def test_rmsprop_changes_the_shared_vectors_and_no_other(student, rng):
    theta, g, gradient = rng.uniform(0.1, 1.0, size=(3, 6))
    after = student.changed.shared_rmsprop_update(theta, g, gradient, 0.1, 0.9, 0.01)
    assert (after["theta"] < theta).all()
    assert_close(after["square_avg"], 0.9 * g + 0.1 * gradient**2)
    assert_close(after["gradient"], gradient)


@pytest.mark.points(1)
@pytest.mark.hint("After many equal gradients g is their square: the step is η.")
def test_rmsprop_steps_have_about_the_size_of_the_learning_rate(student, rng):
    gradient = rng.uniform(0.5, 20.0, size=5) * rng.choice([-1.0, 1.0], size=5)
    after = student.changed.shared_rmsprop_update(
        np.zeros(5), gradient**2, gradient, 0.01, 0.99, 1e-8
    )
    assert_close(after["theta"], -0.01 * np.sign(gradient))


# --- 02.4: momentum SGD -------------------------------------------------------------


@pytest.mark.points(1)
@pytest.mark.hint("m ← α m + (1 − α) Δθ first, then θ moves along the new m.")
def test_momentum_by_hand(student):
    after = student.changed.momentum_sgd_update(
        [1.0, 1.0], [1.0, -2.0], [3.0, 2.0], 0.1, 0.75, 0.0
    )
    assert_close(after["momentum"], [1.5, -1.0])
    assert_close(after["theta"], [0.85, 1.1])


@pytest.mark.points(1)
@pytest.mark.hint("With α = 0 nothing of the old momentum stays.")
def test_without_momentum_it_is_plain_descent(student, rng):
    theta, old, gradient = rng.normal(size=(3, 4))
    after = student.changed.momentum_sgd_update(theta, old, gradient, 0.5, 0.0, 0.1)
    assert_close(after["theta"], theta - 0.5 * gradient)


@pytest.mark.points(1)
@pytest.mark.hint("Without a gradient θ moves on, with α times the old momentum.")
def test_momentum_carries_on(student, rng):
    theta, old = rng.normal(size=(2, 4))
    after = student.changed.momentum_sgd_update(theta, old, np.zeros(4), 1.0, 0.8, 0.1)
    assert_close(after["theta"], theta - 0.8 * old)


# --- 02.5: clipping -----------------------------------------------------------------


@pytest.mark.points(1)
@pytest.mark.hint("All numbers are multiplied by max_norm / |Δθ|.")
def test_a_long_gradient_is_shortened(student):
    answer = student.clip_by_global_norm([3.0, 4.0], 2.0)
    assert_close(answer, {"gradient": [1.2, 1.6], "norm": 5.0})


@pytest.mark.points(1)
@pytest.mark.hint("A gradient that is short enough comes back as it is, even one of 0.")
def test_a_short_gradient_stays(student):
    answer = student.clip_by_global_norm([0.3, -0.4], 2.0)
    assert_close(answer, {"gradient": [0.3, -0.4], "norm": 0.5})
    nothing = student.clip_by_global_norm([0.0, 0.0], 2.0)
    assert_close(nothing, {"gradient": [0.0, 0.0], "norm": 0.0})


@pytest.mark.points(1)
@pytest.mark.hint("The vector is made shorter, but must point where it pointed.")
def test_clipping_keeps_the_direction(student, rng):
    gradient = 100.0 * rng.normal(size=30)
    answer = student.clip_by_global_norm(gradient, 1.5)
    length = np.linalg.norm(gradient)
    assert_close(answer["gradient"], 1.5 * gradient / length)
    assert_close(answer["norm"], length)
