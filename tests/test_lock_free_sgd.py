"""Lock-free SGD: the problems, lag by the queue, threads and real processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import ROOT, running_script

from course.experiments import lock_free_sgd
from course.experiments.lock_free_sgd import (
    DIVERGED,
    KINDS,
    LEARNING_RATE,
    LagRow,
    Problem,
    count_together,
    lag_picture,
    lag_sweep,
    make_problem,
    run_together,
    with_lag,
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_problem_is_what_its_kind_says(kind: Any) -> None:
    problem = make_problem(kind, seed=0, samples=200, size=50)
    np.testing.assert_allclose(np.linalg.norm(problem.features, axis=1), 1.0)
    touched = (problem.features != 0).sum(1)
    assert (touched == (3 if kind == "sparse" else 50)).all()
    assert (problem.features >= 0).all() == (kind == "dense, one sign")
    # `touched` names the features that are not 0, and there is an exact solution.
    inside = np.take_along_axis(problem.features, problem.touched, axis=1)
    np.testing.assert_allclose((inside**2).sum(1), 1.0)
    solution, *_ = np.linalg.lstsq(problem.features, problem.targets, rcond=None)
    assert problem.loss(solution) < 1e-20
    assert problem.loss(np.zeros(50)) == 1.0


def test_a_problem_comes_from_its_seed() -> None:
    first, again, other = (make_problem("sparse", seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.targets, again.targets)
    assert not np.array_equal(first.features, other.features)
    with pytest.raises(ValueError, match="kind is 'dense'; expected one of sparse"):
        make_problem("dense", 0)  # type: ignore[arg-type]


def test_overlap_by_hand() -> None:
    # Rows 0 and 1 share one number, with x_0 . x_1 = 0.6; row 2 touches no other.
    features = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    touched = np.array([[0, 1], [0, 1], [2, 0]])
    problem = Problem("sparse", features, np.ones(3), touched)
    common, product = problem.overlap()
    assert common == pytest.approx(1 / 3)  # one of three pairs
    assert product == pytest.approx(0.6 / 3)


def test_with_lag_against_a_slow_oracle() -> None:
    problem = make_problem("dense, one sign", seed=3, samples=40, size=6)
    order = np.random.default_rng(5).integers(40, size=30)
    for lag in (0, 1, 7):
        history = [np.zeros(6)]  # θ after each update
        for number, i in enumerate(order):
            # Of the first gradients, 1 + lag are taken before anything is applied.
            x, old = problem.features[i], history[max(0, number - lag)]
            history.append(
                history[-1] - LEARNING_RATE * (x @ old - problem.targets[i]) * x
            )
        applied = history[len(order) - lag]  # the last ones are still in the queue
        assert with_lag(problem, lag, 30, seed=5) == pytest.approx(
            problem.loss(applied)
        )


def test_one_sign_diverges_where_the_others_bear_the_lag() -> None:
    for seed in range(2):
        losses = {
            (kind, lag): with_lag(make_problem(kind, seed), lag, 1500, seed)
            for kind in KINDS
            for lag in (0, 32)
        }
        assert losses["dense, one sign", 32] == float("inf")
        assert losses.pop(("dense, one sign", 32)) > DIVERGED
        assert max(losses.values()) < 0.1


def test_sweep_and_picture(tmp_path: Path) -> None:
    rows = lag_sweep(lags=(0, 32), seeds=2, updates=800)
    assert [(row.kind, row.lag) for row in rows] == [
        (kind, lag) for kind in KINDS for lag in (0, 32)
    ]
    assert all(len(row.losses) == 2 for row in rows)
    figure = lag_picture(rows)
    assert "sparse features bear every lag shown" in figure.description
    assert "one sign features diverge from lag 32 on" in figure.description
    figure.save(tmp_path / "lag.png")


def test_picture_draws_medians() -> None:
    rows = [LagRow(kind, 4, (0.1, 0.3, float("inf"))) for kind in KINDS]
    lines = lag_picture(rows).axes[0].get_lines()
    assert [list(line.get_ydata()) for line in lines[:3]] == [[0.3]] * 3
    assert len({line.get_marker() for line in lines[:3]}) == 3


def test_in_turn_is_plain_sgd() -> None:
    problem = make_problem("sparse", seed=0)
    run = run_together(problem, "in turn", workers=1, updates=50, seed=7)
    theta = np.zeros(100)
    for i in np.random.default_rng([7, 0]).integers(1000, size=50):
        x = problem.features[i]
        theta -= LEARNING_RATE * (x @ theta - problem.targets[i]) * x
    np.testing.assert_allclose(run.theta, theta, atol=1e-12)
    assert run.updates == 50
    assert run.updates_per_second == pytest.approx(50 / run.seconds)


@pytest.mark.parametrize("how", ["in turn", "threads", "processes"])
def test_all_learners_work_on_one_vector(how: Any) -> None:
    problem = make_problem("sparse", seed=0)
    run = run_together(problem, how, workers=2, updates=10_000)
    # One learner with half of the updates would be far from there.
    assert problem.loss(run.theta) < 1e-6
    assert (run.how, run.workers, run.updates) == (how, 2, 10_000)
    assert not multiprocessing.active_children()


def test_counting_in_turn_loses_nothing_and_processes_count_as_well() -> None:
    assert count_together("in turn", increments=500).theta[0] == 1000
    counted = count_together("processes", increments=500)
    assert 500 <= counted.theta[0] <= counted.updates == 1000


def test_an_unknown_way_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="how is 'gpu'; expected in turn, threads"):
        count_together("gpu")  # type: ignore[arg-type]


def test_a_learner_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_free_sgd, "PATIENCE", 0.5)
    with pytest.raises(RuntimeError, match=r"\(threads\) did not start or finish"):
        count_together("threads", increments=10**7)


def test_a_script_without_a_main_guard_may_use_processes(tmp_path: Path) -> None:
    source = (
        "print('begins')\n"
        "from course.experiments.lock_free_sgd import count_together\n"
        "print(count_together('processes', increments=5).updates)\n"
    )
    with running_script(tmp_path / "script.py", source) as script:
        output, errors = script.communicate(timeout=100)
    assert output == "begins\n10\n", errors


def test_the_module_is_found_by_a_spawned_child() -> None:
    # Spawn imports it by name: it must not depend on who started the parent.
    assert sys.modules[lock_free_sgd._learn.__module__] is lock_free_sgd
    assert os.path.commonpath([lock_free_sgd.__file__, ROOT]) == str(ROOT)
