"""The process inside the sandbox from which workers are forked, one after another.

    python -P -m course.grading.host LIMITS

Importing torch takes over a second, a fork a few milliseconds: so this process imports
everything once and never runs a line of a student's. For each submission it forks a
worker, which confines itself (`confine.py`) before it reads the first cell. When the
worker ends, or uses too much, or the judge has had enough, everything that it started
is killed and everything that it wrote is removed, before the next one begins.

The judge speaks to it over the socket that is its standard input: "start", with the
two pipes of the new worker, and "over"; the answers are "ready", "started", "clean".
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from course.grading.confine import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    Limits,
    confine,
    prctl,
)
from course.grading.protocol import lead_nowhere
from course.grading.sandbox import empty

MEMORY = 4 * 2**30
"""Bytes that a worker and all its processes may hold, their files in memory too."""

FILES = 20_000
"""Files that a worker may leave in its folder."""

INTERVAL = 0.2  # seconds between two looks at what a worker uses
PATIENCE = 10.0  # seconds for everything that was killed to be gone

# What notebooks import most, beside torch: here once, and not in each worker again.
PRELOADED = ("matplotlib.pyplot", "IPython.core.inputtransformer2", "gymnasium")


def main() -> None:
    """Serves one judge until it is gone."""
    limits, scratch = read_limits(json.loads(sys.argv[1]))
    control = socket.socket(fileno=os.dup(0))
    lead_nowhere(0)
    # Ctrl-C is for the judge, and a worker's signals are for nobody.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prctl(PR_SET_DUMPABLE, 0)  # nobody reads our memory, or writes to it
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # a worker's orphans become our children
    from course.grading import worker

    for name in PRELOADED:
        importlib.import_module(name)
    worker.prepare()
    clean(limits.user, scratch)  # some of these have written settings
    gc.collect()
    gc.freeze()  # so that a worker's collector does not touch, and copy, all of it
    try:
        control.send(b"ready")
        # At the end of its messages the judge has no more work, or is no more.
        while pipes := socket.recv_fds(control, 16, 2)[1]:
            child = os.fork()
            if child == 0:
                _become_worker(limits, *pipes)
            for pipe in pipes:
                os.close(pipe)
            control.send(b"started")
            watch(child, control, scratch, limits.processes)
            clean(limits.user, scratch)
            control.send(b"clean")
    except ConnectionError:
        pass  # the judge is gone
    for folder in scratch:
        if not folder.is_mount():
            folder.rmdir()


def read_limits(told: dict[str, Any]) -> tuple[Limits, list[Path]]:
    """What the judge says of the sandbox, and which folders are emptied each time."""
    readable = told["readable"]
    limits = Limits(
        Path(told["folder"]),
        told["user"],
        told["processes"],
        told["others"],
        None if readable is None else tuple(map(Path, readable)),
    )
    return limits, list(map(Path, told["scratch"]))


def clean(user: int | None, scratch: list[Path]) -> None:
    """Empties the worker's folders, and gives them to the user that it becomes.

    Raises:
        OSError: That cannot be done. Then this sandbox ends; the judge starts another.
    """
    for folder in scratch:
        folder.chmod(0o700)  # it may have shut them
        empty(folder)
        if user is not None:
            os.chown(folder, user, user)


def _become_worker(limits: Limits, requests: int, replies: int) -> None:
    """What the forked process does; it does not return."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        prctl(PR_SET_DUMPABLE, 1)  # this process has nothing to hide from its host
        lead_nowhere(1, 2)
        # The two pipes take the lowest free numbers, and all else is closed.
        os.dup2(requests, 3, inheritable=False)
        os.dup2(replies, 4, inheritable=False)
        os.closerange(5, os.sysconf("SC_OPEN_MAX"))
        confine(limits)
        from course.grading import worker

        worker.serve(os.fdopen(3, "rb"), os.fdopen(4, "wb"))
    finally:
        os._exit(1)


def watch(
    child: int, control: socket.socket, scratch: list[Path], processes: int
) -> None:
    """Waits until the judge says "over", and ends the worker; or ends it before.

    It is ended before if it uses more than it may. What remains of a worker that has
    ended by itself is ended, too.
    """
    ending = os.pidfd_open(child)
    try:
        waited = [control.fileno(), ending]
        while control.fileno() in waited:
            ready, _, _ = select.select(waited, [], [], INTERVAL)
            if ending in ready or (not ready and _too_much(scratch, processes)):
                # Its pipes close by this, and so the judge hears of it.
                kill_all()
                waited = [control.fileno()]
            if control.fileno() in ready:
                control.recv(16)  # "over", or nothing: the judge is gone
                break
    finally:
        os.close(ending)
    kill_all()


def _too_much(scratch: list[Path], processes: int) -> bool:
    used = threads = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error, OSError):
            # The kernel's own limit may have to allow for many others of the user.
            threads += process.num_threads()
            if threads > processes:
                return True
            # What is shared with us and with others counts by its share.
            used += process.memory_full_info().pss
            used += sum(_nameless(process.pid))
    for folder in scratch:
        usage = os.statvfs(folder)
        in_memory = os.path.ismount(folder)
        if in_memory:
            used += (usage.f_blocks - usage.f_bfree) * usage.f_frsize
            if usage.f_files - usage.f_ffree > FILES:
                return True
        else:
            try:
                sizes = list(_sizes(folder))
            except RecursionError:  # folders in folders in folders
                return True
            used += sum(sizes)
            if len(sizes) > FILES:
                return True
    return used > MEMORY


def _nameless(process: int) -> Iterator[int]:
    """Bytes of its files that have no name any more, or never had (memfd)."""
    for link in os.scandir(f"/proc/{process}/fd"):
        status = os.stat(link.path)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
            yield status.st_blocks * 512


def _sizes(folder: Path) -> Iterator[int]:
    for number, (where, folders, files) in enumerate(os.walk(folder)):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                yield os.lstat(os.path.join(where, name)).st_blocks * 512
        if number > FILES:
            return


def kill_all() -> None:
    """Ends the worker and everything that has come of it, however it hides.

    Raises:
        TimeoutError: Something does not end; then the whole sandbox has to.
    """
    until = time.monotonic() + PATIENCE
    while True:
        if os.getpid() == 1:
            # Everything in this sandbox but us; the kernel does it in one go, so that
            # no process can bring forth another one meanwhile.
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        else:
            _kill_descendants()
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        if time.monotonic() > until:
            raise TimeoutError("A worker does not end.")
        time.sleep(0.001)


def _kill_descendants() -> None:
    """Without a namespace: stops them all first, for what is stopped does not fork."""
    descendants = psutil.Process().children(recursive=True)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in descendants:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)


if __name__ == "__main__":
    main()
