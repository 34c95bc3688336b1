"""Environments given as a table, small enough for their values to be solved for.

A learner only samples transitions. Here the table of all transitions is known, so
dynamic programming gives the values that a correct learner must come to.

In the notation of the formulas, p(s'|s,a) is the probability of the next state and
r(s,a) the expected reward. Nothing follows a termination, so a transition that
terminates adds its reward but no probability of going on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Discrete

FloatArray = npt.NDArray[np.float64]
Outcome = tuple[float, int, float, bool]
"""(probability, next state, reward, terminated)"""
Transitions = (
    Sequence[Sequence[Sequence[Outcome]]]
    | Mapping[int, Mapping[int, Sequence[Outcome]]]
)
"""`transitions[state][action]` is a list of outcomes, Gymnasium's toy-text form."""


class TabularEnv(gymnasium.Env[np.int64, np.int64]):
    """An environment that follows a table of transitions.

    The observation is the number of the state. `reset(options={"state": s})`
    begins in state s instead of in `start`.

    Args:
        transitions: For every state and action the list of its outcomes.
        start: The state in which an episode begins.

    Raises:
        ValueError: Outcomes whose probabilities do not sum to 1, a next state that
            the table does not have, or states with different numbers of actions.
    """

    def __init__(self, transitions: Transitions, start: int = 0) -> None:
        states, actions = range(len(transitions)), range(len(transitions[0]))
        for s in states:
            if len(transitions[s]) != len(actions):
                raise ValueError(
                    f"transitions[{s}] has {len(transitions[s])} actions; expected "
                    f"{len(actions)}, as in state 0."
                )
            for a in actions:
                probabilities, next_states, _, _ = zip(*transitions[s][a], strict=True)
                if min(probabilities) < 0 or not np.isclose(sum(probabilities), 1):
                    raise ValueError(
                        f"transitions[{s}][{a}] has the probabilities {probabilities}; "
                        "expected numbers from 0 that sum to 1."
                    )
                if not set(next_states) <= set(states):
                    raise ValueError(
                        f"transitions[{s}][{a}] leads to the states {next_states}; "
                        f"expected states from 0 to {len(states) - 1}."
                    )
        self.transitions = transitions
        self.start = start
        self.observation_space = Discrete(len(states))
        self.action_space = Discrete(len(actions))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Begin an episode in `start`, or in `options["state"]`."""
        super().reset(seed=seed)
        self.state = int((options or {}).get("state", self.start))
        return np.int64(self.state), {}

    def step(
        self, action: np.int64
    ) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Draw one outcome of the action from the table."""
        outcomes = self.transitions[self.state][int(action)]
        drawn = self.np_random.choice(len(outcomes), p=[each[0] for each in outcomes])
        _, self.state, reward, terminated = outcomes[drawn]
        return np.int64(self.state), float(reward), terminated, False, {}


class Chain(TabularEnv):
    """States in a row; action 1 goes right, action 0 left.

    Stepping off the right end gives reward 1 and terminates; every other step
    gives 0. At the left end, left stays. Going right throughout is optimal, and
    without slipping its values are gamma^(length - 1 - s).

    Args:
        length: The number of states; an episode begins in state 0.
        slip: The probability that a step goes the other way.
    """

    def __init__(self, length: int = 5, slip: float = 0.0) -> None:
        def move(state: int, direction: int) -> tuple[int, float, bool]:
            if state + direction == length:
                return state, 1.0, True
            return max(state + direction, 0), 0.0, False

        super().__init__(
            [
                [
                    [(1 - slip, *move(s, direction)), (slip, *move(s, -direction))]
                    for direction in (-1, 1)
                ]
                for s in range(length)
            ]
        )


