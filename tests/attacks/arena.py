"""The world that an attack is let loose in, and what it did there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from processes import ROOT, wait_until

from attacks.record import HONEST, Attack, Harm, armed, notebook

LONGEST, MOST = 5_000, 50_000  # characters of one text, and of all texts of a report
MOST_GROWN = 2**28  # bytes of the grader's memory
SHARED = tuple(map(Path, ("/tmp", "/var/tmp", "/dev/shm")))


@dataclass(frozen=True)
class Graded:
    """What came out of grading an attack, and the honest submission after it.

    Attributes:
        points: Of the attack, and of its accomplice.
        texts: All that was told of them.
        honest: Whether the honest one got full points.
        grown: Bytes by which the grader's own memory has grown.
    """

    points: float
    texts: tuple[str, ...]
    honest: bool
    grown: int = 0


class Arena:
    """Files with secrets, sockets that listen, and a process that wants to live.

    A context manager: on the way out nothing of it is left.

    Args:
        folder: Where all of it is made.
        user: Who owns it, and whose the process is.
        folders: Where else an attack may try to leave something.
        package: The grader's own program.
        answers: Files with the right answers.
        much: Bytes that are too many.
        many: Processes, or open files, that are too many.
        patience: Seconds for its processes to end.
    """

    def __init__(
        self,
        folder: Path,
        user: int,
        folders: Iterable[Path],
        package: Path,
        answers: Iterable[Path],
        much: int,
        many: int,
        patience: float,
    ) -> None:
        self.folder, self.user = folder, user
        self.hidden, self.grades = folder / "hidden", folder / "grades"
        self.submissions, self.home = folder / "submissions", folder / "home"
        self.temporary = folder / "temporary"
        for each in (self.hidden, self.grades, self.submissions):
            each.mkdir()
        self.home.mkdir()
        self.temporary.mkdir()
        self.attack = self.submissions / "attack.ipynb"
        self.accomplice = self.submissions / "friend.ipynb"
        self.honest = self.submissions / "honest.ipynb"
        self._secrets: set[str] = set()
        self.environment_secret = self._secret()
        self.token, self.patience = "", patience
        self._folders, self._package = [*folders, self.home], package
        self._answers = list(answers)
        self._much, self._many = much, many
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Arena:
        self.honest.write_text(notebook(f"# {self._secret()}", HONEST))
        (self.grades / "earlier.csv").write_text(f"Ada,{self._secret()}\n")
        (self.home / "notes.txt").write_text(self._secret())
        (self.home / ".token").write_text(self._secret())
        (self.hidden / "notes.md").write_text(self._secret())
        for path in self.folder.rglob("*"):
            os.chown(path, self.user, self.user)
        self._contents = {path: path.read_bytes() for path in self._files()}
        self._listen()
        self.bystander = subprocess.Popen(
            ["sleep", "1000"],
            user=self.user if os.geteuid() == 0 else None,
            start_new_session=True,
        )
        self._well = _settings(self.bystander.pid)
        self._closing.callback(self.bystander.wait)
        self._closing.callback(self.bystander.kill)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _secret(self) -> str:
        made = f"secret-{secrets.token_hex(8)}"
        self._secrets.add(made)
        return made

    def _listen(self) -> None:
        """Sockets of all kinds; nobody needs to accept what comes, or to hear it."""
        path, abstract = str(self.folder / "socket"), f"\0{secrets.token_hex(8)}"
        self._aims = {"socket": path, "abstract": abstract[1:]}
        tcp = socket.create_server(("0.0.0.0", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(tcp.getsockname())
        self.sockets = [tcp, udp]
        for kind, name in (
            (socket.SOCK_STREAM, path),
            (socket.SOCK_DGRAM, f"{path}2"),
            (socket.SOCK_STREAM, abstract),
        ):
            unix = socket.socket(socket.AF_UNIX, kind)
            unix.bind(name)
            if not name.startswith("\0"):
                os.chmod(name, 0o777)
            if kind == socket.SOCK_STREAM:
                unix.listen()
            self.sockets.append(unix)
        for each in self.sockets:
            each.setblocking(False)
            self._closing.enter_context(each)

    def arm(self, attack: Attack, processes: Iterable[int] = ()) -> None:
        """Writes the notebooks of an attack, which is told where everything is."""
        self.token = f"atk{secrets.token_hex(4)}"
        self._message = self._secret()
        aim: dict[str, Any] = self._aims | {
            "token": self.token,
            "root": str(self.folder),
            "hidden": str(self.hidden),
            "grades": str(self.grades),
            "other": str(self.honest),
            "folders": list(map(str, self._folders)),
            "package": str(self._package),
            "answers": list(map(str, self._answers)),
            "processes": [self.bystander.pid, *processes],
            "host": _own_address(),
            "port": self.sockets[0].getsockname()[1],
            "much": self._much,
            "many": self._many,
        }
        left = {"message": self._message} if attack.accomplice else {}
        self.attack.write_text(armed(attack.cells, aim | left))
        self._attacks = [self.attack]
        if attack.accomplice:
            self.accomplice.write_text(armed(attack.accomplice, aim))
            self._attacks.append(self.accomplice)
        self._prepare()
        self._before = self._state()

    def _prepare(self) -> None:
        """What an earlier attack has spoiled is whole again."""
        for path, content in self._contents.items():
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            os.chown(path, self.user, self.user)

    def attacks(self) -> list[Path]:
        """The notebooks that are to be graded before the honest one."""
        return self._attacks

    def harms(self, graded: Graded) -> set[Harm]:
        """What the attack has done; what it left is removed, so that it is found once.

        For a moment it is waited: a process that was killed is not gone at once.
        """
        told = "\n".join(graded.texts)
        alone = wait_until(self._is_quiet, self.patience)
        left = list(self._left())
        heard = self._heard()
        read = told + heard + "".join(map(_text, left))
        found: dict[Harm, bool] = {
            "points": graded.points > 0,
            "secret": any(secret in read for secret in self._all_secrets()),
            "file": bool(left) or self._state() != self._before,
            "process": not alone or not self._bystander_is_well(),
            "network": bool(heard),
            "limit": f"did-{self.token}" in told or graded.grown > MOST_GROWN,
            "text": any(map(_steers, graded.texts)) or len(told) > MOST,
            "batch": not graded.honest,
        }
        for process in self._marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for path in left:
            with contextlib.suppress(OSError):
                path.unlink()
        return {harm for harm, done in found.items() if done}

    def _all_secrets(self) -> Iterator[str]:
        """What was hidden, and the hashes of whole files."""
        yield from self._secrets
        contents = [path.read_bytes() for path in self._answers]
        for content in (*self._contents.values(), *contents):
            yield hashlib.sha256(content).hexdigest()[:16]

    def _files(self) -> list[Path]:
        """Those that nobody may change; the attack itself is nobody's secret."""
        mine = [self.attack, self.accomplice, self.grades / "grades.json"]
        found = [self.honest]
        for folder in (self.hidden, self.grades, self.home):
            found += [path for path in folder.iterdir() if path.is_file()]
        return sorted(path for path in found if path not in mine)

    def _state(self) -> Mapping[str, tuple[Any, ...]]:
        found: dict[str, tuple[Any, ...]] = {}
        for path in self._files():
            status = path.stat()
            rights = status.st_mode, status.st_uid, status.st_mtime_ns
            content = path.read_bytes() if os.access(path, os.R_OK) else b""
            found[str(path)] = (content, *rights)
        return found

    def _left(self) -> Iterator[Path]:
        """Files of the attack's, wherever it may have put them: called as it is."""
        places = {*SHARED, *self._folders, self.grades, self.hidden, self._package}
        places |= {path.parent for path in self._package.rglob("__pycache__/*")}
        places |= {ROOT, self.hidden / "__pycache__", self._package / "__pycache__"}
        for place in places:
            with contextlib.suppress(OSError):
                for path in place.iterdir():
                    if self.token in path.name:
                        yield path
        key = str(int(self.token[3:9], 16))
        for kind in ("shm", "msg"):
            table = Path("/proc/sysvipc", kind)
            if key in table.read_text().split():
                yield table

    def _marked(self) -> Iterator[int]:
        """Processes that have come of the attack: by their name or command line."""
        mark = self.token.encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                name = (entry / "stat").read_bytes().rpartition(b")")
                dead = name[2].split()[0] == b"Z"
                if not dead and mark in name[0] + (entry / "cmdline").read_bytes():
                    yield int(entry.name)

    def _is_quiet(self) -> bool:
        """Whether nothing of the attack runs; a fork may slip past one look."""
        return not any(any(self._marked()) for _ in range(3))

    def _bystander_is_well(self) -> bool:
        alive = self.bystander.poll() is None
        return alive and _settings(self.bystander.pid) == self._well

    def _heard(self) -> str:
        heard = b""
        for each in self.sockets:
            with contextlib.suppress(BlockingIOError):
                if each.type == socket.SOCK_DGRAM:
                    heard += each.recv(10_000)
                    continue
                connection, _ = each.accept()
                with connection:
                    heard += b"connected "
                    connection.settimeout(1.0)
                    with contextlib.suppress(OSError):
                        heard += connection.recv(10_000)
        return heard.decode("latin-1")


def _own_address() -> str:
    """Of this machine in its network, if it is in one."""
    found = [each for listed in psutil.net_if_addrs().values() for each in listed]
    known = [each.address for each in found if each.family == socket.AF_INET]
    return sorted(known, key=lambda each: each.startswith("127."))[0]


def _settings(process: int) -> tuple[str, int, int]:
    """A process's limits and priorities, which others may set as well."""
    limits = Path(f"/proc/{process}/limits").read_text()
    nice = os.getpriority(os.PRIO_PROCESS, process)
    return limits, nice, os.sched_getscheduler(process)


def _steers(text: str) -> bool:
    """Whether a text is more than words and lines."""
    plain = all(each.isprintable() or each == "\n" for each in text)
    return not plain or len(text) > LONGEST


def _text(path: Path) -> str:
    return path.read_text("latin-1") if path.is_file() else ""
