"""The sandbox: what holds a worker in, and that it is whole again for the next one.

What a student may try in it is in `test_attacks.py`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from processes import alive, children, running_script, wait_until

from course.grading import process as process_module
from course.grading import sandbox
from course.grading.bulk import AUTOGRADERS
from course.grading.judges import JudgeProcess
from course.grading.process import Workers
from course.grading.sandbox import SandboxMissingError, available, choose
from course.grading.student import CallFailedError, Student

if sys.platform != "linux":
    pytest.skip("there are sandboxes on Linux only", allow_module_level=True)

from course.grading import confine, host, hosting
from course.grading.hosting import HostGoneError

ANSWER = """
import os, signal, socket, subprocess, sys, time
import numpy as np

def episode_return(rewards):
    return sum(rewards)

def discounted_return(rewards, gamma):
"""


DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
"""


def answering(path: Path, body: str) -> Path:
    """A notebook in which a right function stands before one with this body."""
    lines = "\n".join("    " + line for line in body.splitlines())
    cell = {"cell_type": "code", "source": ANSWER + lines, "metadata": {}}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))
    return path


def need(name: str) -> None:
    """Skips where this sandbox does not work; in CI one of them has to."""
    if name not in available():
        assert available() or "CI" not in os.environ
        pytest.skip(f"this machine has no {name}")


@pytest.fixture(scope="module", params=sandbox.SANDBOXES)
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    need(request.param)
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
    monkeypatch.setattr(sandbox, "COURSE", Path("/usr/lib/project/course"))
    monkeypatch.setattr(
        sandbox, "readable", lambda: [Path("/usr/lib"), Path("/usr/lib/project/course")]
    )
    line = " ".join(sandbox.command("bubblewrap", ["program"]))
    places = [
        line.index(part)
        for part in (
            "--ro-bind /usr/lib /usr/lib",
            "--tmpfs /usr/lib/project",
            "--ro-bind /usr/lib/project/course /usr/lib/project/course",
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
    ],
    ids=["network", "signals", "memory", "files"],
)
def test_a_limit(body: str, kind: str, message_of: Raises) -> None:
    assert kind in message_of(body)


MANY = "for _ in range(200):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(60)"


def test_more_processes_than_a_calculation_needs(message_of: Raises) -> None:
    # As root it is the kernel that counts them, otherwise the host.
    said = message_of(MANY)
    assert "temporarily unavailable" in said or "ended the whole process" in said


def test_the_host_counts_where_the_kernel_counts_others_as_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    need("landlock")
    monkeypatch.setattr(hosting, "worker_user", lambda: None)
    path = answering(tmp_path / "00_start.ipynb", MANY)
    with Workers("landlock") as workers, Student(path, workers=workers) as student:
        assert student.episode_return([1.0]) == 1.0
        with pytest.raises(CallFailedError, match="ended the whole process"):
            student.discounted_return([1.0], 0.5)


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
        DAEMON,
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
    host = psutil.Process(workers._host._process.pid)
    if workers.sandbox == "bubblewrap":
        [host] = host.children()
    return host.children(recursive=True)


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


def test_a_daemon_whose_host_was_killed_ends_with_the_judge(tmp_path: Path) -> None:
    need("landlock")
    path = answering(tmp_path / "00_start.ipynb", "return 0")
    notebook = json.loads(path.read_text())
    notebook["cells"][0]["source"] += f"\n{DAEMON}time.sleep(600)"
    path.write_text(json.dumps(notebook))
    settings = {"seed": 7, "sandbox": "landlock", "total": 600.0, "hidden": None}
    job = {"name": "a", "files": [str(path)], "problems": [], "key": "", "refusal": ""}
    judge = JudgeProcess(settings | {"tests": str(AUTOGRADERS)})
    started: list[psutil.Process] = []
    try:
        judge.reply(100)
        judge._tell(job)
        ours = psutil.Process(judge.process.pid)
        assert wait_until(lambda: bool(ours.children()), 60)
        [host] = ours.children()
        # The worker, and the daemon: what was between them has ended, and may be a
        # zombie still.
        assert wait_until(lambda: len(list(filter(alive, host.children()))) == 2, 60)
        started = children(host.pid)
        host.kill()
        judge.close()
        assert wait_until(lambda: not any(map(alive, started)))
    finally:
        judge.close()
        for process in filter(alive, started):
            process.kill()


def test_what_is_closed_starts_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: list[str] = []

    class Starting:
        """A host; while it starts, another thread closes the sandbox."""

        def __init__(self, name: str) -> None:
            hosts.append(name)
            workers.close()

        def close(self) -> None:
            hosts.append("closed")

    monkeypatch.setattr(process_module, "Host", Starting)
    workers = Workers("landlock")
    for _ in range(2):
        with pytest.raises(HostGoneError, match="has been closed"):
            workers.start()
        assert hosts == ["landlock", "closed"]


