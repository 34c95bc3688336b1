"""Starting a worker, and waiting for it no longer than is right: the judge's side."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from course.grading.protocol import ProtocolError, pack, receive, write

COURSE = Path(__file__).parent.parent
# Ends when it is told so. At the end of its input, for then the judge has been killed,
# it first ends the worker and all that it started, and removes its folder.
GUARD = 'read -r over || { kill -s KILL -- "-$1"; rm -rf -- "$2"; }'
PATIENCE = 1.0  # seconds for a worker to end, and for what it held to be let go


class WorkerGoneError(Exception):
    """The worker has ended, or sent what is no reply; it has to be started again."""


class WorkerLateError(Exception):
    """The worker did not reply in time; it has to be started again."""


def launch(folder: Path) -> subprocess.Popen[bytes]:
    """Starts a worker with this folder as its own. The one place where that is done.

    It gets no terminal and no screen, and one core. What it writes to its standard
    error before it is set up is lost.
    """
    settings = {
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "SDL_VIDEODRIVER": "dummy",
        "TMPDIR": str(folder),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(COURSE.parent), os.environ.get("PYTHONPATH")])
        ),
    }
    # A group of its own: Ctrl-C is for the judge, and all of it can be killed at once.
    group: dict[str, Any]
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    else:
        group = {"start_new_session": True}
    return subprocess.Popen(
        [sys.executable, "-m", "course.grading.worker"],
        cwd=folder,
        env=os.environ | settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        **group,
    )


def guard(worker: int, folder: Path) -> subprocess.Popen[bytes] | None:
    """Starts the shell that ends a worker whose judge has been killed.

    The worker itself listens for its judge's end, but cannot hear it while a long
    calculation in C holds Python's lock. Windows has no such shell: there a worker
    goes on until that calculation is over.

    Args:
        worker: The worker's process id; it leads its own group.
        folder: The worker's own folder.
    """
    if sys.platform == "win32":
        return None
    return subprocess.Popen(
        ["/bin/sh", "-c", GUARD, "guard", str(worker), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )


class WorkerProcess:
    """A running worker. A context manager: on the way out it is killed.

    Attributes:
        folder: The worker's own; it starts there.
        process: The process itself.
    """

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(
            prefix="course-worker-", ignore_cleanup_errors=True
        )
        self.folder = Path(self._temporary.name)
        self.process = launch(self.folder)
        self._guard = guard(self.process.pid, self.folder)
        # One message at a time: a worker that floods us has to wait.
        self._arrived: queue.Queue[Any] = queue.Queue(maxsize=1)
        self._closed = threading.Event()
        assert self.process.stdout is not None
        # Pipes cannot be waited for with a time limit on Windows: a thread waits.
        self._listener = threading.Thread(
            target=self._listen, args=(self.process.stdout,), daemon=True
        )
        self._listener.start()
        self._writer: threading.Thread | None = None

    def ask(self, message: Any) -> None:
        """Sends a request; that nobody reads it shows when the reply is waited for.

        Raises:
            ProtocolError: It is too long, or no plain data.
        """
        assert self.process.stdin is not None
        # In a thread, since a worker that has stopped itself might never read it.
        arguments = self.process.stdin, pack(message)
        self._writer = threading.Thread(target=_try_write, args=arguments, daemon=True)
        self._writer.start()

    def reply(self, seconds: float) -> Any:
        """Waits for the next message.

        Raises:
            WorkerGoneError: The worker has ended, or what it sent is no message.
            WorkerLateError: Nothing has come within so many seconds.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                arrived = self._arrived.get(timeout=0.1)
                break
            except queue.Empty:
                if time.monotonic() > end:
                    raise WorkerLateError("The worker is late.") from None
                # A child of the worker's may hold the pipe open after its death.
                if self.process.poll() is not None and self._arrived.empty():
                    raise WorkerGoneError("The worker has ended.") from None
        if isinstance(arrived, ProtocolError):
            raise WorkerGoneError(str(arrived))
        return arrived

    def close(self) -> None:
        """Ends the worker and all that it started, and removes its folder."""
        self._closed.set()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self._writer is None or not self._writer.is_alive():
            self.process.stdin.close()  # a worker that can hear this ends by itself
            self._listener.join(PATIENCE)
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        if self._guard is not None:
            with self._guard, contextlib.suppress(BrokenPipeError):
                assert self._guard.stdin is not None
                self._guard.stdin.write(b"over\n")
        # While a thread still uses a pipe, it must stay open: some other program that
        # the worker has started may hold its other end.
        if _over(self._writer):
            self.process.stdin.close()
        if _over(self._listener):
            self.process.stdout.close()
        self._temporary.cleanup()

    def _listen(self, stream: IO[bytes]) -> None:
        while not self._closed.is_set():
            message: Any
            try:
                message = receive(stream)
            except ProtocolError as problem:
                message = problem
            while not self._closed.is_set():
                try:
                    self._arrived.put(message, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if isinstance(message, ProtocolError):
                return

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _over(thread: threading.Thread | None) -> bool:
    """Whether the thread ends in time, or never began."""
    if thread is None:
        return True
    thread.join(PATIENCE)
    return not thread.is_alive()


def _try_write(pipe: IO[bytes], packed: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        write(pipe, packed)
