"""Tests of checkpoints: whole or absent, whatever happens, and safe to load."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pickle
import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from processes import wait_until
from tqdm import tqdm

from course import load_result, train
from course.algorithms import A3C, N_STEP_Q, Algorithm
from course.environments.probes import ProbeTruncation
from course.files import write_whole
from course.trainers.result import TrainResult
from course.trainers.run import load_checkpoint

pytestmark = pytest.mark.timeout(60)

SMALL = {
    "environment": "course/ProbeTruncation-v0",  # rollouts of five steps each
    "backend": "sequential",
    "hidden_size": 4,
    "t_max": 5,
    "update_period": 5,
    "total_steps": 100,
    "progress": False,
}


def run(algorithm: str | Algorithm = "n_step_q", **settings: Any) -> TrainResult:
    return train(algorithm, **(SMALL | settings))


def resume(
    folder: Path, algorithm: str | Algorithm = "n_step_q", **settings: Any
) -> Any:
    defaults = {"environment": SMALL["environment"], "progress": False}
    return train(algorithm, resume=folder, **(defaults | settings))


def steps_in(folder: Path) -> int:
    return int(load_checkpoint(folder)["state"]["counters"][:, 0].sum())


# --- What is written --------------------------------------------------------------


def test_a_run_leaves_four_files(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    result = run(output=folder, seed=np.int64(3), learning_rate=np.float64(1e-3))
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("config.json", "result.json", "checkpoint.pt", "learning_curve.png")
    }
    config = json.loads((folder / "config.json").read_text())
    assert config["algorithm"] == "n_step_q"
    assert config["environment"] == SMALL["environment"]
    assert (config["seed"], config["learning_rate"]) == (3, 1e-3)
    assert json.loads((folder / "result.json").read_text()) == result.to_json()
    saved = load_checkpoint(folder)
    assert torch.equal(saved["state"]["theta"], result.theta)
    assert steps_in(folder) == result.global_step == 100


def test_nothing_is_written_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run()
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_are_written_on_the_way(tmp_path: Path) -> None:
    seen = []

    def look(batch: Any, shared: Any) -> None:
        if (tmp_path / "checkpoint.pt").exists():
            seen.append(steps_in(tmp_path))

    run(output=tmp_path, checkpoint_seconds=0.0, on_batch=look)
    assert seen == sorted(seen)
    assert len(set(seen)) > 5


# --- Resuming ---------------------------------------------------------------------


def test_a_resumed_run_goes_on(tmp_path: Path) -> None:
    first = run(output=tmp_path, target_period=30)
    second = resume(tmp_path, total_steps=200)
    assert second.global_step == 200
    assert second.num_updates == first.num_updates + sum(
        entry.kind == "push" for entry in second.events
    )
    # The history goes on too, in steps and in seconds.
    episodes = len(first.episode_returns)
    assert second.episode_returns[:episodes] == first.episode_returns
    assert len(second.episode_returns) > episodes
    later = second.episode_returns[episodes:]
    assert all(episode["step"] > 100 for episode in later)
    assert all(episode["seconds"] >= first.seconds - 1e-3 for episode in later)
    assert second.seconds > first.seconds
    assert sum(second.lag["histogram"].values()) == second.num_updates
    # The settings are the earlier ones, except for what was given.
    assert second.config == first.config.replace(total_steps=200)
    assert json.loads((tmp_path / "config.json").read_text())["total_steps"] == 200
    assert steps_in(tmp_path) == 200


def test_learning_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    first = run(output=tmp_path)
    thetas = []
    resume(
        tmp_path,
        total_steps=110,
        on_batch=lambda batch, shared: thetas.append(shared.theta.clone()),
    )
    assert torch.equal(thetas[0], first.theta)
    assert not torch.equal(thetas[-1], first.theta)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("backend", ["sequential", "hogwild"])
def test_learners_and_backend_may_change(
    tmp_path: Path, workers: int, backend: str
) -> None:
    run(output=tmp_path, workers=2)
    result = resume(tmp_path, workers=workers, backend=backend, total_steps=200)
    assert 200 <= result.global_step < 200 + 5 * workers
    assert (result.workers, result.backend) == (workers, backend)


def test_another_goal_is_not_yet_reached(tmp_path: Path) -> None:
    # Every episode has the return 5: the first goal is reached, the second never.
    solved = run(output=tmp_path, until_return=5.0, total_steps=1_000)
    assert (solved.stopped, solved.global_step) == ("solved", 500)
    # Without a goal of its own, a resumed run goes on; what was reached stays known.
    same = resume(tmp_path)
    assert (same.stopped, same.solved_at) == ("total_steps", solved.solved_at)
    other = resume(tmp_path, until_return=6.0)
    assert (other.stopped, other.solved_at) == ("total_steps", None)
    assert other.global_step == 1_000


def test_a_finished_run_stays_finished(tmp_path: Path) -> None:
    first = run(output=tmp_path)
    again = resume(tmp_path)
    assert again.global_step == first.global_step
    assert torch.equal(again.theta, first.theta)
    assert again.stopped == "total_steps"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"algorithm": "one_step_q"},
            r"is of n_step_q on course/ProbeTruncation-v0, but .* one_step_q",
        ),
        ({"environment": "Acrobot-v1"}, r"but this run is n_step_q on Acrobot-v1: "),
        (
            {"algorithm": N_STEP_Q.replace(loss=lambda *_: None)},
            r"but this run is n_step_q on .* with your own loss: ",
        ),
        ({"hidden_size": 8}, r"theta has shape \[\d+\], but this run needs \[\d+\]: "),
    ],
)
def test_another_run_is_refused(
    tmp_path: Path, other: dict[str, Any], message: str
) -> None:
    run(output=tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(ValueError, match=r"^The checkpoint.*" + message):
        resume(tmp_path, **other)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_another_number_of_learners_needs_shared_statistics(tmp_path: Path) -> None:
    run(output=tmp_path, workers=2, shared_statistics=False)
    with pytest.raises(ValueError, match=r"statistics has shape .* number of workers"):
        resume(tmp_path, workers=3)
    assert resume(tmp_path, total_steps=150).global_step == 150


# --- kill -9 ----------------------------------------------------------------------


def train_for_ever(folder: Path, resumes: bool) -> None:
    """Writes a checkpoint after every event: a kill mostly hits one."""
    # In a child process tqdm's own lock would be a semaphore with a name, which a
    # kill leaves in /dev/shm until all tests end.
    tqdm.set_lock(threading.RLock())
    settings = {"checkpoint_seconds": 0.0, "total_steps": 10**9}
    if resumes:
        resume(folder, **settings)
    else:
        run(output=folder, **settings)


def test_a_killed_run_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    # A fork server starts a process with torch already there, the sequential backend
    # needs no others: so each of these trainings begins at once.
    context = multiprocessing.get_context("forkserver")
    path, source = tmp_path / "checkpoint.pt", random.Random(0)
    steps = 0
    for attempt in range(6):
        arguments = (tmp_path, attempt > 0)
        process = context.Process(target=train_for_ever, args=arguments, daemon=True)
        process.start()

        def goes_on(steps: int = steps) -> bool:
            return path.exists() and steps_in(tmp_path) > steps

        assert wait_until(goes_on), process.exitcode
        process.join(source.uniform(0.0, 0.1))
        process.kill()
        process.join()
        # Whole: it loads, and its parts belong together.
        saved = load_checkpoint(tmp_path)
        assert saved["state"]["theta"].isfinite().all()
        assert sum(saved["history"]["lags"].values()) == (
            saved["state"]["counters"][:, 1].sum()
        )
        assert steps_in(tmp_path) > steps
        steps = steps_in(tmp_path)
    result = resume(tmp_path, total_steps=steps + 50)
    assert result.global_step == steps + 50


# --- A full disk ------------------------------------------------------------------


def no_space(*arguments: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("place", ["replace", "fsync"])
def test_writing_to_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    monkeypatch.setattr(os, place, no_space)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]  # no half of a file either


@pytest.mark.parametrize("place", ["replace", "fsync"])
def test_a_full_disk_does_not_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    run(output=tmp_path)
    before: list[bytes] = []

    def fill(batch: Any, shared: Any) -> None:
        if not before:  # once training runs
            before.append((tmp_path / "checkpoint.pt").read_bytes())
            monkeypatch.setattr(os, place, no_space)

    with pytest.warns(RuntimeWarning) as warned:
        result = resume(
            tmp_path, total_steps=150, checkpoint_seconds=0.0, on_batch=fill
        )
    monkeypatch.undo()
    assert result.global_step >= 150  # nor is the result lost
    messages = {str(warning.message) for warning in warned}
    assert any(
        message.startswith(f"No checkpoint was written to {tmp_path} (No space left")
        for message in messages
    )
    assert (tmp_path / "checkpoint.pt").read_bytes() == before[0]
    assert not list(tmp_path.glob("*.tmp"))
    assert resume(tmp_path, total_steps=120).global_step == 120


# --- Loading ----------------------------------------------------------------------


class Bomb:
    """Pickle would run this command while loading."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_no_code_comes_with_a_checkpoint(tmp_path: Path) -> None:
    trap = tmp_path / "exploded"
    torch.save({"state": Bomb(trap), "history": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"checkpoint\.pt is not a checkpoint of this"):
        load_checkpoint(tmp_path)
    assert not trap.exists()
    # It would have: this is what the loader must not do.
    torch.load(tmp_path / "checkpoint.pt", weights_only=False)
    assert trap.exists()


@pytest.mark.parametrize(
    "content", [b"", b"no checkpoint", pickle.dumps({"state": 1}), b"PK\x03\x04"]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"is not a checkpoint of this course\.$"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("missing", ["asked", "state", "history", "seconds"])
def test_checkpoints_with_a_part_missing_are_refused(
    tmp_path: Path, missing: str
) -> None:
    run(output=tmp_path)
    saved = load_checkpoint(tmp_path)
    del saved[missing]
    torch.save(saved, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"is not a checkpoint of this course\.$"):
        load_checkpoint(tmp_path)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    for action in (load_checkpoint, load_result, resume):
        with pytest.raises(ValueError, match=r"holds no checkpoint\.pt: is it a run's"):
            action(tmp_path / "elsewhere")


# --- load_result ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["one_step_sarsa", "a3c"])
def test_a_result_comes_back(tmp_path: Path, name: str) -> None:
    result = run(
        name,
        environment="course/ProbeTruncation-v0",
        total_steps=2_000,
        until_return=5.0,
        output=tmp_path,
    )
    assert result.solved_at is not None
    loaded = load_result(tmp_path)
    assert loaded.to_json() == result.to_json()
    assert torch.equal(loaded.theta, result.theta)
    assert loaded.config == result.config
    observation = np.array([1.0], np.float32)
    assert loaded.policy(observation) == result.policy(observation)
    assert repr(loaded) == repr(result)


def test_a_result_of_a_run_that_was_killed(tmp_path: Path) -> None:
    # Only checkpoints were written until then.
    run(output=tmp_path)
    (tmp_path / "result.json").unlink()
    loaded = load_result(tmp_path)
    assert (loaded.global_step, loaded.stopped, loaded.solved_at) == (
        *(100, "killed", None),
    )


def test_a_result_with_a_network_of_your_own(tmp_path: Path) -> None:
    def linear(space: Any, num_actions: int, config: Any) -> torch.nn.Module:
        return torch.nn.Linear(space.shape[0], num_actions)

    mine = N_STEP_Q.replace(make_network=linear)
    result = run(mine, output=tmp_path)
    loaded = load_result(tmp_path, algorithm=mine)
    observation = np.array([1.0], np.float32)
    assert loaded.policy(observation) == result.policy(observation)
    assert resume(tmp_path, mine, total_steps=120).global_step == 120


def test_resuming_an_environment_of_your_own(tmp_path: Path) -> None:
    def mine() -> ProbeTruncation:
        return ProbeTruncation()

    run(A3C, environment=mine, output=tmp_path)
    assert resume(tmp_path, A3C, environment=mine, total_steps=120).global_step == 120