def test_a_user_who_has_a_process_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "USERS", [os.getuid(), 4_000_000_000])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert {sandbox.worker_user() for _ in range(20)} == {4_000_000_000}


def test_a_processor_nobody_knows_has_no_sandbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "_bubblewrap_works", lambda: True)
    assert "bubblewrap" in available()
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert available() == []


@pytest.mark.parametrize(("version", "works"), [(2, False), (3, True)])
def test_landlock_has_to_know_of_truncating(
    version: int, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confine, "landlock_version", lambda: version)
    assert confine.supported() == works


def test_other_peoples_files_in_usr_are_not_shown(message_of: Raises) -> None:
    share = Path("/usr/local/share")
    if not os.access(share, os.W_OK):
        pytest.skip("only root may write there")
    with tempfile.NamedTemporaryFile("w", dir=share, prefix="course-test-") as file:
        os.chmod(file.name, 0o644)
        said = message_of(f"raise ValueError(open({file.name!r}).read())")
    assert "FileNotFoundError" in said or "PermissionError" in said


def test_a_python_of_the_system_does_not_bring_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("prefix", "base_prefix", "exec_prefix", "base_exec_prefix"):
        monkeypatch.setattr(sys, name, "/usr")
    assert Path("/usr/bin") in sandbox.readable()
    assert Path("/usr") not in sandbox.readable()
    monkeypatch.setattr(sys, "base_prefix", "/usr/local")
    assert Path("/usr/local") not in sandbox.readable()


# What the host counts


