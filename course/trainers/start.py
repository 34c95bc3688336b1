"""How worker processes are started; imports nothing heavy.

Never by fork: a parent that has run a multi-threaded torch operation hangs forked
children. A fork server is a fresh process that has only imported torch, so forking
from it is safe, and it starts workers in 0.1 s instead of 1.3 s. On macOS forking
after such imports is not safe, and Windows cannot fork: both spawn.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator

_main_module_lock = threading.Lock()


def start_method() -> str:
    """Forkserver on Linux, spawn elsewhere; `COURSE_START_METHOD` overrides."""
    default = "forkserver" if sys.platform == "linux" else "spawn"
    return os.environ.get("COURSE_START_METHOD", default)


def start_early() -> None:
    """Lets the fork server import torch while this process does the same."""
    # A child process needs none, and may not start any while it is being imported into.
    in_child = multiprocessing.current_process().name != "MainProcess"
    if in_child or start_method() != "forkserver":
        return
    multiprocessing.set_forkserver_preload(["course.trainers.worker"])
    with ignoring_interrupts():
        multiprocessing.forkserver.ensure_running()


@contextlib.contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C from their first moment on.

    A terminal sends it to all of them, but the parent alone is to answer it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set signals
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def without_main_module() -> Iterator[None]:
    """Hides `__main__` while processes start.

    Spawn would run the user's script again in every worker, which needs the
    `if __name__ == "__main__"` that beginners forget. Our workers need nothing of
    it: functions written there arrive by value.
    """
    with _main_module_lock:  # two trainings may start in two threads
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


@contextlib.contextmanager
def starting_processes() -> Iterator[None]:
    """Around every `start()`: the new processes get no script and no Ctrl-C."""
    with without_main_module(), ignoring_interrupts():
        yield
