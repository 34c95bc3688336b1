"""Starting scripts, and waiting for what real processes do."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent


def unmeasured() -> dict[str, str]:
    """The environment for a program that is long: measuring it would slow it down."""
    return {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}


@contextlib.contextmanager
def running_script(
    path: Path, source: str, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Runs `source` as a script of its own, in its own session and folder.

    It is killed on the way out, so that a failed test leaves nothing running.
    """
    path.write_text(source)
    python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    script = subprocess.Popen(
        [sys.executable, str(path)],
        cwd=path.parent,
        env=os.environ | {"PYTHONPATH": python_path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with script:
        try:
            yield script
        finally:
            script.kill()


@contextlib.contextmanager
def grading(folder: Path, output: Path) -> Iterator[subprocess.Popen[str]]:
    """`course grade` in two judges, in its own session; it is killed on the way out."""
    command = [sys.executable, "-m", "course", "grade", str(folder), "--seed", "7"]
    process = subprocess.Popen(
        [*command, "--output", str(output), "--jobs", "2", "--unsafe-no-sandbox"],
        cwd=output.parent,
        env=unmeasured() | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def children(process: int | None = None) -> list[psutil.Process]:
    """All that has come of a process, or of this one."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process).children(recursive=True)
    return []


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether the condition came true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
