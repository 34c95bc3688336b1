"""The target network: who reads and writes θ, θ⁻ and T, and how often to copy.

θ and θ⁻ are both shared by all learners. The first part watches one learner at a time
and notes what it touches; the second trains with different periods between copies.

Source: Mnih et al. (2016), Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from gymnasium.envs.registration import EnvSpec
from torch import Tensor, nn
from tqdm.auto import tqdm

from course.actor_learner import Acted, Pulled, actor_learner, new_network
from course.algorithms import ONE_STEP_Q, Algorithm
from course.config import Config
from course.environments import environment_spec, make_environment
from course.environments.tabular import Chain, optimal_q_values
from course.networks import flatten
from course.plots import GREY, STYLES, Picture
from course.shared import Shared, Update
from course.trainers.log import Batch
from course.trainers.train import train

Environment = str | EnvSpec | Callable[[], gymnasium.Env[Any, Any]]
Learner = Generator[Pulled | Acted | Update, None, None]

FloatArray = npt.NDArray[np.float64]

LENGTH, GAMMA = 8, 0.9  # of the chain
CLOSE = 0.1  # relative, of a value that counts as right
WATCHED = {"theta": "θ", "target_theta": "θ⁻", "global_step": "T"}
PHASES = {Pulled: "pull", Acted: "act", Update: "compute"}


def prepare(
    algorithms: Sequence[Algorithm],
    environment: Environment,
    configs: Sequence[Config],
    make_shared: type[Shared] = Shared,
) -> tuple[Shared, list[Learner]]:
    """What a simulation of one's own begins with: θ, and the learners, not yet begun.

    Args:
        algorithms: One for each learner; they may differ in what they watch.
        environment: As for `train`.
        configs: One for each learner; they may differ in how it explores.
        make_shared: `Shared`, or a class that watches it.

    Returns:
        The shared memory, and a generator of events for each learner.
    """
    spec = environment_spec(environment)
    first = make_environment(spec)
    network = new_network(
        algorithms[0], first.observation_space, first.action_space, configs[0]
    )
    first.close()
    shared = make_shared.allocate(
        flatten(network), configs[0], algorithms[0].functions["update"]
    )
    learners = [
        actor_learner(algorithm, spec, shared, config, worker_id)
        for worker_id, (algorithm, config) in enumerate(
            zip(algorithms, configs, strict=True)
        )
    ]
    return shared, learners


class WatchedShared(Shared):
    """Shared memory that notes which of its parts has been looked at.

    Attributes:
        touched: The symbols of the parts touched since the set was last emptied.
    """

    def __getattribute__(self, name: str) -> Any:
        """The attribute, after a note of it."""
        if name in WATCHED:
            self.__dict__.setdefault("touched", set()).add(WATCHED[name])
        return super().__getattribute__(name)


def state_table(
    algorithm: Algorithm = ONE_STEP_Q,
    environment: Environment = "course/Chain-v0",
    rounds: int = 20,
) -> dict[str, dict[str, str]]:
    """Who reads and who writes the shared θ, θ⁻ and T, seen in a short simulation.

    Two learners take turns. A part is read in an event if it was touched there, be it
    by a network that lives in it; it is written if its content was another afterwards.

    Args:
        algorithm: The course's, or one with your own functions.
        environment: As for `train`.
        rounds: How many turns each learner has.

    Returns:
        `table[event][part]`: "reads", "writes", both, or "" for the events "pull",
        "act", "compute" and "push".
    """
    config = Config().replace(
        **{**algorithm.defaults, "update_period": 5, "t_max": 5, "target_period": 30},
    )
    evaluated: set[int] = set()

    def make_network(*arguments: Any) -> nn.Module:
        network: nn.Module = algorithm.make_network(*arguments)
        network.register_forward_pre_hook(
            lambda module, _: evaluated.add(_memory(next(module.parameters())))
        )
        return network

    watched = algorithm.replace(make_network=make_network)
    shared, learners = prepare([watched] * 2, environment, [config] * 2, WatchedShared)
    assert isinstance(shared, WatchedShared)
    homes = {_memory(shared.theta): "θ", _memory(shared.target_theta): "θ⁻"}
    table: dict[str, dict[str, set[str]]] = {
        event: {part: set() for part in WATCHED.values()}
        for event in (*PHASES.values(), "push")
    }

    def note(event: str, before: dict[str, Any]) -> None:
        read = {homes[memory] for memory in evaluated if memory in homes}
        for part in shared.touched | read:
            table[event][part].add("reads")
        for part, content in _content(shared).items():
            if content != before[part]:
                table[event][part].add("writes")
        evaluated.clear()
        shared.touched.clear()

    for learner in learners:  # the first pull also builds the networks
        next(learner)
    for turn in range(3 * rounds * len(learners)):
        learner = learners[turn // 3 % len(learners)]
        before = _content(shared)
        evaluated.clear()
        shared.touched.clear()
        event = next(learner)
        note(PHASES[type(event)], before)
        if isinstance(event, Update):
            before = _content(shared)
            shared.touched.clear()
            shared.apply(event)
            note("push", before)
    for learner in learners:
        learner.close()
    return {
        event: {part: " and ".join(sorted(uses)) for part, uses in parts.items()}
        for event, parts in table.items()
    }


def state_text(table: dict[str, dict[str, str]]) -> str:
    """The table of `state_table`, aligned."""
    rows = [("event", *WATCHED.values())]
    rows += [
        (event, *(use or "-" for use in parts.values()))
        for event, parts in table.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def _memory(tensor: Tensor) -> int:
    """Where a tensor's memory begins; the views of one vector have it in common."""
    return tensor.untyped_storage().data_ptr()


