"""The gradients that the variance experiment compares are what it says they are."""

from __future__ import annotations

import numpy as np
import pytest

from course import losses
from course.environments.tabular import TabularEnv, exact_values
from course.experiments import gradient_variance
from course.experiments.gradient_variance import (
    GAMMA,
    METHODS,
    Episode,
    expected_gradient,
    make_chain,
    measure,
    multipliers,
    play,
    table,
    variance_picture,
)

EPISODES = 150


@pytest.fixture(scope="module")
def estimates():
    return measure(EPISODES, seed=0, progress=False)


@pytest.fixture
def values():
    return exact_values(*make_chain(), GAMMA)


def test_the_true_gradient_is_the_slope_of_the_first_states_value(monkeypatch):
    # Without a discount g is the gradient of V(s_0), here by finite differences. Steps
    # cost something, for on the course's chain every policy reaches the end in time.
    environment, policy = make_chain()
    costly = TabularEnv(
        [
            [[(p, s, r - 0.1 * (n + 1), end) for p, s, r, end in outcomes]
             for n, outcomes in enumerate(actions)]
            for actions in environment.transitions
        ]
    )  # fmt: skip
    monkeypatch.setattr(gradient_variance, "GAMMA", 1.0)
    monkeypatch.setattr(gradient_variance, "make_chain", lambda: (costly, policy))
    logits, step = np.log(policy), 1e-5
    slope = np.zeros_like(policy)
    for index in np.ndindex(policy.shape):
        ends = []
        for sign in (1, -1):
            moved = logits.copy()
            moved[index] += sign * step
            weights = np.exp(moved)
            there = weights / weights.sum(axis=1, keepdims=True)
            ends.append(exact_values(costly, there, 1.0)[costly.start])
        slope[index] = (ends[0] - ends[1]) / (2 * step)
    assert np.abs(slope).max() > 0.1
    found = expected_gradient("REINFORCE", exact_values(costly, policy, 1.0))
    np.testing.assert_allclose(found, slope, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_with_an_exact_critic_all_methods_have_the_same_mean(method, values):
    truth = expected_gradient("REINFORCE", values)
    np.testing.assert_allclose(expected_gradient(method, values), truth, atol=1e-9)


def test_the_samples_lie_around_the_exact_means(estimates, values):
    critics = {"exact": values, "half": values / 2}
    truth = np.square(expected_gradient("REINFORCE", values)).sum()
    for each in estimates:
        mean = expected_gradient(each.method, critics[each.critic])
        squared_error = np.square(each.mean - mean).sum() / truth
        # Its expectation is noise / episodes.
        assert squared_error < 3 * each.noise / EPISODES, each


def test_each_step_to_a3c_takes_noise_away(estimates):
    exact = {each.method: each for each in estimates if each.critic == "exact"}
    noises = [exact[method].noise for method in METHODS]
    assert noises == sorted(noises, reverse=True)
    assert all(each.bias < 1e-9 for each in exact.values())


def test_a_wrong_critic_biases_only_what_bootstraps(estimates):
    half = {each.method: each.bias for each in estimates if each.critic == "half"}
    assert half["REINFORCE"] < 1e-9
    assert half["baseline"] < 1e-9
    assert 0.05 < half["A3C"] < half["one step"]


def test_the_numbers_beside_the_log_probabilities():
    episode = Episode([0, 1, 2], [1, 1, 1], [0.0, 0.0, 1.0])
    values = np.array([0.5, 0.6, 0.8, 0.0, 0.0, 0.0])
    expected = {
        "REINFORCE": [GAMMA**2, GAMMA, 1.0],
        "baseline": [GAMMA**2 - 0.5, GAMMA - 0.6, 0.2],
        "A3C": [GAMMA**2 - 0.5, GAMMA - 0.6, 0.2],  # ends within one rollout
        "one step": [GAMMA * 0.6 - 0.5, GAMMA * 0.8 - 0.6, 0.2],
    }
    for method, numbers in expected.items():
        np.testing.assert_allclose(multipliers(method, episode, values), numbers, 1e-5)


def test_a_rollout_of_a3c_is_cut_after_five_steps():
    episode = Episode([0] * 6, [1] * 6, [0.0] * 5 + [1.0])
    values = np.array([0.5] * 6)
    numbers = multipliers("A3C", episode, values)
    expected = [0.5 * GAMMA ** (5 - i) - 0.5 for i in range(5)] + [0.5]
    np.testing.assert_allclose(numbers, expected, rtol=1e-5)


def test_a_method_that_does_not_exist_is_refused(values):
    with pytest.raises(ValueError, match="method is 'two steps'"):
        multipliers("two steps", play(1, seed=0)[0], values)


def test_functions_of_your_own_take_part(estimates):
    def climbing(log_probs, advantages):
        return -losses.policy_loss(log_probs, advantages)

    mine = measure(EPISODES, seed=0, policy_loss=climbing, progress=False)
    np.testing.assert_allclose(mine[0].mean, -estimates[0].mean)


def test_the_same_seed_plays_the_same_episodes():
    assert play(5, seed=1) == play(5, seed=1)
    assert play(5, seed=1) != play(5, seed=2)


def test_table_and_picture_say_the_same(estimates):
    lines = table(estimates).splitlines()
    assert [line.split("  ")[0].strip() for line in lines[2:]] == list(METHODS)
    assert f"{estimates[0].noise:.2f}" in lines[2]
    picture = variance_picture(estimates)
    assert f"{estimates[0].noise:.1f}" in picture.description
    assert len(picture.axes) == 2
