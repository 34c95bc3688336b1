"""Cliff walking: what one-step Q-learning and Sarsa learn, and why they differ.

Many independent runs walk the cliff side by side, each with a table of its own, so
that a whole comparison takes seconds and its spread can be shown. The targets are
functions that come in from outside: a student's own will do.

The values under an ε-greedy policy can also be solved for, and they say why one path
is better than the other while the learner explores.

Source: Mnih et al. (2016), section 4, for the two targets; the walk is example 6.6 of
Sutton and Barto (2018).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm.auto import tqdm

from course import returns
from course.environments.tabular import (
    CliffWalk,
    epsilon_greedy_policy,
    exact_values,
    greedy_policy,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Targets = Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor]
"""targets(rewards, terminated, next_q_values, next_actions, gamma), as Sarsa's."""

GAMMA = 1.0  # as in the book: an episode's return is minus its number of steps
FALL = -100.0
LONGEST = 1_000  # steps of an episode without learning: a table may lead in circles
UP, RIGHT, DOWN = 0, 1, 2


@dataclass(frozen=True)
class Walks:
    """What K independent runs did and learned.

    Attributes:
        name: Of the method.
        q_values: Their tables at the end, `[K, S, A]`.
        online_return: Mean return of the episodes that ended in each tenth of the
            training, `[K, 10]`; NaN where none did.
        falls: Falls per 1,000 steps in the second half, `[K]`.
        same_action: Share of the steps after which the action in the target was
            executed, or the episode was over.
    """

    name: str
    q_values: FloatArray
    online_return: FloatArray
    falls: FloatArray
    same_action: float


def q_learning_targets(
    rewards: Tensor,
    terminated: Tensor,
    next_q_values: Tensor,
    next_actions: Tensor,
    gamma: float,
) -> Tensor:
    """Targets of Q-learning in the place of Sarsa's: the next action is ignored.

    Args:
        rewards: r_i, `[T]`.
        terminated: Whether s_{i+1} is terminal, `[T]`.
        next_q_values: Q(s_{i+1}, ·), `[T, A]`.
        next_actions: a_{i+1}, `[T]`; not used.
        gamma: Discount.
    """
    return returns.one_step_q_targets(rewards, terminated, next_q_values, gamma)


