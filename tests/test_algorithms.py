"""Tests of the four algorithms: their gradients, and where each acts and learns."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import oracles
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box
from gymnasium.wrappers import TimeLimit
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Episode, Scripted
from torch import Tensor, nn
from torch.testing import assert_close

from course.actor_learner import (
    Acted,
    Pulled,
    actor_learner,
    flat_gradient,
    new_network,
)
from course.algorithms import (
    A3C,
    ALGORITHMS,
    N_STEP_Q,
    ONE_STEP_Q,
    ONE_STEP_SARSA,
    Algorithm,
    get_algorithm,
)
from course.config import Config
from course.environments import environment_spec, make_environment
from course.environments.probes import ProbeTruncation
from course.exploration import FINAL_EPSILONS
from course.networks import ActorCritic, QNetwork, bind, flatten
from course.rollout import Rollout
from course.shared import Shared, Update

FOUR = list(ALGORITHMS.values())
ONE_STEP = [ONE_STEP_Q, ONE_STEP_SARSA]
VALUES = [ONE_STEP_Q, ONE_STEP_SARSA, N_STEP_Q]
ACTIONS, FEATURES = 3, 2

each_of_four = pytest.mark.parametrize("algorithm", FOUR, ids=lambda a: a.name)
each_one_step = pytest.mark.parametrize("algorithm", ONE_STEP, ids=lambda a: a.name)
each_of_values = pytest.mark.parametrize("algorithm", VALUES, ids=lambda a: a.name)


# --- The objective's gradient is the paper's sum of gradients ---------------------


def network_of(algorithm: Algorithm, seed: int) -> nn.Module:
    """A small network in float64 whose outputs are far from zero."""
    make = algorithm.functions["make_network"]
    space = Box(-1.0, 1.0, (FEATURES,), np.float32)
    network: nn.Module = make(space, ACTIONS, Config(hidden_size=4)).double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data.normal_(generator=generator)
    return network


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    """[T, K] with ends anywhere, or [T] whose only end may be at its last step."""
    T, K = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    shape = (T, K) if K else (T,)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    ends = [torch.rand(shape, generator=generator) < 0.3 for _ in range(2)]
    if not K:
        for end in ends:
            end[:-1] = False

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64)

    def action() -> Tensor:
        return torch.randint(ACTIONS, shape, generator=generator)

    return Rollout(
        *(normal(*shape, FEATURES), action(), normal(*shape), *ends),
        *(normal(*shape, FEATURES), action()),
    )


def slow_gradient(
    algorithm: Algorithm,
    network: nn.Module,
    target_network: nn.Module | None,
    rollout: Rollout,
    config: Config,
) -> Tensor:
    if algorithm.name == "a3c":
        coefficients = (config.value_coef, config.entropy_coef)
        return oracles.a3c(network, rollout, config.gamma, *coefficients)
    oracle: Callable[..., Tensor] = getattr(oracles, algorithm.name)
    return oracle(network, target_network, rollout, config.gamma)


@each_of_four
@settings(max_examples=25)
@given(
    rollout=rollouts(),
    seed=st.integers(0, 1000),
    gamma=st.sampled_from([0.0, 0.9, 1.0]),
    value_coef=st.sampled_from([0.0, 0.5, 1.0]),
    entropy_coef=st.sampled_from([0.0, 0.01, 1.0]),
)
def test_gradient_is_the_slow_one(
    algorithm: Algorithm,
    rollout: Rollout,
    seed: int,
    gamma: float,
    value_coef: float,
    entropy_coef: float,
) -> None:
    config = Config(gamma=gamma, value_coef=value_coef, entropy_coef=entropy_coef)
    network = network_of(algorithm, seed)
    target_network = network_of(algorithm, seed + 1)
    loss = algorithm.objective(algorithm, network, target_network, rollout, config)
    expected = slow_gradient(algorithm, network, target_network, rollout, config)
    assert_close(flat_gradient(loss, network), expected, rtol=1e-9, atol=1e-9)


@each_of_values
@settings(max_examples=10)
@given(rollout=rollouts())
def test_no_gradient_flows_through_the_targets(
    algorithm: Algorithm, rollout: Rollout
) -> None:
    # With θ⁻ a network of its own, nothing reaches it ...
    network, target_network = network_of(algorithm, 0), network_of(algorithm, 1)
    config = Config()
    loss = algorithm.objective(algorithm, network, target_network, rollout, config)
    loss.backward()
    assert all(parameter.grad is None for parameter in target_network.parameters())
    # ... and with θ⁻ = θ, y is still a constant.
    loss = algorithm.objective(algorithm, network, network, rollout, config)
    expected = slow_gradient(algorithm, network, network, rollout, config)
    assert_close(flat_gradient(loss, network), expected, rtol=1e-9, atol=1e-9)


@each_of_values
def test_the_square_keeps_its_factor_two(algorithm: Algorithm) -> None:
    # Q(s, a) = θ_a s with θ = (0.5, 0); s = 1, a = 0, r = 2, terminal:
    # ∂(2 − 0.5)²/∂θ_0 = −2 (2 − 0.5) = −3, and 0 for the other action.
    network = nn.Linear(1, 2, bias=False)
    bind(network, torch.tensor([0.5, 0.0]))
    rollout = Rollout(
        observations=torch.ones(1, 1),
        actions=torch.tensor([0]),
        rewards=torch.tensor([2.0]),
        terminated=torch.tensor([True]),
        truncated=torch.tensor([False]),
        next_observations=torch.ones(1, 1),
        next_actions=torch.tensor([1]),
    )
    loss = algorithm.objective(algorithm, network, network, rollout, Config())
    assert flat_gradient(loss, network).tolist() == [-3.0, 0.0]


class TwoNumbers(nn.Module):
    """A policy over two actions with one logit, and a value: θ = (logit, value)."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.Parameter(torch.tensor([0.0, 1.0]))

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        logit, value = self.both.expand(*observations.shape[:-1], 2).unbind(-1)
        return torch.stack([logit, torch.zeros_like(logit)], -1), value


