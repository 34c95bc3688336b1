"""Where each microsecond of a training step goes: A3C on CartPole-v1, one learner.

Parts are timed one by one with the very functions that training calls, then the
whole loop is timed in the same process; what the parts do not explain is ours. The
floor is what nobody can avoid: Gymnasium's own environment step, and the network's
bare forward and backward pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.common import machine, publish, table
from course.actor_learner import Acted, actor_learner, flat_gradient, new_network
from course.algorithms import A3C
from course.config import Config
from course.environments import environment_spec, make_environments
from course.networks import bind, flatten
from course.rollout import Collector
from course.shared import Shared, Update
from course.trainers.log import Recorder

REPEATS = 300
WHOLE = "whole step, measured"
FLOOR = "floor: environment, forward, backward"


def microseconds(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Best of five averages, against the noise of a shared machine."""
    call()
    averages = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        averages.append((time.perf_counter() - start) / repeats)
    return min(averages) * 1e6


def balance(observation: NDArray[np.float32]) -> NDArray[np.int64]:
    """Pushes towards where the pole falls: long episodes without a network."""
    return (observation[:, 2] + observation[:, 3] > 0).astype(np.int64)


def measure(environments_per_worker: int) -> dict[str, float]:
    """Microseconds of each part, for each environment step."""
    torch.set_num_threads(1)
    config = Config().replace(
        **A3C.defaults, environments_per_worker=environments_per_worker
    )
    k, t = environments_per_worker, config.t_max
    spec = environment_spec("CartPole-v1")
    environments = make_environments(spec, k)
    spaces = environments.single_observation_space, environments.single_action_space
    network = new_network(A3C, *spaces, config)
    shared = Shared.allocate(flatten(network), config, A3C.update)
    theta = shared.theta.clone()
    bind(network, theta)
    generator = torch.Generator().manual_seed(0)
    parts: dict[str, float] = {}

    plain = gymnasium.make("CartPole-v1")
    plain.reset(seed=0)

    def step_plain() -> None:
        _, _, terminated, truncated, _ = plain.step(0)
        if terminated or truncated:
            plain.reset()

    environments.reset(seed=0)
    actions = np.zeros(k, dtype=np.int64)
    floor_environment = microseconds(step_plain)
    in_vector = microseconds(lambda: environments.step(actions)) / k
    parts["environment: Gymnasium's CartPole"] = floor_environment
    parts["environment: its vector interface"] = in_vector - floor_environment

    observation = torch.zeros(k, 4) if k > 1 else torch.zeros(4)
    with torch.inference_mode():
        output = network(observation)
        forward = microseconds(lambda: network(observation)) / k
        parts["acting: forward pass"] = forward
        parts["acting: draw the action"] = (
            microseconds(lambda: A3C.act(output, 0.0, generator)) / k
        )
    collector = Collector(environments, 0, config.reward_scale)
    choose = microseconds(lambda: balance(collector.observation)) / k
    collected = 0

    def collect() -> None:
        nonlocal collected
        collected += len(collector.collect(balance, t))

    calls = 5 * 30 + 1
    whole_collect = microseconds(collect, 30) / (collected / calls)
    parts["rollout: book-keeping"] = whole_collect - in_vector - choose

    rollout = collector.collect(balance, t)
    while len(rollout) < t * k:  # a full one
        rollout = collector.collect(balance, t)

    def bare_pass() -> None:
        logits, values = network(rollout.observations)
        flat_gradient(logits.sum() + values.sum(), network)

    def learn() -> torch.Tensor:
        return flat_gradient(
            A3C.objective(A3C, network, None, rollout, config), network
        )

    bare = microseconds(bare_pass) / (t * k)
    parts["learning: forward and backward pass"] = bare
    parts["learning: returns, losses, checks"] = microseconds(learn) / (t * k) - bare
    update = Update(learn() * 1e-3, 0, 0)
    parts["update: shared RMSProp, clipping"] = microseconds(
        lambda: shared.apply(update)
    ) / (t * k)
    parts["update: snapshot θ' ← θ"] = microseconds(
        lambda: theta.copy_(shared.theta)
    ) / (t * k)

    whole = Shared.allocate(flatten(network), config, A3C.update)
    recorder = Recorder(whole, time.time(), logical=False)
    start, steps = time.perf_counter(), 0
    for event in actor_learner(A3C, spec, whole, config, 0):
        recorder.note(0, event)
        if isinstance(event, Update):
            recorder.push(event)
        elif isinstance(event, Acted):
            steps += event.steps
            if time.perf_counter() - start > 4:
                break
    total = (time.perf_counter() - start) / steps * 1e6
    parts["the rest: the loop and the event log"] = total - sum(parts.values())
    parts[WHOLE] = total
    parts[FLOOR] = floor_environment + forward + bare
    return parts


def main() -> None:
    """Measures one and eight environments and writes the table."""
    about = machine()
    measured = {k: measure(k) for k in (1, 8)}
    rows = [
        [part, *(f"{measured[k][part]:.1f}" for k in measured)] for part in measured[1]
    ]
    ours = {
        k: max(
            (
                part
                for part in parts
                if not part.startswith(("whole", "floor", "environment: Gym"))
            ),
            key=lambda part: parts[part],
        )
        for k, parts in measured.items()
    }
    text = (
        "Microseconds for each environment step of A3C on CartPole-v1 with its "
        f"defaults, one learner. {about}.\n\n"
        + table(["part", "1 environment", "8 environments"], rows)
        + "\n\nLargest cost beyond the environment itself: "
        + "; ".join(f"with {k}, {part}" for k, part in ours.items())
        + ". Whole step over floor: "
        + ", ".join(
            f"{parts[WHOLE] / parts[FLOOR]:.1f} with {k}"
            for k, parts in measured.items()
        )
        + "."
    )
    publish("step", text, measured)


if __name__ == "__main__":
    main()
