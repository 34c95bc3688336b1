"""What was handed in: files, folders and archives, as one submission for each student.

Links are not followed, nothing is run, and what cannot be read becomes a sentence: a
broken submission never stops the others.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from course.grading.archives import (
    ARCHIVES,
    DEEPEST,
    FOREIGN_ARCHIVES,
    MOST_BYTES,
    ends_in,
    extract,
    is_submitted,
)
from course.grading.names import LONGEST_NAME, few, is_junk, safe_name, shown
from course.grading.notebook import KINDS, LARGEST

STUDENT_BYTES = 4 * LARGEST
"""What the archive of one student may hold."""

MOST_FILES = 100  # of one submission
LESSONS = frozenset(
    path.stem.removeprefix("lesson_")
    for path in Path(__file__).parent.with_name("exercises").glob("lesson_*")
)


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Attributes:
        name: Unique in its run, and safe as a file's name on every system.
        files: Its notebooks (.ipynb) and scripts (.py), sorted.
        problems: A sentence for each thing that could not be read.
    """

    name: str
    files: tuple[Path, ...]
    problems: tuple[str, ...] = ()


def find(paths: Sequence[Path], scratch: Path) -> list[Submission]:
    """The submissions in files, folders and archives, sorted by name.

    A notebook or script is a submission with its own name. In a folder, or in an
    archive given as a path, each notebook, script and archive is a submission, and so
    is each sub-folder with all that is in it. But a folder that holds only notebooks or
    scripts named exactly as lessons (01_returns.ipynb, 02_hogwild.ipynb ...), each
    lesson once, is the work of one student, with the folder's name.

    Args:
        paths: What was given on the command line.
        scratch: A folder for what is in archives. It has to be kept until the
            submissions are graded.

    Raises:
        ValueError: There is nothing to grade.
        OSError: The disk is full.
    """
    search = Search(scratch)
    found = [each for path in paths for each in search.at(path)]
    if not any(each.files or each.problems for each in found):
        places = ", ".join(map(str, paths))
        raise ValueError(
            f"There is nothing to grade in {places}: no notebook (.ipynb), no script "
            f"(.py), no archive ({', '.join(ARCHIVES)})."
        )
    found.sort(key=lambda each: (each.name.casefold(), each.name))
    names = unique_names([each.name for each in found])
    return [
        replace(each, name=name, problems=each.problems or _nothing(each))
        for each, name in zip(found, names, strict=True)
    ]


def _nothing(submission: Submission) -> tuple[str, ...]:
    if submission.files:
        return ()
    return (
        f"{shown(submission.name)} holds no notebook (.ipynb) and no script (.py).",
    )


def unique_names(names: Sequence[str]) -> list[str]:
    """Safe names, of which no two differ in upper and lower case only."""
    taken: set[str] = set()
    unique = []
    for name in map(safe_name, names):
        candidates = (
            f"{name[: LONGEST_NAME - 8]} ({number})" for number in itertools.count(2)
        )
        while name.casefold() in taken:
            name = next(candidates)
        taken.add(name.casefold())
        unique.append(name)
    return unique


