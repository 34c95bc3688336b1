"""The tabular environments and their dynamic programming."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.environments.tabular import (
    Chain,
    CliffWalk,
    TabularEnv,
    dynamics,
    epsilon_greedy_policy,
    exact_values,
    greedy_policy,
    optimal_q_values,
)

ALWAYS_RIGHT = np.array([[0.0, 1.0]] * 3)
UNIFORM = np.full((3, 2), 0.5)


@st.composite
def tables(draw):
    """A random environment of up to 4 states and 3 actions, with a policy for it."""
    num_states = draw(st.integers(1, 4))
    num_actions = draw(st.integers(1, 3))

    def outcomes():
        weights = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
        return [
            (
                weight / sum(weights),
                draw(st.integers(0, num_states - 1)),
                float(draw(st.integers(-3, 3))),
                draw(st.booleans()),
            )
            for weight in weights
        ]

    transitions = [[outcomes() for _ in range(num_actions)] for _ in range(num_states)]
    policy = np.array(
        [
            draw(
                st.lists(st.integers(1, 9), min_size=num_actions, max_size=num_actions)
            )
            for _ in range(num_states)
        ],
        dtype=float,
    )
    return TabularEnv(transitions), policy / policy.sum(axis=1, keepdims=True)


def bellman_backup(env, values, gamma):
    """Q(s,a) = sum over outcomes of p (r + gamma V(s') [not terminated]), in loops."""
    q_values = []
    for actions in env.transitions:
        q_values.append([])
        for outcomes in actions:
            q = 0.0
            for p, s_next, r, terminated in outcomes:
                q += p * (r + (0.0 if terminated else gamma * values[s_next]))
            q_values[-1].append(q)
    return np.array(q_values)


# Solving for the values of a policy


def test_going_right_is_worth_one_discounted_by_the_distance():
    # From state 2 the reward 1 comes at once; from state 0 two steps later: 0.9^2.
    values = exact_values(Chain(3), ALWAYS_RIGHT, gamma=0.9)
    np.testing.assert_allclose(values, [0.81, 0.9, 1.0], rtol=1e-14)


def test_uniform_policy_on_three_states():
    # gamma = 1/2, so V(s) = (r + V(left) / 2 + V(right) / 2) / 2:
    #   V0 = V0/4 + V1/4        =>  V0 = V1/3
    #   V1 = V0/4 + V2/4        =>  V1 (1 - 1/12) = V2/4   =>  V1 = 3/11 V2
    #   V2 = 1/2 + V1/4         =>  V2 (1 - 3/44) = 1/2    =>  V2 = 22/41
    values = exact_values(Chain(3), UNIFORM, gamma=0.5)
    np.testing.assert_allclose(values, [2 / 41, 6 / 41, 22 / 41], rtol=1e-14)


def test_slipping_goes_the_other_way():
    # One state: right ends with 3/4 and stays with 1/4, V = 3/4 + 1/2 1/4 V = 6/7.
    # Left is the reverse, so it ends with 1/4:           V = 1/4 + 1/2 3/4 V = 2/5.
    chain = Chain(length=1, slip=0.25)
    right, left = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    assert exact_values(chain, right, 0.5) == pytest.approx([6 / 7], rel=1e-14)
    assert exact_values(chain, left, 0.5) == pytest.approx([2 / 5], rel=1e-14)


def test_without_discount_a_policy_that_ends_has_a_value():
    # The only reward is the 1 at the end, and the uniform walk ends for certain.
    np.testing.assert_allclose(exact_values(Chain(3), UNIFORM, 1.0), 1.0, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(tables(), st.floats(0.0, 0.99))
def test_exact_values_solve_bellmans_equation(table, gamma):
    env, policy = table
    values = exact_values(env, policy, gamma)
    expected = (policy * bellman_backup(env, values, gamma)).sum(axis=1)
    np.testing.assert_allclose(values, expected, atol=1e-10)


def test_exact_values_agree_with_the_average_of_sampled_returns():
    env, gamma = Chain(3, slip=0.2), 0.9
    policy = np.array([[0.3, 0.7]] * 3)
    # Unequal seeds: with equal ones slips and actions would be the same numbers.
    rng = np.random.default_rng(1)
    env.reset(seed=0)
    for start, value in enumerate(exact_values(env, policy, gamma)):
        returns = []
        for _ in range(500):
            state, _ = env.reset(options={"state": start})
            discount, episode_return, terminated = 1.0, 0.0, False
            while not terminated:
                action = np.int64(rng.random() < policy[state, 1])
                state, reward, terminated, _, _ = env.step(action)
                episode_return += discount * reward
                discount *= gamma
            returns.append(episode_return)
        standard_error = np.std(returns, ddof=1) / np.sqrt(len(returns))
        assert standard_error < 0.015
        # 4 standard errors: by chance one seed in about 5,000 would miss once.
        assert abs(np.mean(returns) - value) < 4 * standard_error


def test_without_discount_a_policy_that_never_ends_is_refused():
    # Left for ever in state 0; states 1 and 2 go right and end.
    policy = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match=r"gamma is 1, but .* from state 0, .* below"):
        exact_values(Chain(3), policy, 1.0)
    assert exact_values(Chain(3), policy, 0.5)[0] == 0.0


@pytest.mark.parametrize("gamma", [-0.1, 1.1, float("nan")])
def test_a_discount_outside_zero_to_one_is_refused(gamma):
    with pytest.raises(ValueError, match=f"gamma is {gamma}; expected a discount"):
        exact_values(Chain(3), UNIFORM, gamma)
    with pytest.raises(ValueError, match=f"gamma is {gamma}; expected a discount"):
        optimal_q_values(Chain(3), gamma)


def test_a_policy_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"policy has shape \(2, 3\); .* \(3, 2\)"):
        exact_values(Chain(3), UNIFORM.T, 0.9)
    for row in ([0.5, 0.6], [1.5, -0.5]):
        with pytest.raises(ValueError, match="policy has a row that is no probability"):
            exact_values(Chain(3), np.array([row] * 3), 0.9)


# The optimum


def test_optimal_values_of_three_states():
    # V = [0.81, 0.9, 1] by going right; left costs one step back and one again:
    # Q(0,left) = 0.9 V0, Q(1,left) = 0.9 V0, Q(2,left) = 0.9 V1.
    expected = [[0.729, 0.81], [0.729, 0.9], [0.81, 1.0]]
    np.testing.assert_allclose(optimal_q_values(Chain(3), 0.9), expected, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(tables(), st.floats(0.0, 0.95))
def test_optimal_values_are_those_of_the_greedy_policy_and_no_policy_has_more(
    table, gamma
):
    env, policy = table
    q_values = optimal_q_values(env, gamma)
    best = q_values.max(axis=1)
    np.testing.assert_allclose(q_values, bellman_backup(env, best, gamma), atol=1e-8)
    greedy = exact_values(env, greedy_policy(q_values), gamma)
    np.testing.assert_allclose(greedy, best, atol=1e-7)
    assert (exact_values(env, policy, gamma) <= best + 1e-8).all()


def test_frozen_lake_is_crossed_with_the_known_probability():
    # Gymnasium's slippery 4 x 4 lake, without discount: the best chance is 14/17.
    lake = TabularEnv(gymnasium.make("FrozenLake-v1").unwrapped.P)
    assert optimal_q_values(lake, 1.0)[0].max() == pytest.approx(14 / 17, abs=1e-7)


def test_a_reward_for_ever_without_discount_does_not_settle():
    for_ever = TabularEnv([[[(1.0, 0, 1.0, False)]]])
    with pytest.raises(ValueError, match=r"gamma is 1.0 and .* use a smaller gamma"):
        optimal_q_values(for_ever, 1.0)


def test_policies_from_values():
    q_values = np.array([[1.0, 2.0, 0.0, 0.0], [3.0, 0.0, 3.0, 0.0]])
    greedy = [[0, 1, 0, 0], [1, 0, 0, 0]]  # of equals the first
    np.testing.assert_array_equal(greedy_policy(q_values), greedy)
    # 0.2 is shared out, 0.05 each; the greedy action has 0.8 more.
    np.testing.assert_allclose(
        epsilon_greedy_policy(q_values, 0.2),
        [[0.05, 0.85, 0.05, 0.05], [0.85, 0.05, 0.05, 0.05]],
    )


# The environments


def test_a_table_becomes_arrays_in_which_an_end_leads_nowhere():
    continuation, rewards = dynamics(Chain(2, slip=0.25))
    # State 1, right: 3/4 to the end with reward 1, 1/4 back to state 0.
    np.testing.assert_allclose(continuation[1, 1], [0.25, 0.0])
    np.testing.assert_allclose(rewards, [[0.0, 0.0], [0.25, 0.75]])


def test_walking_the_chain():
    env = Chain(3)
    assert env.reset(seed=0)[0] == 0
    assert env.step(np.int64(0))[:3] == (0, 0.0, False)
    assert env.step(np.int64(1))[:3] == (1, 0.0, False)
    assert env.step(np.int64(1))[:3] == (2, 0.0, False)
    assert env.step(np.int64(1))[1:4] == (1.0, True, False)
    assert env.reset(options={"state": 2})[0] == 2


def test_the_cliff_is_gymnasiums_cliff():
    ours = CliffWalk()
    theirs = gymnasium.make("CliffWalking-v1").unwrapped
    goal = 47  # Theirs can be left again after the end; ours has value 0.
    assert len(ours.transitions) == len(theirs.P) == goal + 1
    for state in range(goal):
        for action in range(4):
            assert ours.transitions[state][action] == theirs.P[state][action]
    assert ours.reset()[0] == theirs.reset()[0] == 36


def test_the_best_walk_takes_thirteen_steps_and_a_fall_costs_a_hundred():
    # Up, eleven times right, down.
    env = CliffWalk()
    values = optimal_q_values(env, 1.0).max(axis=1)
    assert values[36] == -13.0
    assert values[47] == 0.0
    env.reset(seed=0)
    assert env.step(np.int64(1)) == (36, -100.0, False, False, {})
    # A walker on the least board, 2 x 3: up, right, right, down.
    assert optimal_q_values(CliffWalk(2, 3), 1.0)[3].max() == -4.0


def test_the_cliff_can_be_seen():
    text = CliffWalk(2, 4, render_mode="ansi")
    text.reset()
    assert text.render() == "o o o o\nx C C G"
    text.step(np.int64(0))
    assert text.render() == "x o o o\nS C C G"
    film = CliffWalk(2, 4, render_mode="rgb_array")
    film.reset()
    picture = film.render()
    assert picture.shape == (64, 128, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 4  # o, x, C and G


@pytest.mark.parametrize(
    ("transitions", "message"),
    [
        ([[[(0.5, 0, 0.0, True)]]], r"\[0\]\[0\] has the probabilities \(0.5,\)"),
        (
            [[[(-0.5, 0, 0.0, True), (1.5, 0, 0.0, True)]]],
            r"\[0\]\[0\] has the probabilities \(-0.5, 1.5\)",
        ),
        ([[[(1.0, 1, 0.0, True)]]], r"leads to the states \(1,\); expected .* to 0"),
        (
            [[[(1.0, 0, 0.0, True)]], [[(1.0, 0, 0.0, True)]] * 2],
            r"transitions\[1\] has 2 actions; expected 1",
        ),
    ],
)
def test_a_table_with_a_mistake_is_refused(transitions, message):
    with pytest.raises(ValueError, match=message):
        TabularEnv(transitions)
