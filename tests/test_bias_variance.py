"""The returns' bias and variance, against dynamic programming."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course import returns
from course.environments.tabular import dynamics, exact_values
from course.experiments import bias_variance
from course.experiments.bias_variance import half_learned, laps

GAMMA = 0.9


def exact_errors(t_max, known, gamma):
    """Bias squared and variance at each place, from the first two moments.

    With R_0 = V̂(s) and R_n = r + gamma R_{n-1}(s'):
    E R_n = sum p (r + gamma E R_{n-1}(s')),
    E R_n^2 = sum p (r^2 + 2 r gamma E R_{n-1}(s') + gamma^2 E R_{n-1}^2(s')).
    """
    env = laps()
    num_states = len(env.transitions)
    V = exact_values(env, np.ones((num_states, 1)), gamma)
    P = dynamics(env)[0][:, 0]
    first, second = [half_learned(V, known)], [half_learned(V, known) ** 2]
    for _ in range(t_max):
        means, squares = np.zeros(num_states), np.zeros(num_states)
        for s in range(num_states):
            for p, s_next, r, terminated in env.transitions[s][0]:
                m = 0.0 if terminated else first[-1][s_next]
                M = 0.0 if terminated else second[-1][s_next]
                means[s] += p * (r + gamma * m)
                squares[s] += p * (r**2 + 2 * r * gamma * m + gamma**2 * M)
        first.append(means)
        second.append(squares)
    visits = np.linalg.solve(np.eye(num_states) - P.T, np.eye(num_states)[0])
    bias_squared, variance = [], []
    for place in range(t_max):
        n, weights = t_max - place, visits / visits.sum()
        bias_squared.append(weights @ (first[n] - V) ** 2)
        variance.append(weights @ (second[n] - first[n] ** 2))
        visits = visits @ P
    return np.array(bias_squared), np.array(variance)


def best(measured):
    return min(measured, key=lambda errors: errors.means[-1]).t_max


@pytest.mark.parametrize("t_max", [1, 4])
@pytest.mark.parametrize("known", [0, 8])
def test_measured_is_near_exact(t_max, known):
    (errors,) = bias_variance.run(
        known=known, t_maxes=(t_max,), rollouts=3_000, gamma=GAMMA
    )
    bias_squared, variance = exact_errors(t_max, known, GAMMA)
    np.testing.assert_allclose(errors.bias_squared, bias_squared, rtol=0.1, atol=0.01)
    np.testing.assert_allclose(errors.variance, variance, rtol=0.15, atol=0.005)


def test_values_of_a_race_with_a_single_state():
    # V = 1 + gamma V / 2, so V = 1 / (1 - gamma / 2).
    race = laps(length=1, stay=0.0, end=0.5)
    np.testing.assert_allclose(exact_values(race, np.ones((1, 1)), 0.8), [1 / 0.6])


@pytest.mark.parametrize(("known", "t_max"), [(0, None), (8, 5), (10, 1)])
def test_the_best_rollout_depends_on_the_estimate(known, t_max):
    assert best(bias_variance.run(known=known, rollouts=1_000)) == t_max


def test_whole_episodes_are_unbiased_and_vary_most():
    measured = bias_variance.run(rollouts=1_000)
    bias_squared, variance, rms = np.array([each.means for each in measured]).T
    assert bias_squared.argmin() == 3
    assert bias_squared[3] < 0.01
    assert list(variance) == sorted(variance)
    np.testing.assert_allclose(rms**2, bias_squared + variance)


def test_the_first_place_varies_most_and_the_last_is_biased_most():
    (errors,) = bias_variance.run(t_maxes=(5,), rollouts=2_000)
    assert errors.variance[0] == errors.variance.max()
    assert errors.bias_squared[-1] == errors.bias_squared.max()
    assert list(errors.counts) == sorted(errors.counts, reverse=True)
    assert errors.counts[0] == 2_000


def test_a_wrong_function_shows():
    def forgets_the_bootstrap(rewards, bootstrap_value, gamma):
        return returns.n_step_returns(rewards, 0.0, gamma)

    settings = {"known": 10, "t_maxes": (5,), "rollouts": 500}
    (wrong,) = bias_variance.run(forgets_the_bootstrap, **settings)
    (right,) = bias_variance.run(**settings)
    assert wrong.means[0] > 0.3 > 0.05 > right.means[0]


def test_a_students_list_is_as_good_and_a_seed_repeats():
    def as_floats(rewards, bootstrap_value, gamma):
        return returns.n_step_returns(rewards, bootstrap_value, gamma).tolist()

    def plain(last_value, terminated):
        assert isinstance(last_value, torch.Tensor)
        assert terminated.dtype == torch.bool
        return 0.0 if terminated else last_value

    settings = {"t_maxes": (3,), "rollouts": 100, "seed": 3}
    (one,) = bias_variance.run(as_floats, plain, **settings)
    (other,) = bias_variance.run(**settings)
    np.testing.assert_allclose(one.rms, other.rms)


def test_table_and_picture_tell_the_same():
    measured = bias_variance.run(rollouts=300)
    lines = bias_variance.table(measured).splitlines()
    assert len(lines) == 5
    assert len({len(line) for line in lines}) == 1
    picture = bias_variance.picture(measured)
    for each, line in zip(measured, lines[1:], strict=True):
        rms = f"{each.means[2]:.3f}"
        assert line.startswith(each.name)
        assert line.endswith(rms)
        assert f"rms error {rms}" in picture.description
        assert f"rms error {each.rms[0]:.3f} at the first place" in picture.description
    # A place that few rollouts reach is not drawn.
    drawn = picture.axes[0].get_lines()[3].get_xdata()
    assert measured[3].counts[drawn].min() >= bias_variance.FEWEST


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"known": 11}, "known is 11; expected 0 to 10"),
        ({"known": -1}, "known is -1; expected 0 to 10"),
        ({"t_maxes": (5, 0)}, "t_maxes holds 0; expected 1 or more"),
    ],
)
def test_mistakes_are_named(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        bias_variance.run(rollouts=10, **settings)


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="measured is empty"):
        bias_variance.picture([])
