"""What a worker does to itself before it runs a line of a student's; none is undone.

Limits on memory, processes and files; another user, where we are root; no system calls
but those that a calculation needs; and with Landlock only some folders. All that is
done by the kernel, through the C library: Linux alone has it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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

# System calls that no calculation needs, by their numbers on x86_64 and aarch64. Some
# reach out (sockets), some reach into other processes, some leave things behind that
# outlive the worker (shared memory, queues, keys), some only lead into dark corners of
# the kernel. io_uring could do all of it without a further system call.
REFUSED = {
    "socket": (41, 198),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "open_by_handle_at": (304, 265),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "setsockopt": (54, 208),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
}
# Landlock looks at what is opened, and not at these. They seem to work, and do nothing.
PRETENDED = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
# Takes room on the disk faster than anybody can look; whoever needs it writes instead.
FALLOCATE = (285, 47)
# A pair of sockets is a pipe with two ends, but datagrams of one can be sent anywhere.
SOCKETPAIR, DATAGRAMS = (53, 199), 2
# Processes of the same user, the judge's own among them, can be given other limits.
OF_ITSELF = {"prlimit64": (302, 261), "sched_setaffinity": (203, 122)}
# No namespaces: in one of its own a process would be root. Of `clone3` nobody can see
# what it is asked for: it is said not to exist, and then the C library uses `clone`.
CLONE, CLONE3 = (56, 220), (435, 435)
NAMESPACES = 0x7E020080
# These send signals: to nobody but itself, where Landlock is too old to see to it.
SIGNALS_TO_SELF = {"kill": (62, 129), "tgkill": (234, 131)}
SIGNALS = {
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

# <linux/filter.h>, <linux/seccomp.h>
LOAD, ANSWER = 0x20, 0x06
JUMP_IF_EQUAL, JUMP_IF_NOT_LESS, JUMP_IF_ANY_BIT = 0x15, 0x35, 0x45
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT, SECOND_ARGUMENT_AT = 0, 4, 16, 24
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
REFUSE, UNKNOWN = ERROR | errno.EPERM, ERROR | errno.ENOSYS
PRETEND, UNSUPPORTED = ERROR, ERROR | errno.EOPNOTSUPP
X32 = 0x40000000  # the same calls of x86_64 by other numbers

# <linux/landlock.h>
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many of them, by Landlock's version
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
SIGNALS_SINCE = 6  # the version that keeps signals inside


@dataclass(frozen=True)
class Limits:
    """How a worker is confined.

    Attributes:
        folder: The only one that it may write to.
        user: The user that it becomes; None: it stays who it is.
        processes: Limit of processes and threads of that user.
        readable: What it may read, under Landlock; None: bubblewrap sees to that.
    """

    folder: Path
    user: int | None
    processes: int
    readable: tuple[Path, ...] | None


def supported() -> bool:
    """Whether this kernel has Landlock, and this processor's calls are known."""
    return landlock_version() >= 1 and platform.machine() in ARCHITECTURES


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
        (resource.RLIMIT_NPROC, limits.processes),
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
        alone = landlock_version() >= SIGNALS_SINCE or limits.user is not None
    if platform.machine() in ARCHITECTURES:
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
    all_rights = (1 << RIGHTS.get(version, RIGHTS[5])) - 1
    tcp = 3 if version >= 4 else 0  # to serve, and to connect
    scopes = 3 if version >= SIGNALS_SINCE else 0  # abstract sockets, signals
    handled = struct.pack("QQQ", all_rights, tcp, scopes)
    size = 8 if version < 4 else 16 if version < SIGNALS_SINCE else 24
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


def _refuse_calls(signals: bool, files: bool = False) -> None:
    """Has the kernel answer "not permitted" to the system calls above.

    Args:
        signals: Also to signals, except to the process itself.
        files: Also to those that Landlock does not see.
    """
    column, architecture = ARCHITECTURES[platform.machine()]
    refused = REFUSED | (SIGNALS if signals else {})
    # A program for the kernel: (instruction, jump if true, jump if false, constant).
    lines = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (JUMP_IF_EQUAL, 1, 0, architecture),
        (ANSWER, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_IF_NOT_LESS, 0, 1, X32),
        (ANSWER, 0, 0, REFUSE),
    ]
    answers = [(numbers[column], REFUSE) for numbers in refused.values()]
    if files:
        answers += [(numbers[column], PRETEND) for numbers in PRETENDED.values()]
        answers += [(FALLOCATE[column], UNSUPPORTED)]
    for number, said in answers:
        if number is not None:  # not every processor has all of them
            lines += [(JUMP_IF_EQUAL, 0, 1, number), (ANSWER, 0, 0, said)]
    lines += [
        (JUMP_IF_EQUAL, 0, 1, CLONE3[column]),
        (ANSWER, 0, 0, UNKNOWN),
        (JUMP_IF_EQUAL, 0, 4, CLONE[column]),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (JUMP_IF_ANY_BIT, 0, 1, NAMESPACES),
        (ANSWER, 0, 0, REFUSE),
        (ANSWER, 0, 0, ALLOW),
        (JUMP_IF_EQUAL, 0, 4, SOCKETPAIR[column]),
        (LOAD, 0, 0, SECOND_ARGUMENT_AT),
        (JUMP_IF_ANY_BIT, 0, 1, DATAGRAMS),
        (ANSWER, 0, 0, REFUSE),
        (ANSWER, 0, 0, ALLOW),
    ]
    for numbers in OF_ITSELF.values():
        lines += [
            (JUMP_IF_EQUAL, 0, 4, numbers[column]),
            (LOAD, 0, 0, FIRST_ARGUMENT_AT),
            (JUMP_IF_EQUAL, 0, 1, 0),
            (ANSWER, 0, 0, ALLOW),
            (ANSWER, 0, 0, REFUSE),
        ]
    for numbers in SIGNALS_TO_SELF.values() if signals else ():
        lines += [
            (JUMP_IF_EQUAL, 0, 4, numbers[column]),
            (LOAD, 0, 0, FIRST_ARGUMENT_AT),
            (JUMP_IF_EQUAL, 0, 1, os.getpid()),
            (ANSWER, 0, 0, ALLOW),
            (ANSWER, 0, 0, REFUSE),
        ]
    lines += [(ANSWER, 0, 0, ALLOW)]
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)
    text = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(lines), ctypes.addressof(text))
    filter_mode = 2
    _checked(_libc().prctl(PR_SET_SECCOMP, filter_mode, program, 0, 0))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"The kernel refuses: {os.strerror(number)}")
    return result
