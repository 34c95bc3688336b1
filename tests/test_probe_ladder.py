"""The ladder passes the four algorithms, and names the rung of each planted fault."""

from __future__ import annotations

import pytest
import torch

from course import losses, optim, returns
from course.algorithms import A3C, ALGORITHMS, N_STEP_Q, ONE_STEP_Q, Algorithm
from course.experiments.probe_ladder import run_ladder


def first_failure(algorithm: Algorithm) -> str | None:
    return next((rung.name for rung in run_ladder(algorithm) if not rung.passed), None)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_four_algorithms_climb_to_the_top(name: str) -> None:
    rungs = list(run_ladder(name))
    assert [rung.got for rung in rungs if not rung.passed] == []
    assert len(rungs) == 7
    assert all(rung.question.endswith("?") and rung.look_at for rung in rungs)


def no_update(theta, square_avg, gradient, learning_rate, alpha, eps):
    """Updates a copy: the shared parameters never change."""
    optim.shared_rmsprop_update(
        theta.clone(), square_avg, gradient, learning_rate, alpha, eps
    )


def through_the_end(rewards, terminated, next_q_values, gamma):
    """Bootstraps past a true end."""
    return returns.one_step_q_targets(
        rewards, torch.zeros_like(terminated), next_q_values, gamma
    )


def undiscounted(rewards, bootstrap_value, gamma):
    return returns.n_step_returns(rewards, bootstrap_value, 1.0)


def not_reversed(rewards, bootstrap_q_values, terminated, gamma):
    """Runs the recursion from the first step to the last."""
    backwards = rewards.flip(0)
    return returns.n_step_q_targets(backwards, bootstrap_q_values, terminated, gamma)


def ascent_for_descent(log_probs, advantages):
    return -losses.policy_loss(log_probs, advantages)


def always_zero(last_value, terminated):
    """Takes every end of a rollout for a true end."""
    return torch.zeros_like(last_value)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("algorithm", "rung"),
    [
        (A3C.replace(update=no_update), "ProbeConstantReward"),
        (ONE_STEP_Q.replace(targets=through_the_end), "ProbeConstantReward"),
        (A3C.replace(n_step_returns=undiscounted), "ProbeDelayedReward"),
        (N_STEP_Q.replace(targets=not_reversed), "ProbeDelayedReward"),
        (A3C.replace(policy_loss=ascent_for_descent), "ProbeActionReward"),
        (A3C.replace(bootstrap_value=always_zero), "ProbeTruncation"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.replaced[0],
)
def test_a_fault_is_found_on_the_rung_that_isolates_it(
    algorithm: Algorithm, rung: str
) -> None:
    assert first_failure(algorithm) == rung


def test_a_function_that_raises_fails_the_first_rung_with_its_words() -> None:
    def broken(log_probs, advantages):
        raise RuntimeError("my own mistake")

    rung = next(run_ladder(A3C.replace(policy_loss=broken)))
    assert not rung.passed
    assert rung.got == "could not train: RuntimeError: my own mistake"