@pytest.mark.parametrize("in_memory", [False, True])
def test_files_are_counted(
    in_memory: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def usage(folder: Path) -> SimpleNamespace:
        left = 100 - len(list(folder.iterdir()))
        room = {"f_blocks": 1, "f_bfree": 1, "f_frsize": 1}
        return SimpleNamespace(f_files=100, f_ffree=left, **room)

    monkeypatch.setattr(os.path, "ismount", lambda _: in_memory)
    monkeypatch.setattr(os, "statvfs", usage)
    monkeypatch.setattr(host, "FILES", 3)
    monkeypatch.setattr(host, "MEMORY", 2**60)
    for name in "abc":
        (tmp_path / name).touch()
    assert not host._too_much([tmp_path], 10**6)
    (tmp_path / "d").touch()
    assert host._too_much([tmp_path], 10**6)


def test_a_tree_deeper_than_pythons_stack_is_too_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(host, "FILES", 1200)
    deepest = tmp_path
    for _ in range(1500):
        deepest /= "d"
        deepest.mkdir()
    try:
        assert host._too_much([tmp_path], 10**6)
    finally:
        sandbox.empty(tmp_path)  # which pytest could not
    assert list(tmp_path.iterdir()) == []


# What a worker has done to itself

INSIDE = """
import ctypes, errno, resource
libc = ctypes.CDLL(None, use_errno=True)

def call(*arguments):
    ctypes.set_errno(0)
    said = libc.syscall(*arguments, *[-1] * (6 - len(arguments)))
    return "done" if said == 0 else errno.errorcode[ctypes.get_errno()]

"""

# By their numbers on x86_64; of each it would be said otherwise what is wrong with -1.
REFUSED = {
    **{"socket": 41, "socketpair": 53, "setsockopt": 54, "clone": 56, "ptrace": 101},
    **{"process_vm_readv": 310, "process_vm_writev": 311, "pidfd_getfd": 438},
    **{"shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240, "add_key": 248},
    **{"request_key": 249, "keyctl": 250, "mount": 165, "fsopen": 430, "setns": 308},
    **{"open_tree": 428, "move_mount": 429, "unshare": 272, "bpf": 321},
    **{"perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425},
    **{"setpriority": 141, "sched_setparam": 142, "sched_setscheduler": 144},
    **{"sched_setattr": 314, "sched_setaffinity": 203, "prlimit64": 302},
    **{"ioprio_set": 251, "inotify_init": 253, "inotify_init1": 294},
    **{"fanotify_init": 300, "open_by_handle_at": 304, "getpid of x32": 0x40000027},
}
PRETENDED = {
    **{"chmod": 90, "fchmod": 91, "fchmodat": 268, "fchmodat2": 452, "chown": 92},
    **{"fchown": 93, "lchown": 94, "fchownat": 260, "utime": 132, "utimes": 235},
    **{"futimesat": 261, "utimensat": 280, "setxattr": 188, "lsetxattr": 189},
    **{"fsetxattr": 190, "removexattr": 197, "lremovexattr": 198, "setxattrat": 463},
    **{"fremovexattr": 199, "removexattrat": 466, "file_setattr": 469},
}
SIGNALS = {
    **{"kill": 62, "tkill": 200, "tgkill": 234, "pidfd_send_signal": 424},
    **{"rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297},
}
FILE_SETTINGS = (0x40086602, 0x401C5820, 0x40806685, 0x800C6613)
by_number = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the numbers are those of x86_64"
)


@by_number
def test_system_calls_that_are_refused(message_of: Raises) -> None:
    body = (
        f"numbers = {REFUSED}\n"
        "said = [(name, call(number)) for name, number in numbers.items()]\n"
        "raise ValueError([each for each in said if each[1] != 'EPERM'])"
    )
    assert "ValueError: []" in message_of(INSIDE + body)


@by_number
def test_a_system_call_that_is_said_not_to_exist(message_of: Raises) -> None:
    assert "ValueError: ENOSYS" in message_of(INSIDE + "raise ValueError(call(435))")


@by_number
def test_system_calls_that_landlock_does_not_see(
    message_of: Raises, workers: Workers
) -> None:
    said = message_of(
        f"{INSIDE}"
        f"numbers = {PRETENDED}\n"
        "said = [(name, call(number), 'done') for name, number in numbers.items()]\n"
        f"for each in {FILE_SETTINGS}:\n"
        "    said.append((each, call(16, -1, each), 'EPERM'))\n"
        "said.append(('fallocate', call(285), errno.errorcode[errno.EOPNOTSUPP]))\n"
        "raise ValueError([each for each in said if each[1] != each[2]])"
    )
    # By bubblewrap's worker they are called, with a -1 that is no file.
    assert ("ValueError: []" in said) == (workers.sandbox == "landlock"), said


def test_a_file_stays_as_it_is_under_landlock(
    message_of: Raises, workers: Workers
) -> None:
    said = message_of(
        "path = os.path.expanduser('~/file')\n"
        "open(path, 'w').close()\n"
        "before = os.stat(path)\n"
        "os.chmod(path, 0o777)\n"
        "os.utime(path, (1, 1))\n"
        "raise ValueError(os.stat(path) == before)"
    )
    assert f"ValueError: {workers.sandbox == 'landlock'}" in said


@by_number
def test_a_program_for_another_processor_is_ended(message_of: Raises) -> None:
    # getpid, as 32-bit programs call it.
    said = message_of(
        "import ctypes, mmap\n"
        "code = bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3])\n"
        "memory = mmap.mmap(-1, 4096, prot=7)\n"
        "memory.write(code)\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(memory))\n"
        "raise ValueError(ctypes.CFUNCTYPE(ctypes.c_int)(at)())"
    )
    assert "the call ended the whole process" in said


def test_what_a_worker_has_of_its_host(
    message_of: Raises, workers: Workers, tmp_path: Path
) -> None:
    said = message_of(
        f"{INSIDE}kinds = resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK\n"
        "limits = [resource.getrlimit(kind) for kind in kinds]\n"
        "raise ValueError(limits, oct(os.umask(0)))"
    )
    assert "ValueError: ([(0, 0), (0, 0)], '0o77')" in said
    path = answering(tmp_path / "01.ipynb", "return 0")
    with Student(path, workers=workers) as student:
        assert student.episode_return([1.0]) == 1.0
        [worker] = inside(workers)
        own = Path("/proc", str(worker.pid))
        # The first to go when the machine runs out of memory.
        assert (own / "oom_score_adj").read_text() == "1000\n"
        held = {link.name: str(link.readlink()) for link in (own / "fd").iterdir()}
    assert sorted(held) == ["0", "1", "2", "3", "4"]
    assert {held[name] for name in "012"} == {"/dev/null"}
    assert all(held[name].startswith("pipe:") for name in "34")


def test_an_old_landlock_lets_no_signal_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is tried in a child, for nobody gets out of it again."""
    monkeypatch.setattr(confine, "landlock_version", lambda: confine.SIGNALS_SINCE - 1)
    user = sandbox.worker_user()
    limits = confine.Limits(tmp_path, user, 64, 10**4, tuple(sandbox.readable()))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told: Any = "nothing"
        try:
            confine.confine(limits)
            os.kill(os.getpid(), 0)
            again, held = os.pipe()
            other = os.fork()  # of the same user, in the same domain of Landlock's
            if other == 0:
                os.close(held)
                os.read(again, 1)  # until the one above has ended
                os._exit(0)
            libc = ctypes.CDLL(None, use_errno=True)
            told = []
            for number in (0, signal.SIGKILL):
                told += [libc.kill(other, number), ctypes.get_errno()]
            if platform.machine() == "x86_64":
                for number in SIGNALS.values():
                    told += [libc.syscall(number, -1, -1, -1, -1), ctypes.get_errno()]
        finally:
            os.write(writing, str(told).encode())
            os._exit(0)
    os.close(writing)
    count = 2 + (len(SIGNALS) if platform.machine() == "x86_64" else 0)
    with os.fdopen(reading) as answer:
        assert answer.read() == str([-1, errno.EPERM] * count)
    os.waitpid(child, 0)
