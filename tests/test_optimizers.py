"""The comparison of optimisers: what is computed, and that it is told as it came."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course.experiments import optimizers
from course.experiments.optimizers import (
    ALPHA,
    LEARNERS,
    Optimizer,
    Row,
    compare,
    eps_picture,
    good_range,
    picture,
    step_length,
    the_three,
)
from course.optim import momentum_sgd_update, shared_rmsprop_update


def test_the_three_take_functions_of_your_own() -> None:
    def mine(*arguments: Any) -> None: ...

    three = the_three(rmsprop=mine)
    assert [each.shared for each in three.values()] == [False, False, True]
    assert [each.rule for each in three.values()] == [momentum_sgd_update, mine, mine]
    assert {each.eps for each in three.values()} == {1e-8}


def test_a_round_takes_all_gradients_at_one_theta() -> None:
    thetas: list[list[float]] = []
    states: list[torch.Tensor] = []

    def look(theta: Any, state: Any, gradient: Any, rate: float, *rest: float) -> None:
        thetas.append(gradient.tolist())
        states.append(state)
        theta.sub_(1000.0 * gradient)  # whoever looked at θ now would see it

    optimizer = Optimizer(look, False, 0.1)
    compare({"look": optimizer}, learning_rates=[1.0], seeds=1, rounds=1)
    first = np.array(thetas)
    thetas.clear()
    compare({"still": Optimizer(lambda *_: None, False, 0.1)}, [1.0], 1, 1)
    assert len(first) == LEARNERS
    # Taken one after the other, they would have grown a thousandfold each time.
    assert np.abs(first).max() < 10
    assert len({state.data_ptr() for state in states}) == LEARNERS


@pytest.mark.parametrize(("shared", "rows"), [(True, 1), (False, LEARNERS)])
def test_statistics_are_shared_or_each_learners_own(shared: bool, rows: int) -> None:
    seen = set()
    rates = []

    def look(theta: Any, state: Any, gradient: Any, rate: float, *rest: float) -> None:
        seen.add(state.data_ptr())
        rates.append(rate)
        assert rest == (ALPHA, 0.25)

    compare({"look": Optimizer(look, shared, 0.25)}, [2.0], seeds=1, rounds=4)
    assert len(seen) == rows
    # Annealed to 0, one rate for each round.
    assert rates[::LEARNERS] == [2.0, 1.5, 1.0, 0.5]


def test_no_step_leaves_the_first_loss_and_a_wild_one_is_infinite() -> None:
    def wild(theta: torch.Tensor, *rest: Any) -> None:
        theta.fill_(math.inf)

    two = {
        "still": Optimizer(lambda *_: None, True, 0.1),
        "wild": Optimizer(wild, True, 0.1),
    }
    still, diverged = compare(two, learning_rates=[0.1], seeds=2, rounds=2)
    assert still.losses == (1.0, 1.0)
    assert diverged.losses == (math.inf, math.inf)


def test_shared_statistics_bear_larger_rates_than_own_ones() -> None:
    rows = compare(learning_rates=[1.0], seeds=3)
    losses = {row.name: np.median(row.losses) for row in rows}
    assert losses["RMSProp, shared g"] < 0.5 < 1.0 < losses["RMSProp, own g"]


def test_the_same_seed_gives_the_same_losses() -> None:
    first, again = (compare(learning_rates=[0.1], seeds=1, rounds=5) for _ in range(2))
    assert first == again
    assert all(0 < row.losses[0] < 2 for row in first)


ROWS = [
    Row("one", 0.1, (0.5, 0.7, 0.6)),
    Row("one", 1.0, (0.2, math.inf, 0.1)),
    Row("two", 0.1, (0.4, 0.3, 0.2)),
    Row("two", 1.0, (0.9, math.nan, 2.0)),
]


def test_good_range_asks_for_every_seed() -> None:
    assert good_range(ROWS, "one", 0.65) == []
    assert good_range(ROWS, "one", 0.75) == [0.1]
    assert good_range(ROWS, "two", 0.5) == [0.1]


def test_picture_draws_medians_and_names_the_best(tmp_path: Path) -> None:
    figure = picture(ROWS)
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert lines["one"].get_ydata().tolist() == [0.6, 0.2]
    assert lines["two"].get_ydata().tolist() == [0.3, 2.0]
    assert figure.description == (
        "Final loss against learning rate: one is best at 1 with 0.20; "
        "two is best at 0.1 with 0.30."
    )
    figure.save(tmp_path / "optimizers.png")
    with pytest.raises(ValueError, match=r"^rows is empty"):
        picture([])


def test_step_length_by_hand() -> None:
    # g stays 4 and 9; with eps 0 a step of 1, with 7 one of 3 / sqrt(9 + 7).
    steps = step_length(shared_rmsprop_update, [2.0, 3.0], 0.0)
    np.testing.assert_allclose(steps, [1.0, 1.0], rtol=1e-6)
    steps = step_length(shared_rmsprop_update, [3.0], 7.0)
    np.testing.assert_allclose(steps, [0.75], rtol=1e-6)


def test_eps_picture_has_a_line_for_each(tmp_path: Path) -> None:
    figure = eps_picture(eps=(0.1, 1e-8))
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == [
        "ε = 0.1; √ε = 0.32",
        "ε = 1e-08; √ε = 0.0001",
    ]
    large, small = (line.get_ydata() for line in lines)
    assert (large <= small).all()
    assert "0.0032 for eps 0.1" in figure.description
    figure.save(tmp_path / "eps.png")


def test_the_grid_of_learning_rates_holds_the_whole_valley() -> None:
    assert optimizers.LEARNING_RATES[0] == pytest.approx(1e-3)
    assert optimizers.LEARNING_RATES[-1] == pytest.approx(10**1.5)
