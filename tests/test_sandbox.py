"""The sandbox: what holds a worker in, and that it is whole again for the next one.

What a student may try in it is in `test_attacks.py`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from processes import running_script, wait_until

from course.grading import sandbox
from course.grading.process import Workers
from course.grading.sandbox import SandboxMissingError, available, choose
from course.grading.student import CallFailedError, Student

if sys.platform != "linux":
    pytest.skip("there are sandboxes on Linux only", allow_module_level=True)

from course.grading import confine, hosting
from course.grading.hosting import HostGoneError

ANSWER = """
import os, signal, socket, subprocess, sys, time
import numpy as np

def episode_return(rewards):
    return sum(rewards)

def discounted_return(rewards, gamma):
"""


def answering(path: Path, body: str) -> Path:
    """A notebook in which a right function stands before one with this body."""
    lines = "\n".join("    " + line for line in body.splitlines())
    cell = {"cell_type": "code", "source": ANSWER + lines, "metadata": {}}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))
    return path


@pytest.fixture(scope="module", params=sandbox.SANDBOXES)
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    # In CI bubblewrap is there, and the kernel has Landlock: nothing is skipped.
    if request.param not in available() and "CI" not in os.environ:
        pytest.skip(f"this machine has no {request.param}")
    with Workers(request.param) as started:
        yield started


Raises = Callable[..., str]


@pytest.fixture
def message_of(workers: Workers, tmp_path: Path) -> Raises:
    """What a function with this body says when it raises."""

    def run(body: str, seconds: float = 60) -> str:
        path = answering(tmp_path / "00_start.ipynb", body)
        with Student(path, seconds=seconds, workers=workers) as student:
            with pytest.raises(CallFailedError) as caught:
                student.discounted_return([1.0], 0.5)
            assert student.episode_return([1.0, 2.0]) == 3.0
        return str(caught.value)

    return run


def test_there_is_none_or_one_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: ["landlock"])
    assert choose() == choose(unsafe=True) == "landlock"
    monkeypatch.setattr(sandbox, "available", lambda: [])
    assert choose(unsafe=True) == "none"
    with pytest.raises(SandboxMissingError, match=r"apt install bubblewrap.*--unsafe"):
        choose()


def test_a_program_that_may_not_be_used_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sandbox._bubblewrap_works.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not sandbox._bubblewrap_works()
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    sandbox._bubblewrap_works.cache_clear()
    assert not sandbox._bubblewrap_works()
    sandbox._bubblewrap_works.cache_clear()


def test_a_project_in_a_folder_that_is_shown_is_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "COURSE", Path("/usr/project/course"))
    monkeypatch.setattr(
        sandbox, "readable", lambda: [Path("/usr"), Path("/usr/project/course")]
    )
    line = " ".join(sandbox.command("bubblewrap", ["program"]))
    places = [
        line.index(part)
        for part in (
            "--ro-bind /usr /usr",
            "--tmpfs /usr/project",
            "--ro-bind /usr/project/course /usr/project/course",
            "-- program",
        )
    ]
    assert places == sorted(places)
    # Landlock knows no exception from a folder.
    sandbox._landlock_works.cache_clear()
    assert not sandbox._landlock_works()
    sandbox._landlock_works.cache_clear()


def test_the_environment_is_not_ours(
    message_of: Raises, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "HOME" in message_of("raise ValueError(list(os.environ))")
    monkeypatch.setenv("A_SECRET", "is here")
    with Workers("none") as plain:  # this test would notice it
        assert plain.sandbox == "none"
    assert "A_SECRET" not in message_of("raise ValueError(list(os.environ))")


def test_a_worker_owns_nothing(message_of: Raises) -> None:
    said = message_of("raise ValueError(os.getuid(), open('/proc/self/status'))")
    assert "PermissionError" in said or "(0," not in said
    assert "Read-only" in (answer := message_of("open('/usr/x', 'w')")) or (
        "Permission denied" in answer
    )


def test_time_is_up_inside_as_well(message_of: Raises) -> None:
    assert "still running" in message_of("while True: pass", seconds=0.5)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("socket.socket()", "PermissionError"),
        ("os.kill(os.getppid(), signal.SIGKILL)", "PermissionError"),
        ("np.zeros(10**10)", "MemoryError"),
        ("files = [open('/dev/null') for _ in range(1000)]", "Too many open files"),
        (
            "for _ in range(200):\n    if os.fork() == 0: time.sleep(60)",
            "temporarily unavailable",
        ),
    ],
    ids=["network", "signals", "memory", "files", "processes"],
)
def test_a_limit(body: str, kind: str, message_of: Raises) -> None:
    assert kind in message_of(body)


@pytest.mark.parametrize(
    "body",
    [
        "os._exit(0)",
        # More than fits, in files without a name.
        "kept = [os.memfd_create('x') for _ in range(60)]\n"
        "for each in kept: os.posix_fallocate(each, 0, 2 * 10**8)\n"
        "time.sleep(60)",
        "for i in range(10**6): open(os.path.expanduser(f'~/{i}'), 'w').close()\n"
        "time.sleep(60)",
    ],
    ids=["exit", "memory without a process", "many files"],
)
def test_what_uses_too_much_is_ended(body: str, message_of: Raises) -> None:
    assert "the call ended the whole process" in message_of(body)


@pytest.mark.parametrize(
    "leave",
    [
        "open(os.path.expanduser('~/left'), 'w').close()",
        "os.chdir(os.path.expanduser('~'))\n"
        "for _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')",
        "os.mkdir(os.path.expanduser('~/shut'), 0)\n"
        "os.chmod(os.path.expanduser('~'), 0)",
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(600)\n"
        "    os._exit(0)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
    ],
    ids=["a file", "a deep tree", "shut folders", "a daemon", "itself, stopped"],
)
def test_nothing_is_left_for_the_next(
    leave: str, message_of: Raises, workers: Workers
) -> None:
    message_of(leave + "\nraise ValueError('done')", seconds=2)
    home = message_of("raise ValueError(os.listdir(os.path.expanduser('~')))")
    assert "ValueError: []" in home
    assert len(inside(workers)) <= 1  # this worker, until the next begins


def inside(workers: Workers) -> list[psutil.Process]:
    """The processes that the host has started."""
    assert workers._host is not None
    everything = psutil.Process(workers._host._process.pid).children(recursive=True)
    return [each for each in everything if "course.grading.host" not in each.cmdline()]


def test_the_host_may_end(workers: Workers, tmp_path: Path) -> None:
    path = answering(tmp_path / "00_start.ipynb", "return 0")
    with Student(path, workers=workers) as student:
        assert student.episode_return([1.0]) == 1.0
        assert workers._host is not None
        workers._host.close()
        with pytest.raises(CallFailedError, match="ended the whole process"):
            student.episode_return([1.0])
        assert student.episode_return([1.0]) == 1.0  # in a new one


def test_a_worker_gives_way_to_another(workers: Workers, tmp_path: Path) -> None:
    # A random number is the same in each run of the cells, so that a grade is.
    path = answering(tmp_path / "00_start.ipynb", "return np.random.random()")
    with Student(path, workers=workers) as one, Student(path, workers=workers) as two:
        values = [each.discounted_return([1.0], 0.5) for each in (one, two, one, two)]
    assert len(set(values)) == 1


def test_a_sandbox_that_does_not_start_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        hosting, "command", lambda *_: [sys.executable, "-c", "raise SystemExit('no')"]
    )
    with (
        Workers("landlock") as workers,
        pytest.raises(HostGoneError, match=r"The landlock sandbox has ended: no"),
    ):
        workers.start()


@pytest.mark.parametrize("when", ["idle", "busy"])
def test_a_sandbox_ends_with_its_judge(
    when: str, workers: Workers, tmp_path: Path
) -> None:
    begun = "os.listdir('/')\n" if workers.sandbox == "bubblewrap" else ""
    body = begun + "if os.fork() == 0: os.setsid()\ntime.sleep(600)"
    path = answering(tmp_path / "00_start.ipynb", body)
    source = (
        "import psutil\n"
        "from course.grading.process import Workers\n"
        "from course.grading.student import Student\n"
        f"workers = Workers({workers.sandbox!r})\n"
        f"student = Student({str(path)!r}, seconds=500, workers=workers)\n"
        "student.episode_return([1.0])\n"
        "ours = psutil.Process().children(recursive=True)\n"
        "print(*(each.pid for each in ours), flush=True)\n"
        f"if {when == 'busy'}:\n"
        "    student.discounted_return([1.0], 0.5)\n"
        "input()\n"
    )
    with running_script(tmp_path / "judge.py", source) as judge:
        assert judge.stdout is not None
        started = [psutil.Process(int(pid)) for pid in judge.stdout.readline().split()]
        assert len(started) >= 2
        if when == "busy":  # its child has been forked
            count = len(started)
            parent = psutil.Process(judge.pid)
            assert wait_until(lambda: len(parent.children(recursive=True)) > count)
            started = parent.children(recursive=True)
        judge.kill()
        assert wait_until(lambda: not any(each.is_running() for each in started))


@pytest.mark.parametrize("number", [0, 9])
def test_an_old_landlock_lets_no_signal_out(number: int) -> None:
    """It is tried in a child, for nobody gets out of it again."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told: Any = "nothing"
        try:
            confine.prctl(confine.PR_SET_NO_NEW_PRIVS, 1)
            confine._refuse_calls(signals=True)
            os.kill(os.getpid(), 0)
            try:
                os.kill(os.getppid(), number)
            except PermissionError:
                told = "refused"
        finally:
            os.write(writing, told.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        assert answer.read() == "refused"
    os.waitpid(child, 0)
