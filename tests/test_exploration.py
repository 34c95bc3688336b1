"""Tests of `course.exploration`: choices, their statistics and schedules.

Statistics use one seed and a tolerance of four standard deviations of a proportion,
4 sqrt(p (1 - p) / N).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.exploration import (
    FINAL_EPSILONS,
    PROBABILITIES,
    epsilon_greedy,
    linear_schedule,
    sample_actions,
    sample_final_epsilon,
)

NAN = math.nan
SAMPLES = 20_000


def seeded(seed: int = 0) -> torch.Generator:
    """A generator with a known seed."""
    return torch.Generator().manual_seed(seed)


def tolerance(p: float, samples: int = SAMPLES) -> float:
    """Four standard deviations of the proportion seen in so many samples."""
    return 4.0 * math.sqrt(p * (1.0 - p) / samples)


def proportions(actions: torch.Tensor, num_actions: int) -> list[float]:
    """How often each action occurs."""
    counts = torch.bincount(actions.flatten(), minlength=num_actions)
    return [float(p) for p in counts / actions.numel()]


# --- epsilon_greedy ---------------------------------------------------------------


def test_without_epsilon_the_action_is_greedy() -> None:
    actions = epsilon_greedy([[1.0, 3.0, 2.0], [5.0, 0.0, 4.0]], 0.0, seeded())
    assert actions.tolist() == [1, 0]
    assert actions.dtype == torch.int64


@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3)])
def test_epsilon_greedy_keeps_the_leading_axes(shape: tuple[int, ...]) -> None:
    assert epsilon_greedy(torch.zeros(shape), 0.5, seeded()).shape == shape[:-1]


@pytest.mark.parametrize("epsilon", [0.1, 0.3, 1.0])
def test_random_actions_include_the_greedy_one(epsilon: float) -> None:
    q_values = torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat(SAMPLES, 1)
    seen = proportions(epsilon_greedy(q_values, epsilon, seeded()), 4)
    # epsilon / 4 for each action, and 1 - epsilon more for the greedy one.
    other = epsilon / 4.0
    greedy = 1.0 - epsilon + other
    for p, expected in zip(seen, [other, greedy, other, other], strict=True):
        assert abs(p - expected) <= tolerance(expected)


def test_every_row_explores_by_itself() -> None:
    """One coin for a whole batch would make all rows explore together."""
    actions = epsilon_greedy(torch.tensor([[1.0, 0.0]] * 200), 0.5, seeded())
    # P(action 1) = 0.25 for each row: 50 of 200 expected, deviation 6.1.
    assert 25 <= int(actions.sum()) <= 75


def test_draws_do_not_depend_on_epsilon() -> None:
    states = []
    for epsilon in (0.0, 0.5, 1.0):
        generator = seeded()
        epsilon_greedy(torch.zeros(7, 3), epsilon, generator)
        states.append(generator.get_state())
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[2])
    assert not torch.equal(states[0], seeded().get_state())


def test_a_seed_repeats_the_actions() -> None:
    q_values = torch.zeros(100, 4)
    first = epsilon_greedy(q_values, 1.0, seeded(3))
    assert torch.equal(first, epsilon_greedy(q_values, 1.0, seeded(3)))
    assert not torch.equal(first, epsilon_greedy(q_values, 1.0, seeded(4)))


def test_global_random_numbers_are_untouched() -> None:
    before = torch.get_rng_state()
    epsilon_greedy([1.0, 2.0], 0.5, seeded())
    sample_actions([1.0, 2.0], seeded())
    sample_final_epsilon(seeded())
    assert torch.equal(before, torch.get_rng_state())


# --- sample_actions ---------------------------------------------------------------


def test_actions_follow_the_softmax() -> None:
    # Weights 1, 2 and 5: probabilities 1/8, 2/8 and 5/8.
    logits = torch.tensor([1.0, 2.0, 5.0]).log().repeat(SAMPLES // 4, 4, 1)
    actions = sample_actions(logits, seeded())
    assert actions.shape == (SAMPLES // 4, 4)
    assert actions.dtype == torch.int64
    for p, expected in zip(proportions(actions, 3), [0.125, 0.25, 0.625], strict=True):
        assert abs(p - expected) <= tolerance(expected)


def test_each_row_has_its_own_policy() -> None:
    logits = [[[0.0, 1e4], [1e4, 0.0]], [[1e4, 0.0], [0.0, 1e4]]]
    assert sample_actions(logits, seeded()).tolist() == [[1, 0], [0, 1]]


def test_forbidden_actions_are_never_drawn() -> None:
    logits = torch.tensor([0.0, -math.inf, 0.0]).repeat(1000, 1)
    assert set(sample_actions(logits, seeded()).tolist()) == {0, 2}


def test_one_state_gives_one_action() -> None:
    logits = torch.tensor([0.0, 1e4], requires_grad=True)
    action = sample_actions(logits, seeded())
    assert action.shape == ()
    assert action.item() == 1


# --- sample_final_epsilon ---------------------------------------------------------


def test_the_mix_of_the_paper() -> None:
    assert FINAL_EPSILONS == (0.1, 0.01, 0.5)
    assert PROBABILITIES == (0.4, 0.3, 0.3)
    generator = seeded()
    samples = 4000
    counts = Counter(sample_final_epsilon(generator) for _ in range(samples))
    assert set(counts) == set(FINAL_EPSILONS)
    for epsilon, p in zip(FINAL_EPSILONS, PROBABILITIES, strict=True):
        assert abs(counts[epsilon] / samples - p) <= tolerance(p, samples)


# --- linear_schedule --------------------------------------------------------------


@pytest.mark.parametrize(
    ("global_step", "expected"),
    # 1 + (0.1 - 1) x 25 / 100 = 0.775, and so on; constant from step 100.
    [(0, 1.0), (25, 0.775), (50, 0.55), (100, 0.1), (101, 0.1), (10**9, 0.1)],
)
def test_epsilon_schedule_golden(global_step: int, expected: float) -> None:
    assert linear_schedule(1.0, 0.1, global_step, 100) == pytest.approx(expected)


def test_learning_rate_schedule_golden() -> None:
    # 7e-4 x (1 - 30 / 40) = 1.75e-4
    assert linear_schedule(7e-4, 0.0, 30, 40) == pytest.approx(1.75e-4)
    assert linear_schedule(7e-4, 0.0, 40, 40) == 0.0


def test_no_annealing_means_the_final_value_at_once() -> None:
    assert linear_schedule(1.0, 0.1, 0, 0) == 0.1


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 200), st.integers(0, 100))
def test_schedule_stays_between_its_ends(
    initial: float, final: float, step: int, anneal_steps: int
) -> None:
    value = linear_schedule(initial, final, step, anneal_steps)
    assert min(initial, final) - 1e-12 <= value <= max(initial, final) + 1e-12
    # And it moves one way only, towards the end.
    following = linear_schedule(initial, final, step + 1, anneal_steps)
    assert abs(following - final) <= abs(value - final) + 1e-12


# --- Errors -----------------------------------------------------------------------

G = seeded()
ERRORS: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (epsilon_greedy, (1.0, 0.1, G), "q_values must have shape \\[..., A\\]"),
    (epsilon_greedy, ([], 0.1, G), "q_values must have shape"),
    (epsilon_greedy, ([1.0, NAN], 0.1, G), "q_values .* NaN, got one at index \\[1\\]"),
    (epsilon_greedy, ([1.0, 2.0], -0.1, G), "epsilon must lie between 0 and 1, got -0"),
    (epsilon_greedy, ([1.0, 2.0], 1.1, G), "epsilon must lie between 0 and 1, got 1.1"),
    (epsilon_greedy, ([1.0, 2.0], NAN, G), "epsilon must be a number, got NaN"),
    (sample_actions, (1.0, G), "logits must have shape \\[..., A\\]"),
    (sample_actions, ([], G), "logits must have shape"),
    (sample_actions, ([NAN, 1.0], G), "logits .* NaN"),
    (linear_schedule, (NAN, 0.1, 0, 10), "initial must be a number, got NaN"),
    (linear_schedule, (1.0, NAN, 0, 10), "final must be a number, got NaN"),
    (linear_schedule, (1.0, 0.1, -1, 10), "global_step must not be negative, got -1"),
    (linear_schedule, (1.0, 0.1, 0, -10), "anneal_steps must not be negative"),
    (linear_schedule, (1.0, 0.1, 0, NAN), "anneal_steps must be a number, got NaN"),
]


@pytest.mark.parametrize(("function", "arguments", "message"), ERRORS)
def test_errors_name_the_argument(
    function: Callable[..., Any], arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        function(*arguments)
