"""Which sandboxes this machine has, and how a process is started in one.

Two are known, both on Linux alone. *bubblewrap* makes a small world of its own: only
Python and the course can be read, there is no network, and no other process exists.
*Landlock* works where making such worlds is forbidden, as in many containers: the
kernel refuses whatever lies outside of a list of folders. Inside of either, each worker
confines itself further (`confine.py`).
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import secrets
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import psutil

from course.grading.seccomp import ARCHITECTURES

COURSE = Path(__file__).parent.parent
SANDBOXES = ("bubblewrap", "landlock")
"""The better one first."""

SCRATCH = ("/sandbox", "/dev/shm")
"""What a worker may write to inside of bubblewrap; its folder is the first."""

# What a program needs of the system: libraries, their list, fonts; the time zone and
# the kind of processor besides. Not all of /usr: other people's submissions may lie in
# /usr/local/share (nbgrader's exchange).
LIBRARIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SYSTEM = (
    *(f"{above}/{name}" for above in ("", "/usr") for name in LIBRARIES),
    *("/usr/libexec", "/usr/local/bin", "/usr/local/lib", "/usr/local/lib64"),
    *("/usr/share/fonts", "/usr/share/fontconfig", "/usr/share/zoneinfo"),
)
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts")
# What root's host needs to start its workers, look at them, end them, and clean up.
HOST_RIGHTS = (
    *("SETUID", "SETGID", "SETPCAP", "KILL", "CHOWN", "FOWNER", "SYS_PTRACE"),
    *("DAC_OVERRIDE", "DAC_READ_SEARCH"),
)
USERS = range(61_184, 65_184)  # systemd, too, takes these for such uses


class SandboxMissingError(Exception):
    """There is no sandbox on this machine; the paragraph says what to do."""


def choose(unsafe: bool = False) -> str:
    """The best sandbox of this machine.

    Args:
        unsafe: Answer "none" where there is no sandbox.

    Raises:
        SandboxMissingError: There is none.
    """
    found = available()
    if found or unsafe:
        return found[0] if found else "none"
    raise SandboxMissingError(
        "Submissions are other people's programs, and this machine has no sandbox to "
        "run them in: bubblewrap is missing or not permitted here (on Debian and "
        "Ubuntu: apt install bubblewrap), and the kernel offers no Landlock (Linux 6.2 "
        "or newer has it). Grade on a Linux machine that has one of them, with an "
        "x86_64 or aarch64 processor. If you trust every submission, "
        "--unsafe-no-sandbox runs them as you, with all that you may read and change."
    )


def available() -> list[str]:
    """Those of `SANDBOXES` that work here, the best first.

    There are none for a processor whose system calls nobody has written down.
    """
    if platform.machine() not in ARCHITECTURES:
        return []
    works = {"bubblewrap": _bubblewrap_works, "landlock": _landlock_works}
    return [name for name in SANDBOXES if works[name]()]


def command(sandbox: str, program: list[str]) -> list[str]:
    """The command line that starts a program in this sandbox.

    With Landlock and with none it is the program itself.
    """
    return _bubblewrap(program) if sandbox == "bubblewrap" else program


def environment(folder: Path) -> dict[str, str]:
    """All that the program gets to know of the environment; not one variable of ours.

    Args:
        folder: Its own, for temporary files, settings and caches.
    """
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "USER": "student",
        "LANG": "C.UTF-8",
        # One core for one worker, and one thread, or the process could not be forked.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        # No screen.
        "MPLBACKEND": "Agg",
        "SDL_VIDEODRIVER": "dummy",
        # The order of a set is the same each time, so that a grade is.
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(COURSE.parent),
    }


def readable() -> list[Path]:
    """What a worker may read: system, Python, the course; nothing else of the project.

    That is the package `course` alone, without tests, solutions and lessons.
    """
    python = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    python |= {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    python -= {"/usr", "/usr/local"}  # what is Python's in these is in `SYSTEM`
    paths = [Path(each) for each in (*SYSTEM, *sorted(python))]
    paths += [Path("/etc", each) for each in (*SETTINGS, "localtime")]
    paths += [Path("/proc/cpuinfo"), Path("/sys/devices/system/cpu")]
    return [path for path in (*paths, COURSE) if path.exists()]


def worker_user() -> int | None:
    """The number of a user who owns nothing, where we are root; else None.

    A different one for each judge, for the limit of processes is counted by user.
    """
    if os.geteuid() != 0:
        return None
    taken: set[int] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            taken.update(process.uids())
    # By chance, for a judge's worker need not run yet; not by a seed that all share.
    return secrets.choice([each for each in USERS if each not in taken])


def empty(folder: Path) -> None:
    """Removes whatever is in a folder of a worker's, however deep and however shut.

    Raises:
        OSError: Something cannot be removed.
    """
    # `find` gets into trees that are deeper than Python's stack, and takes any number
    # of names.
    delete = ["find", str(folder), "-mindepth", "1", "-delete"]
    for line in (delete, ["chmod", "-R", "u+rwx", "--", str(folder)], delete):
        if not os.listdir(folder):
            return
        subprocess.run(line, stderr=subprocess.DEVNULL)
    if os.listdir(folder):
        raise OSError(f"{folder} cannot be emptied.")


def _bubblewrap(program: list[str]) -> list[str]:
    line = [
        shutil.which("bwrap") or "bwrap",
        "--die-with-parent",
        "--as-pid-1",
        "--new-session",
    ]
    line += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    line += ["--unshare-cgroup-try", "--hostname", "sandbox", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        # The host stays root, so that it can end and clean up after its workers; they
        # become another user. A limit of processes does not bind root at all.
        for name in HOST_RIGHTS:
            line += ["--cap-add", f"CAP_{name}"]
    else:
        line += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
    line += ["--proc", "/proc"]
    project = COURSE.parent
    paths = readable()
    # Where the project lies in a folder that is shown, all of it is hidden first.
    for path in (each for each in paths if not each.is_relative_to(project)):
        line += _shown(path)
    if any(project.is_relative_to(path) for path in paths):
        line += ["--tmpfs", str(project)]
    for path in (each for each in paths if each.is_relative_to(project)):
        line += _shown(path)
    line += ["--dev", "/dev"]
    # Terminals are shared by the whole machine, which has a few thousand of them.
    line += ["--tmpfs", "/dev/pts", "--remount-ro", "/dev/pts", "--remount-ro", "/dev"]
    for folder in SCRATCH:
        line += ["--tmpfs", folder]
    if not any(path.is_relative_to("/tmp") for path in paths):
        line += ["--symlink", SCRATCH[0], "/tmp"]
    line += ["--chdir", SCRATCH[0], "--remount-ro", "/"]
    return [*line, "--", *program]


def _shown(path: Path) -> list[str]:
    if str(path) in SYSTEM and path.is_symlink():  # /bin is one to /usr/bin mostly
        return ["--symlink", str(path.readlink()), str(path)]
    return ["--ro-bind", str(path), str(path)]


@functools.cache
def _bubblewrap_works() -> bool:
    """Whether Python itself starts in it: it may be installed, but not permitted."""
    if sys.platform != "linux" or shutil.which("bwrap") is None:
        return False
    trial = command("bubblewrap", [sys.executable, "-c", "import course"])
    try:
        tried = subprocess.run(
            trial,
            env=environment(Path(SCRATCH[0])),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


@functools.cache
def _landlock_works() -> bool:
    """Whether the kernel has it, and a list of folders can keep the project out."""
    if sys.platform != "linux":
        return False
    from course.grading import confine  # which Windows could not import

    if not confine.supported():
        return False
    project = COURSE.parent
    return not any(project.is_relative_to(path) for path in readable())
