"""The actor-learner: the loop that all four algorithms and all backends share.

It is a generator. What it yields lets the caller decide when an update is applied,
what is logged, and when to stop; in its simplest use:

    for event in actor_learner(algorithm, spec, shared, config, worker_id):
        if isinstance(event, Update):
            lag = shared.apply(event)
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, cast

import gymnasium
import numpy as np
import torch
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray
from torch import Tensor, nn

from course.algorithms import Algorithm
from course.config import Config
from course.environments import make_environments
from course.exploration import linear_schedule, sample_final_epsilon
from course.networks import bind
from course.rollout import Collector, Episode
from course.shared import Shared, Update


@dataclass(frozen=True)
class Pulled:
    """The rollout begins: θ' ← θ, or for the one-step methods a look at θ itself."""

    version: int


@dataclass(frozen=True)
class Acted:
    """The rollout has ended: so many steps, and the episodes that ended in it."""

    steps: int
    episodes: list[Episode]


def actor_learner(
    algorithm: Algorithm,
    spec: EnvSpec,
    shared: Shared,
    config: Config,
    worker_id: int,
) -> Generator[Pulled | Acted | Update, None, None]:
    """Trains until `shared.finished`; yields `Pulled`, `Acted`, `Update` in turn.

    Whoever iterates applies each `Update` (the push), at once or later.
    """
    environments = make_environments(spec, config.environments_per_worker)
    environment_seed, generator = _random_sources(
        config.seed, worker_id, shared.start_step
    )
    final_epsilon = config.final_epsilon
    if final_epsilon is None:
        final_epsilon = sample_final_epsilon(_generator(config.seed, worker_id))
    collector = Collector(environments, environment_seed, config.reward_scale)

    # θ' is a copy of the learner's own; the one-step methods work on θ directly.
    theta = shared.theta.clone() if algorithm.snapshot else shared.theta
    spaces = environments.single_observation_space, environments.single_action_space
    network = bind(new_network(algorithm, *spaces, config), theta)
    target_network = None
    if algorithm.target_network:
        target_network = new_network(algorithm, *spaces, config)
        bind(target_network, shared.target_theta)
    local_step = 0
    try:
        while not shared.finished:
            version = shared.num_updates
            if algorithm.snapshot:
                theta.copy_(shared.theta)
            yield Pulled(version)

            epsilon = linear_schedule(
                1.0, final_epsilon, shared.global_step, config.epsilon_anneal_steps
            )
            length = config.t_max
            if not algorithm.snapshot:  # until t mod I_AsyncUpdate == 0
                length = config.update_period - local_step % config.update_period
            rollout = collector.collect(
                _actor(algorithm, network, epsilon, generator),
                length,
                algorithm.look_ahead,
            )
            local_step += rollout.rewards.shape[0]
            shared.count_steps(worker_id, len(rollout))
            yield Acted(len(rollout), collector.drain_finished())

            if not algorithm.snapshot:
                version = shared.num_updates  # the gradient is taken at θ as it is now
            loss = algorithm.objective(
                algorithm, network, target_network, rollout, config
            )
            if config.mean_loss:
                loss = loss / len(rollout)
            gradient = flat_gradient(loss, network)
            # θ⁻ ← θ comes before the update in Algorithm 1, after it in S2, we read.
            if algorithm.target_network and not algorithm.snapshot:
                shared.refresh_target_if_due()
            refreshes = algorithm.target_network and algorithm.snapshot
            yield Update(gradient, worker_id, version, refreshes)
    finally:
        environments.close()


def new_network(
    algorithm: Algorithm,
    observations: gymnasium.Space[Any],
    actions: gymnasium.Space[Any],
    config: Config,
) -> nn.Module:
    """A network for these spaces, its weights drawn from the run's seed.

    The global random state is left as it was.
    """
    num_actions = int(cast(gymnasium.spaces.Discrete, actions).n)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network: nn.Module = algorithm.make_network(observations, num_actions, config)
    return network


def flat_gradient(loss: Tensor, network: nn.Module) -> Tensor:
    """∂loss/∂θ as one vector `[P]`; no `.grad` is left behind.

    Raises:
        ValueError: The loss does not depend on the network.
    """
    if not loss.requires_grad:
        raise ValueError(
            "The loss has no gradient: it does not depend on the network's output; "
            "look for a detach, a no_grad or a conversion to numpy in the loss."
        )
    gradients = torch.autograd.grad(
        loss, list(network.parameters()), allow_unused=True, materialize_grads=True
    )
    return torch.cat([gradient.reshape(-1) for gradient in gradients])


def _actor(
    algorithm: Algorithm, network: nn.Module, epsilon: float, generator: torch.Generator
) -> Callable[[NDArray[Any]], NDArray[np.int64]]:
    """From observations `[K, *shape]` to actions `[K]`, without building a graph."""

    def act(observation: NDArray[Any]) -> NDArray[np.int64]:
        single = len(observation) == 1
        with torch.inference_mode():
            output = network(
                torch.from_numpy(observation[0] if single else observation)
            )
            actions = algorithm.act(output, epsilon, generator)
        return np.asarray(actions, dtype=np.int64).reshape(len(observation))

    return act


def _random_sources(
    seed: int, worker_id: int, start_step: int
) -> tuple[int, torch.Generator]:
    """The learner's own environment seed and generator; new ones after a resume."""
    sequence = np.random.SeedSequence([seed, worker_id, start_step])
    environment_seed, action_seed = sequence.generate_state(2)
    return int(environment_seed), torch.Generator().manual_seed(int(action_seed))


def _generator(seed: int, worker_id: int) -> torch.Generator:
    """Draws the learner's final ε, the same again after a resume."""
    state = np.random.SeedSequence([seed, worker_id]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(state))
