"""Tests of `course.shared`: updates without a lock, counters, θ⁻, and checkpoints."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from course.config import Config
from course.optim import shared_rmsprop_update
from course.shared import Shared, Update


def sgd(
    theta: Tensor, _: Tensor, gradient: Tensor, learning_rate: float, *__: float
) -> None:
    """The plainest rule: what reaches θ is easy to read off."""
    theta.sub_(gradient, alpha=learning_rate)


def shared_with(rule: Any = sgd, parameters: int = 2, **settings: Any) -> Shared:
    settings = {"workers": 2, "learning_rate": 1.0, "total_steps": 100} | settings
    return Shared.allocate(torch.zeros(parameters), Config(**settings), rule)


def update(*gradient: float, worker_id: int = 0, version: int = 0) -> Update:
    return Update(torch.tensor(gradient), worker_id, version)


# --- Updates ----------------------------------------------------------------------


def test_an_update_descends() -> None:
    shared = shared_with()
    shared.apply(update(1.0, -2.0))
    assert shared.theta.tolist() == [-1.0, 2.0]
    assert shared.num_updates == 1


def test_lag_counts_the_updates_since_the_snapshot() -> None:
    shared = shared_with()
    version = shared.num_updates
    assert shared.apply(update(1.0, 0.0, worker_id=0, version=version)) == 0
    # B pulled when A did, and A has pushed since.
    assert shared.apply(update(1.0, 0.0, worker_id=1, version=version)) == 1
    assert shared.apply(update(1.0, 0.0, worker_id=0, version=version)) == 2
    assert shared.apply(update(1.0, 0.0, version=shared.num_updates)) == 0


def test_the_rule_gets_its_arguments_in_order() -> None:
    seen: list[Any] = []
    shared = shared_with(
        lambda *arguments: seen.append(arguments), alpha=0.9, eps=0.3, total_steps=10
    )
    shared.count_steps(0, 4)
    shared.apply(update(1.0, 2.0))
    [(theta, statistics, gradient, *numbers)] = seen
    assert theta is shared.theta
    assert statistics.data_ptr() == shared.statistics.data_ptr()
    assert gradient.tolist() == [1.0, 2.0]
    assert numbers == [pytest.approx(0.6), 0.9, 0.3]  # η = 1 − 4/10


def test_the_learning_rate_falls_to_zero() -> None:
    shared = shared_with(learning_rate=0.5, total_steps=100)
    rates = []
    for _ in range(6):
        rates.append(shared.learning_rate)
        shared.count_steps(1, 25)
    assert rates == [0.5, 0.375, 0.25, 0.125, 0.0, 0.0]
    shared.apply(update(1.0, 1.0))
    assert not shared.theta.any()


def test_long_gradients_are_clipped_to_the_norm() -> None:
    shared = shared_with(max_grad_norm=1.0)
    shared.apply(update(3.0, 4.0))  # of length 5
    assert_close(shared.theta, torch.tensor([-0.6, -0.8]))
    shared.theta.zero_()
    shared.apply(update(0.3, 0.4))  # of length 0.5: as it is
    assert_close(shared.theta, torch.tensor([-0.3, -0.4]))


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("rule", [sgd, shared_rmsprop_update])
def test_gradients_that_are_not_finite_are_refused(rule: Any, poison: float) -> None:
    shared = shared_with(rule)
    shared.apply(update(1.0, 1.0))
    before = shared.state()
    assert shared.apply(update(0.0, poison, worker_id=1, version=0)) == 1
    assert torch.equal(shared.theta, before["theta"])
    assert torch.equal(shared.statistics, before["statistics"])
    assert (shared.num_updates, shared.nan_updates) == (1, 1)


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20))
def test_theta_stays_finite_whatever_comes(gradients: list[tuple[float, ...]]) -> None:
    shared = shared_with(shared_rmsprop_update)
    for gradient in gradients:
        shared.apply(update(*gradient))
    assert shared.theta.isfinite().all()
    assert shared.num_updates + shared.nan_updates == len(gradients)


def test_one_g_for_all_learners_or_one_each() -> None:
    # g after one update with gradient d: (1 − α) d².
    together = shared_with(shared_rmsprop_update, alpha=0.5)
    each = shared_with(shared_rmsprop_update, alpha=0.5, shared_statistics=False)
    for shared in (together, each):
        shared.apply(update(2.0, 0.0, worker_id=0))
        shared.apply(update(0.0, 4.0, worker_id=1))
    assert together.statistics.tolist() == [[1.0, 8.0]]  # 2 decayed to 1; 16/2
    assert each.statistics.tolist() == [[2.0, 0.0], [0.0, 8.0]]


# --- Counters and stopping --------------------------------------------------------


def test_counters_are_sums_over_the_learners() -> None:
    shared = shared_with(workers=3)
    for worker_id, steps in ((0, 5), (2, 7), (0, 1)):
        shared.count_steps(worker_id, steps)
    assert shared.global_step == 13
    for worker_id in (1, 1, 2):
        shared.apply(update(0.0, 0.0, worker_id=worker_id))
    assert shared.num_updates == 3
    assert shared.tensors["counters"].tolist() == [[6, 0, 0], [0, 2, 0], [7, 1, 0]]


def test_it_is_finished_at_t_max_or_when_stopped() -> None:
    shared = shared_with(total_steps=10)
    shared.count_steps(0, 9)
    assert not shared.finished
    shared.count_steps(1, 1)
    assert shared.finished
    stopped = shared_with()
    assert not stopped.finished
    stopped.stop()
    assert stopped.finished


def test_sharing_the_memory_keeps_everything_in_one_place() -> None:
    shared = shared_with()
    shared.count_steps(0, 5)
    shared.share_memory()
    assert all(tensor.is_shared() for tensor in shared.tensors.values())
    # As a worker does: another Shared around the very same tensors.
    twin = Shared(shared.tensors, shared.config, sgd)
    twin.count_steps(1, 2)
    twin.apply(update(1.0, 0.0, worker_id=1))
    twin.stop()
    assert shared.global_step == 7
    assert_close(shared.theta, torch.tensor([-0.93, 0.0]))  # η = 1 − 7/100
    assert shared.num_updates == 1
    assert shared.finished


# --- θ⁻ ---------------------------------------------------------------------------


def refreshed_at(shared: Shared, steps: list[int]) -> list[int]:
    """The T at which θ⁻ was copied, when T grows by these steps."""
    answer = []
    for number, count in enumerate(steps):
        shared.count_steps(number % 2, count)
        shared.theta.fill_(float(number + 1))
        shared.refresh_target_if_due()
        if torch.equal(shared.target_theta, shared.theta):
            answer.append(shared.global_step)
    return answer


def test_target_is_copied_at_each_multiple() -> None:
    shared = shared_with(target_period=5)
    assert refreshed_at(shared, [1] * 11) == [5, 10]


def test_target_is_copied_when_a_multiple_is_jumped_over() -> None:
    # T: 4, 7 (over 5), 9, 23 (over 10, 15 and 20: one copy), 24, 25.
    shared = shared_with(target_period=5)
    assert refreshed_at(shared, [4, 3, 2, 14, 1, 1]) == [7, 23, 25]


@given(st.lists(st.integers(1, 12), max_size=30), st.integers(1, 10))
def test_target_is_copied_exactly_when_a_multiple_is_crossed(
    steps: list[int], period: int
) -> None:
    crossed, T = [], 0
    for count in steps:
        if (T + count) // period > T // period:
            crossed.append(T + count)
        T += count
    assert refreshed_at(shared_with(target_period=period), steps) == crossed


def test_target_begins_as_theta() -> None:
    shared = Shared.allocate(torch.tensor([1.0, 2.0]), Config(), sgd)
    assert shared.target_theta.tolist() == [1.0, 2.0]
    assert shared.target_theta.data_ptr() != shared.theta.data_ptr()


# --- Checkpoints ------------------------------------------------------------------


def used(**settings: Any) -> Shared:
    """A Shared in which everything differs from a fresh one."""
    shared = shared_with(shared_rmsprop_update, target_period=10, **settings)
    shared.count_steps(0, 7)
    shared.count_steps(1, 8)
    shared.refresh_target_if_due()
    shared.apply(update(1.0, 2.0, worker_id=0))
    shared.apply(update(math.nan, 2.0, worker_id=1))
    return shared


def test_a_state_comes_back() -> None:
    old, new = used(), shared_with(shared_rmsprop_update, target_period=10)
    new.load(old.state())
    for name in ("theta", "target_theta", "statistics", "target_refreshes"):
        assert torch.equal(new.tensors[name], old.tensors[name])
    assert (new.global_step, new.num_updates, new.nan_updates) == (15, 1, 1)
    assert (old.start_step, new.start_step) == (0, 15)
    assert not new.finished


def test_a_state_is_a_copy() -> None:
    shared = used()
    state = shared.state()
    shared.theta.zero_()
    assert state["theta"].any()


@pytest.mark.parametrize("workers", [1, 5])
def test_the_number_of_learners_may_change(workers: int) -> None:
    new = shared_with(workers=workers)
    new.load(used().state())
    assert (new.global_step, new.num_updates, new.nan_updates) == (15, 1, 1)
    new.count_steps(workers - 1, 5)
    assert new.global_step == 20


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("theta", shared_with(parameters=3)),
        ("statistics", shared_with(shared_statistics=False, workers=3)),
    ],
)
def test_other_shapes_are_refused(name: str, other: Shared) -> None:
    with pytest.raises(ValueError, match=rf"^The checkpoint's {name} has shape \["):
        other.load(used().state())


@pytest.mark.parametrize("period", [1, 100])
def test_the_target_period_may_change_in_a_resumed_run(period: int) -> None:
    shared = shared_with(target_period=period, total_steps=1000)
    shared.load(used().state())  # T is 15
    crossed = [T for T in range(20, 220, 5) if T % max(period, 5) == 0]
    assert refreshed_at(shared, [5] * 40) == crossed
