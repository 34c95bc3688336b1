"""What this machine lacks for the course, and how to mend it.

Nothing is guessed from version numbers alone: a worker process is really started, a
tensor really shared, a game really played, a picture really drawn.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """The answer to one question about this machine.

    Attributes:
        name: What was looked at.
        ok: True; False if the course cannot do without; None if it can.
        found: What there is, or what went wrong.
        mend: What to do if it is not ok.
    """

    name: str
    ok: bool | None
    found: str
    mend: str


class LackError(Exception):
    """Something works, but there is not enough of it, or it is not there at all."""


def examine() -> list[Finding]:
    """Looks at everything the course needs; takes some seconds."""
    return [
        *(_look(name, True, check, mend) for name, check, mend in _versions()),
        *(_look(*check) for check in CHECKS),
    ]


def _look(name: str, needed: bool, check: Callable[[], str], mend: str) -> Finding:
    """Turns what a check returns or raises into a finding."""
    try:
        return Finding(name, True, check(), mend)
    except Exception as error:  # whatever is broken here is the answer
        kind = "" if isinstance(error, LackError) else f"{type(error).__name__}: "
        found = f"{kind}{error}".partition("\n")[0]
        return Finding(name, False if needed else None, found, mend)


def _versions() -> Iterator[tuple[str, Callable[[], str], str]]:
    """Python and every package that the project depends on."""
    from packaging.requirements import Requirement

    python, requirements = _asked_for()
    yield (
        "Python",
        functools.partial(_fits, platform.python_version(), python),
        f"install Python {python} and make the environment anew",
    )
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield (
                requirement.name,
                functools.partial(_package_fits, requirement),
                f"run: pip install '{requirement}'",
            )


def _asked_for() -> tuple[str, list[str]]:
    """What pyproject.toml asks for: the range of Python, and the requirements."""
    try:
        metadata = importlib.metadata.metadata("async-rl-course")
        return metadata["Requires-Python"], metadata.get_all("Requires-Dist") or []
    except importlib.metadata.PackageNotFoundError:  # run from its source folder
        text = (Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8")
        project = tomllib.loads(text)["project"]
        return project["requires-python"], project["dependencies"]


def _fits(version: str, specifier: str) -> str:
    from packaging.specifiers import SpecifierSet

    if not SpecifierSet(specifier).contains(version, prereleases=True):
        raise LackError(f"{version}, but {specifier} is needed")
    return version


def _package_fits(requirement: Any) -> str:
    version = importlib.metadata.version(requirement.name)
    return _fits(version, str(requirement.specifier))


def available_cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cores() -> str:
    cores = available_cores()
    if cores < 2:
        raise LackError("only 1: the learners take turns on it")
    return f"{cores}, so {cores} learners can run at once"


def _memory() -> str:
    import psutil

    free = psutil.virtual_memory().available / GIB
    if free < 1:
        raise LackError(f"only {free:.1f} GiB free")
    return f"{free:.1f} GiB free"


def _disk() -> str:
    free = shutil.disk_usage(".").free / GIB
    with tempfile.TemporaryFile(dir="."):  # room is of no use where one may not write
        pass
    if free < 1:
        raise LackError(f"only {free:.1f} GiB free here")
    return f"{free:.1f} GiB free here"


def _worker_process() -> str:
    """A worker is started as training does it, and writes into a shared tensor."""
    import torch
    import torch.multiprocessing

    from course.trainers.start import start_method

    context: Any = torch.multiprocessing.get_context(start_method())
    tensor = torch.zeros(1)
    tensor.share_memory_()  # type: ignore[no-untyped-call]  # torch's own
    started = time.time()
    process = context.Process(target=_write, args=(tensor,), daemon=True)
    process.start()
    process.join(timeout=60)
    if process.exitcode != 0:
        process.kill()
        raise LackError(f"a worker process ended with {process.exitcode}")
    if tensor.item() != 1.0:
        raise LackError("what a worker wrote did not arrive in this process")
    took = time.time() - started
    return f"started by {start_method()} in {took:.1f} s, and memory is shared"


def _write(tensor: Any) -> None:
    """Runs in the worker process."""
    tensor.fill_(1.0)


def _torch() -> str:
    import torch

    threads = torch.get_num_threads()
    return f"{threads} threads in this process; each learner uses one"


def _atari() -> str:
    from course.environments import environment_spec, make_environment

    game = make_environment(environment_spec("ALE/Pong-v5"))
    try:
        game.reset(seed=0)
        observation = game.step(0)[0]
    finally:
        game.close()
    return f"Pong runs; its observation has the shape {list(observation.shape)}"


def _film() -> str:
    from course.environments import environment_spec, make_environment

    environment = make_environment(environment_spec("CartPole-v1"), "rgb_array")
    try:
        environment.reset(seed=0)
        picture: Any = environment.render()
    finally:
        environment.close()
    return f"CartPole draws itself in {picture.shape[1]} × {picture.shape[0]} pixels"


def _kernel() -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    kernels = KernelSpecManager().find_kernel_specs()
    if "python3" not in kernels:
        raise LackError("Jupyter has no Python kernel")
    return "Jupyter has a Python kernel"


def _sandbox() -> str:
    """Bubblewrap, which shuts in the submissions of other people."""
    if shutil.which("bwrap") is None:
        raise LackError("bubblewrap is not installed")
    command = ["bwrap", "--ro-bind", "/", "/", "true"]
    subprocess.run(command, check=True, capture_output=True, timeout=10)
    return "bubblewrap works"


# Name, whether the course needs it, the check, and how to mend it.
CHECKS: tuple[tuple[str, bool, Callable[[], str], str], ...] = (
    ("cores", False, _cores, "nothing is broken, but two or more cores learn faster"),
    ("memory", False, _memory, "close other programs: each learner takes 0.3 GiB"),
    ("disk", False, _disk, "free some space, or work in another folder"),
    (
        *("worker process", True, _worker_process),
        "in a container, give it shared memory (docker run --shm-size=1g); or try "
        "COURSE_START_METHOD=spawn",
    ),
    ("torch", True, _torch, "run: pip install --force-reinstall torch"),
    ("Atari", True, _atari, "run: pip install --force-reinstall ale-py"),
    ("film", False, _film, "run: pip install 'gymnasium[classic-control]'"),
    ("Jupyter kernel", False, _kernel, "run: python -m ipykernel install --sys-prefix"),
    (
        *("sandbox", False, _sandbox),
        "needed only to grade other people's work: install bubblewrap (apt install "
        "bubblewrap); without it Landlock is used where the kernel has it",
    ),
)