class CliffWalk(TabularEnv):
    """The cliff of Sutton and Barto (2018), example 6.6.

    A walk from the lower left corner to the lower right one; between the two lies
    the cliff. Each step gives -1; a step into the cliff gives -100 and leads back
    to the start, and the episode goes on. Reaching the goal terminates. Actions:
    0 up, 1 right, 2 down, 3 left; a step against the edge stays. State
    row x width + column, as in Gymnasium's CliffWalking-v1.
    """

    metadata = gymnasium.Env.metadata | {
        "render_modes": ["rgb_array", "ansi"],
        "render_fps": 8,
    }

    def __init__(
        self, height: int = 4, width: int = 12, render_mode: str | None = None
    ) -> None:
        self.render_mode = render_mode
        self.height, self.width = height, width
        start, goal = (height - 1) * width, height * width - 1

        def outcome(state: int, down: int, right: int) -> Outcome:
            if state == goal:  # Never left: the episode is over.
                return 1.0, goal, 0.0, True
            row = min(max(state // width + down, 0), height - 1)
            column = min(max(state % width + right, 0), width - 1)
            next_state = row * width + column
            if start < next_state < goal:
                return 1.0, start, -100.0, False
            return 1.0, next_state, -1.0, next_state == goal

        moves = ((-1, 0), (0, 1), (1, 0), (0, -1))
        super().__init__(
            [
                [[outcome(s, down, right)] for down, right in moves]
                for s in range(height * width)
            ],
            start,
        )

    def render(self) -> str | npt.NDArray[np.uint8]:
        """A picture, [32 height, 32 width, 3] uint8, or lines of text.

        In text, x is the walker, S the start, C the cliff and G the goal.
        """
        cells = np.full(self.height * self.width, "o")
        cells[self.start :] = ["S", *"C" * (self.width - 2), "G"]
        cells[self.state] = "x"
        grid = cells.reshape(self.height, self.width)
        if self.render_mode == "ansi":
            return "\n".join(" ".join(row) for row in grid)
        colours = {
            "o": (230, 230, 230),
            "S": (160, 190, 230),
            "C": (60, 50, 45),
            "G": (90, 170, 90),
            "x": (200, 60, 40),
        }
        picture = np.array([[colours[c] for c in row] for row in grid], dtype=np.uint8)
        return picture.repeat(32, axis=0).repeat(32, axis=1)


def dynamics(env: TabularEnv) -> tuple[FloatArray, FloatArray]:
    """The table as arrays.

    Returns:
        p(s'|s,a) as [S, A, S], where only transitions that do not terminate count,
        so that a row may sum to less than 1; and r(s,a) as [S, A].
    """
    num_states, num_actions = len(env.transitions), len(env.transitions[0])
    continuation = np.zeros((num_states, num_actions, num_states))
    rewards = np.zeros((num_states, num_actions))
    for s in range(num_states):
        for a in range(num_actions):
            for probability, next_state, reward, terminated in env.transitions[s][a]:
                rewards[s, a] += probability * reward
                if not terminated:
                    continuation[s, a, next_state] += probability
    return continuation, rewards


def exact_values(env: TabularEnv, policy: FloatArray, gamma: float) -> FloatArray:
    """The value of every state under a policy, by solving Bellman's equation.

    V(s) = sum_a pi(a|s) (r(s,a) + gamma sum_s' p(s'|s,a) V(s')) is linear in V.

    Args:
        env: The environment.
        policy: pi(a|s), [S, A]; each row sums to 1.
        gamma: Discount, 0 to 1.

    Returns:
        V, [S].

    Raises:
        ValueError: `gamma` is outside [0, 1]; `policy` has another shape or rows
            that are no probabilities; or `gamma` is 1 and an episode that follows
            the policy may never end.

    Source: Sutton and Barto (2018), equation 4.4.
    """
    _check_gamma(gamma)
    continuation, rewards = dynamics(env)
    if policy.shape != rewards.shape:
        raise ValueError(
            f"policy has shape {policy.shape}; expected {rewards.shape}, one row for "
            "each state."
        )
    if policy.min() < 0 or not np.allclose(policy.sum(axis=1), 1.0):
        raise ValueError(
            "policy has a row that is no probability distribution; expected entries "
            "of 0 or more that sum to 1 in each row."
        )
    transition = np.einsum("sa,sat->st", policy, continuation)
    if gamma == 1:
        # Ends are found backwards: one step from an end, then two, and so on.
        ends = transition.sum(axis=1) < 1 - 1e-12
        for _ in ends:
            ends |= transition @ ends > 0
        if not ends.all():
            raise ValueError(
                f"gamma is 1, but under policy no episode ends from state "
                f"{int(np.argmin(ends))}, so it has no value; use a gamma below 1 or "
                "a policy that reaches an end from every state."
            )
    matrix = np.eye(len(rewards)) - gamma * transition
    values: FloatArray = np.linalg.solve(matrix, (policy * rewards).sum(axis=1))
    return values


def optimal_q_values(
    env: TabularEnv, gamma: float, tolerance: float = 1e-10
) -> FloatArray:
    """Q of the optimal policy, by value iteration.

    Q(s,a) <- r(s,a) + gamma sum_s' p(s'|s,a) max_a' Q(s',a'), for all s and a at
    once, until no entry moves by more than `tolerance`. The result is then within
    tolerance x gamma / (1 - gamma) of the true one.

    Args:
        env: The environment.
        gamma: Discount, 0 to 1.
        tolerance: The change at which to stop.

    Returns:
        Q, [S, A].

    Raises:
        ValueError: `gamma` is outside [0, 1], or the values do not settle.

    Source: Sutton and Barto (2018), section 4.4.
    """
    _check_gamma(gamma)
    continuation, rewards = dynamics(env)
    q_values: FloatArray = np.zeros_like(rewards)
    for _ in range(100_000):
        previous, q_values = q_values, rewards + gamma * continuation @ q_values.max(1)
        if np.abs(q_values - previous).max() <= tolerance:
            return q_values
    raise ValueError(
        f"gamma is {gamma} and the values still move by more than tolerance = "
        f"{tolerance} after 100,000 sweeps; use a smaller gamma."
    )


def greedy_policy(q_values: FloatArray) -> FloatArray:
    """All probability on the action of greatest value, the first of equals, [S, A]."""
    policy: FloatArray = np.eye(q_values.shape[1])[q_values.argmax(axis=1)]
    return policy


def epsilon_greedy_policy(q_values: FloatArray, epsilon: float) -> FloatArray:
    """Greedy with probability 1 - epsilon, else any action alike, [S, A]."""
    uniform = np.full(q_values.shape, 1 / q_values.shape[1])
    return (1 - epsilon) * greedy_policy(q_values) + epsilon * uniform


def _check_gamma(gamma: float) -> None:
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma is {gamma}; expected a discount from 0 to 1.")
