"""Lesson 03: exploration, the targets and the loss of one-step Q, the target network.

What draws random numbers is called many times by the exercise's driver, which returns
how often each answer came and whether the same seed gave the same answers.
"""

from __future__ import annotations

import numpy as np
import pytest

from course import exploration, losses
from course import returns as reference
from course.exercises import EXERCISES
from course.exercises.lesson_03_one_step_q.exploring import LONG_SEED
from tests.autograders.support import assert_close

NOISE = 0.18  # about four standard deviations of a share

# 03.1 epsilon_greedy


@pytest.mark.points(1)
@pytest.mark.hint("With epsilon = 0 the answer is the number of the largest value.")
def test_the_greedy_action_without_exploration(student, rng):
    q_values = rng.permutation(5) * 1.0
    seen = student.epsilon_greedy(q_values, 0.0, 1)
    assert_close(seen["share of each action"], q_values == 4.0)


@pytest.mark.points(1)
@pytest.mark.hint("Exploring means any of the A actions, the greedy one too.")
def test_every_action_comes_when_all_is_chance(student):
    seen = student.epsilon_greedy([0.0, 3.0], 1.0, 4)
    assert_close(seen["share of each action"], [0.5, 0.5], atol=NOISE)
    seen = student.epsilon_greedy([1.0, 0.0, 2.0], 1.0, 5)
    assert_close(seen["share of each action"], [1 / 3] * 3, atol=NOISE)


@pytest.mark.points(1)
@pytest.mark.hint("Take every random number from the generator that is passed in.")
def test_a_seed_fixes_the_actions(student):
    seen = student.epsilon_greedy([0.0, 1.0, 0.5], 0.6, 6)
    assert seen["same seed, same answers"]
    assert_close(seen["share of each action"], [0.2, 0.6, 0.2], atol=NOISE)


# 03.2 linear_schedule


@pytest.mark.points(1)
@pytest.mark.hint("initial at step 0, final at anneal_steps, half-way at half of it.")
def test_a_straight_line(student, rng):
    initial, final = rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.4)
    for step, expected in ((0, initial), (50, (initial + final) / 2), (100, final)):
        assert_close(student.linear_schedule(initial, final, step, 100), expected)


@pytest.mark.points(1)
@pytest.mark.hint("From anneal_steps on the value stays where it is.")
def test_the_value_stays_at_the_end(student, rng):
    final = rng.uniform(0.1, 0.4)
    for step in (100, 101, 100_000):
        assert_close(student.linear_schedule(1.0, final, step, 100), final)


@pytest.mark.points(1)
@pytest.mark.hint("A line of length 0 is at its end at once: do not divide by 0.")
def test_a_line_without_length(student):
    assert_close(student.linear_schedule(1.0, 0.1, 0, 0), 0.1)
    step = exploration.linear_schedule(0.0, 2.0, 3, 8)
    assert_close(student.linear_schedule(0.0, 2.0, 3, 8), step)


# 03.3 sample_final_epsilon


@pytest.mark.points(1)
@pytest.mark.hint("Three values only: 0.1, 0.01 and 0.5.")
def test_the_values_of_the_mix(student):
    assert_close(student.sample_final_epsilon(3)["values"], [0.01, 0.1, 0.5])


@pytest.mark.points(1)
@pytest.mark.hint("0.1 comes with probability 0.4, the other two with 0.3 each.")
def test_the_probabilities_of_the_mix(student):
    shares = student.sample_final_epsilon(LONG_SEED)["shares"]
    assert_close(shares, {"0.1": 0.4, "0.01": 0.3, "0.5": 0.3}, atol=0.045)


@pytest.mark.points(1)
@pytest.mark.hint("Take the random number from the generator that is passed in.")
def test_a_seed_fixes_the_epsilons(student):
    seen = student.sample_final_epsilon(11)
    assert seen["same seed, same answers"]
    assert set(seen["values"]) <= {0.1, 0.01, 0.5}


# 03.4 one_step_q_targets


@pytest.mark.points(1)
@pytest.mark.hint("y = r + gamma max_a Q(s', a): the largest value of each row.")
def test_targets_while_the_game_goes_on(student):
    targets = student.one_step_q_targets(
        [1.0, 2.0], np.array([False, False]), [[4.0, 8.0], [6.0, 2.0]], 0.5
    )
    assert_close(targets, [5.0, 5.0])


@pytest.mark.points(1)
@pytest.mark.hint("Nothing follows a true end: there the target is the reward alone.")
def test_targets_at_an_end(student, rng):
    rewards, q_values = rng.normal(size=4), 100 + rng.normal(size=(4, 3))
    targets = student.one_step_q_targets(rewards, np.ones(4, bool), q_values, 0.9)
    assert_close(targets, rewards)


@pytest.mark.points(1)
@pytest.mark.hint("Compare with the formula, one step at a time.")
def test_targets_of_any_rollout(student, rng):
    rewards, q_values = rng.normal(size=20), rng.normal(size=(20, 4))
    terminated = rng.random(20) < 0.3
    expected = reference.one_step_q_targets(rewards, terminated, q_values, 0.9)
    actual = student.one_step_q_targets(rewards, terminated, q_values, 0.9)
    assert_close(actual, expected)


# 03.5 one_step_q_loss


@pytest.mark.points(1)
@pytest.mark.hint("The sum of (y - Q(s, a))² over the steps; no mean, no factor 1/2.")
def test_the_sum_of_the_squared_errors(student, rng):
    arguments = EXERCISES["one_step_q_loss"].draw(rng)
    assert_close(
        student.one_step_q_loss(*arguments.values()),
        losses.td_loss(*arguments.values()),
    )


@pytest.mark.points(1)
@pytest.mark.hint("Q(s, a) alone is pulled, by 2 (Q - y); the other actions are not.")
def test_the_gradient_pulls_the_action_taken(student):
    flows = student.gradients.one_step_q_loss(
        [[1.0, 5.0], [2.0, 0.0]], [0, 1], [3, 3.0]
    )
    assert_close(flows["q_values"], [[-4.0, 0.0], [0.0, -6.0]])


@pytest.mark.points(1)
@pytest.mark.hint("The target is a constant: detach it.")
def test_no_gradient_reaches_the_targets(student, rng):
    arguments = EXERCISES["one_step_q_loss"].draw(rng)
    flows = student.gradients.one_step_q_loss(*arguments.values())
    assert flows["targets"] is None or not np.any(flows["targets"])
    assert flows["q_values"] is not None


# 03.6 target_is_due


@pytest.mark.points(1)
@pytest.mark.hint("T may jump over the multiple, when others count as well.")
def test_a_multiple_that_was_jumped_over(student):
    assert_close(student.target_is_due(8, 13, 10), True)
    assert_close(student.target_is_due(3, 24, 10), True)


@pytest.mark.points(1)
@pytest.mark.hint("A multiple on which T stood before has had its copy.")
def test_no_second_copy(student):
    assert_close(student.target_is_due(5, 10, 10), True)
    assert_close(student.target_is_due(10, 15, 10), False)
    assert_close(student.target_is_due(20, 20, 10), False)


@pytest.mark.points(1)
@pytest.mark.hint("Count the copies of a whole run: T // target_period at its end.")
def test_as_many_copies_as_multiples(student, rng):
    looks = np.cumsum(rng.integers(1, 8, size=12)).tolist()
    period = 9
    copies = sum(
        bool(student.target_is_due(before, after, period))
        for before, after in zip([0, *looks], looks, strict=False)
    )
    assert copies == looks[-1] // period