def _content(shared: Shared) -> dict[str, Any]:
    return {
        "θ": shared.theta.tolist(),
        "θ⁻": shared.target_theta.tolist(),
        "T": shared.global_step,
    }


@dataclass(frozen=True)
class Period:
    """What was learned with one target period.

    Attributes:
        target_period: I_target, in agent steps of all learners.
        copies: How often θ⁻ ← θ was made in a run.
        values: max_a Q(s, a) of every state at the end, `[seeds, states]`.
        exact: The true values, `[states]`.
    """

    target_period: int
    copies: int
    values: FloatArray
    exact: FloatArray

    @property
    def states_right(self) -> list[int]:
        """For each seed: how many values, from the reward backwards, are right."""
        right = np.abs(self.values - self.exact) <= CLOSE * self.exact
        backwards = np.cumprod(right[:, ::-1], axis=1).sum(axis=1)
        return [int(number) for number in backwards]


def sweep(
    periods: Sequence[int],
    seeds: Sequence[int] = (0, 1),
    algorithm: Algorithm = ONE_STEP_Q,
    total_steps: int = 6_000,
) -> list[Period]:
    """Trains two learners on a chain of eight states, in the simulation.

    Only the last state is rewarded. θ⁻ holds still between copies, so whatever is
    learned can move back by one state for each copy, and hardly further.

    Args:
        periods: Values of `target_period`.
        seeds: One run for each.
        algorithm: One-step Q-learning, or it with your own functions.
        total_steps: Length of a run.
    """
    return [
        _learn_chain(period, seeds, algorithm, total_steps)
        for period in tqdm(periods, desc="target periods", unit="period")
    ]


def _chain() -> gymnasium.Env[Any, Any]:
    return gymnasium.wrappers.TimeLimit(Chain(LENGTH), 200)


def _learn_chain(
    period: int, seeds: Sequence[int], algorithm: Algorithm, total_steps: int
) -> Period:
    copies = 0

    def count(batch: Batch, shared: Shared) -> None:
        nonlocal copies
        copies = int(shared.target_refreshes.item())

    values = []
    for seed in seeds:
        result = train(
            algorithm,
            _chain,
            backend="sequential",
            seed=seed,
            total_steps=total_steps,
            target_period=period,
            gamma=GAMMA,
            update_period=5,
            learning_rate=2e-3,
            max_grad_norm=10.0,
            reward_scale=1.0,
            final_epsilon=0.5,
            epsilon_anneal_steps=0,
            progress=False,
            on_batch=count,
        )
        with torch.no_grad():
            values.append(result.network(torch.eye(LENGTH)).amax(-1).numpy())
    exact = optimal_q_values(Chain(LENGTH), GAMMA).max(axis=1)
    return Period(period, copies, np.array(values, dtype=np.float64), exact)


def table(results: Sequence[Period]) -> str:
    """The sweep as text: how many copies, and for each seed how many states are right.

    A value is right within 10%.
    """
    lines = ["period  copies  states right, one number for each seed"]
    lines += [
        f"{each.target_period:>6,}  {each.copies:>6,}  "
        + ", ".join(f"{number} of {LENGTH}" for number in each.states_right)
        for each in results
    ]
    return "\n".join(lines)


def picture(results: Sequence[Period]) -> Picture:
    """The values of the chain's states beside the true ones, a line for each period.

    A line is the mean over the seeds, its band reaches from the lowest to the highest.

    Args:
        results: From `sweep`, up to four.

    Raises:
        ValueError: There is none, or more than four.
    """
    if not 0 < len(results) <= len(STYLES):
        raise ValueError(f"results has {len(results)} periods; expected 1 to 4.")
    figure = Picture(figsize=(7.6, 4.0), layout="constrained")
    axes = figure.subplots()
    states = np.arange(LENGTH)
    axes.plot(states, results[0].exact, color=GREY, linewidth=6, alpha=0.5)
    axes.annotate("true values", (2.2, results[0].exact[2] - 0.06), color="#555555")
    for each, (color, line, marker) in zip(results, STYLES, strict=False):
        axes.plot(
            *(states, each.values.mean(0), line),
            color=color,
            marker=marker,
            label=f"{each.target_period:,} steps: {each.copies:,} copies",
        )
        low, high = each.values.min(0), each.values.max(0)
        axes.fill_between(states, low, high, color=color, alpha=0.12, linewidth=0)
    axes.set_xlabel("state (the reward comes after the last)")
    axes.set_ylabel("value learned, max_a Q(s, a)")
    axes.legend(title="target period", frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.description = (
        f"Values learned on a chain of {LENGTH} states by target period: "
        + "; ".join(
            f"with a period of {each.target_period:,} steps ({each.copies:,} copies) "
            f"{' and '.join(map(str, each.states_right))} states are right"
            for each in results
        )
        + ", counted back from the reward, one number for each seed."
    )
    return figure
