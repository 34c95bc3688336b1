"""Faults with real processes: learners that raise, die, hang, or lose their parent."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from processes import running_script, wait_until
from torch import Tensor

from course import WorkerError, train
from course.algorithms import A3C, N_STEP_Q, Algorithm
from course.environments.probes import ProbeTruncation
from course.shared import Shared
from course.trainers import hogwild
from course.trainers.log import Batch
from course.trainers.result import TrainResult
from course.trainers.train import load_checkpoint

pytestmark = pytest.mark.timeout(60)

FOREVER = 10**9


def run(algorithm: str | Algorithm = "n_step_q", **settings: Any) -> TrainResult:
    settings = {
        "environment": "CartPole-v1",
        "workers": 2,
        "total_steps": FOREVER,
        "t_max": 5,
        "hidden_size": 16,
        "progress": False,
    } | settings
    return train(algorithm, **settings)


def kill_learner(worker_id: int) -> None:
    """Kills a worker process of this process, as the system does when memory is out."""
    [process] = [
        process
        for process in multiprocessing.active_children()
        if process.name == f"learner-{worker_id}"
    ]
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)


def gone(pids: list[int]) -> bool:
    return not any(
        psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"
        for pid in pids
    )


# --- A learner raises -------------------------------------------------------------


def after(calls: int, error: BaseException) -> Callable[..., Tensor]:
    """A loss that raises in its later calls; each worker counts for itself."""
    count = 0

    def loss(*arguments: Any) -> Tensor:
        nonlocal count
        count += 1
        if count > calls:
            raise error  # the student's own line
        answer: Tensor = N_STEP_Q.functions["loss"](*arguments)
        return answer

    return loss


def test_a_learner_that_raises(tmp_path: Path) -> None:
    mine = N_STEP_Q.replace(loss=after(50, ZeroDivisionError("a mistake")))
    with pytest.raises(WorkerError) as caught:
        run(mine, output=tmp_path)
    # The message is the traceback, with the student's own file and line.
    text = str(caught.value)
    assert text.startswith("Learner ")
    assert "Traceback (most recent call last):" in text
    assert f'File "{__file__}"' in text
    assert "raise error  # the student's own line" in text
    assert text.endswith("ZeroDivisionError: a mistake\n")
    # The others have stopped, and what was learned is there, also in the folder.
    assert multiprocessing.active_children() == []
    result = caught.value.result
    assert result.stopped == "failed"
    assert result.workers_lost == 0
    assert result.global_step >= 50
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["global_step"] == result.global_step
    assert written["stopped"] == "failed"
    assert torch.equal(load_checkpoint(tmp_path)["state"]["theta"], result.theta)


def test_one_learner_that_raises_stops_the_other(tmp_path: Path) -> None:
    def loss(*arguments: Any) -> Tensor:
        with contextlib.suppress(FileExistsError):
            (tmp_path / "taken").touch(exist_ok=False)  # by one learner alone
            raise ZeroDivisionError("only one of us")
        answer: Tensor = N_STEP_Q.functions["loss"](*arguments)
        return answer

    # The other would train for ever.
    with pytest.raises(WorkerError, match="only one of us") as caught:
        run(N_STEP_Q.replace(loss=loss))
    assert caught.value.result.stopped == "failed"
    assert caught.value.result.workers_lost == 0
    assert multiprocessing.active_children() == []


def test_an_environment_that_raises_in_a_worker() -> None:
    class Broken(ProbeTruncation):
        def step(self, action: Any) -> Any:
            raise RuntimeError("no reward today")

    with pytest.raises(WorkerError, match="no reward today") as caught:
        run(environment=Broken, workers=1)
    assert "def step" not in str(caught.value)
    assert 'raise RuntimeError("no reward today")' in str(caught.value)
    assert caught.value.result.num_updates == 0


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_leaving_is_raising_too(error: BaseException) -> None:
    with pytest.raises(WorkerError, match=type(error).__name__):
        run(N_STEP_Q.replace(loss=after(3, error)))


def test_what_a_learner_did_before_it_raised_is_told() -> None:
    # It fails at once, before its first report was due; its episodes count.
    mine = N_STEP_Q.replace(loss=after(3, ZeroDivisionError("a mistake")))
    with pytest.raises(WorkerError) as caught:
        run(mine, environment="course/ProbeActionReward-v0", workers=1, t_max=1)
    result = caught.value.result
    assert len(result.episode_returns) == result.global_step == 4
    assert result.num_updates == sum(result.lag["histogram"].values()) == 3


# --- A learner is killed ----------------------------------------------------------


class Watch:
    """Kills learners once they train, and notes what the trainer reports of it."""

    def __init__(self, *victims: int, then_stop: bool = False) -> None:
        self.victims = victims
        self.then_stop = then_stop
        self.killed_at: float | None = None
        self.seconds_to_notice: list[float] = []
        self.lost: list[tuple[int, int]] = []
        self.steps_at_loss = 0

    def __call__(self, batch: Batch, shared: Shared) -> None:
        rows = shared.tensors["counters"][:, 0]
        if self.killed_at is None and rows.min() > 0:
            self.killed_at = time.monotonic()
            for worker_id in self.victims:
                kill_learner(worker_id)
        if batch.lost:
            assert self.killed_at is not None
            self.seconds_to_notice.append(time.monotonic() - self.killed_at)
            self.lost += batch.lost
            self.steps_at_loss = shared.global_step
        went_on = shared.global_step > self.steps_at_loss + 200
        if self.then_stop and self.lost and went_on:
            shared.stop()


def test_training_goes_on_without_a_killed_learner() -> None:
    watch = Watch(1, then_stop=True)
    with pytest.warns(RuntimeWarning) as warned:
        result = run(on_batch=watch)
    assert watch.lost == [(1, -signal.SIGKILL)]
    assert watch.seconds_to_notice[0] < 2.0
    assert result.workers_lost == 1
    assert result.global_step > watch.steps_at_loss + 200
    [message] = [str(warning.message) for warning in warned]
    assert message == "Learner 1 died (killed by signal 9); 1 of 2 are left."


def test_the_loss_of_one_learner_can_stop_all(tmp_path: Path) -> None:
    watch = Watch(0)
    with pytest.warns(RuntimeWarning, match=r"^Learner 0 died"):
        result = run(on_batch=watch, stop_when_lost=True, output=tmp_path)
    assert watch.lost == [(0, -signal.SIGKILL)]
    assert (result.workers_lost, result.stopped) == (1, "workers_lost")
    assert result.global_step > 0
    assert load_checkpoint(tmp_path)["history"]["workers_lost"] == 1


def test_it_ends_when_every_learner_is_killed() -> None:
    watch = Watch(0, 1)
    with pytest.warns(RuntimeWarning, match=r"died \(killed by signal 9\)"):
        result = run(on_batch=watch)
    assert sorted(watch.lost) == [(0, -signal.SIGKILL), (1, -signal.SIGKILL)]
    assert (result.workers_lost, result.stopped) == (2, "workers_lost")
    assert result.global_step > 0


def test_losses_of_an_earlier_run_are_not_counted_again(tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning, match=r"^Learner 1 died .* 1 of 2 are left"):
        run(on_batch=Watch(1, then_stop=True), output=tmp_path)
    resumed = run(resume=tmp_path, on_batch=lambda batch, shared: shared.stop())
    assert (resumed.workers_lost, resumed.stopped) == (1, "stopped")
    with pytest.warns(RuntimeWarning, match=r"^Learner 1 died .* 1 of 2 are left"):
        again = run(resume=tmp_path, on_batch=Watch(1, then_stop=True))
    assert (again.workers_lost, again.stopped) == (2, "stopped")


# --- A learner hangs --------------------------------------------------------------


class Stuck(ProbeTruncation):
    """Never comes back from its 20th step."""

    steps = 0

    def step(self, action: Any) -> Any:
        self.steps += 1
        if self.steps == 20:
            time.sleep(3600)
        return super().step(action)


def test_a_learner_stuck_in_its_environment_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hogwild, "GRACE_SECONDS", 0.3)
    pids: list[int] = []

    def stop_when_stuck(batch: Batch, shared: Shared) -> None:
        if shared.global_step == 2 * 15 and not pids:  # three rollouts of five each
            pids.extend(p.pid for p in multiprocessing.active_children() if p.pid)
            shared.stop()

    with pytest.warns(RuntimeWarning, match=r"^Learner \d died \(killed by signal 9\)"):
        result = run(environment=Stuck, on_batch=stop_when_stuck)
    assert len(pids) == 2
    assert gone(pids)
    assert result.workers_lost == 2
    assert result.global_step == 2 * 15


# --- Gradients that are not finite ------------------------------------------------


@pytest.mark.parametrize("backend", ["hogwild", "sequential"])
def test_gradients_that_are_not_finite_are_counted(backend: str) -> None:
    count = 0

    def value_loss(values: Tensor, returns: Tensor) -> Tensor:
        nonlocal count
        count += 1
        poison = {0: float("nan"), 1: float("inf")}.get(count % 4, 1.0)
        answer: Tensor = A3C.functions["value_loss"](values, returns) * poison
        return answer

    with pytest.warns(RuntimeWarning, match=r"^\d+ updates had a gradient with NaN"):
        result = run(
            *(A3C.replace(value_loss=value_loss),),
            backend=backend,
            total_steps=1_000,
            environment="course/ProbeActionReward-v0",
            t_max=1,
        )
    # Half of the updates of each learner, give or take its last.
    assert abs(result.nan_updates - result.num_updates) <= 2
    assert result.num_updates + result.nan_updates == result.global_step >= 1_000
    assert result.theta.isfinite().all()


# --- Ctrl-C, seen from inside -----------------------------------------------------


@pytest.mark.parametrize("backend", ["hogwild", "sequential"])
def test_the_first_interrupt_stops_and_the_second_breaks_off(backend: str) -> None:
    before = signal.getsignal(signal.SIGINT)

    def once(batch: Batch, shared: Shared) -> None:
        if shared.num_updates == 0:
            return
        if not shared.finished:
            signal.raise_signal(signal.SIGINT)

    result = run(backend=backend, on_batch=once)
    assert result.stopped == "interrupted"
    assert result.global_step > 0

    def for_ever(batch: Batch, shared: Shared) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(backend=backend, on_batch=for_ever)
    assert signal.getsignal(signal.SIGINT) is before
    assert multiprocessing.active_children() == []


def test_training_in_a_thread() -> None:
    # Only the main thread can listen for Ctrl-C; a live view may train in another.
    results = []
    thread = threading.Thread(target=lambda: results.append(run(total_steps=50)))
    thread.start()
    thread.join()
    assert results[0].stopped == "total_steps"


# --- The parent is interrupted or killed ------------------------------------------

SCRIPT = """
import json
import multiprocessing
import os

