"""The path with exits deceives, and the experiment counts who sees through it."""

from __future__ import annotations

import cloudpickle
import numpy as np
import pytest

from course.environments.tabular import dynamics, exact_values, optimal_q_values
from course.experiments.deceptive_reward import (
    EPISODE_STEPS,
    FAR_RETURN,
    NEAR_RETURN,
    SETTINGS,
    Attempt,
    Lure,
    count_found,
    entropy_picture,
    make_lure,
    try_entropy,
)

GAMMA = SETTINGS["gamma"]


def test_walking_on_is_best_everywhere():
    assert optimal_q_values(Lure(), GAMMA).argmax(1).tolist() == [1] * 5


def test_who_chooses_at_random_finds_the_exit_better_at_first():
    lure = Lure()
    values = exact_values(lure, np.full((5, 2), 0.5), GAMMA)
    continuation, rewards = dynamics(lure)
    q_values = rewards + GAMMA * continuation @ values
    assert q_values[0, 0] > q_values[0, 1]


@pytest.mark.parametrize(("action", "total"), [(0, NEAR_RETURN), (1, FAR_RETURN)])
def test_returns_of_the_two_ways(action, total):
    environment = cloudpickle.loads(cloudpickle.dumps(make_lure))()
    environment.reset(seed=0)
    rewards, steps, truncated = 0.0, 0, False
    while not truncated:
        _, reward, terminated, truncated, _ = environment.step(action)
        rewards, steps = rewards + reward, steps + 1
        assert not terminated
    assert steps == EPISODE_STEPS
    assert rewards == pytest.approx(total)


def test_a_run_is_counted_by_its_last_hundred_episodes():
    late = Attempt(0.0, 0, range(200), [2.0] * 100 + [3.9] * 100)
    never = Attempt(0.0, 1, range(200), [2.0] * 200)
    tired = Attempt(0.01, 0, range(200), [3.9] * 100 + [2.0] * 100)
    assert [each.found for each in (late, never, tired)] == [True, False, False]
    assert count_found([late, never, tired]) == {0.0: (1, 2), 0.01: (0, 1)}


def test_every_beta_is_tried_with_every_seed():
    attempts = try_entropy(seeds=(0, 1), total_steps=200, progress=False)
    pairs = [(each.entropy_coef, each.seed) for each in attempts]
    assert pairs == [(0.0, 0), (0.0, 1), (0.01, 0), (0.01, 1)]
    assert all(len(each.steps) == len(each.returns) > 5 for each in attempts)
    picture = entropy_picture(attempts)
    assert [axes.get_title()[:8] for axes in picture.axes] == ["β = 0: 0", "β = 0.01"]
    assert "of 2 runs with β = 0.01" in picture.description
