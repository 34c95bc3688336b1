"""Starts a program as another user, who can read Python and the checkout wherever
they lie: often that is root's home folder.

    python staging.py USER FOLDER PROGRAM ...

Root only. All of it is in a mount namespace of its own, and ends with the program.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

NEW_MOUNTS = 0x20000  # <linux/sched.h>
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000  # <linux/mount.h>
LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source: Path, target: Path, kind: str | None, flags: int, data: str) -> None:
    """As the system call.

    Raises:
        OSError: It is refused.
    """
    arguments = [os.fsencode(source), os.fsencode(target), kind and kind.encode()]
    if LIBC.mount(*arguments, flags, data.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def closed_folder(path: Path) -> Path | None:
    """The uppermost folder on the way to this one that is closed to others."""
    for folder in (*reversed(path.parents), path):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None


def open_up(paths: list[Path], scratch: Path) -> None:
    """Shows these folders where they are, in place of the closed ones around them."""
    if LIBC.unshare(NEW_MOUNTS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    mount(Path("none"), Path("/"), None, RECURSIVE | PRIVATE, "")
    hidden = {path: closed_folder(path) for path in paths}
    kept = {path: scratch / f"kept{number}" for number, path in enumerate(paths)}
    for path, folder in hidden.items():
        if folder is not None:
            kept[path].mkdir()
            mount(path, kept[path], None, BIND | RECURSIVE, "")
    for folder in {each for each in hidden.values() if each is not None}:
        mount(Path("none"), folder, "tmpfs", 0, "mode=755")
    for path, folder in hidden.items():
        if folder is not None:
            path.mkdir(parents=True, exist_ok=True)
            mount(kept[path], path, None, BIND | RECURSIVE, "")


def main(user: str, scratch: str, *program: str) -> None:
    """Becomes the program."""
    root = Path(__file__).parents[2]
    prefixes = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), root}
    inner = {a for a in prefixes for b in prefixes if a != b and a.is_relative_to(b)}
    open_up(sorted(prefixes - inner), Path(scratch))
    number = int(user)
    if number:
        os.setgroups([])
        os.setresgid(number, number, number)
        os.setresuid(number, number, number)
    os.execv(program[0], program)


if __name__ == "__main__":
    main(*sys.argv[1:])