import psutil

import course

pids = []


def on_batch(batch, shared):
    training = shared.tensors["counters"][:, 0].min() > 0
    if not pids and (training or os.environ["WHEN"] == "while starting"):
        pids[:] = [process.pid for process in multiprocessing.active_children()]
        print(json.dumps(pids), flush=True)


result = course.train(
    *("n_step_q", "CartPole-v1"),
    workers=2,
    total_steps=10**9,
    progress=False,
    output="run",
    checkpoint_seconds=0.1,
    on_batch=on_batch,
)
left = [pid for pid in pids if psutil.pid_exists(pid)]
print(json.dumps([result.stopped, result.global_step, result.workers_lost, left]))
"""


@contextlib.contextmanager
def training(
    tmp_path: Path, when: str, method: str
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A script that trains, and the process ids of its learners."""
    path = tmp_path / "script.py"
    settings = {"COURSE_START_METHOD": method, "WHEN": when}
    with running_script(path, SCRIPT, **settings) as script:
        assert script.stdout is not None
        assert script.stderr is not None
        line = script.stdout.readline()
        assert line, script.stderr.read()
        pids = json.loads(line)
        assert len(pids) == 2
        yield script, pids


@pytest.mark.parametrize("when", ["while training", "while starting"])
def test_ctrl_c_returns_the_result(tmp_path: Path, when: str) -> None:
    # Under spawn the start of a learner takes seconds; none may be hit in it.
    method = "spawn" if when == "while starting" else "forkserver"
    with training(tmp_path, when, method) as (script, pids):
        os.killpg(script.pid, signal.SIGINT)  # as a terminal does: to the learners too
        output, errors = script.communicate()
    stopped, global_step, workers_lost, left = json.loads(output)
    assert (stopped, workers_lost, left) == ("interrupted", 0, [])
    assert (script.returncode, errors) == (0, "")
    assert gone(pids)
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert written["global_step"] == global_step
    assert (global_step > 0) == (when == "while training")


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_learners_end_with_a_killed_parent(tmp_path: Path, method: str) -> None:
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    with training(tmp_path, "while training", method) as (script, pids):
        # The first whole checkpoint, so that there is something to go on from.
        assert wait_until((tmp_path / "run" / "checkpoint.pt").exists)
        family = [child.pid for child in psutil.Process(script.pid).children(True)]
        assert set(pids) <= set(family)
        script.kill()
        script.communicate()
    assert wait_until(lambda: gone(family)), "orphans are left"
    if before:
        ours = ("torch_", "psm_", "sem.mp-", "pymp-")
        assert wait_until(
            lambda: (
                not any(n.startswith(ours) for n in {*os.listdir("/dev/shm")} - before)
            )
        )
    saved = load_checkpoint(tmp_path / "run")
    steps = int(saved["state"]["counters"][:, 0].sum())
    resumed = train(
        *("n_step_q", "CartPole-v1"),
        resume=tmp_path / "run",
        total_steps=steps + 100,
        progress=False,
    )
    assert resumed.global_step >= steps + 100
