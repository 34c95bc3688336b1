"""Starting workers, and waiting for one no longer than is right: the judge's side."""

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
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from course.grading.hosting import Host, HostGoneError
from course.grading.protocol import ProtocolError, pack, receive, write
from course.grading.sandbox import COURSE

# Ends when it is told so. At the end of its input, for then the judge has been killed,
# it first ends the worker and all that it started, and removes its folder.
GUARD = 'read -r over || { kill -s KILL -- "-$1"; rm -rf -- "$2"; }'
PATIENCE = 1.0  # seconds for a worker to end, and for what it held to be let go


class WorkerGoneError(Exception):
    """The worker has ended, or sent what is no reply; it has to be started again."""


class WorkerLateError(Exception):
    """The worker did not reply in time; it has to be started again."""


class WorkerProcess:
    """A running worker. A context manager: on the way out it is ended.

    Args:
        requests: The pipe that it reads.
        replies: The pipe that it writes.
        ended: Whether it has ended, as far as one can know.
        end: Ends it, and all that it has started, at once.

    Attributes:
        closed: Whether it was ended from here.
    """

    def __init__(
        self,
        requests: IO[bytes],
        replies: IO[bytes],
        ended: Callable[[], bool],
        end: Callable[[], None],
    ) -> None:
        self.closed = False
        self._requests, self._replies = requests, replies
        self._ended, self._end = ended, end
        # One message at a time: a worker that floods us has to wait.
        self._arrived: queue.Queue[Any] = queue.Queue(maxsize=1)
        self._closing = threading.Event()
        # Pipes cannot be waited for with a time limit on Windows: a thread waits.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._writer: threading.Thread | None = None

    def ask(self, *messages: Any) -> None:
        """Sends requests; that nobody reads them shows when the reply is waited for.

        Raises:
            ProtocolError: One is too long, or no plain data.
        """
        packed = b"".join(map(pack, messages))
        # In a thread, since a worker that has stopped itself might never read it.
        arguments = self._requests, packed
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
                if self._ended() and self._arrived.empty():
                    raise WorkerGoneError("The worker has ended.") from None
        if isinstance(arrived, ProtocolError):
            raise WorkerGoneError(str(arrived))
        return arrived

    def close(self) -> None:
        """Ends the worker and all that it started."""
        if self.closed:
            return
        self.closed = True
        self._closing.set()
        if self._writer is None or not self._writer.is_alive():
            self._requests.close()  # a worker that can hear this ends by itself
        self._end()
        # While a thread still uses a pipe, it must stay open: some other program that
        # the worker has started may hold its other end.
        for thread, pipe in (
            (self._writer, self._requests),
            (self._listener, self._replies),
        ):
            if thread is not None:
                thread.join(PATIENCE)
            if thread is None or not thread.is_alive():
                pipe.close()

    def _listen(self) -> None:
        while not self._closing.is_set():
            message: Any
            try:
                message = receive(self._replies)
            except ProtocolError as problem:
                message = problem
            while not self._closing.is_set():
                try:
                    self._arrived.put(message, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if isinstance(message, ProtocolError):
                return

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _try_write(pipe: IO[bytes], packed: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        write(pipe, packed)


class Workers:
    """Where workers come from. A context manager: on the way out everything ends.

    Args:
        sandbox: "bubblewrap", "landlock", or "none": as plain processes, which may do
            whatever you may do.
    """

    def __init__(self, sandbox: str = "none") -> None:
        self.sandbox = sandbox
        self._host: Host | None = None
        self._last: WorkerProcess | None = None
        self._closed = False

    def start(self) -> WorkerProcess:
        """A new worker; in a sandbox it ends the one before, if that still runs.

        Raises:
            HostGoneError: The sandbox does not start, or has been closed; the sentence
                says why.
        """
        if self.sandbox == "none":
            return plain_worker()
        if self._last is not None:
            self._last.close()
        try:
            self._last = self._hosted()
        except HostGoneError:  # a worker may have left it in a state that ended it
            self._end()
            self._last = self._hosted()
        return self._last

    def close(self) -> None:
        """Ends the sandbox for good, with whatever runs in it; from any thread."""
        self._closed = True
        self._end()

    def _end(self) -> None:
        if self._last is not None:
            self._last.close()
        if self._host is not None:
            self._host.close()
        self._host = self._last = None

    def _hosted(self) -> WorkerProcess:
        host = self._host
        if host is None and not self._closed:
            host = self._host = Host(self.sandbox)
        if host is None or self._closed:  # maybe while it started
            self._end()
            raise HostGoneError("The sandbox has been closed.")
        requests, replies = host.start()
        # With the worker all that it has started ends, and so do its pipes.
        return WorkerProcess(requests, replies, lambda: False, host.end)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def plain_worker() -> WorkerProcess:
    """A worker without a sandbox, in a temporary folder of its own."""
    temporary = tempfile.TemporaryDirectory(
        prefix="course-worker-", ignore_cleanup_errors=True
    )
    process = launch(Path(temporary.name))
    watching = guard(process.pid, Path(temporary.name))
    assert process.stdin is not None
    assert process.stdout is not None

    def end() -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        if watching is not None:
            with watching, contextlib.suppress(BrokenPipeError):
                assert watching.stdin is not None
                watching.stdin.write(b"over\n")
        temporary.cleanup()

    return WorkerProcess(
        process.stdin, process.stdout, lambda: process.poll() is not None, end
    )


def launch(folder: Path) -> subprocess.Popen[bytes]:
    """Starts a worker with this folder as its own. The one place where that is done.

    It gets no terminal and no screen, and one core. What it writes to its standard
    error before it is set up is lost.
    """
    settings = {
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "PYTHONIOENCODING": "utf-8",  # on Windows, too, a print may hold any letter
        "SDL_VIDEODRIVER": "dummy",
        "TMPDIR": str(folder),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(COURSE.parent), os.environ.get("PYTHONPATH")])
        ),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "course.grading.worker"],
        cwd=folder,
        env=os.environ | settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        **own_group(),
    )


def own_group() -> dict[str, Any]:
    """Has `Popen` start a process that can be killed with all that it starts.

    Ctrl-C in our terminal does not reach it.
    """
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


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