def test_a3c_by_hand() -> None:
    # r = 4 and terminal: R = 4, V = 1, advantage 3. Action 0 of a uniform policy:
    # ∂ log π(0)/∂logit = 1 − 1/2, so the logit descends by −1/2 · 3 = −1.5. The value:
    # ½ · −2 · (4 − 1) = −3. Nothing of the advantage reaches the value, or it would be
    # −3 + log π(0) = −3.69. The entropy is at its maximum: no gradient.
    rollout = Rollout(
        observations=torch.ones(1, 1),
        actions=torch.tensor([0]),
        rewards=torch.tensor([4.0]),
        terminated=torch.tensor([True]),
        truncated=torch.tensor([False]),
        next_observations=torch.ones(1, 1),
        next_actions=None,
    )
    network = TwoNumbers()
    loss = A3C.objective(A3C, network, None, rollout, Config(value_coef=0.5))
    assert_close(flat_gradient(loss, network), torch.tensor([-1.5, -3.0]))


@settings(max_examples=10)
@given(rollouts())
def test_a3c_teaches_the_value_by_the_value_loss_alone(rollout: Rollout) -> None:
    network = network_of(A3C, 0)
    loss = A3C.objective(A3C, network, None, rollout, Config(value_coef=0.0))
    gradient = flat_gradient(loss, network)
    assert not gradient[-5:].any()  # the value's head: 4 weights and a bias
    assert gradient[:-5].any()


