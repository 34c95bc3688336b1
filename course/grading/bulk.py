"""Many submissions at once: judges in processes of their own, results in files.

Each result is written whole as soon as it is there, and has a key: a hash of all that
it depends on. So an interrupted run goes on where it was, and a second one judges only
what has changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import filelock

from course.files import write_whole
from course.grading.judges import Seat, StoppedError
from course.grading.notebook import UnreadableError, content_of, well_formed
from course.grading.result import Result, from_json, to_json
from course.grading.sandbox import COURSE
from course.grading.submissions import Submission

AUTOGRADERS = COURSE.parent / "tests" / "autograders"


@dataclass(frozen=True)
class Settings:
    """What all results of a run depend on.

    Attributes:
        seed: Of what the tests draw.
        sandbox: "bubblewrap", "landlock" or "none".
        total: Time limit of one submission, in seconds.
        hidden: The folder of hidden tests, if there are any.
    """

    seed: int
    sandbox: str
    total: float
    hidden: Path | None = None

    def key(self) -> str:
        """A hash of these, of all tests, and of the course's source."""
        parts = [f"{self.seed} {self.sandbox} {self.total:g}".encode()]
        parts += _contents(COURSE, "*.py") + _contents(AUTOGRADERS, "*.py")
        if self.hidden is not None:  # such tests may read files of any kind
            parts += [b"hidden", *_contents(self.hidden, "*")]
        return _hash(parts)


def key_of(submission: Submission, settings_key: str) -> str:
    """A hash of all that the result of this submission depends on."""
    texts = [settings_key, submission.name, *submission.problems]
    parts = [well_formed(text).encode() for text in texts]
    for path in submission.files:
        parts.append(well_formed(path.name).encode())
        try:
            parts.append(content_of(path))
        except UnreadableError as problem:
            parts.append(str(problem).encode())
    return _hash(parts)


def _contents(folder: Path, pattern: str) -> list[bytes]:
    parts = []
    for path in sorted(folder.rglob(pattern)):
        if path.is_file() and path.parent.name != "__pycache__":
            name = well_formed(path.relative_to(folder).as_posix())
            parts += [name.encode(), path.read_bytes()]
    return parts


def _hash(parts: Sequence[bytes]) -> str:
    """One hash of many contents; where one ends and the next begins counts, too."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def seed_in(output: Path) -> int:
    """The seed of the earlier run in this folder, or else a new one."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        seed = json.loads((output / "grading.json").read_bytes())["seed"]
        if type(seed) is int and seed >= 0:
            return seed
    return secrets.randbelow(10**6)


@contextlib.contextmanager
def holding(output: Path) -> Iterator[Path]:
    """Has the output folder for this run alone.

    Yields:
        An empty folder for what is unpacked; a run that was killed leaves it behind,
        and the next one removes it.

    Raises:
        StoppedError: Another run has it.
    """
    output.mkdir(parents=True, exist_ok=True)
    scratch = output / ".unpacked"
    try:
        with filelock.FileLock(output / ".grading.lock", timeout=0):
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            try:
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    except filelock.Timeout as error:
        raise StoppedError(
            f"Another `course grade` is writing to {output}: wait until it has ended, "
            "or choose another --output."
        ) from error


class Grading:
    """One run: grades what is not graded yet, several submissions at once.

    A context manager: on the way out its judges end.

    Args:
        submissions: With names that differ.
        output: Gets `results/` and `grading.json`; see `holding`.
        settings: What the results depend on.
        jobs: Judges at the same time.

    Attributes:
        done: Submissions that have a result by now.
        fresh: Those of them that were graded in this run.
    """

    def __init__(
        self,
        submissions: Sequence[Submission],
        output: Path,
        settings: Settings,
        jobs: int,
    ) -> None:
        self.submissions, self.output, self.settings = submissions, output, settings
        self.jobs = jobs
        self.done = self.fresh = 0
        self._seats: list[Seat] = []
        self._threads: list[threading.Thread] = []
        self._todo: queue.SimpleQueue[tuple[Submission, str]] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def run(self) -> Iterator[int]:
        """Grades; yields how many submissions are done, whenever that changes.

        Raises:
            StoppedError: The tests cannot be used, or a result cannot be written.
        """
        settings_key = self.settings.key()
        for submission in self.submissions:
            key = key_of(submission, settings_key)
            result = self._kept(submission)
            if result is None or result.key != key:
                self._todo.put((submission, key))
        left = self._todo.qsize()
        self.done = len(self.submissions) - left
        yield self.done
        for _ in range(min(self.jobs, left)):
            self._seats.append(Seat(self._judge_settings()))
        self._write("grading.json", json.dumps(self._head(), indent=1) + "\n")
        for seat in self._seats:
            thread = threading.Thread(target=self._serve, args=[seat], daemon=True)
            self._threads.append(thread)
            thread.start()
        while self.done < len(self.submissions):
            try:  # Windows hears no Ctrl-C while it waits without a limit
                problem = self._ended.get(timeout=0.5)
            except queue.Empty:
                continue
            if problem is not None:
                raise problem
            self.done += 1
            self.fresh += 1
            yield self.done

    def results(self) -> Iterator[Result]:
        """The results of this run's submissions, read from their files one by one.

        Raises:
            StoppedError: One is no longer there.
        """
        for submission in self.submissions:
            result = self._kept(submission)
            if result is None:
                name = self._place(submission)
                raise StoppedError(f"{name} has gone or was changed: grade again.")
            yield result

    def _serve(self, seat: Seat) -> None:
        """In a thread for each judge: as long as there is something to do."""
        with contextlib.suppress(queue.Empty):
            while True:
                submission, key = self._todo.get_nowait()
                try:
                    result = seat.judged(submission, key, self.settings.total)
                    self._write(self._place(submission), to_json(result))
                except Exception as problem:
                    self._ended.put(problem)
                    return
                self._ended.put(None)
        seat.stop()

    def _place(self, submission: Submission) -> str:
        return f"results/{submission.name}.json"

    def _kept(self, submission: Submission) -> Result | None:
        """The result in its file, or None if there is none that can be read."""
        try:
            return from_json((self.output / self._place(submission)).read_bytes())
        except (OSError, ValueError):
            return None

    def _write(self, name: str, text: str) -> None:
        path = self.output / name
        try:
            path.parent.mkdir(exist_ok=True)
            write_whole(path, text.encode())
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoppedError(f"{path} cannot be written: {reason}.") from error

    def _head(self) -> dict[str, object]:
        """What `grading.json` says; nothing that another machine would not say."""
        settings = self.settings
        return {
            "seed": settings.seed,
            "sandbox": settings.sandbox,
            "timeout": settings.total,
            "hidden_tests": settings.hidden is not None,
        }

    def _judge_settings(self) -> dict[str, object]:
        settings = self.settings
        hidden = settings.hidden and str(settings.hidden.absolute())
        return {
            "seed": settings.seed,
            "sandbox": settings.sandbox,
            "total": settings.total,
            "tests": str(AUTOGRADERS),
            "hidden": hidden,
        }

    def __enter__(self) -> Grading:
        return self

    def __exit__(self, *_: object) -> None:
        for seat in self._seats:  # all are told before one is waited for
            seat.stop()
        for seat in self._seats:
            seat.close()
        for thread in self._threads:
            thread.join()
