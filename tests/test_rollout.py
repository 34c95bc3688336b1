"""Tests of `course.rollout`: what is collected, and that no return crosses an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import columns, slow_returns
from scripted import Episode, Scripted, Transition, side_by_side, transitions
from torch import Tensor
from torch.testing import assert_close

from course.returns import bootstrap_value, n_step_returns
from course.rollout import Collector, Rollout, split_at_episode_ends

Act = Callable[[NDArray[Any]], NDArray[np.int64]]


def counting() -> Act:
    """Acts 0, 1, 2, ... so that every choice can be told from every other."""
    count = iter(range(100))
    return lambda observation: np.array([next(count) for _ in observation])


def rows(observations: Tensor) -> list[list[float]]:
    answer: list[list[float]] = observations.tolist()
    return answer


def scripts_of(environments: Any) -> list[Scripted]:
    return [environment.unwrapped for environment in environments.envs]


# --- One environment, as in the paper ---------------------------------------------


def test_a_rollout_of_one_environment_by_hand() -> None:
    # The episode has three steps and t_max is 2: rollouts of 2 and 1 steps.
    collector = Collector(side_by_side([[Episode([1.0, 2.0, 3.0])]]), seed=0)
    act = counting()

    rollout = collector.collect(act, 2)
    assert rows(rollout.observations) == [[0, 0, 0], [0, 0, 1]]
    assert rollout.actions.tolist() == [0, 1]
    assert rollout.rewards.tolist() == [1.0, 2.0]
    assert rollout.terminated.tolist() == [False, False]
    assert rollout.truncated.tolist() == [False, False]
    assert rows(rollout.next_observations) == [[0, 0, 1], [0, 0, 2]]
    assert rollout.next_actions is None
    assert len(rollout) == 2

    # It stops where the episode does, and keeps the true last observation (step 3),
    # which the environment itself has already left.
    rollout = collector.collect(act, 2)
    assert rows(rollout.observations) == [[0, 0, 2]]
    assert rollout.terminated.tolist() == [True]
    assert rows(rollout.next_observations) == [[0, 0, 3]]

    # The next one begins at the first observation of the next episode.
    rollout = collector.collect(act, 2)
    assert rows(rollout.observations) == [[0, 1, 0], [0, 1, 1]]


def test_shapes_and_types() -> None:
    one = Collector(side_by_side([[Episode([1.0] * 4)]]), seed=0)
    two = Collector(side_by_side([[Episode([1.0] * 4)]] * 2), seed=0)
    for collector, lead in ((one, (3,)), (two, (3, 2))):
        rollout = collector.collect(counting(), 3, look_ahead=True)
        assert rollout.observations.shape == (*lead, 3)
        assert rollout.next_observations.shape == (*lead, 3)
        for field, dtype in (
            (rollout.actions, torch.int64),
            (rollout.rewards, torch.float32),
            (rollout.terminated, torch.bool),
            (rollout.truncated, torch.bool),
            (rollout.next_actions, torch.int64),
        ):
            assert field is not None
            assert (field.shape, field.dtype) == (lead, dtype)
    assert len(rollout) == 6


def test_the_seed_reaches_every_environment() -> None:
    environments = side_by_side([[Episode([1.0])]] * 3)
    Collector(environments, seed=7)
    assert [script.seed for script in scripts_of(environments)] == [7, 8, 9]


def test_episode_returns_are_not_scaled() -> None:
    environments = side_by_side([[Episode([1.0, 2.0, 3.0])], [Episode([5.0])]])
    collector = Collector(environments, seed=0, reward_scale=0.1)
    rollout = collector.collect(counting(), 3)
    assert_close(rollout.rewards, torch.tensor([[0.1, 0.5], [0.2, 0.5], [0.3, 0.5]]))
    assert collector.drain_finished() == [(5.0, 1), (5.0, 1), (6.0, 3), (5.0, 1)]
    assert collector.drain_finished() == []  # each is told once


# --- Sarsa's look-ahead -----------------------------------------------------------


def test_look_ahead_executes_the_action_of_the_target() -> None:
    # Every call of `act` gives a new number. Step by step: 0 is chosen at the start,
    # 1 in s_1, 2 in s_2; the rollout ends, and the next one must begin with 2.
    environments = side_by_side(
        [[Episode([0.0] * 5, terminated=False, truncated=True)]]
    )
    collector, act = Collector(environments, seed=0), counting()
    first = collector.collect(act, 2, look_ahead=True)
    assert (first.actions.tolist(), first.next_actions.tolist()) == ([0, 1], [1, 2])  # type: ignore[union-attr]
    second = collector.collect(act, 2, look_ahead=True)
    assert (second.actions.tolist(), second.next_actions.tolist()) == ([2, 3], [3, 4])  # type: ignore[union-attr]
    # At the end, 5 is chosen in the last observation for the target alone, and 6 in
    # the new episode's first.
    third = collector.collect(act, 2, look_ahead=True)
    assert (third.actions.tolist(), third.next_actions.tolist()) == ([4], [5])  # type: ignore[union-attr]
    fourth = collector.collect(act, 2, look_ahead=True)
    assert fourth.actions.tolist() == [6, 7]
    [script] = scripts_of(environments)
    assert [action for _, action in script.executed] == [0, 1, 2, 3, 4, 6, 7]


def test_look_ahead_sees_the_observation_that_it_acts_in() -> None:
    # act returns a code of what it saw: 10 × episode + step.
    def act(observation: NDArray[Any]) -> NDArray[np.int64]:
        return (10 * observation[:, 1] + observation[:, 2]).astype(np.int64)

    environments = side_by_side([[Episode([0.0] * 2)], [Episode([0.0] * 3)]])
    collector = Collector(environments, seed=0)
    rollout = collector.collect(act, 4, look_ahead=True)
    assert rollout.actions.T.tolist() == [[0, 1, 10, 11], [0, 1, 2, 10]]
    # Where an episode ended, the action was chosen in its true last observation.
    assert rollout.next_actions.T.tolist() == [[1, 2, 11, 12], [1, 2, 3, 11]]  # type: ignore[union-attr]


# --- Any number of environments, any ends -----------------------------------------

episodes = st.builds(
    lambda rewards, ends: Episode(rewards, *ends),
    st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=4),
    st.sampled_from([(True, False), (False, True), (True, True)]),
)
scripts = st.lists(st.lists(episodes, min_size=1, max_size=3), min_size=1, max_size=3)
lengths = st.lists(st.integers(1, 6), min_size=1, max_size=4)


@given(scripts, lengths, st.booleans())
def test_collected_is_what_happened(
    scripts: list[list[Episode]], lengths: list[int], look_ahead: bool
) -> None:
    environments = side_by_side(scripts)
    collector = Collector(environments, seed=0)
    expected = [transitions(k, script) for k, script in enumerate(scripts)]
    executed: list[list[int]] = [[] for _ in scripts]
    chosen: list[list[int | None]] = [[] for _ in scripts]
    scores = []

    def act(observation: NDArray[Any]) -> NDArray[np.int64]:
        return np.array([hash(tuple(seen)) % 100 for seen in observation.tolist()])

    for length in lengths:
        rollout = collector.collect(act, length, look_ahead)
        steps = len(rollout.rewards)
        happened = [[next(column) for _ in range(steps)] for column in expected]
        for k, column in enumerate(columns(rollout)):
            for step, truth in zip(column, happened[k], strict=True):
                s, a, r, terminated, truncated, s1, a1 = step
                # Without a choice of its own in between, a_i comes from s_i.
                assert a.item() == act(s[None].numpy())[0]
                assert truth == Transition(
                    tuple(s.tolist()),
                    r.item(),
                    terminated.item(),
                    truncated.item(),
                    tuple(s1.tolist()),
                )
                executed[k].append(a.item())
                chosen[k].append(None if truth.terminated or truth.truncated else a1)
        # It ends early where all episodes end together, and only there.
        together = [all(e[i][2] or e[i][3] for e in happened) for i in range(steps)]
        assert True not in together[:-1]
        assert steps == length or together[-1]
        scores += collector.drain_finished()

    for k, script in enumerate(scripts_of(environments)):
        assert [action for _, action in script.executed] == executed[k]
        if look_ahead:  # the action of each target is the next one executed
            for promised, done in zip(chosen[k], executed[k][1:], strict=False):
                assert promised is None or promised.item() == done  # type: ignore[attr-defined]
    finished = [
        (script[e % len(script)].score, len(script[e % len(script)].rewards))
        for script, environment in zip(scripts, scripts_of(environments), strict=True)
        for e in range(environment.episode)
    ]
    assert sorted(scores) == sorted(finished)


# --- Pieces -----------------------------------------------------------------------


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    """[T, K] with ends anywhere, or [T] whose only end may be at its last step."""
    T, K = draw(st.integers(1, 6)), draw(st.integers(0, 3))
    shape = (T, K) if K else (T,)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    flags = st.lists(st.booleans(), min_size=T * max(K, 1), max_size=T * max(K, 1))
    ends = [torch.tensor(draw(flags)).view(shape) for _ in range(2)]
    if not K:
        for end in ends:
            end[:-1] = False
    return Rollout(
        observations=torch.randn(*shape, 1, generator=generator),
        actions=torch.zeros(shape, dtype=torch.int64),
        rewards=torch.randn(*shape, generator=generator),
        terminated=ends[0],
        truncated=ends[1],
        next_observations=torch.randn(*shape, 1, generator=generator),
        next_actions=None,
    )


def value(observations: Tensor) -> Tensor:
    """Some value of a state; the tests need one that no two states share."""
    return 3.0 * observations[..., 0] + 1.0


@given(rollouts(), st.sampled_from([0.0, 0.5, 0.99, 1.0]))
def test_returns_of_pieces_are_the_slow_ones(rollout: Rollout, gamma: float) -> None:
    pieces = split_at_episode_ends(rollout)
    last_values = bootstrap_value(value(pieces.last_observations), pieces.terminated)
    returns = pieces.merge(n_step_returns(pieces.rewards, last_values, gamma))
    assert returns.shape == rollout.rewards.shape
    for k, column in enumerate(columns(rollout)):
        _, _, r, terminated, truncated, s1, _ = zip(*column, strict=True)
        expected = slow_returns(
            *([x.item() for x in r], list(terminated), list(truncated)),
            *([value(s).item() for s in s1], gamma),
        )
        ours = returns if rollout.rewards.ndim == 1 else returns[:, k]
        assert_close(ours, torch.tensor(expected), atol=1e-4, rtol=1e-4)


@given(rollouts(), st.floats(0, 1))
def test_the_padding_never_leaks(rollout: Rollout, gamma: float) -> None:
    pieces = split_at_episode_ends(rollout)
    if pieces.place is None:
        assert pieces.rewards is rollout.rewards  # nothing is padded
        return
    # Every step has a place of its own, and all other places hold zero.
    taken = torch.zeros_like(pieces.rewards, dtype=torch.bool)
    taken[pieces.place] = True
    assert taken.sum() == rollout.rewards.numel()
    assert not pieces.rewards[~taken].any()
    assert torch.equal(pieces.merge(pieces.rewards), rollout.rewards)
    # Even if the padding held rewards, they would reach no step.
    last_values = value(pieces.last_observations)
    clean = pieces.merge(n_step_returns(pieces.rewards, last_values, gamma))
    dirty_rewards = torch.where(taken, pieces.rewards, 1e6)
    dirty = pieces.merge(n_step_returns(dirty_rewards, last_values, gamma))
    assert torch.equal(dirty, clean)


def test_pieces_by_hand() -> None:
    # Two environments, three steps; the first terminates at step 1, the second is
    # truncated at step 0. Pieces, aligned at their last step:
    #   A: steps 0-1    B: step 2    C: step 0    D: steps 1-2
    rollout = Rollout(
        observations=torch.zeros(3, 2, 1),
        actions=torch.zeros(3, 2, dtype=torch.int64),
        rewards=torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]),
        terminated=torch.tensor([[False, False], [True, False], [False, False]]),
        truncated=torch.tensor([[False, True], [False, False], [False, False]]),
        next_observations=torch.tensor([[[1], [4]], [[2], [5]], [[3], [6]]]).float(),
        next_actions=None,
    )
    pieces = split_at_episode_ends(rollout)
    padded = [[0, 0, 0, 0], [1, 0, 0, 20], [2, 3, 10, 30]]
    assert pieces.rewards.tolist() == padded
    assert pieces.last_observations.flatten().tolist() == [2, 3, 4, 6]
    assert pieces.terminated.tolist() == [True, False, False, False]
    # γ = 1/2 and bootstrap values 0 (terminated), 8, 8, 8:
    #   A: 2, 1 + 2/2    B: 3 + 8/2    C: 10 + 8/2    D: 30 + 8/2, 20 + 34/2
    last_values = bootstrap_value(torch.full((4,), 8.0), pieces.terminated)
    returns = pieces.merge(n_step_returns(pieces.rewards, last_values, 0.5))
    assert returns.tolist() == [[2.0, 14.0], [2.0, 37.0], [7.0, 34.0]]


@pytest.mark.parametrize("kind", ["terminated", "truncated", "cut off"])
def test_only_a_termination_has_no_value_beyond(kind: str) -> None:
    rollout = Rollout(
        observations=torch.zeros(2, 1),
        actions=torch.zeros(2, dtype=torch.int64),
        rewards=torch.tensor([1.0, 1.0]),
        terminated=torch.tensor([False, kind == "terminated"]),
        truncated=torch.tensor([False, kind == "truncated"]),
        next_observations=torch.tensor([[0.0], [1.0]]),
        next_actions=None,
    )
    pieces = split_at_episode_ends(rollout)
    last_value = bootstrap_value(value(pieces.last_observations), pieces.terminated)
    returns = n_step_returns(pieces.rewards, last_value, 1.0)
    # value(1) = 4: 1 + 4 and 1 + 5, or 1 and 2 where nothing follows.
    assert returns.tolist() == ([2.0, 1.0] if kind == "terminated" else [6.0, 5.0])
