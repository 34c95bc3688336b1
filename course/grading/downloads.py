"""The ways in which Canvas, Moodle and Gradescope pack the files of a class."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from course.grading.submissions import LESSONS, listing

METADATA = "submission_metadata.yml"  # Gradescope's list of its folders
MOST_METADATA = 20 * 2**20  # bytes; it repeats what every autograder has printed
DEEPEST_METADATA = 40  # lists in lists; those of Gradescope's go to about ten

LIST = "\0"  # in the place of a key

# NAME_LATE_USER_FILE_01_returns.ipynb. The second kind is of an anonymous assignment.
CANVAS = re.compile(
    r"(?P<name>\w+?)_(?P<late>LATE_)?(?P<id>\d+)_(?P<order>\d+)_(?P<file>.+)"
)
CANVAS_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?(?P<name>anon)_(?P<id>[^\W_]+)_(?P<order>\d+)_(?P<file>.+)"
)
# A folder, or a file whose own name follows; `onlinetext` is what was typed in.
MOODLE = re.compile(
    r"(?P<name>.*)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)_?(?P<file>.*)", re.S
)
GRADESCOPE = re.compile(r"submission_(?P<order>\d+)")
# Canvas and browsers number the copies of a file.
COPY = re.compile(r"(?P<lesson>.+?)(-\d+| ?\(\d+\))")


@dataclass(frozen=True)
class Handed:
    """One file of one student in a download.

    Attributes:
        student: The name that the download says.
        id: The number that it says, or "".
        source: The file.
        place: Where it belongs in the student's folder.
        late: "yes", "no", or "" if the download does not say.
        slot: What only the latest counts of, among this student's files.
        order: Later ones have a greater number.
        note: Why it is left out, or "".
    """

    student: str
    id: str
    source: Path
    place: Path
    late: str = ""
    slot: str = ""
    order: int = 0
    note: str = ""


def read_download(root: Path) -> tuple[str, Path, list[Handed]]:
    """Where a download comes from, the folder that counts, and all files in it.

    Raises:
        ValueError: It has a list of Gradescope's that cannot be read.
        OSError: A folder cannot be opened.
    """
    entries = listing(root)
    names = [each.name for each in entries]
    if METADATA in names:
        return "Gradescope", root, list(_from_gradescope(root))
    if any(MOODLE.fullmatch(name) for name in names):
        return "Moodle", root, list(_from_moodle(root))
    if 2 * sum(_canvas(name) is not None for name in names) > len(names):
        return "Canvas", root, list(_from_canvas(root))
    if len(entries) == 1 and os.path.isdir(entries[0]):
        return read_download(entries[0])  # some programs pack the folder as well
    return "folders", root, list(_from_folders(root))


def _canvas(name: str) -> re.Match[str] | None:
    return CANVAS_ANONYMOUS.fullmatch(name) or CANVAS.fullmatch(name)


def _from_canvas(root: Path) -> Iterator[Handed]:
    for path in listing(root):
        match = _canvas(path.name)
        if match is None:
            note = "its name is not one that Canvas gives"
            yield Handed(path.stem, "", path, Path(path.name), note=note)
            continue
        student, number = match["name"], match["id"]
        if student == "anon":
            student = f"anon_{number}"
        name = _without_copy_number(match["file"])
        late = "yes" if match["late"] else "no"
        order = int(match["order"])
        yield Handed(student, number, path, Path(name), late, name.casefold(), order)


def _without_copy_number(name: str) -> str:
    """01_returns-1.ipynb is 01_returns.ipynb, handed in again; lab-1.ipynb stays."""
    path = Path(name)
    match = COPY.fullmatch(path.stem)
    if match is None or match["lesson"] not in LESSONS:
        return name
    return match["lesson"] + path.suffix


def _from_moodle(root: Path) -> Iterator[Handed]:
    for path in listing(root):
        match = MOODLE.fullmatch(path.name)
        if match is None:
            note = "its name is not one that Moodle gives"
            yield Handed(path.stem, "", path, Path(path.name), note=note)
            continue
        student, number = match["name"], match["id"]
        if os.path.isdir(path) and not os.path.islink(path):
            for file, place in _files(path):
                yield Handed(student, number, file, place)
        else:
            yield Handed(student, number, path, Path(match["file"] or path.name))


def _from_gradescope(root: Path) -> Iterator[Handed]:
    people = submitters(root / METADATA)
    for path in listing(root):
        if path.name == METADATA:
            continue
        match = GRADESCOPE.fullmatch(path.name)
        who = people.get(path.name, [])
        student = ", ".join(filter(None, [each.get(":name") for each in who]))
        number = ", ".join(filter(None, [each.get(":sid") for each in who]))
        order = int(match[1]) if match else 0
        for file, place in _files(path):
            name = student or path.name
            # Of an earlier submission no file counts, whatever its name.
            yield Handed(name, number, file, place, slot="all", order=order)


def _from_folders(root: Path) -> Iterator[Handed]:
    entries = [path for path in listing(root) if path.name != "collected.csv"]
    if LESSONS.issuperset(path.stem for path in entries):  # of one student
        for path in entries:
            yield Handed(root.name, "", path, Path(path.name))
        return
    for path in entries:
        student = path.name if os.path.isdir(path) else path.stem
        for file, place in _files(path):
            yield Handed(student, "", file, place)


def _files(path: Path) -> Iterator[tuple[Path, Path]]:
    """The file itself, or all files below a folder, each with its place there."""
    if not os.path.isdir(path) or os.path.islink(path):
        yield path, Path(path.name)
        return
    for each in listing(path):
        for file, _ in _files(each):
            yield file, file.relative_to(path)


def submitters(metadata: Path) -> dict[str, list[dict[str, str]]]:
    """Who has handed in what, from Gradescope's own list.

    Only the structure of its YAML is followed, piece by piece. So nothing is made of
    tags and aliases, which can stand for gigabytes.

    Returns:
        By the folder's name its people, each with ":name", ":sid" and ":email".

    Raises:
        ValueError: It is no such list.
    """
    problem = f"{metadata.name} is not the list that Gradescope writes"
    if metadata.stat().st_size > MOST_METADATA:
        raise ValueError(f"{problem}: it has more than {MOST_METADATA:,} bytes.")
    people: dict[str, list[dict[str, str]]] = {}
    # The keys that lead to where we are; None where the next text is a key.
    path: list[str | None] = []
    try:
        text = metadata.read_text("utf-8-sig")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.CollectionStartEvent):
                is_list = isinstance(event, yaml.SequenceStartEvent)
                if len(path) == DEEPEST_METADATA or (path and path[-1] is None):
                    raise ValueError("its lists are too deep, or a key is a list")
                if path[1:] == [":submitters", LIST] and not is_list:
                    people.setdefault(str(path[0]), []).append({})
                path.append(LIST if is_list else None)
                continue
            if isinstance(event, yaml.CollectionEndEvent):
                path.pop()
            elif isinstance(event, yaml.ScalarEvent):
                if path and path[-1] is None:
                    path[-1] = event.value
                    continue
                if path[1:3] == [":submitters", LIST] and len(path) == 4:
                    people[str(path[0])][-1][str(path[3])] = event.value
            if path and path[-1] != LIST:
                path[-1] = None
    except (yaml.YAMLError, ValueError, KeyError) as error:
        raise ValueError(f"{problem}: it cannot be read.") from error
    return people