class Search:
    """Looks for submissions, and opens archives on the way.

    Args:
        scratch: What is in archives is written here.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._numbers = itertools.count()

    def at(self, path: Path) -> Iterator[Submission]:
        """The submissions in a file, a folder or an archive.

        Raises:
            ValueError: There is no such path.
        """
        name = os.path.basename(os.path.abspath(path))  # that of "." as well
        if not os.path.lexists(path):
            raise ValueError(f"There is no {path}.")
        if os.path.islink(path):
            yield Submission(stem(name), (), (_link(name),))
        elif os.path.isdir(path):
            yield from self._in_folder(path, name, [])
        elif ends_in(path, ARCHIVES):
            folder, problems = self._opened(path, MOST_BYTES)
            yield from self._in_folder(only_folder(folder), stem(name), problems)
        elif path.suffix.lower() in KINDS:
            yield Submission(stem(name), (path,))
        else:
            submission = self._single(path)
            kinds = "no notebook (.ipynb), no script (.py) and no archive"
            problem = f"{shown(name)} is {kinds}."
            yield replace(submission, problems=submission.problems or (problem,))

    def _in_folder(
        self, folder: Path, name: str, problems: list[str]
    ) -> Iterator[Submission]:
        """Those in a folder; an archive's problems go to its only one, or beside."""
        try:
            entries = listing(folder)
        except OSError as error:
            yield Submission(name, (), (*problems, _closed(name, error)))
            return
        relevant = [each for each in entries if _is_relevant(each)]
        stems = [each.stem for each in relevant]
        if relevant and LESSONS.issuperset(stems) and len(set(stems)) == len(stems):
            files = [each for each in relevant if each.suffix.lower() in KINDS]
            if files == relevant and not any(map(os.path.islink, files)):
                yield Submission(name, tuple(files), tuple(problems))
                return
        if problems:
            yield Submission(name, (), tuple(problems))
        for each in relevant:
            yield self._single(each)

    def _single(self, path: Path) -> Submission:
        """The one submission that a file, a sub-folder or an archive is."""
        name = path.name if os.path.isdir(path) else stem(path.name)
        files: list[Path] = []
        problems: list[str] = []
        self._gather(path, files, problems)
        if len(files) > MOST_FILES:
            del files[MOST_FILES:]
            problems.append(
                f"{shown(name)} holds more than {MOST_FILES} notebooks and scripts; "
                "the rest was not read."
            )
        return Submission(name, tuple(files), tuple(few(problems, name)))

    def _gather(
        self,
        path: Path,
        files: list[Path],
        problems: list[str],
        depth: int = 0,
        archives: int = 0,
    ) -> None:
        """Adds the notebooks and scripts in anything, and what cannot be read."""
        name = path.name
        if os.path.islink(path):
            problems.append(_link(name))
        elif os.path.isdir(path):
            if depth > DEEPEST:
                problems.append(f"{shown(name)} was not opened: it lies too deep.")
                return
            try:
                entries = listing(path)
            except OSError as error:
                problems.append(_closed(name, error))
                return
            for each in entries:
                self._gather(each, files, problems, depth + 1, archives)
        elif ends_in(path, ARCHIVES):
            if archives:
                problems.append(
                    f"{shown(name)} was not opened: it is an archive in an archive."
                )
                return
            folder, refused = self._opened(path, STUDENT_BYTES)
            problems += refused
            self._gather(folder, files, problems, archives=1)
        elif ends_in(path, FOREIGN_ARCHIVES):
            problems.append(
                f"{shown(name)} is an archive of a kind that is not read; hand in one "
                f"of {', '.join(ARCHIVES)}."
            )
        elif path.suffix.lower() in KINDS:
            files.append(path)

    def _opened(self, path: Path, most_bytes: int) -> tuple[Path, list[str]]:
        """A folder with what is in an archive, and what could not be read."""
        folder = self._scratch / f"archive-{next(self._numbers):05}"
        if not os.path.isfile(path):  # a pipe might never be at its end
            folder.mkdir(parents=True)
            return folder, [f"{shown(path.name)} cannot be opened: it is no file."]
        return folder, extract(path, folder, most_bytes)


def listing(folder: Path) -> list[Path]:
    """What is in a folder, sorted, without what is hidden or made by programs.

    Raises:
        OSError: The folder cannot be read.
    """
    return sorted(
        each
        for each in folder.iterdir()
        # The latter is how Python knows a virtual environment.
        if not is_junk(each.name) and not os.path.exists(each / "pyvenv.cfg")
    )


def only_folder(folder: Path) -> Path:
    """The folder that is all that lies in this one, and so on; else itself."""
    while len(inside := listing(folder)) == 1 and os.path.isdir(inside[0]):
        [folder] = inside
    return folder


def _is_relevant(path: Path) -> bool:
    return os.path.islink(path) or os.path.isdir(path) or is_submitted(path.name)


def stem(name: str) -> str:
    """The name without its ending; that of an archive may have two."""
    for ending in ARCHIVES + FOREIGN_ARCHIVES:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return Path(name).stem


def _link(name: str) -> str:
    return f"{shown(name)} is a link; links are not followed."


def _closed(name: str, error: OSError) -> str:
    return f"{shown(name)} cannot be opened: {error.strerror or error}."
