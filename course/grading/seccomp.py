"""Which system calls a worker may not make, as a program for the kernel.

The kernel runs it before each call of the worker's, and cannot be told to stop. What a
call asks for through a pointer it does not see.
"""

from __future__ import annotations

import errno
import os
import platform
import struct

# The column of the tables below, and the kernel's own number for the processor.
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

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
# Nor at these: a file's flags (two ways), its seal, and a folder's key. For each of
# them it is enough to have opened it for reading.
IOCTL = (16, 29)
FILE_SETTINGS = (0x40086602, 0x401C5820, 0x40806685, 0x800C6613)
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

# <linux/filter.h>, <linux/seccomp.h>
LOAD, ANSWER = 0x20, 0x06
JUMP_IF_EQUAL, JUMP_IF_NOT_LESS, JUMP_IF_ANY_BIT = 0x15, 0x35, 0x45
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT, SECOND_ARGUMENT_AT = 0, 4, 16, 24
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
REFUSE, UNKNOWN = ERROR | errno.EPERM, ERROR | errno.ENOSYS
PRETEND, UNSUPPORTED = ERROR, ERROR | errno.EOPNOTSUPP
X32 = 0x40000000  # the same calls of x86_64 by other numbers

Line = tuple[int, int, int, int]
"""Instruction, lines to skip if true, lines to skip if false, constant."""


def program(signals: bool, files: bool) -> bytes:
    """The program for this processor, which must be one of `ARCHITECTURES`.

    Args:
        signals: It also refuses signals, except to this process itself.
        files: It also looks at what Landlock does not see.
    """
    column, architecture = ARCHITECTURES[platform.machine()]
    answers = {numbers[column]: REFUSE for numbers in REFUSED.values()}
    answers[CLONE3[column]] = UNKNOWN
    lines: list[Line] = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (JUMP_IF_EQUAL, 1, 0, architecture),
        (ANSWER, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_IF_NOT_LESS, 0, 1, X32),
        (ANSWER, 0, 0, REFUSE),
    ]
    flags = FIRST_ARGUMENT_AT, JUMP_IF_ANY_BIT, (NAMESPACES,)
    lines += _if_argument(CLONE[column], *flags, REFUSE, ALLOW)
    kind = SECOND_ARGUMENT_AT, JUMP_IF_ANY_BIT, (DATAGRAMS,)
    lines += _if_argument(SOCKETPAIR[column], *kind, REFUSE, ALLOW)
    for numbers in OF_ITSELF.values():
        itself = FIRST_ARGUMENT_AT, JUMP_IF_EQUAL, (0,)
        lines += _if_argument(numbers[column], *itself, ALLOW, REFUSE)
    if signals:
        answers |= {numbers[column]: REFUSE for numbers in SIGNALS.values()}
        for numbers in SIGNALS_TO_SELF.values():
            itself = FIRST_ARGUMENT_AT, JUMP_IF_EQUAL, (os.getpid(),)
            lines += _if_argument(numbers[column], *itself, ALLOW, REFUSE)
    if files:
        answers |= {numbers[column]: PRETEND for numbers in PRETENDED.values()}
        answers[FALLOCATE[column]] = UNSUPPORTED
        request = SECOND_ARGUMENT_AT, JUMP_IF_EQUAL, FILE_SETTINGS
        lines += _if_argument(IOCTL[column], *request, REFUSE, ALLOW)
    for number, answer in answers.items():
        if number is not None:  # not every processor has all of them
            lines += [(JUMP_IF_EQUAL, 0, 1, number), (ANSWER, 0, 0, answer)]
    lines += [(ANSWER, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _if_argument(
    number: int, place: int, test: int, values: tuple[int, ...], yes: int, no: int
) -> list[Line]:
    """The answer to one call, by whether an argument of it is, or has, such a value.

    Only the lower half of the argument is looked at: so does the kernel for all these.
    """
    lines: list[Line] = [(LOAD, 0, 0, place)]
    for value in values:
        lines += [(test, 0, 1, value), (ANSWER, 0, 0, yes)]
    lines += [(ANSWER, 0, 0, no)]
    return [(JUMP_IF_EQUAL, 0, len(lines), number), *lines]
