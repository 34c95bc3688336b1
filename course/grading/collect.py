"""Sorting what Canvas, Moodle or Gradescope let a teacher download.

Out comes one folder for each student, with the files as the students named them.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from course.files import write_whole
from course.grading.archives import ARCHIVES, ends_in, extract, is_submitted
from course.grading.downloads import Handed, read_download
from course.grading.names import cell, safe_name, shown
from course.grading.notebook import well_formed
from course.grading.submissions import STUDENT_BYTES, listing, stem, unique_names

TABLE = "collected.csv"
KINDS = ", ".join(ARCHIVES)
MOST_REASONS = 3  # why there is nothing
MOST_NAMES = 5  # of students with work of an earlier download


@dataclass(frozen=True)
class Collected:
    """What came of collecting.

    Attributes:
        origin: "Canvas", "Moodle", "Gradescope", or "folders".
        students: How many of this download have a folder now, be it empty.
        files: How many files were copied.
        notes: A sentence for each thing that was left out, and on what was left.
    """

    origin: str
    students: int
    files: int
    notes: tuple[str, ...]


def collect(download: Path, output: Path, scratch: Path) -> Collected:
    """Copies each student's notebooks, scripts and archives into a folder of their own.

    Where a file was handed in again, the latest counts. Whoever has handed in nothing
    that can be graded has an empty folder, and so is not forgotten. Beside the folders
    lies `collected.csv`, which says where each file comes from. Files that are there
    already are replaced, others stay.

    Args:
        download: The folder or archive, as it was downloaded. Nothing in it changes.
        output: Where the students' folders are made.
        scratch: A folder for what is in an archive.

    Raises:
        ValueError: It holds nothing that could be graded.
        OSError: A file cannot be read or written.
    """
    root = download
    notes: list[str] = []
    if os.path.isfile(download):
        if not ends_in(download, ARCHIVES):
            raise ValueError(
                f"{download} is neither a folder nor an archive ({KINDS})."
            )
        root = scratch / safe_name(stem(download.name))
        notes = extract(download, root, wanted=lambda _: True)
    elif output.resolve().is_relative_to(download.resolve()):
        raise ValueError(
            f"{output} lies in {download}, which is only read: give another --output."
        )
    origin, root, handed = read_download(root)
    folders = _folders(handed)
    # What has a note by now has no student's name.
    students = {folders[each.student, each.id] for each in handed if not each.note}
    handed = _marked(handed)
    rows: list[list[str]] = []
    written: set[str] = set()
    for each in handed:
        source = each.source.relative_to(root).as_posix()
        folder = folders[each.student, each.id]
        place = "/".join([folder, *map(safe_name, each.place.parts)])
        note = each.note or _copied(each.source, output / place, written)
        if note:
            notes.append(f"{shown(source)} was left out: {note}.")
        rows.append([folder, each.id, "" if note else place, source, each.late, note])
    if not written:
        kinds = f"no notebook (.ipynb), no script (.py), no archive ({KINDS})"
        sentence = f"There is nothing to collect in {download}: {kinds}."
        raise ValueError(" ".join([sentence, *notes[:MOST_REASONS]]))
    for student in students:
        (output / student).mkdir(exist_ok=True)
    _write_table(output / TABLE, rows)
    notes += _left(output, students, written)
    return Collected(origin, len(students), len(written), tuple(notes))


def _copied(source: Path, target: Path, written: set[str]) -> str:
    """Copies a file, or says why not.

    Raises:
        OSError: It cannot be written.
    """
    key = str(target).casefold()
    if key in written:
        return "another file has the same name, upper and lower case counted as one"
    try:
        content = source.read_bytes()
    except OSError as error:
        return f"it cannot be opened ({error.strerror or error})"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, content)
    written.add(key)
    return ""


def _left(output: Path, students: set[str], written: set[str]) -> list[str]:
    """A sentence on what an earlier download has left in the output, if anything."""
    old = [
        folder.name
        for folder in listing(output)
        if folder.is_dir()
        and (
            folder.name not in students
            or any(
                path.is_file() and str(path).casefold() not in written
                for path in folder.rglob("*")
            )
        )
    ]
    if not old:
        return []
    names = ", ".join(map(shown, old[:MOST_NAMES]))
    if len(old) > MOST_NAMES:
        names += f" and {len(old) - MOST_NAMES} more"
    return [
        f"{output} also holds work of an earlier download ({names}), which will be "
        "graded as well: for another lesson, give a new --output."
    ]


def _marked(handed: list[Handed]) -> list[Handed]:
    """The same, with a note at each file that is left out."""
    newest: dict[tuple[str, str, str], int] = defaultdict(int)
    for each in handed:
        newest[_slot(each)] = max(newest[_slot(each)], each.order)
    return [
        replace(each, note=each.note or _refusal(each, newest[_slot(each)]))
        for each in handed
    ]


def _refusal(each: Handed, newest: int) -> str:
    """Why a file is left out, or ""."""
    if os.path.islink(each.source):
        return "it is a link"
    if not os.path.isfile(each.source):
        return "it is no file"
    if not is_submitted(each.place.name):
        return "it is no notebook (.ipynb), script (.py) or archive"
    if each.order < newest:
        return "it was handed in again later"
    if each.source.stat().st_size > STUDENT_BYTES:
        return f"it has more than {STUDENT_BYTES:,} bytes"
    return ""


def _slot(each: Handed) -> tuple[str, str, str]:
    return each.student, each.id, each.slot


def _folders(handed: list[Handed]) -> dict[tuple[str, str], str]:
    """The folder of each student; two of one name get their numbers as well."""
    students = sorted({(each.student, each.id) for each in handed})
    counted = Counter(safe_name(name).casefold() for name, _ in students)
    names = [
        f"{name} {number}" if counted[safe_name(name).casefold()] > 1 else name
        for name, number in students
    ]
    return dict(zip(students, unique_names(names), strict=True))


def _write_table(path: Path, rows: list[list[str]]) -> None:
    """Writes `collected.csv`, for spreadsheets as `grades.csv` is."""
    content = io.StringIO()
    writer = csv.writer(content, quoting=csv.QUOTE_ALL)
    writer.writerow(["student", "id", "file", "from", "late", "note"])
    writer.writerows([cell(well_formed(text)) for text in row] for row in rows)
    write_whole(path, f"\ufeff{content.getvalue()}".encode())