# --- Replacing functions ----------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "places"),
    [
        (ONE_STEP_Q, {"make_network", "act", "targets", "loss", "update"}),
        (ONE_STEP_SARSA, {"make_network", "act", "targets", "loss", "update"}),
        (N_STEP_Q, {"make_network", "act", "targets", "loss", "update"}),
        (
            A3C,
            {"make_network", "act", "update"}
            | {"n_step_returns", "bootstrap_value", "advantages"}
            | {"policy_loss", "value_loss", "entropy"},
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_place_takes_a_function(algorithm: Algorithm, places: set[str]) -> None:
    assert set(algorithm.functions) == places
    for place in places:

        def mine(*arguments: Any) -> None: ...

        changed = algorithm.replace(**{place: mine})
        assert getattr(changed, place) is mine
        assert changed.replaced == (place,)
        assert getattr(algorithm, place) is not mine
        others = places - {place}
        assert all(changed.functions[o] is algorithm.functions[o] for o in others)


@each_of_four
def test_the_objective_uses_what_was_replaced(algorithm: Algorithm) -> None:
    # Each function that the objective calls is called through the record.
    rollout = Rollout(
        *(
            torch.ones(2, FEATURES).double(),
            torch.tensor([0, 1]),
            torch.ones(2).double(),
        ),
        *(torch.zeros(2, dtype=torch.bool), torch.zeros(2, dtype=torch.bool)),
        *(torch.ones(2, FEATURES).double(), torch.tensor([1, 0])),
    )
    called = []
    watched = algorithm
    inner = set(algorithm.functions) - {"make_network", "act", "update"}
    for place in inner:

        def spy(*arguments: Any, place: str = place) -> Any:
            called.append(place)
            return algorithm.functions[place](*arguments)

        watched = watched.replace(**{place: spy})
    network, target_network = network_of(algorithm, 0), network_of(algorithm, 1)
    for record in (watched, algorithm):
        record.objective(record, network, target_network, rollout, Config())
    assert set(called) == inner
    assert watched.replaced == tuple(sorted(inner))


def test_replacing_names_its_mistakes() -> None:
    with pytest.raises(
        ValueError, match=r"^There is no function of n_step_q 'target';"
    ):
        N_STEP_Q.replace(target=print)
    with pytest.raises(ValueError, match=r"^loss must be a function, but is 3: "):
        N_STEP_Q.replace(loss=3)  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match=r"^Algorithm has no function 'policy'"):
        _ = A3C.policy


def test_algorithms_by_name() -> None:
    assert list(ALGORITHMS) == ["one_step_q", "one_step_sarsa", "n_step_q", "a3c"]
    assert get_algorithm("a3c") is A3C
    mine = A3C.replace(entropy=lambda logits: logits.sum())
    assert get_algorithm(mine) is mine
    with pytest.raises(ValueError, match="algorithm 'n_step'; did you mean 'n_step_q'"):
        get_algorithm("n_step")


# --- The actor-learner ------------------------------------------------------------


def endless() -> gymnasium.Env[Any, Any]:
    """One observation for ever: an output that changes shows that θ has."""
    return ProbeTruncation()


def seven_steps() -> gymnasium.Env[Any, Any]:
    return TimeLimit(ProbeTruncation(), 7)


def spaces_of(spec: EnvSpec) -> tuple[gymnasium.Space[Any], gymnasium.Space[Any]]:
    environment = make_environment(spec)
    return environment.observation_space, environment.action_space


class Run:
    """One actor-learner, stepped by hand, with its rollouts and networks in view."""

    def __init__(
        self,
        algorithm: Algorithm,
        environment: Any,
        worker_id: int = 0,
        **settings: Any,
    ) -> None:
        settings = {"workers": 3, "hidden_size": 4, "final_epsilon": 0.5} | settings
        self.config = Config(**settings)
        self.spec: EnvSpec = environment_spec(environment)
        self.rollouts: list[Rollout] = []
        self.outputs: list[Tensor] = []  # the first of each rollout's, as learned from
        self.original = algorithm
        self.algorithm = dataclasses.replace(algorithm, objective=self._objective)
        theta = flatten(self.fresh_network())
        self.shared = Shared.allocate(theta, self.config, algorithm.update)
        self.events: Iterator[Any] = actor_learner(
            self.algorithm, self.spec, self.shared, self.config, worker_id
        )

    def _objective(
        self, _: Algorithm, network: Any, target_network: Any, rollout: Any, config: Any
    ) -> Tensor:
        self.network, self.target_network = network, target_network
        self.rollouts.append(rollout)
        output = network(rollout.observations)
        self.outputs.append(
            (output[0] if isinstance(output, tuple) else output).detach()
        )
        return self.original.objective(
            self.original, network, target_network, rollout, config
        )

    def fresh_network(self) -> nn.Module:
        return new_network(self.algorithm, *spaces_of(self.spec), self.config)

    def output_at(self, theta: Tensor, observations: Tensor) -> Tensor:
        """Action values or logits of these observations at other parameters."""
        with torch.no_grad():
            output = bind(self.fresh_network(), theta)(observations)
        return output[0] if isinstance(output, tuple) else output

    def until(self, kind: type) -> Any:
        """Goes on to the next event of that kind."""
        return next(event for event in self.events if isinstance(event, kind))


@each_of_four
def test_events_come_in_turn(algorithm: Algorithm) -> None:
    run = Run(algorithm, endless, total_steps=10)
    kinds = []
    for event in run.events:
        kinds.append(type(event))
        if isinstance(event, Update):
            assert run.shared.apply(event) == 0
    assert kinds == [Pulled, Acted, Update] * 2
    assert (run.shared.global_step, run.shared.num_updates) == (10, 2)


@each_one_step
def test_one_step_methods_live_in_the_shared_vectors(algorithm: Algorithm) -> None:
    run = Run(algorithm, endless)
    run.until(Update)
    first = next(iter(run.network.parameters()))
    assert first.data_ptr() == run.shared.theta.data_ptr()
    first = next(iter(run.target_network.parameters()))
    assert first.data_ptr() == run.shared.target_theta.data_ptr()


@pytest.mark.parametrize("algorithm", [N_STEP_Q, A3C], ids=lambda a: a.name)
def test_snapshot_methods_have_a_copy(algorithm: Algorithm) -> None:
    run = Run(algorithm, endless)
    run.until(Update)
    mine = next(iter(run.network.parameters()))
    assert mine.data_ptr() != run.shared.theta.data_ptr()
    if algorithm is A3C:
        assert run.target_network is None
    else:
        target = next(iter(run.target_network.parameters()))
        assert target.data_ptr() == run.shared.target_theta.data_ptr()


@each_of_four
def test_another_learners_write_in_mid_rollout(algorithm: Algorithm) -> None:
    seen: list[list[float]] = []

    def act(output: Any, epsilon: float, generator: torch.Generator) -> Tensor:
        scores = output[0] if isinstance(output, tuple) else output
        seen.append(scores.tolist())
        run.shared.theta.add_(0.1)  # another learner's update
        return torch.tensor(0)

    run = Run(algorithm.replace(act=act), endless, t_max=3, update_period=3)
    run.until(Update)
    first_rollout = [tuple(scores) for scores in seen[:3]]
    # The observation never changes, so different outputs mean a different θ.
    assert len(set(first_rollout)) == (1 if algorithm.snapshot else 3)
    seen.clear()
    run.until(Update)
    assert tuple(seen[0]) not in first_rollout  # the next pull sees them all


@each_of_four
def test_gradients_are_taken_at_the_snapshot_or_at_theta(algorithm: Algorithm) -> None:
    run = Run(algorithm, endless)
    run.until(Pulled)
    pulled = run.shared.theta.clone()
    run.until(Acted)
    run.shared.theta.add_(0.1)  # another learner's update, before the gradient
    update = run.until(Update)
    [rollout], [output] = run.rollouts, run.outputs
    theta = pulled if algorithm.snapshot else run.shared.theta
    assert torch.equal(output, run.output_at(theta, rollout.observations))
    network = bind(run.fresh_network(), theta.clone())
    target_network = bind(run.fresh_network(), run.shared.target_theta.clone())
    loss = algorithm.objective(algorithm, network, target_network, rollout, run.config)
    assert torch.equal(update.gradient, flat_gradient(loss, network))


@each_of_four
def test_the_version_is_that_at_which_the_gradient_was_taken(
    algorithm: Algorithm,
) -> None:
    run = Run(algorithm, endless)
    other = Update(torch.zeros_like(run.shared.theta), 1, 0)
    run.shared.apply(other)
    assert run.until(Pulled) == Pulled(1)
    run.shared.apply(other)
    run.shared.apply(other)
    update = run.until(Update)
    # The snapshot's, or where there is none that of the shared θ as it is by now.
    version = 1 if algorithm.snapshot else 3
    assert (update.worker_id, update.snapshot_version) == (0, version)
    assert run.shared.apply(update) == 3 - version


@pytest.mark.parametrize("K", [1, 2])
def test_mean_loss_divides_by_the_steps(K: int) -> None:
    gradients = []
    for mean_loss in (False, True):
        run = Run(N_STEP_Q, endless, mean_loss=mean_loss, environments_per_worker=K)
        gradients.append(run.until(Update).gradient)
    assert_close(gradients[0], 5 * K * gradients[1])
    assert gradients[1].any()


def test_rewards_are_scaled_in_rollouts_only() -> None:
    run = Run(A3C, seven_steps, reward_scale=0.5, t_max=10)
    acted = run.until(Acted)
    run.until(Update)
    assert acted.episodes == [(7.0, 7)]
    assert run.rollouts[0].rewards.tolist() == [0.5] * 7


# --- When it updates and refreshes ------------------------------------------------


def steps_of(run: Run, count: int) -> list[int]:
    answer = []
    for event in run.events:
        if isinstance(event, Acted):
            answer.append(event.steps)
            if len(answer) == count:
                break
    return answer


@each_one_step
def test_one_step_methods_update_when_t_is_a_multiple_or_at_an_end(
    algorithm: Algorithm,
) -> None:
    # Episodes of 7 steps and I_AsyncUpdate = 5: updates at t = 5, 7 (end), 10,
    # 14 (end), 15, 20, 21 (end), 25, 28 (end), 30, 35 (both).
    run = Run(algorithm, seven_steps, update_period=5)
    assert steps_of(run, 11) == [5, 2, 3, 4, 1, 5, 1, 4, 3, 2, 5]


@pytest.mark.parametrize("algorithm", [N_STEP_Q, A3C], ids=lambda a: a.name)
def test_n_step_methods_begin_to_count_at_each_rollout(algorithm: Algorithm) -> None:
    run = Run(algorithm, seven_steps, t_max=5, update_period=3)
    assert steps_of(run, 6) == [5, 2, 5, 2, 5, 2]


def test_steps_of_all_environments_are_counted() -> None:
    run = Run(N_STEP_Q, endless, environments_per_worker=4, t_max=5)
    assert run.until(Acted).steps == 20
    assert run.shared.tensors["counters"][:, 0].tolist() == [20, 0, 0]


@each_of_values
def test_target_is_refreshed_before_or_after_the_update(algorithm: Algorithm) -> None:
    # Rollouts of 5 steps and I_target = 10: due at the second update.
    run = Run(algorithm, endless, target_period=10)
    first = run.shared.theta.clone()
    run.shared.apply(run.until(Update))
    second = run.shared.theta.clone()
    update = run.until(Update)
    # Algorithm 1 refreshes θ⁻ and then updates θ; Algorithm S2 the other way round.
    expected = first if algorithm.snapshot else second
    assert torch.equal(run.shared.target_theta, expected)
    run.shared.apply(update)
    third = run.shared.theta.clone()
    run.until(Pulled)
    expected = third if algorithm.snapshot else second
    assert torch.equal(run.shared.target_theta, expected)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


@each_of_values
def test_target_comes_from_the_shared_theta(algorithm: Algorithm) -> None:
    # Not from the learner's own θ', which knows nothing of other learners' writes.
    run = Run(algorithm, endless, target_period=5)
    run.until(Acted)
    run.shared.theta.fill_(0.25)
    update = run.until(Update)
    if algorithm.snapshot:  # θ⁻ is due after the update
        run.shared.apply(update)
        assert torch.equal(run.shared.target_theta, run.shared.theta)
    else:
        assert (run.shared.target_theta == 0.25).all()


def test_a3c_has_no_target() -> None:
    run = Run(A3C, endless, target_period=1, total_steps=50)
    before = run.shared.target_theta.clone()
    for event in run.events:
        if isinstance(event, Update):
            run.shared.apply(event)
    assert not torch.equal(run.shared.theta, before)
    assert torch.equal(run.shared.target_theta, before)


# --- Exploration and Sarsa --------------------------------------------------------


def epsilons_of(run_settings: dict[str, Any], worker_id: int = 0) -> list[float]:
    seen: list[float] = []

    def act(output: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
        seen.append(epsilon)
        return torch.tensor(0)

    run = Run(N_STEP_Q.replace(act=act), endless, worker_id, t_max=2, **run_settings)
    for _ in range(4):
        run.until(Update)
        run.shared.count_steps(1, 2)  # another learner is as quick
    return seen


def test_epsilon_falls_over_all_learners_steps() -> None:
    # From 1 at T = 0 over 0.6 at T = 4 to 0.2 at T = 8, and no further.
    settings = {"final_epsilon": 0.2, "epsilon_anneal_steps": 8}
    expected = [1.0, 1.0, 0.6, 0.6, 0.2, 0.2, 0.2, 0.2]
    assert epsilons_of(settings) == pytest.approx(expected)


def test_every_learner_draws_its_final_epsilon() -> None:
    settings = {"final_epsilon": None, "epsilon_anneal_steps": 0, "workers": 12}
    drawn = [set(epsilons_of(settings, worker_id)) for worker_id in range(12)]
    assert all(len(finals) == 1 for finals in drawn)
    finals = [final for (final,) in drawn]
    assert set(finals) <= set(FINAL_EPSILONS)
    assert len(set(finals)) > 1
    again = [set(epsilons_of(settings, worker_id)) for worker_id in range(12)]
    assert drawn == again  # the same in every run


def test_sarsa_executes_the_action_of_its_target() -> None:
    # The update after each rollout turns the learner's mind: every greedy action
    # changes. What was promised is executed all the same.
    script = [Episode([1.0] * 11, terminated=False, truncated=True)]
    made = []

    def environment() -> Scripted:
        made.append(Scripted(0, script))
        return made[-1]

    greedy = [0]

    def act(output: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
        return torch.tensor(greedy[0])

    run = Run(ONE_STEP_SARSA.replace(act=act), environment, update_period=3)
    for _ in range(8):
        run.shared.apply(run.until(Update))
        greedy[0] += 1
    promised = [
        (action, bool(end))
        for rollout in run.rollouts
        for action, end in zip(
            rollout.next_actions.tolist(),  # type: ignore[union-attr]
            rollout.terminated | rollout.truncated,
            strict=True,
        )
    ]
    executed = [action for _, action in made[-1].executed]
    assert executed == [a for rollout in run.rollouts for a in rollout.actions.tolist()]
    pairs = list(zip(promised, executed[1:], strict=False))
    assert all(action == done for (action, end), done in pairs if not end)
    assert len(set(executed)) > 5
    assert any(end for _, end in promised)


# --- Random numbers ---------------------------------------------------------------


def first_actions(seed: int, worker_id: int, start_step: int = 0) -> list[list[float]]:
    run = Run(ONE_STEP_Q, "CartPole-v1", worker_id, seed=seed, update_period=20)
    run.shared.tensors["start_step"].fill_(start_step)
    run.until(Update)
    [rollout] = run.rollouts
    return [rollout.actions.tolist(), rollout.observations[0].tolist()]


def test_learners_and_runs_have_random_numbers_of_their_own() -> None:
    same = first_actions(seed=1, worker_id=0)
    assert same == first_actions(seed=1, worker_id=0)
    for other in (
        first_actions(seed=2, worker_id=0),
        first_actions(seed=1, worker_id=1),
        first_actions(seed=1, worker_id=0, start_step=100),  # a resumed run
    ):
        assert same[0] != other[0]
        assert same[1] != other[1]


def test_making_a_network_leaves_the_global_random_state() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    run = Run(A3C, endless)
    run.until(Update)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("make", [QNetwork, ActorCritic])
def test_networks_follow_the_seed(make: Any) -> None:
    algorithm = A3C.replace(make_network=make)
    spaces = spaces_of(environment_spec(endless))
    network = functools.partial(new_network, algorithm, *spaces)
    one, same, other = (flatten(network(Config(seed=s))) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert math.isfinite(one.sum().item())
