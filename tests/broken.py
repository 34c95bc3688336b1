"""Broken notebooks and archives: each is made, and the sentence it is to give."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.grading.archives import MOST_MEMBERS
from course.grading.notebook import LARGEST, MOST_CELLS

NAME = "00_start.ipynb"
ANSWERS = (
    "def episode_return(rewards):\n    return sum(rewards)",
    "def discounted_return(rewards, gamma):\n"
    "    return sum(gamma**i * reward for i, reward in enumerate(rewards))",
)


def code(source: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}


def notebook(*sources: Any, **changes: Any) -> dict[str, Any]:
    """The right answers, and more cells before them."""
    cells = [code(source) for source in (*sources, *ANSWERS)]
    return {
        "cells": cells,
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    } | changes


RIGHT = json.dumps(notebook()).encode()


@dataclass(frozen=True)
class Broken:
    """Something that a student might hand in.

    Attributes:
        name: Of the submission.
        make: Puts it into a folder that is the student's own.
        sentence: A part of what is said about it.
        points: That it may score all the same.
    """

    name: str
    make: Callable[[Path], object]
    sentence: str
    points: int = 0


BROKEN: list[Broken] = []


def broken(
    sentence: str, points: int = 0, when: bool = True
) -> Callable[[Callable[[Path], object]], Callable[[Path], object]]:
    def register(make: Callable[[Path], object]) -> Callable[[Path], object]:
        if when:
            name = make.__name__.strip("_").replace("_", " ")
            BROKEN.append(Broken(name, make, sentence, points))
        return make

    return register


def holding(name: str, sentence: str, content: bytes, points: int = 0) -> None:
    """A notebook with this content."""

    def make(folder: Path) -> None:
        (folder / NAME).write_bytes(content)

    BROKEN.append(Broken(name, make, sentence, points))


def zipped(folder: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = folder / "work.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def tarred(folder: Path, *members: tarfile.TarInfo, kind: str = "") -> Path:
    """Regular files in it have the right answers."""
    path = folder / (f"work.tar.{kind}" if kind else "work.tar")
    with tarfile.open(path, f"w:{kind}") as archive:
        for member in members:
            content = RIGHT if member.isreg() else b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str = NAME, **values: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(info, key, value)
    return info


# Notebooks: what the file holds

NO_JSON = "is no notebook: it is not valid JSON."
EMPTY = "is no notebook: it is empty."
NO_CELLS = "is no notebook: it has no list of cells."
NO_TEXT = "is not text in UTF-8."
NOTHING_DONE = ""  # it can be read, and has no answers
TOO_LARGE = f"has more than {LARGEST:,} bytes"

holding("empty", EMPTY, b"")
holding("only spaces", EMPTY, b" \n ")
holding("truncated", NO_JSON, RIGHT[:-20])
holding("cut in the middle", NO_JSON, RIGHT[: len(RIGHT) // 2])
holding("two in one file", NO_JSON, RIGHT + RIGHT)
holding("null", NO_CELLS, b"null")
holding("a list", NO_CELLS, b"[" + RIGHT + b"]")
holding("a text", NO_CELLS, b'"cells"')
holding("a number", NO_CELLS, b"4")
holding("cells in a dict", NO_CELLS, b'{"cells": {"0": {}}}')
holding("cells in a text", NO_CELLS, b'{"cells": "code"}')
holding("cells null", NO_CELLS, b'{"cells": null}')
holding("no cells", NOTHING_DONE, b'{"cells": []}')
holding(
    "cells of wrong types",
    NOTHING_DONE,
    json.dumps({"cells": [None, 1, "code", [], {}, [[]], 1.5, True]}).encode(),
)
holding(
    "sources of wrong types",
    NOTHING_DONE,
    json.dumps(
        {"cells": [code(each) for each in (None, 1, {}, [1, None, []], True)]}
    ).encode(),
)
holding(
    "kinds of wrong types",
    NOTHING_DONE,
    json.dumps({"cells": [code("x = 1") | {"cell_type": ["code"]}]}).encode(),
)
holding("deep lists", NO_JSON, b"[" * 100_000)
holding("deep and closed", NO_JSON, b"[" * 100_000 + b"]" * 100_000)
holding("deep objects", NO_JSON, b'{"cells":' * 100_000)
holding(
    "deep metadata",
    NO_JSON,
    RIGHT.replace(b'"metadata": {}', b'"metadata": ' + b"[" * 9_999 + b"]" * 9_999),
)
holding(
    "a huge integer",
    NO_JSON,
    RIGHT.replace(b'"nbformat": 4', b'"nbformat": ' + b"4" * 10_000),
)
holding("UTF-16", NO_TEXT, RIGHT.decode().encode("utf-16"))
holding("Latin-1", NO_TEXT, RIGHT.replace(b"episode", "épisode".encode("latin-1")))
holding("a picture", NO_TEXT, b"\x89PNG\r\n\x1a\n" + os.urandom(1000))
holding("an archive by another name", NO_TEXT, b"PK\x03\x04" + bytes(range(256)))
holding("NUL bytes", NO_JSON, RIGHT.replace(b'"metadata"', b'"meta\0data"'))
holding("a page of the web", NO_JSON, b"<!DOCTYPE html><html>Please log in</html>")
holding("a merge conflict", NO_JSON, b"<<<<<<< HEAD\n" + RIGHT + b"\n=======\n")
holding("a Git LFS pointer", NO_JSON, b"version https://git-lfs.github.com/spec/v1\n")
holding(
    "cells without number",
    f"has more than {MOST_CELLS:,} cells.",
    json.dumps({"cells": [code("x = 1")] * 100_000}).encode(),
)

# Some of it can be read all the same

FULL = 6
holding("a mark in front", "", b"\xef\xbb\xbf" + RIGHT, FULL)
holding("line ends of old Macs", "", RIGHT.replace(b'"meta', b'\r"meta'), FULL)
holding("NaN and Infinity", "", RIGHT.replace(b"{}", b'{"a": NaN, "b": -Infinity}'), 6)
holding("the same key twice", "", b'{"cells": 3, ' + RIGHT[1:], FULL)
holding("half characters", "", json.dumps(notebook("x = '\ud800'")).encode(), FULL)
holding(
    "NUL in a cell",
    "Cell 1 raised",
    json.dumps(notebook("x = '\0'")).encode(),
    FULL,
)
holding(
    "deep parentheses",
    "Cell 1",
    json.dumps(notebook("(" * 100_000 + ")" * 100_000)).encode(),
    FULL,
)
holding(
    "deep signs", "Cell 1", json.dumps(notebook("-" * 100_000 + "1")).encode(), FULL
)
holding(
    "deep sums", "Cell 1", json.dumps(notebook("1" + "+1" * 100_000)).encode(), FULL
)
holding(
    "deep calls", "Cell 1", json.dumps(notebook("x" + "()" * 100_000)).encode(), FULL
)
holding(
    "deep blocks",
    "Cell 1",
    json.dumps(
        notebook("".join(" " * i + "if 1:\n" for i in range(5000)) + " " * 5000 + "1")
    ).encode(),
    FULL,
)
holding(
    "a cell of ten megabytes",
    "",
    json.dumps(notebook("x = '" + "y" * 10**7 + "'")).encode(),
    FULL,
)


# Notebooks: what is no file, or too large


@broken(TOO_LARGE)
def a_cell_of_500_megabytes(folder: Path) -> None:
    before, after = json.dumps(notebook("#")).encode().split(b"#")
    with (folder / NAME).open("wb") as file:
        file.write(before)
        for _ in range(500):
            file.write(b"x" * 10**6)
        file.write(after)


@broken(TOO_LARGE)
def a_terabyte_of_nothing(folder: Path) -> None:
    with (folder / NAME).open("wb") as file:
        file.write(RIGHT)
        file.truncate(2**40)


@broken("holds no notebook (.ipynb) and no script (.py).")
def a_folder_by_that_name(folder: Path) -> None:
    (folder / NAME).mkdir()


@broken(f"{NAME} is a link; links are not followed.")
def a_link(folder: Path) -> None:
    right = folder.parent.with_name("right.ipynb")
    right.write_bytes(RIGHT)
    (folder / NAME).symlink_to(right)


@broken(f"{NAME} is a link; links are not followed.")
def a_link_to_nothing(folder: Path) -> None:
    (folder / NAME).symlink_to("nowhere")


@broken(f"{NAME} is a link; links are not followed.")
def a_link_to_itself(folder: Path) -> None:
    (folder / NAME).symlink_to(folder / NAME)


@broken("zero is a link; links are not followed.")
def a_link_to_a_device(folder: Path) -> None:
    (folder / "zero").symlink_to("/dev/zero")


@broken("cannot be opened: it is no file.", when=hasattr(os, "mkfifo"))
def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / NAME)


@broken("cannot be opened: it is no file.", when=hasattr(os, "mkfifo"))
def a_pipe_called_archive(folder: Path) -> None:
    os.mkfifo(folder / "work.zip")


@broken("holds no notebook (.ipynb) and no script (.py).")
def another_ending(folder: Path) -> None:
    (folder / "00_start.txt").write_bytes(RIGHT)


@broken("Cell 1 raised SyntaxError")
def a_script_that_is_none(folder: Path) -> None:
    (folder / "00_start.py").write_bytes(RIGHT.replace(b"{", b"{{("))


@broken(NO_TEXT)
def a_script_of_bytes(folder: Path) -> None:
    (folder / "00_start.py").write_bytes(bytes(range(256)))


# Zip


@broken("its name leads out of the folder")
def zip_up_and_out(folder: Path) -> None:
    zipped(folder, (f"../{NAME}", RIGHT), (f"a/../../{NAME}", RIGHT))


@broken("its name leads out of the folder")
def zip_from_the_root(folder: Path) -> None:
    zipped(folder, (f"/tmp/{NAME}", RIGHT))


@broken("its name leads out of the folder")
def zip_from_a_drive(folder: Path) -> None:
    zipped(folder, (f"C:/{NAME}", RIGHT), (f"c:{NAME}", RIGHT))


@broken("its name leads out of the folder")
def zip_up_as_on_Windows(folder: Path) -> None:
    zipped(folder, (f"..\\{NAME}", RIGHT), (f"\\\\host\\share\\{NAME}", RIGHT))


@broken("it is a link, or no file at all")
def zip_with_a_link(folder: Path) -> None:
    info = zipfile.ZipInfo(NAME)
    info.external_attr = 0o120777 << 16
    zipped(folder, (info, b"/etc/passwd"))


@broken("it is locked with a password")
def zip_with_a_password(folder: Path) -> None:
    path = zipped(folder, (NAME, RIGHT))
    content = bytearray(path.read_bytes())
    content[6] |= 1  # in the file's own head, and in the list at the end
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)


@broken("it is damaged")
def zip_with_a_wrong_checksum(folder: Path) -> None:
    path = folder / "work.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(NAME, RIGHT)
    path.write_bytes(path.read_bytes().replace(b"gamma**i", b"gamma*i*"))


@broken("is damaged, or it is not what its name says.")
def zip_cut_short(folder: Path) -> None:
    path = zipped(folder, (NAME, RIGHT))
    path.write_bytes(path.read_bytes()[:-30])


@broken("is damaged, or it is not what its name says.")
def zip_that_is_empty(folder: Path) -> None:
    (folder / "work.zip").touch()


@broken("is damaged, or it is not what its name says.")
def zip_that_is_a_notebook(folder: Path) -> None:
    (folder / "work.zip").write_bytes(RIGHT)


@broken(TOO_LARGE)
def zip_bomb(folder: Path) -> None:
    path = folder / "work.zip"
    before, after = json.dumps(notebook("#")).encode().split(b"#")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(NAME, "w") as file,
    ):
        file.write(before)
        for _ in range(500):
            file.write(b"x" * 10**6)
        file.write(after)
    assert path.stat().st_size < 10**7


@broken("was not read to its end: it holds more than")
def zip_bomb_of_many_files(folder: Path) -> None:
    path = folder / "work.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(6):
            archive.writestr(f"{number}.py", b"#" * (LARGEST - 1))


@broken("it is an archive in an archive.")
def zip_bomb_in_a_zip_in_a_zip(folder: Path) -> None:
    content = zipped(folder, (NAME, b" " * 60 * 2**20)).read_bytes()
    for _ in range(4):
        files = [(f"{number}.zip", content) for number in range(3)]
        content = zipped(folder, *files).read_bytes()


@broken("it is damaged")
def zip_with_overlapping_files(folder: Path) -> None:
    # Ten files in the list are one and the same in the archive.
    path = zipped(folder, (NAME, RIGHT))
    content = path.read_bytes()
    at, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    entry = content[at:end]
    names = [f"{number}0_start.ipynb".encode() for number in range(1, 10)]
    entries = b"".join(entry.replace(NAME.encode(), name) for name in names)
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, len(entries), at, 0)
    path.write_bytes(content[:at] + entries + tail)


@broken("it is damaged")
def zip_that_lies_about_its_size(folder: Path) -> None:
    path = zipped(folder, (NAME, RIGHT))
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2") + 24
    content[at : at + 4] = struct.pack("<L", 10)
    path.write_bytes(content)


@broken("its kind of compression is not read")
def zip_of_another_compression(folder: Path) -> None:
    with zipfile.ZipFile(folder / "work.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(NAME, RIGHT)


@broken(f"it holds more than {MOST_MEMBERS:,} files")
def zip_of_20_000_files(folder: Path) -> None:
    zipped(folder, *((f"{number}.txt", b"") for number in range(20_000)))


@broken("its list of files is too long")
def zip_of_100_000_files(folder: Path) -> None:
    zipped(folder, *((f"{number}.txt", b"") for number in range(100_000)))


@broken("its path is too long")
def zip_with_a_deep_path(folder: Path) -> None:
    long = ("long" * 20 + "/") * 5 + NAME
    zipped(folder, ("a/" * 1000 + NAME, RIGHT), (long, RIGHT))


@broken("twice (upper and lower case count as one); the last is read.")
def zip_with_a_name_twice(folder: Path) -> None:
    first, last = zipfile.ZipInfo(NAME), zipfile.ZipInfo(NAME.upper())
    zipped(folder, (first, RIGHT), (last, b'{"cells": []}'))


@broken("a file and a folder have the same name")
def zip_with_a_file_as_a_folder(folder: Path) -> None:
    zipped(folder, ("a.py", b"x = 1"), (f"a.py/{NAME}", RIGHT))


@broken("holds no notebook (.ipynb) and no script (.py).")
def zip_of_an_essay(folder: Path) -> None:
    zipped(folder, ("essay.pdf", b"%PDF"))


@broken("is an archive of a kind that is not read")
def rar(folder: Path) -> None:
    (folder / "work.rar").write_bytes(b"Rar!\x1a\x07\x01\x00")


@broken("", points=FULL)
def zip_with_strange_names(folder: Path) -> None:
    zipped(
        folder,
        *(("con.py", b""), ("aux/nul.py", b""), ("a\x1b[31m:?.py", b"")),
        *(("x" * 300 + ".py", b""), ("é" * 300 + ".py", b"")),
        (f"my work. /{NAME}", RIGHT),
    )


# Tar


@broken("it is a link, or no file at all")
def tar_with_a_link(folder: Path) -> None:
    tarred(folder, member(type=tarfile.SYMTYPE, linkname="/etc/passwd"))


@broken("it is a link, or no file at all")
def tar_with_a_hard_link(folder: Path) -> None:
    tarred(folder, member(type=tarfile.LNKTYPE, linkname="/etc/passwd"))


@broken("it is a link, or no file at all")
def tar_through_a_link(folder: Path) -> None:
    link = member("inside", type=tarfile.SYMTYPE, linkname="/tmp")
    tarred(folder, link, member("inside/notes.txt"))


@broken("it is a link, or no file at all")
def tar_with_a_device(folder: Path) -> None:
    tarred(folder, member(type=tarfile.CHRTYPE, devmajor=1, devminor=5))


@broken("it is a link, or no file at all")
def tar_with_a_pipe(folder: Path) -> None:
    tarred(folder, member(type=tarfile.FIFOTYPE))


@broken("it holds a file with holes")
def tar_with_holes(folder: Path) -> None:
    tarred(folder, member(type=tarfile.GNUTYPE_SPARSE))


@broken("its name leads out of the folder")
def tar_up_and_out(folder: Path) -> None:
    tarred(folder, member(f"../{NAME}"), member(f"/{NAME}"))


@broken("is damaged, or it is not what its name says.")
def tar_cut_short(folder: Path) -> None:
    path = tarred(folder, member(), kind="gz")
    path.write_bytes(path.read_bytes()[:-50])


@broken("is damaged, or it is not what its name says.")
def tar_that_is_a_zip(folder: Path) -> None:
    zipped(folder, (NAME, RIGHT)).rename(folder / "work.tar.xz")


@broken("was not read to its end: it holds more than")
def tar_bomb(folder: Path) -> None:
    nothing = bytes(2**20)
    with tarfile.open(folder / "work.tar.gz", "w:gz", compresslevel=1) as archive:
        info = member("large.bin", size=600 * 2**20)
        archive.addfile(info, _Zeros(nothing))
    assert (folder / "work.tar.gz").stat().st_size < 10 * 2**20


@broken("its list of files is too long")
def tar_with_a_name_of_gigabytes(folder: Path) -> None:
    head = member("././@LongLink", type=tarfile.GNUTYPE_LONGNAME, size=4 * 2**30)
    (folder / "work.tar").write_bytes(head.tobuf() + bytes(4096))


@broken("was not read to its end")
def tar_of_20_000_files(folder: Path) -> None:
    with tarfile.open(folder / "work.tar", "w") as archive:
        for number in range(20_000):
            archive.addfile(member(f"{number}.txt"))


class _Zeros(io.RawIOBase):
    """A file of zeros without an end."""

    def __init__(self, piece: bytes) -> None:
        super().__init__()
        self.piece = piece

    def read(self, size: int = -1, /) -> bytes:
        return self.piece[:size]
