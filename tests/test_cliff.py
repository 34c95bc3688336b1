"""Cliff walking: what is learned, what is exact, and what the pictures say."""

from __future__ import annotations

import numpy as np
import pytest

from course import returns
from course.environments.tabular import CliffWalk
from course.experiments import cliff, cliff_pictures


@pytest.fixture(scope="module")
def walks():
    settings = {"runs": 10, "steps": 8_000, "progress": False}
    return [
        cliff.learn("Q-learning", cliff.q_learning_targets, **settings),
        cliff.learn("Sarsa", returns.sarsa_targets, **settings),
    ]


def test_sarsa_falls_less_and_earns_more_while_it_explores(walks):
    q_learning, sarsa = walks
    assert sarsa.falls.max() < q_learning.falls.min()
    last = [each.online_return[:, -1].mean() for each in walks]
    assert last[1] > last[0] + 10


def test_the_greedy_path_of_q_learning_is_the_shortest(walks):
    shortest = [36, *range(24, 36), 47]
    found = [cliff.greedy_path(table) == shortest for table in walks[0].q_values]
    assert np.mean(found) > 0.8


def test_the_same_seed_gives_the_same_walks():
    settings = {"runs": 2, "steps": 300, "progress": False, "seed": 5}
    one, other = (
        cliff.learn("Sarsa", returns.sarsa_targets, **settings) for _ in range(2)
    )
    np.testing.assert_array_equal(one.q_values, other.q_values)


def test_sarsa_executes_the_action_of_its_target_and_the_bug_does_not():
    settings = {"runs": 5, "steps": 1_000, "progress": False}
    right = cliff.learn("Sarsa", returns.sarsa_targets, **settings)
    wrong = cliff.learn("bug", returns.sarsa_targets, resample=True, **settings)
    assert right.same_action == 1.0
    assert wrong.same_action < 0.95


def test_a_single_step_is_the_update_of_the_book():
    """From zeros, the first step's value moves by step size × reward."""
    walk = cliff.learn(
        "Sarsa", returns.sarsa_targets, runs=1, steps=1, step_size=0.5, progress=False
    )
    changed = walk.q_values[walk.q_values != 0]
    assert changed.tolist() in ([-0.5], [-50.0])


@pytest.mark.parametrize(("row", "steps"), [(2, 13), (1, 15), (0, 17)])
def test_without_exploration_a_path_costs_its_steps(row, steps):
    assert cliff.exact_start_value(cliff.row_policy(row), 0.0) == pytest.approx(-steps)


def test_exploring_makes_the_edge_the_worst_path():
    values = [cliff.exact_start_value(cliff.row_policy(row), 0.1) for row in (0, 1, 2)]
    assert min(values[:2]) > values[2] + 10


def test_exact_values_agree_with_walking():
    """Mean return of many episodes along the edge, walked step by step."""
    environment, rng = CliffWalk(), np.random.default_rng(0)
    policy, scores = cliff.row_policy(2), []
    for seed in range(300):
        state, ended, score = environment.reset(seed=seed)[0], False, 0.0
        while not ended:
            action = int(policy[state].argmax())
            if rng.random() < 0.1:
                action = int(rng.integers(4))
            state, reward, ended, _, _ = environment.step(np.int64(action))
            score += reward
        scores.append(score)
    error = np.std(scores) / len(scores) ** 0.5
    exact = cliff.exact_start_value(policy, 0.1)
    assert np.mean(scores) == pytest.approx(exact, abs=4 * error)


def test_errors_add_up_only_if_the_promised_action_is_executed(walks):
    table = walks[1].q_values[0]
    kept = cliff.unexplained(table, resample=False, episodes=20)
    broken = cliff.unexplained(table, resample=True, episodes=20)
    np.testing.assert_allclose(kept, 0.0, atol=1e-9)
    assert np.abs(broken).max() > 1


def test_errors_of_an_episode_that_is_cut_off_add_up_as_well():
    into_the_corner = np.tile([3.0, 0.0, -1.0, 2.0], (48, 1))
    left = cliff.unexplained(into_the_corner, resample=False, episodes=1)
    np.testing.assert_allclose(left, 0.0, atol=1e-9)


def test_a_path_that_runs_in_circles_ends():
    going_up = np.tile([0.0, -1.0, -1.0, -1.0], (48, 1))
    assert cliff.greedy_path(going_up) == [36, 24, 12, 0]


def test_pictures_say_in_words_what_they_show(walks, tmp_path):
    pictures = {
        "paths": cliff_pictures.paths(walks),
        "returns": cliff_pictures.online_returns(walks),
        "why": cliff_pictures.why((0.0, 0.1)),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5_000
    assert "Sarsa" in pictures["paths"].description
    assert "Q-learning" in pictures["returns"].description
    assert "from -13 to -46" in pictures["why"].description
    assert "best only at ε = 0." in pictures["why"].description
    assert "best nowhere" in cliff_pictures.why((0.1,)).description
