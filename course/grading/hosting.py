"""A sandbox with its host, as the judge sees it: it starts workers and ends them.

What happens inside is in `host.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import psutil

from course.grading.sandbox import (
    SCRATCH,
    command,
    empty,
    environment,
    readable,
    worker_user,
)

PROCESSES = 64
"""Processes and threads that a worker may have at once."""

NEWCOMERS = 4096
"""What its user may start meanwhile, where the kernel counts all of a user's."""

START_SECONDS = 120.0  # for importing torch, on a machine that is busy
END_SECONDS = 20.0  # for ending a worker, and removing what it wrote


class HostGoneError(Exception):
    """The sandbox has ended, or could not be started."""


class Host:
    """A running sandbox, in which one worker at a time is started and ended.

    Args:
        sandbox: "bubblewrap" or "landlock".

    Raises:
        HostGoneError: It does not start; the sentence says why.
    """

    def __init__(self, sandbox: str) -> None:
        self.sandbox = sandbox
        self._folder: Path | None = None
        # Folders of bubblewrap's, that end with it.
        shown, scratch = None, list(SCRATCH)
        if sandbox == "landlock":
            self._folder = Path(tempfile.mkdtemp(prefix="course-sandbox-"))
            shown, scratch = list(map(str, readable())), [str(self._folder)]
        user = worker_user()
        others = 0 if user is not None else _running()
        if user is None and sandbox == "landlock":
            others += NEWCOMERS
        limits = {
            "folder": scratch[0],
            "scratch": scratch,
            "user": user,
            "processes": PROCESSES,
            "others": others,
            "readable": shown,
        }
        program = [sys.executable, "-P", "-m", "course.grading.host"]
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(START_SECONDS)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        with theirs:
            self._process = subprocess.Popen(
                command(sandbox, [*program, json.dumps(limits)]),
                cwd=self._folder or "/",
                env=environment(Path(scratch[0])),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
            )
        try:
            self._expect(b"ready")
        except HostGoneError:
            self.close()
            raise

    def start(self) -> tuple[IO[bytes], IO[bytes]]:
        """A new worker: the pipe that it reads, and the one that it writes.

        Raises:
            HostGoneError: The sandbox has ended.
        """
        read_request, write_request = os.pipe()
        read_reply, write_reply = os.pipe()
        try:
            theirs = [read_request, write_reply]
            socket.send_fds(self._control, [b"start"], theirs)
            self._control.settimeout(END_SECONDS)
            self._expect(b"started")
        except (OSError, HostGoneError) as error:
            os.close(write_request)
            os.close(read_reply)
            raise HostGoneError(f"The sandbox has ended: {error}") from error
        finally:
            os.close(read_request)
            os.close(write_reply)
        return os.fdopen(write_request, "wb", 0), os.fdopen(read_reply, "rb", 0)

    def end(self) -> None:
        """Ends the worker, and the whole sandbox if it cannot be had clean again."""
        try:
            self._control.send(b"over")
            self._expect(b"clean")
        except (OSError, HostGoneError):
            self.close()

    def close(self) -> None:
        """Ends the sandbox and everything in it; does no harm a second time."""
        with contextlib.suppress(psutil.Error):
            inside = psutil.Process(self._process.pid).children(recursive=True)
            self._process.kill()
            for process in inside:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        self._process.wait()
        self._control.close()
        self._errors.close()
        if self._folder is not None:
            with contextlib.suppress(FileNotFoundError):  # the host may have done it
                empty(self._folder)
                self._folder.rmdir()

    def _expect(self, message: bytes) -> None:
        try:
            heard = self._control.recv(16)
        except OSError as error:
            raise HostGoneError(f"it does not answer ({error}).") from error
        if heard != message:
            self._errors.seek(0)
            lines = self._errors.read(100_000).decode("utf-8", "replace").split("\n")
            said = [line for line in lines if line.strip()] or ["without a word"]
            raise HostGoneError(f"The {self.sandbox} sandbox has ended: {said[-1]}")


def _running() -> int:
    """Processes and threads of ours: where the kernel counts all of a user's."""
    count = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real == os.getuid():
                count += process.num_threads()
    return count
