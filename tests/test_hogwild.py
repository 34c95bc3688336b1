"""Tests of Hogwild with real processes: one learner is the simulation, to the bit."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import torch
from processes import running_script
from torch import Tensor

from course import train
from course.algorithms import A3C, ALGORITHMS, N_STEP_Q, Algorithm
from course.environments.probes import ProbeActionReward
from course.trainers.result import TrainResult
from course.trainers.start import start_method, without_main_module

pytestmark = pytest.mark.timeout(60)


def run(algorithm: str | Algorithm, backend: str, **settings: Any) -> TrainResult:
    settings = {
        "environment": "CartPole-v1",
        "workers": 1,
        "total_steps": 2_000,
        "t_max": 5,
        "update_period": 5,
        "target_period": 300,
        "learning_rate": 0.01,
        "epsilon_anneal_steps": 1_000,
        "hidden_size": 16,
    } | settings
    return train(algorithm, backend=backend, progress=False, **settings)  # type: ignore[arg-type]


def story(result: TrainResult) -> dict[str, Any]:
    """All that a run did, except for when."""
    return {
        "episodes": [
            (episode["return"], episode["length"], episode["step"])
            for episode in result.episode_returns
        ],
        "events": [tuple(entry)[1:] for entry in result.events],
        "counts": (result.global_step, result.num_updates, result.nan_updates),
        "lag": result.lag,
        "stopped": result.stopped,
    }


# --- One learner ------------------------------------------------------------------


@pytest.mark.parametrize("K", [1, 4])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_one_learner_is_the_simulation(name: str, K: int) -> None:
    settings = {"environments_per_worker": K, "seed": 3}
    real, simulated = (run(name, b, **settings) for b in ("hogwild", "sequential"))
    assert torch.equal(real.theta, simulated.theta)
    assert story(real) == story(simulated)
    assert len(real.episode_returns) > 10
    assert (real.backend, simulated.backend) == ("hogwild", "sequential")


def test_one_learner_under_spawn(monkeypatch: pytest.MonkeyPatch) -> None:
    # As on macOS and Windows: a worker is a new interpreter that knows nothing.
    monkeypatch.setenv("COURSE_START_METHOD", "spawn")
    real = run("n_step_q", "hogwild", total_steps=500)
    assert torch.equal(real.theta, run("n_step_q", "sequential", total_steps=500).theta)


def test_start_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_START_METHOD", raising=False)
    for platform, method in (
        ("linux", "forkserver"),
        ("darwin", "spawn"),
        ("win32", "spawn"),
    ):
        monkeypatch.setattr("sys.platform", platform)
        assert start_method() == method
    monkeypatch.setenv("COURSE_START_METHOD", "spawn")
    monkeypatch.setattr("sys.platform", "linux")
    assert start_method() == "spawn"


# --- Several learners -------------------------------------------------------------


def test_two_learners_train_together(tmp_path: Path) -> None:
    def act(*arguments: Any) -> Tensor:
        (tmp_path / str(os.getpid())).touch()
        return A3C.functions["act"](*arguments)

    result = run(A3C.replace(act=act), "hogwild", workers=2, total_steps=3_000)
    # Two processes, neither of them this one.
    processes = {path.name for path in tmp_path.iterdir()}
    assert len(processes) == 2
    assert str(os.getpid()) not in processes
    # Neither lost a count to the other, however they interleaved.
    pushes = [entry for entry in result.events if entry.kind == "push"]
    assert {entry.worker_id for entry in pushes} == {0, 1}
    assert len(pushes) == result.num_updates == sum(result.lag["histogram"].values())
    # Each learner ends after the rollout in which T reached 3,000.
    assert 3_000 <= result.global_step < 3_000 + 2 * 5
    assert result.stopped == "total_steps"
    assert result.theta.isfinite().all()


def test_steps_and_episodes_add_up() -> None:
    # Every episode has one step, so T counts the episodes: none is lost on the way.
    result = run(
        *("one_step_q", "hogwild"),
        environment="course/ProbeActionReward-v0",
        workers=2,
        environments_per_worker=3,
        total_steps=2_000,
    )
    assert len(result.episode_returns) == result.global_step
    assert {episode["worker_id"] for episode in result.episode_returns} == {0, 1}
    assert {episode["length"] for episode in result.episode_returns} == {1}


def test_nothing_is_left_behind() -> None:
    result = run("a3c", "hogwild", workers=2, total_steps=100)
    assert multiprocessing.active_children() == []
    assert not result.theta.is_shared()  # a copy: the memory itself can be freed


def test_it_stops_when_solved() -> None:
    result = run(
        "a3c",
        "hogwild",
        environment="course/ProbeTruncation-v0",  # every return is 5
        until_return=5.0,
        total_steps=10**9,
    )
    assert result.stopped == "solved"
    assert result.solved_at is not None
    assert result.solved_at["step"] == 500  # 100 episodes of 5 steps
    assert result.best_mean_return_100 == 5.0


# --- Functions and environments written anywhere ----------------------------------


def offset(by: float) -> Callable[..., Tensor]:
    def targets(*arguments: Any) -> Tensor:
        answer: Tensor = N_STEP_Q.functions["targets"](*arguments) + by
        return answer

    return targets


def test_closures_and_lambdas_reach_the_workers() -> None:
    mine = N_STEP_Q.replace(
        targets=offset(0.5), loss=lambda *args: 0.5 * N_STEP_Q.functions["loss"](*args)
    )
    real, simulated = (run(mine, b, total_steps=500) for b in ("hogwild", "sequential"))
    assert torch.equal(real.theta, simulated.theta)
    for other in (N_STEP_Q, N_STEP_Q.replace(targets=mine.targets)):
        assert not torch.equal(
            real.theta, run(other, "sequential", total_steps=500).theta
        )


MODULE = """
import os
import pathlib

