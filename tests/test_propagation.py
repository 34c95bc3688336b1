"""The chain fills up from its rewarded end, n states at a time."""

from __future__ import annotations

import numpy as np
import pytest

from course.algorithms import N_STEP_Q
from course.experiments import propagation


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9, 20])
def test_one_episode_brings_the_reward_n_states_further(n: int) -> None:
    run = propagation.run(n, length=9, episodes=9, gamma=0.9)
    rollouts = -(-9 // n)  # of an episode
    for episodes, values in enumerate(run.values):
        learned = np.arange(9) // n >= rollouts - episodes
        expected = np.where(learned, run.exact, 0.0)
        np.testing.assert_allclose(values, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("n", "episodes", "updates"), [(1, 9, 73), (3, 3, 7), (5, 2, 3), (9, 1, 1)]
)
def test_the_updates_until_the_first_state_is_right(
    n: int, episodes: int, updates: int
) -> None:
    run = propagation.run(n)
    assert (run.episodes, run.updates) == (episodes, updates)


def test_the_values_are_those_of_always_going_right() -> None:
    run = propagation.run(3, gamma=0.5, length=4)
    np.testing.assert_allclose(run.exact, [0.125, 0.25, 0.5, 1.0])
    np.testing.assert_allclose(run.values[-1], run.exact, atol=1e-6)


def test_wrong_returns_never_come_right() -> None:
    run = propagation.run(3, lambda rewards, bootstrap, gamma: rewards)
    assert run.updates is None
    assert run.episodes is None
    assert "never right" in propagation.picture([run]).description


@pytest.mark.parametrize("name", ["n", "length", "episodes"])
def test_there_must_be_something_to_do(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0"):
        propagation.run(**{"n": 1, name: 0})


def test_the_picture_says_when() -> None:
    figure = propagation.picture([propagation.run(n) for n in (1, 3, 5)])
    assert len(figure.axes) == 3
    for words in ("n = 1", "73 updates", "7 updates", "episode 2, after 3 updates"):
        assert words in figure.description
    with pytest.raises(ValueError, match="runs is empty"):
        propagation.picture([])


def test_a_network_with_long_rollouts_needs_one_copy_of_the_target() -> None:
    crossing = propagation.learn(N_STEP_Q, t_max=5)
    assert crossing.step is not None
    assert 500 < crossing.step < 1_500
    assert crossing.updates < crossing.step / 3
    assert crossing.copies == crossing.step // 500


def test_a_network_that_learns_nothing_never_gets_there() -> None:
    frozen = N_STEP_Q.replace(update=lambda *arguments: None)
    crossing = propagation.learn(frozen, t_max=5, total_steps=300)
    assert crossing.step is None
    assert crossing.updates >= 60
