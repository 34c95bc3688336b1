"""How worker processes are started; imports nothing heavy.

Never by fork: a parent that has run a multi-threaded torch operation hangs forked
children. A fork server is a fresh process that has only imported torch, so forking
from it is safe, and it starts workers in 0.1 s instead of 1.3 s. On macOS forking
after such imports is not safe, and Windows cannot fork: both spawn.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import threading


def start_method() -> str:
    """Forkserver on Linux, spawn elsewhere; `COURSE_START_METHOD` overrides."""
    default = "forkserver" if sys.platform == "linux" else "spawn"
    return os.environ.get("COURSE_START_METHOD", default)


def start_early() -> None:
    """Lets the fork server import torch while this process does the same."""
    if start_method() != "forkserver":
        return
    multiprocessing.set_forkserver_preload(["course.trainers.worker"])
    if threading.current_thread() is not threading.main_thread():
        multiprocessing.forkserver.ensure_running()  # only the main thread sets signals
        return
    # It inherits that Ctrl-C is ignored: no traceback of its own while it preloads.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)
