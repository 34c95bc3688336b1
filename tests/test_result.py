"""Tests of the history and the result of a run, and of the face of `course`."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

import course
from course.algorithms import ALGORITHMS
from course.environments import make_environment
from course.evaluate import evaluate
from course.networks import flatten
from course.trainers.log import Batch, EpisodeEntry, LogEntry
from course.trainers.result import EVENTS_KEPT, History, TrainResult


def episode(score: float, step: int = 0, seconds: float = 0.0) -> EpisodeEntry:
    return EpisodeEntry(score, 7, step, seconds, 1)


def batch_of(*scores: float) -> Batch:
    return Batch([], [episode(score) for score in scores])


def push(lag: int) -> LogEntry:
    return LogEntry(0.0, 0, "push", 0, lag, 0)


# --- History ----------------------------------------------------------------------


def test_the_mean_counts_only_once_there_are_100_episodes() -> None:
    history = History()
    assert history.mean_return is None
    history.add(batch_of(*[10.0] * 99), until_return=5.0)
    assert (history.mean_return, history.best_mean_return_100) == (10.0, None)
    assert history.solved_at is None
    history.add(batch_of(0.0), until_return=5.0)
    # (99 · 10 + 0) / 100
    assert history.best_mean_return_100 == pytest.approx(9.9)
    assert history.solved_at is not None


def test_the_best_mean_stays() -> None:
    history = History()
    history.add(batch_of(*[1.0] * 100, *[-1.0] * 50))
    assert history.best_mean_return_100 == 1.0
    assert history.mean_return == 0.0
    worse = History()
    worse.add(batch_of(*[-3.0] * 100))
    assert worse.best_mean_return_100 == -3.0  # the best may be negative


def test_solved_is_when_the_mean_first_reaches_the_goal() -> None:
    history = History()
    episodes = [episode(0.0) for _ in range(100)]
    episodes += [episode(10.0, step, step / 10) for step in range(1, 101)]
    history.add(Batch([], episodes), until_return=5.0)
    # The mean is 5 when half of the last 100 are tens: after the 50th of them.
    assert history.solved_at == {"step": 50, "seconds": 5.0}


@given(st.lists(st.floats(-100, 100), max_size=250), st.integers(1, 7))
def test_reports_may_be_cut_anywhere(scores: list[float], size: int) -> None:
    whole, cut = History(), History()
    whole.add(batch_of(*scores), until_return=20.0)
    for start in range(0, len(scores), size):
        cut.add(batch_of(*scores[start : start + size]), until_return=20.0)
    means = [
        math.fsum(scores[end - 100 : end]) / 100 for end in range(100, len(scores) + 1)
    ]
    for history in (whole, cut):
        assert [entry.episode_return for entry in history.episodes] == scores
        if means:
            assert history.best_mean_return_100 == pytest.approx(max(means))
        else:
            assert history.best_mean_return_100 is None
    assert whole.solved_at == cut.solved_at


def test_lags_are_summed_up() -> None:
    history = History()
    assert history.lag_summary() == {"mean": None, "max": None, "histogram": {}}
    entries = [push(lag) for lag in (0, 3, 0, 1)]
    pull = LogEntry(0.0, 0, "pull", 0, None, 0)
    history.add(Batch([pull, *entries], [], lost=[(1, -9)]))
    assert history.lag_summary() == {
        "mean": 1.0,  # (0 + 3 + 0 + 1) / 4
        "max": 3,
        "histogram": {"0": 2, "1": 1, "3": 1},
    }
    assert history.workers_lost == 1


def test_the_log_is_bounded_but_its_sums_are_not() -> None:
    history = History()
    for _ in range(3):
        history.add(Batch([push(2)] * (EVENTS_KEPT // 2), []))
    assert len(history.events) == EVENTS_KEPT
    assert history.lag_summary()["histogram"] == {"2": 3 * EVENTS_KEPT // 2}


def test_history_goes_through_a_checkpoint() -> None:
    history, loaded = History(), History()
    history.add(batch_of(*[1.5] * 120))
    history.add(Batch([push(2)], [episode(0.5, 30, 4.25)], lost=[(0, -9)]))
    loaded.load(history.state())
    assert loaded.episodes == history.episodes
    assert loaded.mean_return == history.mean_return
    assert loaded.best_mean_return_100 == history.best_mean_return_100
    assert loaded.lag_summary() == history.lag_summary()
    assert loaded.workers_lost == 1
    empty = History()
    empty.load(History().state())
    assert (empty.episodes, empty.mean_return) == ([], None)


# --- TrainResult ------------------------------------------------------------------


@pytest.fixture(scope="module")
def result() -> TrainResult:
    return course.train(
        "a3c",
        "CartPole-v1",
        backend="sequential",
        workers=2,
        environments_per_worker=3,
        seed=5,
        total_steps=4_500,
        t_max=5,
        learning_rate=0.0,
        hidden_size=8,
        progress=False,
    )


def test_the_fields_of_result_json(result: TrainResult) -> None:
    written = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert written == result.to_json()
    assert set(written) == {
        *("algorithm", "environment", "backend", "until_return", "workers"),
        *("environments_per_worker", "seed", "global_step", "num_updates"),
        *("seconds", "steps_per_second", "episode_returns", "best_mean_return_100"),
        *("solved_at", "lag", "workers_lost", "nan_updates", "stopped"),
    }
    assert written["algorithm"] == "a3c"
    assert written["environment"] == "CartPole-v1"
    assert written["backend"] == "sequential"
    counts = [written[n] for n in ("workers", "environments_per_worker", "seed")]
    assert counts == [2, 3, 5]
    assert written["global_step"] == 4_500
    assert written["num_updates"] == 4_500 / (5 * 3)
    assert written["steps_per_second"] == pytest.approx(4_500 / written["seconds"])
    assert set(written["lag"]) == {"mean", "max", "histogram"}
    assert (written["workers_lost"], written["nan_updates"]) == (0, 0)
    assert (written["solved_at"], written["stopped"]) == (None, "total_steps")
    best = written["best_mean_return_100"]
    assert 15 < best < 40  # the policy stays random, and that gets 22


def test_every_episode_has_its_step_and_seconds(result: TrainResult) -> None:
    episodes = result.episode_returns
    assert len(episodes) > 50
    for entry in episodes:
        assert set(entry) == {"return", "length", "step", "seconds", "worker_id"}
        assert entry["return"] == entry["length"]  # CartPole gives 1 a step
    for name in ("step", "seconds"):
        values = [entry[name] for entry in episodes]
        assert values == sorted(values)
        assert values[0] > 0
    assert episodes[-1]["step"] <= result.global_step
    assert episodes[-1]["seconds"] <= result.seconds


def test_repr_is_a_few_readable_lines(result: TrainResult) -> None:
    lines = repr(result).splitlines()
    head = "TrainResult: a3c on CartPole-v1, sequential with 2 learners: "
    assert lines[0] == head + "ended (total steps)"
    assert (
        f"best mean return of 100 episodes: {result.best_mean_return_100:.1f}"
        in (lines[1])
    )
    assert lines[2].startswith("  4,500 steps, 300 updates in ")
    assert lines[3] == "  lag: mean 0.00, max 0"
    assert len(lines) == 4
    assert max(len(line) for line in lines) <= 88


def test_repr_tells_what_went_wrong(result: TrainResult) -> None:
    changed = dataclasses.replace(
        result,
        workers=1,
        solved_at={"step": 1234, "seconds": 5.678},
        best_mean_return_100=None,
        workers_lost=2,
        nan_updates=3,
    )
    lines = repr(changed).splitlines()
    assert lines[0].endswith("with 1 learner: solved at step 1,234 after 5.7 s")
    assert lines[1].endswith(": fewer than 100 episodes")
    assert lines[-2:] == ["  workers lost: 2", "  NaN updates refused: 3"]


def test_repr_of_a_run_without_updates(result: TrainResult) -> None:
    none = {"mean": None, "max": None, "histogram": {}}
    assert "lag: no updates" in repr(dataclasses.replace(result, lag=none))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_policy_acts_greedily(name: str) -> None:
    result = course.train(
        *(name, "CartPole-v1"),
        backend="sequential",
        total_steps=20,
        progress=False,
    )
    assert torch.equal(flatten(result.network), result.theta)
    environment = make_environment(result.spec)
    observation, _ = environment.reset(seed=0)
    for _ in range(5):
        action = result.policy(observation)
        with torch.no_grad():
            output = result.network(torch.from_numpy(observation))
        scores = output[0] if isinstance(output, tuple) else output
        assert action == max(range(2), key=lambda a: scores[a].item())
        observation = environment.step(action)[0]
    assert type(action) is int


def test_the_policy_takes_plain_lists(result: TrainResult) -> None:
    observation = [0.25, 0, -0.5, 1]
    assert result.policy(observation) == result.policy(
        np.array(observation, np.float32)
    )


def test_plot_draws_the_curve(result: TrainResult, tmp_path: Path) -> None:
    result.save(tmp_path)
    with Image.open(tmp_path / "learning_curve.png") as picture:
        assert picture.width > 300
    assert result.plot() is not None


def test_watch_writes_a_film(result: TrainResult, tmp_path: Path) -> None:
    path = tmp_path / "films" / "one.gif"
    shown = result.watch(path, seed=1)
    [played] = evaluate(result.policy, result.spec, episodes=1, seed=1)
    with Image.open(path) as film:
        assert film.format == "GIF"
        durations = []
        for frame in ImageSequence.Iterator(film):
            durations.append(frame.info["duration"])
    # One picture of 20 ms for each step and one of the end; equal ones are joined.
    assert sum(durations) == 20 * (played.length + 1)
    assert shown is not None


def cartpole_without_arguments() -> Any:
    return gymnasium.make("CartPole-v1")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ("course/ProbeActionReward-v0", "course/ProbeActionReward-v0"),
        (cartpole_without_arguments, "cartpole_without_arguments-v0"),
    ],
)
def test_an_environment_without_pictures_says_so(
    environment: Any, name: str, tmp_path: Path
) -> None:
    result = course.train(
        *("a3c", environment),
        backend="sequential",
        total_steps=10,
        progress=False,
    )
    with pytest.raises(ValueError, match=rf"^{name} cannot be filmed: expected an env"):
        result.watch(tmp_path / "film.gif")
    assert not (tmp_path / "film.gif").exists()


# --- Errors of train --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"algorithm": "a2c"}, r"^There is no algorithm 'a2c'; did you mean 'a3c'"),
        ({"environment": "CartPole-v9"}, r"CartPole"),
        ({"backend": "threads"}, r"^backend is 'threads'; expected 'hogwild' or"),
        ({"gama": 0.9}, r"^There is no setting 'gama'; did you mean 'gamma'"),
        ({"workers": 0}, r"^workers must be a whole number, at least 1, but is 0\.$"),
        ({"schedule": "A.pull"}, r"^schedule 'A.pull' ends without "),
        ({"backend": "hogwild", "lag": 2}, r"lag is 2, .* backend='sequential'"),
        (
            {"backend": "hogwild", "schedule": "random"},
            r"^schedule is 'random' .* backend='sequential'",
        ),
    ],
)
def test_mistakes_are_named_before_anything_is_written(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    settings = {
        "algorithm": "a3c",
        "environment": "CartPole-v1",
        "backend": "sequential",
        "output": tmp_path / "run",
    } | changes
    with pytest.raises(ValueError, match=message):
        course.train(**settings)
    assert not (tmp_path / "run").exists()


def test_the_progress_bar_leaves_the_figures(capfd: pytest.CaptureFixture[str]) -> None:
    course.train(
        *("one_step_q", "course/ProbeTruncation-v0"),
        backend="sequential",
        total_steps=50,
    )
    output, errors = capfd.readouterr()
    assert output == ""  # standard output is for results
    last = errors.split("\r")[-1]
    assert "one_step_q on course/ProbeTruncation-v0: 100%" in last
    assert "return of last 100: 5.0" in last


# --- The face of the package ------------------------------------------------------

FACE = [
    *("A3C", "ALGORITHMS", "N_STEP_Q", "ONE_STEP_Q", "ONE_STEP_SARSA", "Config"),
    *("TrainResult", "WorkerError", "__version__", "load_result"),
    *("make_environment", "train"),
    *("check", "hint", "solution", "predict", "ready", "status", "next"),
]


def test_the_public_names() -> None:
    # A name added here is a promise to students; one removed breaks their notebooks.
    assert sorted(course.__all__) == sorted(FACE)
    assert dir(course) == sorted(FACE)


@pytest.mark.parametrize("name", FACE)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(course, name) is not None


def test_public_names_are_the_real_things() -> None:
    assert course.A3C is ALGORITHMS["a3c"]
    assert course.TrainResult is TrainResult
    assert course.make_environment is make_environment


def test_an_unknown_name() -> None:
    with pytest.raises(
        AttributeError, match=r"^module 'course' has no attribute 'trn'"
    ):
        _ = course.trn