def learn(
    name: str,
    targets: Targets,
    *,
    runs: int = 30,
    steps: int = 20_000,
    step_size: float = 0.2,
    epsilon: float = 0.1,
    resample: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> Walks:
    """Walks and learns, `runs` tables at once, Q(s, a) ← Q(s, a) + step size (y − Q).

    Args:
        name: For the pictures.
        targets: Called at every step with tensors of one entry for each run.
        runs: How many independent runs, K.
        steps: Of each run.
        step_size: How far a value moves towards its target, 0 to 1.
        epsilon: Of the ε-greedy policy, the same throughout.
        resample: The bug of this lesson's hunt: the action is drawn again after the
            update, so that another one is executed than stands in the target.
        seed: Of all random numbers.
        progress: Whether to show a progress bar.
    """
    environment = CliffWalk()
    after, rewards, ends = _tables(environment)
    rng = np.random.default_rng(seed)
    rows = np.arange(runs)
    q_values = np.zeros((runs, *rewards.shape))
    states = np.full(runs, environment.start)
    actions = _act(q_values[rows, states], epsilon, rng)
    so_far = np.zeros(runs)
    sums, counts = np.zeros((runs, 10)), np.zeros((runs, 10))
    falls, same = np.zeros(runs), 0
    for step in tqdm(range(steps), desc=name, disable=not progress, leave=False):
        next_states = after[states, actions]
        reward, ended = rewards[states, actions], ends[states, actions]
        # At an end these are those of a state that nobody is in: any will do.
        next_actions = _act(q_values[rows, next_states], epsilon, rng)
        wanted = targets(
            torch.from_numpy(reward),
            torch.from_numpy(ended),
            torch.from_numpy(q_values[rows, next_states]),
            torch.from_numpy(next_actions),
            GAMMA,
        )
        errors = np.asarray(wanted, dtype=float) - q_values[rows, states, actions]
        q_values[rows, states, actions] += step_size * errors

        so_far += reward
        tenth = 10 * step // steps
        sums[ended, tenth] += so_far[ended]
        counts[ended, tenth] += 1
        so_far[ended] = 0.0
        falls += (reward == FALL) & (step >= steps // 2)

        states = np.where(ended, environment.start, next_states)
        fresh = _act(q_values[rows, states], epsilon, rng)
        executed = fresh if resample else np.where(ended, fresh, next_actions)
        same += int(np.sum((executed == next_actions) | ended))
        actions = executed
    with np.errstate(invalid="ignore"):
        online_return = sums / counts
    per_thousand = falls / ((steps - steps // 2) / 1_000)
    return Walks(name, q_values, online_return, per_thousand, same / (runs * steps))


def _tables(
    environment: CliffWalk,
) -> tuple[IntArray, FloatArray, npt.NDArray[np.bool_]]:
    """Next state, reward and end of every state and action: nothing is random."""
    table = environment.transitions
    outcomes = np.array(
        [[table[s][a][0][1:] for a in range(4)] for s in range(len(table))]
    )
    return (
        outcomes[..., 0].astype(np.int64),
        outcomes[..., 1].astype(np.float64),
        outcomes[..., 2].astype(bool),
    )


def _act(q_values: FloatArray, epsilon: float, rng: np.random.Generator) -> IntArray:
    """ε-greedy, `[K, A]` -> `[K]`; as all values begin at 0, ties go at random."""
    noise = rng.random(q_values.shape)
    best = q_values == q_values.max(-1, keepdims=True)
    greedy = np.where(best, noise, -1.0).argmax(-1)
    explores = rng.random(len(q_values)) < epsilon
    random = rng.integers(q_values.shape[-1], size=len(q_values))
    return np.asarray(np.where(explores, random, greedy), dtype=np.int64)


def greedy_path(q_values: FloatArray) -> list[int]:
    """The states from the start to the goal without exploration.

    It ends early where a state comes a second time: this table leads nowhere.

    Args:
        q_values: `[S, A]`.
    """
    environment = CliffWalk()
    after, _, _ = _tables(environment)
    path = [environment.start]
    while path[-1] != len(after) - 1:
        state = int(after[path[-1], q_values[path[-1]].argmax()])
        if state in path:
            break
        path.append(state)
    return path


def row_policy(row: int) -> FloatArray:
    """A walker who goes along one row of the grid, `[S, A]`.

    Args:
        row: 2 is the edge of the cliff, 0 the top. From anywhere else the walker
            goes on to the right above that row, and up to it from below.
    """
    environment = CliffWalk()
    width = environment.width
    policy = np.zeros((environment.height * width, 4))
    for state in range(len(policy)):
        if state % width == width - 1:
            policy[state, DOWN] = 1.0
        else:
            policy[state, UP if state // width > row else RIGHT] = 1.0
    return policy


def exact_start_value(policy: FloatArray, epsilon: float) -> float:
    """The mean return of an episode that follows a policy, but explores.

    Args:
        policy: `[S, A]`: with probability 1 - epsilon; else any action alike. A table
            of values does as well: then it is its greedy policy.
        epsilon: 0 to 1.

    Raises:
        ValueError: Epsilon is 0 and the policy never comes to the goal.
    """
    environment = CliffWalk()
    explored = epsilon_greedy_policy(greedy_policy(policy), epsilon)
    values = exact_values(environment, explored, GAMMA)
    return float(values[environment.start])


def unexplained(
    q_values: FloatArray,
    *,
    resample: bool,
    episodes: int = 200,
    epsilon: float = 0.1,
    seed: int = 0,
) -> FloatArray:
    """What the errors of an episode fail to explain, one number for each, `[episodes]`.

    With the table left as it is, Sarsa's errors r + Q(s', a') − Q(s, a) add up to the
    episode's return minus Q of its first step, for each Q(s', a') is added by one step
    and taken away by the next. The difference is returned. An episode that leads in
    circles is cut off after 1,000 steps; its last Q(s', a') stands for the rest.

    Args:
        q_values: `[S, A]`.
        resample: Whether another action is drawn to be executed.
        episodes: How many.
        epsilon: Of the ε-greedy walker.
        seed: Of all random numbers.
    """
    environment = CliffWalk()
    after, rewards, ends = _tables(environment)
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(episodes):
        state, ended = environment.start, False
        action = _act(q_values[[state]], epsilon, rng)[0]
        errors, score, first = 0.0, 0.0, q_values[state, action]
        following, steps = 0.0, 0
        while not ended and steps < LONGEST:
            reward, ended = rewards[state, action], bool(ends[state, action])
            next_state = int(after[state, action])
            next_action = _act(q_values[[next_state]], epsilon, rng)[0]
            following = 0.0 if ended else q_values[next_state, next_action]
            errors += reward + following - q_values[state, action]
            score += reward
            steps += 1
            if resample:
                next_action = _act(q_values[[next_state]], epsilon, rng)[0]
            state, action = next_state, next_action
        differences.append(errors - (score + following - first))
    return np.array(differences)
