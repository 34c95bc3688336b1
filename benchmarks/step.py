"""Where each microsecond of a training step goes: A3C on CartPole-v1, one learner.

The training loop runs as it is, for some seconds, with a stopwatch around each of the
functions it calls. The floor is what nobody can avoid, timed alone in a tight loop:
Gymnasium's plain environment, and the network's forward and backward pass.
"""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from unittest import mock

import gymnasium
import torch

from benchmarks.common import machine, publish, table
from course import actor_learner as loop
from course.algorithms import A3C
from course.config import Config
from course.environments import environment_spec, make_environments
from course.networks import flatten
from course.rollout import Collector
from course.shared import Shared, Update
from course.trainers.log import Recorder

SECONDS = 8
WHOLE, FLOOR = "whole step", "floor: environment, forward, backward"


class Stopwatch:
    """Adds up the seconds spent in functions, by name."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time added to `name`."""

        def timed(*arguments: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                self.seconds[name] += time.perf_counter() - start

        return timed


def tight(call: Callable[[], object], repeats: int = 1_000) -> float:
    """Seconds for one call, the best of five averages."""
    averages = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        averages.append((time.perf_counter() - start) / repeats)
    return min(averages)


def measure(k: int) -> dict[str, float]:
    """Microseconds of each part for one step of one of K environments."""
    torch.set_num_threads(1)
    config = Config().replace(**A3C.defaults, environments_per_worker=k)
    spec = environment_spec("CartPole-v1")
    environments = make_environments(spec, k)
    spaces = environments.single_observation_space, environments.single_action_space
    network = loop.new_network(A3C, *spaces, config)
    shared = Shared.allocate(flatten(network), config, A3C.update)
    recorder = Recorder(shared, time.time(), logical=False)
    watch = Stopwatch()

    environments.step = watch.around("environment", environments.step)  # type: ignore[method-assign]
    forward = network.forward

    def either_forward(observations: torch.Tensor) -> Any:
        acting = torch.is_inference_mode_enabled()
        name = "acting: forward pass" if acting else "learning: forward pass"
        return watch.around(name, forward)(observations)

    network.forward = either_forward  # type: ignore[method-assign]
    algorithm = dataclasses.replace(
        A3C.replace(
            act=watch.around("acting: draw the action", A3C.act),
            make_network=lambda *_: network,
        ),
        objective=watch.around("objective", A3C.objective),
    )
    collect = watch.around("collect", Collector.collect)
    gradient = watch.around("learning: backward pass", loop.flat_gradient)
    note = watch.around("event log", recorder.note)
    push = watch.around("update: clip, shared RMSProp, log", recorder.push)
    steps = 0
    with (
        mock.patch.object(loop, "make_environments", return_value=environments),
        mock.patch.object(loop, "flat_gradient", gradient),
        mock.patch.object(Collector, "collect", collect),
    ):
        start = time.perf_counter()
        for event in loop.actor_learner(algorithm, spec, shared, config, 0):
            note(0, event)
            if isinstance(event, loop.Acted):
                steps += event.steps
            if isinstance(event, Update):
                push(event)
                if time.perf_counter() - start > SECONDS:
                    break
        total = time.perf_counter() - start

    spent = watch.seconds
    collected, objective = spent.pop("collect"), spent.pop("objective")
    acting = sum(spent[name] for name in spent if name.startswith("acting"))
    spent["rollout: book-keeping"] = collected - spent["environment"] - acting
    spent["learning: returns, losses"] = objective - spent["learning: forward pass"]
    spent["the rest of the loop"] = total - sum(spent.values())
    parts = dict(sorted(spent.items(), key=lambda part: -part[1]))
    parts = {name: seconds / steps * 1e6 for name, seconds in parts.items()}
    parts[WHOLE] = total / steps * 1e6
    parts[FLOOR] = floor(k, config) * 1e6
    return parts


def floor(k: int, config: Config) -> float:
    """Seconds that a step costs at least, each piece alone in a tight loop."""
    plain = gymnasium.make("CartPole-v1")
    plain.reset(seed=0)

    def step() -> None:
        _, _, terminated, truncated, _ = plain.step(0)
        if terminated or truncated:
            plain.reset()

    space, actions = plain.observation_space, plain.action_space
    network = loop.new_network(A3C, space, actions, config)
    observation, rollout = torch.zeros(k, 4), torch.zeros(config.t_max, k, 4)

    def act() -> None:
        with torch.inference_mode():
            network(observation)

    def learn() -> None:
        logits, values = network(rollout)
        loop.flat_gradient(logits.sum() + values.sum(), network)

    return tight(step) + tight(act) / k + tight(learn, 200) / (config.t_max * k)


def main() -> None:
    """Measures one and eight environments and writes the table."""
    about = machine()
    measured = {k: measure(k) for k in (1, 8)}
    rows = [
        [part, *(f"{measured[k][part]:.1f}" for k in measured)] for part in measured[1]
    ]
    largest = {
        k: next(part for part in parts if part not in ("environment", WHOLE, FLOOR))
        for k, parts in measured.items()
    }
    text = (
        "Microseconds for each environment step of A3C on CartPole-v1 with its "
        f"defaults, one learner. {about}.\n\n"
        + table(["part", "1 environment", "8 environments"], rows)
        + "\n\nLargest cost beside the environment: "
        + "; ".join(f"with {k}, {part}" for k, part in largest.items())
        + ". The whole step costs "
        + " and ".join(
            f"{parts[WHOLE] / parts[FLOOR]:.1f} times the floor with {k}"
            for k, parts in measured.items()
        )
        + "."
    )
    publish("step", text, measured)


if __name__ == "__main__":
    main()