import psutil

from course import N_STEP_Q, train  # as a student's module begins


def loss(*arguments):
    pathlib.Path(f"children-of-{os.getpid()}").write_text(
        str(psutil.Process().children())
    )
    return 0.5 * N_STEP_Q.functions["loss"](*arguments)
"""


def test_functions_of_a_module_reach_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They are sent by name: the worker imports the module, and `course.train` in it,
    # which must not start a fork server there.
    (tmp_path / "my_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    mine = N_STEP_Q.replace(loss=importlib.import_module("my_module").loss)
    real = run(mine, "hogwild", total_steps=300)
    [written] = tmp_path.glob("children-of-*")
    assert written.name != f"children-of-{os.getpid()}"
    assert written.read_text() == "[]"
    assert torch.equal(real.theta, run(mine, "sequential", total_steps=300).theta)


@pytest.mark.parametrize("place", ["update", "make_network"])
def test_the_rule_and_the_network_can_be_replaced(place: str) -> None:
    def update(
        theta: Tensor, statistics: Tensor, gradient: Tensor, *numbers: float
    ) -> None:
        theta.add_(1.0)  # not a good rule, but one that shows

    def make_network(space: Any, num_actions: int, config: Any) -> torch.nn.Module:
        return torch.nn.Linear(space.shape[0], num_actions)

    mine = N_STEP_Q.replace(**{place: locals()[place]})
    real, simulated = (run(mine, b, total_steps=300) for b in ("hogwild", "sequential"))
    assert torch.equal(real.theta, simulated.theta)
    if place == "make_network":
        assert len(real.theta) == 4 * 2 + 2
    else:
        built_in = run("n_step_q", "sequential", total_steps=300)
        assert (real.theta - built_in.theta).mean() > real.num_updates - 5


def test_environments_known_only_here_reach_the_workers() -> None:
    class Mine(ProbeActionReward):
        def outcome(self, observation: float, action: int) -> tuple[float, float, bool]:
            return 7.0, observation, True

    gymnasium.register("OnlyHere-v0", entry_point=Mine)
    for environment in ("OnlyHere-v0", Mine, lambda: Mine()):
        result = run("a3c", "hogwild", environment=environment, total_steps=50)
        assert {episode["return"] for episode in result.episode_returns} == {7.0}


def test_trainings_in_two_threads_keep_the_main_module() -> None:
    main = sys.modules["__main__"]
    with without_main_module():
        other = threading.Thread(target=run, args=("a3c", "hogwild"))
        other.start()
        other.join(0.2)  # it waits for its turn to hide the main module
        assert sys.modules["__main__"] is not main
    other.join()
    assert sys.modules["__main__"] is main


SCRIPT = """
import json

import torch

import course

# No `if __name__ == "__main__":` anywhere: a beginner's script.
SHIFT = 0.25


def my_targets(rewards, bootstrap_q_values, terminated, gamma):
    return rewards + SHIFT


my_loss = lambda q, a, y: ((y - q.gather(-1, a[..., None]).squeeze(-1)) ** 4).sum()


def reluctant(patience):
    def act(q_values, epsilon, generator):
        draw = torch.rand((), generator=generator)
        return q_values.argmax(-1) if draw < patience else torch.tensor(0)

    return act


def run(backend, functions):
    return course.train(
        course.N_STEP_Q.replace(**functions),
        *("CartPole-v1",),
        backend=backend,
        workers=1,
        total_steps=400,
        learning_rate=0.01,
        progress=False,
    ).theta


mine = {"targets": my_targets, "loss": my_loss, "act": reluctant(0.5)}
real = run("hogwild", mine)
without = {
    name: {other: mine[other] for other in mine if other != name} for name in mine
}
print(
    json.dumps(
        {
            "as simulated": torch.equal(real, run("sequential", mine)),
            "used": [
                name
                for name, others in without.items()
                if not torch.equal(real, run("sequential", others))
            ],
        }
    )
)
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_script_without_a_main_guard(tmp_path: Path, method: str) -> None:
    path = tmp_path / "mine.py"
    with running_script(path, SCRIPT, COURSE_START_METHOD=method) as script:
        output, errors = script.communicate()
    assert script.returncode == 0, errors
    # One line: the workers did not run the script again.
    assert json.loads(output) == {
        "as simulated": True,
        "used": ["targets", "loss", "act"],
    }
    assert errors == ""
