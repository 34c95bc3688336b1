"""What a worker does to itself before it runs a line of a student's; none is undone.

Limits on memory, processes and files; another user, where we are root; no system calls
but those that a calculation needs; and with Landlock only some folders. All that is
done by the kernel, through the C library: Linux alone has it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from course.grading.seccomp import program

MEMORY = 3 * 2**30
"""Bytes of address space for a worker's process, over what it has at the start."""

FILE = 256 * 2**20
"""Bytes of a file that a worker writes."""

OPEN_FILES = 128

# <linux/prctl.h>
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_CAP_AMBIENT = 1, 4, 8, 47
PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 22, 36, 38

# <linux/capability.h>
CAPABILITY_VERSION, CAP_DAC_READ_SEARCH = 0x20080522, 2

# <linux/landlock.h>
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
# Landlock's versions: those before the first let files be emptied that can be read.
TRUNCATE_SINCE, TCP_SINCE, IOCTL_DEV_SINCE, SIGNALS_SINCE = 3, 4, 5, 6


@dataclass(frozen=True)
class Limits:
    """How a worker is confined.

    Attributes:
        folder: The only one that it may write to.
        user: The user that it becomes; None: it stays who it is.
        processes: Limit of its processes and threads.
        others: Those of that user's that the kernel may count besides.
        readable: What it may read, under Landlock; None: bubblewrap sees to that.
    """

    folder: Path
    user: int | None
    processes: int
    others: int
    readable: tuple[Path, ...] | None


def supported() -> bool:
    """Whether this kernel has Landlock, of version 3 or newer: Linux 6.2."""
    return landlock_version() >= TRUNCATE_SINCE


def confine(limits: Limits) -> None:
    """Gives up, for good, all that a calculation does not need.

    The process must have one thread only. Whoever starts it makes the folder and
    gives it to the user.

    Raises:
        OSError: The kernel refuses; then nothing of a student's may be run.
    """
    # The first to go when the machine runs out of memory.
    Path("/proc/self/oom_score_adj").write_text("1000")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + MEMORY
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NPROC, limits.processes + limits.others),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(kind, (most, most))
    if limits.user is not None:
        _become(limits.user)
    os.chdir(limits.folder)
    os.umask(0o077)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 1)  # another user was made undumpable; the host looks at it
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    alone = True
    if limits.readable is not None:
        _landlock(limits.readable, limits.folder)
        alone = landlock_version() >= SIGNALS_SINCE
    _refuse_calls(signals=not alone, files=limits.readable is not None)


def _become(user: int) -> None:
    """Another user, who owns nothing and may do nothing, but read.

    Python may lie in a folder of root's own. What can be read is limited elsewhere: by
    what bubblewrap shows, or by Landlock.
    """
    prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    kept = 1 << CAP_DAC_READ_SEARCH
    header = struct.pack("Ii", CAPABILITY_VERSION, 0)
    rights = struct.pack("IIIIII", kept, kept, kept, 0, 0, 0)
    _checked(_libc().capset(header, rights))
    # Also for the programs that it starts.
    ambient = ctypes.c_ulong(CAP_DAC_READ_SEARCH)
    _checked(_libc().prctl(PR_CAP_AMBIENT, ctypes.c_ulong(2), ambient, 0, 0))


def prctl(option: int, value: int) -> None:
    """One of the kernel's many switches of a process."""
    _checked(_libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def landlock_version() -> int:
    """0 where the kernel has no Landlock, or it is switched off."""
    if sys.platform != "linux":
        return 0
    version = _libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return max(int(version), 0)


def _landlock(readable: Iterable[Path], folder: Path) -> None:
    """From here on only these can be read, and only this folder written to."""
    version = landlock_version()
    all_rights = (IOCTL_DEV if version >= IOCTL_DEV_SINCE else TRUNCATE) * 2 - 1
    tcp = 3 if version >= TCP_SINCE else 0  # to serve, and to connect
    scopes = 3 if version >= SIGNALS_SINCE else 0  # abstract sockets, signals
    handled = struct.pack("QQQ", all_rights, tcp, scopes)
    size = 8 if version < TCP_SINCE else 16 if version < SIGNALS_SINCE else 24
    rules = _checked(_libc().syscall(CREATE_RULESET, handled, ctypes.c_size_t(size), 0))
    allowed = dict.fromkeys(readable, EXECUTE | READ_FILE | READ_DIR)
    allowed |= {folder: all_rights}
    allowed |= {Path("/dev/null"): READ_FILE | WRITE_FILE}
    allowed |= {Path("/dev", name): READ_FILE for name in ("zero", "random", "urandom")}
    for path, rights in allowed.items():
        if not path.is_dir():
            rights &= OF_A_FILE
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", rights & all_rights, place)
        _checked(_libc().syscall(ADD_RULE, rules, 1, rule, 0))
        os.close(place)
    _checked(_libc().syscall(RESTRICT_SELF, rules, 0))
    os.close(rules)


def _refuse_calls(signals: bool, files: bool) -> None:
    """Has the kernel look at each system call from here on (`seccomp.py`)."""
    code = program(signals, files)
    text = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(text))
    filter_mode = 2
    _checked(_libc().prctl(PR_SET_SECCOMP, filter_mode, header, 0, 0))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"The kernel refuses: {os.strerror(number)}")
    return result
