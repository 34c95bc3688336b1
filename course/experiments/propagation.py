"""How fast one reward moves along a chain, for rollouts of 1, 3 or 5 steps.

A learner walks a `Chain` from left to right, always right, so that nothing is random.
Only the last step is rewarded. After every n steps it updates: each state of the
rollout gets its n-step return as its new value, with the value of the state behind
the rollout as bootstrap. With n = 1 an episode moves the reward by one state; with
n = 5 by five.

`learn` asks the same of a network with a target network.

Source: the rollouts of Algorithm S2 of the paper (Mnih et al., 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from course import returns
from course.actor_learner import new_network
from course.algorithms import Algorithm, get_algorithm
from course.config import Config
from course.environments import environment_spec, make_environment
from course.environments.tabular import Chain, exact_values, optimal_q_values
from course.networks import bind
from course.plots import Picture
from course.shared import Shared
from course.trainers.log import Batch
from course.trainers.train import train

FloatArray = npt.NDArray[np.float64]

RIGHT = 1
CLOSE = 1e-5  # the values are computed in float32


@dataclass(frozen=True)
class Propagation:
    """What the learner believed, episode by episode.

    Attributes:
        n: Steps of a rollout.
        values: The table of values before the first episode and after each one,
            `[episodes + 1, length]`.
        exact: The true values, `[length]`.
        updates: Updates until V(s_0) was right, one for each rollout; None if it never
            was.
        episodes: The episode in which it became right, counted from 1; None likewise.
    """

    n: int
    values: FloatArray
    exact: FloatArray
    updates: int | None
    episodes: int | None


def run(
    n: int,
    n_step_returns: Callable[[Tensor, Tensor, float], Tensor] = returns.n_step_returns,
    length: int = 9,
    episodes: int = 9,
    gamma: float = 0.9,
) -> Propagation:
    """Walks the chain and learns its values.

    Args:
        n: Steps of a rollout; the last one of an episode may be shorter.
        n_step_returns: `n_step_returns(rewards, bootstrap_value, gamma)`, as in
            `course.returns`. It is given rewards `[T]` and a 0-d tensor, float32.
        length: States of the chain, at least 1.
        episodes: How many walks, at least 1.
        gamma: Discount, 0 to 1.

    Raises:
        ValueError: `n`, `length` or `episodes` is less than 1.
    """
    for name, value in (("n", n), ("length", length), ("episodes", episodes)):
        if value < 1:
            raise ValueError(f"{name} is {value}; expected 1 or more.")
    environment = Chain(length)
    always_right = np.tile([0.0, 1.0], (length, 1))
    exact = exact_values(environment, always_right, gamma)
    values = torch.zeros(length)
    table = [values.tolist()]
    updates, updates_until_right, episodes_until_right = 0, None, None
    for episode in range(1, episodes + 1):
        state, terminated = int(environment.reset()[0]), False
        while not terminated:
            states: list[int] = []
            rewards: list[float] = []
            while len(states) < n and not terminated:
                states.append(state)
                after, reward, terminated, _, _ = environment.step(np.int64(RIGHT))
                rewards.append(reward)
                state = int(after)
            bootstrap = torch.tensor(0.0) if terminated else values[state].clone()
            targets = n_step_returns(torch.tensor(rewards), bootstrap, gamma)
            values[states] = torch.as_tensor(targets, dtype=torch.float32)
            updates += 1
            is_right = abs(values[0].item() - exact[0]) < CLOSE
            if is_right and updates_until_right is None:
                updates_until_right, episodes_until_right = updates, episode
        table.append(values.tolist())
    return Propagation(
        n, np.array(table), exact, updates_until_right, episodes_until_right
    )


class Crossing(NamedTuple):
    """When a network first had the right value for the chain's first state.

    Attributes:
        t_max: Steps of a rollout.
        step: Agent steps until then; None if it never had.
        updates: Updates until then, or in all.
        copies: Copies θ⁻ ← θ until then, or in all.
    """

    t_max: int
    step: int | None
    updates: int
    copies: int


def learn(
    algorithm: str | Algorithm,
    t_max: int,
    seed: int = 0,
    target_period: int = 500,
    total_steps: int = 10_000,
) -> Crossing:
    """Trains a network on Chain-v0, five states, until max_a Q(s_0, a) is right.

    Right means within a tenth of the exact value. Here θ⁻ holds still between its
    copies, so that a reward crosses one bootstrap for each copy.

    Args:
        algorithm: n-step Q-learning, the course's or with your own functions.
        t_max: Steps of a rollout.
        seed: Of the run.
        target_period: Agent steps between copies θ⁻ ← θ.
        total_steps: When to give up.
    """
    environment = environment_spec("course/Chain-v0")
    plain = make_environment(environment)
    network = new_network(
        get_algorithm(algorithm), plain.observation_space, plain.action_space, Config()
    )
    plain.close()
    q_values = optimal_q_values(Chain(), gamma=0.9)
    exact, start = q_values[0].max(), torch.eye(len(q_values))[0]
    crossing = Crossing(t_max, None, 0, 0)

    def watch(batch: Batch, shared: Shared) -> None:
        nonlocal crossing
        value = bind(network, shared.theta)(start).max().item()
        if crossing.step is None and abs(value - exact) < 0.1 * exact:
            step, copies = shared.global_step, int(shared.target_refreshes.item())
            crossing = Crossing(t_max, step, shared.num_updates, copies)
            shared.stop()

    result = train(
        algorithm,
        environment,
        backend="sequential",
        on_batch=watch,
        progress=False,
        seed=seed,
        workers=1,
        t_max=t_max,
        target_period=target_period,
        total_steps=total_steps,
        gamma=0.9,
        reward_scale=1.0,
        epsilon_anneal_steps=1_000,
        final_epsilon=0.1,
    )
    if crossing.step is None:
        copies = result.global_step // target_period
        return Crossing(t_max, None, result.num_updates, copies)
    return crossing


def picture(runs: Sequence[Propagation]) -> Picture:
    """The chain's values filling up, one panel for each run.

    Args:
        runs: From `run`, all of the same length and number of episodes.

    Raises:
        ValueError: There is no run.
    """
    if not runs:
        raise ValueError("runs is empty; expected at least one Propagation.")
    figure = Picture(figsize=(1.2 + 3.4 * len(runs), 4.0), layout="constrained")
    figure.suptitle("Values of the chain's states after each episode", fontsize=11)
    figure.description = (
        "Tables of the chain's values, one row for each episode, where numbers fill "
        "up from the rewarded right end: " + "; ".join(map(_in_words, runs)) + "."
    )
    # Light enough for black numbers: the number says what the shade says.
    shades = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#7FB8D9"])
    panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    for axes, each in zip(panels, runs, strict=True):
        axes.imshow(each.values, cmap=shades, vmin=0.0, vmax=1.0, aspect="auto")
        for (row, column), value in np.ndenumerate(each.values):
            if value != 0.0:
                text = f"{value:.2f}".removeprefix("0")
                axes.text(column, row, text, ha="center", va="center", fontsize=7)
        axes.set_title(f"n = {each.n}: {_until(each)}", fontsize=9)
        axes.set_xlabel("state")
        axes.set_xticks(range(len(each.exact)))
        axes.set_yticks(range(len(each.values)))
        axes.spines[:].set_color("#B0B0B0")
    panels[0].set_ylabel("episodes so far")
    return figure


def _until(each: Propagation) -> str:
    """When V(s_0) was right, in words."""
    if each.updates is None or each.episodes is None:
        return "V(s₀) is never right"
    return f"V(s₀) right in episode {each.episodes},\nafter {_count(each.updates)}"


def _count(updates: int) -> str:
    return f"{updates} update{'s' if updates > 1 else ''}"


def _in_words(each: Propagation) -> str:
    return f"with n = {each.n}, {_until(each)}".replace("\n", " ")
