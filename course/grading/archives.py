"""Opening archives that anybody may have made: zip and tar.

Nothing in an archive is believed. Its bytes are counted while they are written, names
that lead out of the folder and links are left out, and every refusal is one sentence.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import re
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from course.grading.names import few, is_junk, safe_name, shown
from course.grading.notebook import KINDS, LARGEST

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
FOREIGN_ARCHIVES = (".rar", ".7z", ".gz", ".bz2", ".xz", ".zst")
"""Not opened: Python reads none of these, or they hold a single file."""

MOST_BYTES = 2 * 2**30
"""What an archive may hold together; the downloads of large classes have that much."""

MOST_MEMBERS = 10_000
LONGEST_PATH = 240  # characters; Windows takes 260, the folder's own included
DEEPEST = 12  # folders in folders

PIECE = 2**15  # bytes that are read at once
LONGEST_ZIP_INDEX = 4 * 2**20  # bytes; 10,000 files need about one million
LONGEST_TAR_HEADER = 2**16
MOST_TAR_FACTS = 100  # about all files that follow; `git archive` writes one
# Python's own patterns take the square of its length to see that it is no number.
LONG_NUMBER = re.compile(rb"(?<!\d)\d{50}")
XZ_MEMORY = 128 * 2**20  # `xz -9` needs half of this

FULL = (errno.ENOSPC, errno.EDQUOT)  # the machine's fault, and not the archive's


class RefusedError(Exception):
    """Something in an archive is not read; the end of a sentence says why."""


@dataclass(frozen=True)
class Member:
    """Something in an archive.

    Attributes:
        name: Its path, as the archive says it.
        refusal: Why it is not read, or "".
        open: Its bytes.
    """

    name: str
    refusal: str
    open: Callable[[], IO[bytes]]


class ModestReader(io.BufferedReader):
    """A file that refuses to be read in one huge piece, as a forged header may ask."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(io.FileIO(path))
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `most` bytes."""
        if size is None or size < 0:
            size = self.most
        if size > self.most:
            raise RefusedError("its list of files is too long")
        return super().read(size)


class ModestHeader(tarfile.TarInfo):
    """A file's header in a tar, without what a small one can make endless work of."""

    def _proc_pax(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        file = tar.fileobj
        assert file is not None
        begin = file.tell()
        header = file.read(self.size)
        file.seek(begin)
        if len(tar.pax_headers) > MOST_TAR_FACTS or LONG_NUMBER.search(header):
            raise RefusedError("it says too much about its files")
        # The stubs know only what is public.
        kept: tarfile.TarInfo = super()._proc_pax(tar)  # type: ignore[misc]
        return kept

    def _refuse_holes(self, *_: object) -> None:
        raise RefusedError("it holds a file with holes")

    _proc_sparse = _proc_gnusparse_00 = _refuse_holes
    _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_holes


def ends_in(path: Path, endings: tuple[str, ...]) -> bool:
    """Whether the file's name says that it is of one of these kinds."""
    return path.name.lower().endswith(endings)


def is_submitted(name: str) -> bool:
    """Whether a file of this name may hold an answer: notebook, script, archive."""
    path = Path(name)
    return path.suffix.lower() in KINDS or ends_in(path, ARCHIVES + FOREIGN_ARCHIVES)


def extract(
    path: Path,
    folder: Path,
    most_bytes: int = MOST_BYTES,
    wanted: Callable[[str], bool] = is_submitted,
) -> list[str]:
    """Writes the wanted files of an archive below a folder.

    A file has at most `LARGEST` bytes; what is in the archive twice, upper and lower
    case counted as one, is there once: the last.

    Args:
        path: The archive.
        folder: A new one, which is made.
        most_bytes: What all files may have together.
        wanted: By name, whether a file is written.

    Returns:
        One sentence for each thing that was left out and should not have been there.

    Raises:
        OSError: The disk is full.
    """
    folder.mkdir(parents=True)
    title = shown(path.name)
    extraction = Extraction(title, folder, most_bytes)
    problems = extraction.problems
    try:
        for number, member in enumerate(_members(path, most_bytes)):
            if number == MOST_MEMBERS:
                raise RefusedError(f"it holds more than {MOST_MEMBERS:,} files")
            try:
                extraction.take(member, wanted)
            except RefusedError as refusal:
                name = shown(member.name)
                problems.append(f"{title}: {name} was left out: {refusal}.")
            if extraction.left < 0:
                raise RefusedError(f"it holds more than {most_bytes:,} bytes")
    except RefusedError as refusal:
        problems.append(f"{title} was not read to its end: {refusal}.")
    except Exception as error:  # a forged archive may break in any way at all
        _stop_if_full(error)
        if isinstance(error, OSError) and error.strerror:
            problems.append(f"{title} cannot be opened: {error.strerror}.")
        else:
            problems.append(f"{title} is damaged, or it is not what its name says.")
    return few(problems, path.name)


@dataclass
class Extraction:
    """An archive while it is written to a folder.

    Attributes:
        title: Its name, in sentences.
        folder: Where its files are written.
        left: Bytes that may still be read; negative if there were too many.
        written: By path in lower case, what was written.
        problems: Sentences.
    """

    title: str
    folder: Path
    left: int
    written: dict[str, Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def take(self, member: Member, wanted: Callable[[str], bool]) -> None:
        """Writes one file, if it is wanted.

        Raises:
            RefusedError: It is left out, and should not have been there.
        """
        place = _place(member.name)
        if place is None:
            return
        if member.refusal:
            raise RefusedError(member.refusal)
        if not wanted(place.name):
            return
        key = str(place).casefold()
        if key in self.written:
            self.problems.append(
                f"{self.title} holds {shown(member.name)} twice (upper and lower case "
                "count as one); the last is read."
            )
        self._write(member, self.written.setdefault(key, self.folder / place))

    def _write(self, member: Member, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("wb")
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise RefusedError("a file and a folder have the same name") from error
        refusal, size = "", 0
        with file:
            try:
                with member.open() as source:
                    while not refusal and (piece := source.read(PIECE)):
                        size += len(piece)
                        self.left -= len(piece)
                        if size > LARGEST:
                            refusal = f"it has more than {LARGEST:,} bytes"
                        elif self.left < 0:
                            refusal = "the archive is too large"
                        file.write(piece)
            except Exception as error:  # as in `extract`
                _stop_if_full(error)
                refusal = "it is damaged"
        if refusal:
            target.unlink()
            raise RefusedError(refusal)


def _stop_if_full(error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in FULL:
        raise error


def _place(name: str) -> PurePosixPath | None:
    """Where below the folder it belongs; None for what nobody has handed in.

    Raises:
        RefusedError: It would lie somewhere else, or too deep.
    """
    name = name.replace("\\", "/")  # as some programs on Windows write them
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        raise RefusedError("its name leads out of the folder")
    if not parts or any(is_junk(part) for part in parts):
        return None
    place = PurePosixPath(*map(safe_name, parts))
    if len(parts) > DEEPEST or len(str(place)) > LONGEST_PATH:
        raise RefusedError("its path is too long")
    return place


def _members(path: Path, most_bytes: int) -> Iterator[Member]:
    """The files in an archive, in their order, without its folders."""
    if ends_in(path, (".zip",)):
        with (
            ModestReader(path, LONGEST_ZIP_INDEX) as file,
            zipfile.ZipFile(file) as archive,
        ):
            for info in archive.infolist():
                if not info.is_dir():
                    yield _zip_member(archive, info)
        return
    with tempfile.TemporaryDirectory(prefix="course-tar-") as scratch:
        if not ends_in(path, (".tar",)):
            path = _unpacked(path, Path(scratch, "unpacked.tar"), most_bytes)
        with (
            ModestReader(path, LONGEST_TAR_HEADER) as file,
            tarfile.open(fileobj=file, mode="r:", tarinfo=ModestHeader) as tar,
        ):
            while (each := tar.next()) is not None:
                # It would keep all headers in memory; the stubs know no members.
                tar.members.clear()  # type: ignore[attr-defined]
                if not each.isdir():
                    yield _tar_member(tar, each)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    refusal = ""
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        refusal = "it is a link, or no file at all"
    elif info.flag_bits & 0x1:
        refusal = "it is locked with a password"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Python would unpack the others in pieces of any size.
        refusal = "its kind of compression is not read"
    return Member(info.filename, refusal, lambda: archive.open(info))


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    refusal = "" if info.isreg() else "it is a link, or no file at all"

    def opened() -> IO[bytes]:
        file = tar.extractfile(info)
        assert file is not None  # it is regular
        return file

    return Member(info.name, refusal, opened)


def _unpacked(path: Path, target: Path, most: int) -> Path:
    """The tar inside a compressed file, up to a number of bytes."""
    size = 0
    with target.open("wb") as file:
        for piece in _pieces(path):
            size += len(piece)
            if size > most:
                raise RefusedError(f"it holds more than {most:,} bytes")
            file.write(piece)
    return target


def _pieces(path: Path) -> Iterator[bytes]:
    if ends_in(path, (".xz",)):
        decoder = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        with path.open("rb") as packed:
            while not decoder.eof:
                more = packed.read(PIECE) if decoder.needs_input else b""
                if decoder.needs_input and not more:
                    raise EOFError
                yield decoder.decompress(more, PIECE)
        return
    unpack = bz2.open if ends_in(path, (".bz2",)) else gzip.open
    with unpack(path, "rb") as source:
        while piece := source.read(PIECE):
            yield piece
