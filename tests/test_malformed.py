"""Broken notebooks and archives: one clear sentence each, and the others go on."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broken import BROKEN, FULL, NAME, RIGHT, Broken, member, notebook, tarred, zipped
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import ROOT, unmeasured

from course.grading import archives
from course.grading.archives import extract
from course.grading.names import MOST_PROBLEMS
from course.grading.notebook import UnreadableError, content_of, parsed, read
from course.grading.submissions import find

LONGEST = 400  # characters of a sentence


def made(each: Broken, folder: Path) -> Path:
    """The broken thing, in a student's folder of its own."""
    own = folder / each.name
    own.mkdir(parents=True)
    try:
        each.make(own)
    except OSError as error:  # Windows lets few people make links
        pytest.skip(f"it cannot be made here: {error}")
    return own


def is_sentence(text: str) -> bool:
    return text.endswith(".") and text.isprintable() and len(text) <= LONGEST


def test_there_are_enough_of_them() -> None:
    assert len({each.name for each in BROKEN}) == len(BROKEN)
    assert sum(each.points == 0 for each in BROKEN) >= 60


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder that is removed at once: pytest would keep the large files."""
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


@pytest.mark.parametrize("each", BROKEN, ids=lambda each: each.name)
def test_reading_it_gives_one_clear_sentence(each: Broken, room: Path) -> None:
    folder, scratch = room / "handed in", room / "scratch"
    own = made(each, folder)
    (folder / "ada.ipynb").write_bytes(RIGHT)
    before = sorted(path for path in room.rglob("*") if path != scratch)
    found = {each.name: each for each in find([folder], scratch)}
    assert found.pop("ada").problems == ()
    [submission] = found.values()
    problems = list(submission.problems)
    for file in submission.files:
        try:
            read(file)
        except UnreadableError as problem:
            problems.append(str(problem))
    assert submission.name == each.name
    assert all(map(is_sentence, problems)), problems
    assert not any(str(room) in problem for problem in problems)
    assert len(problems) <= MOST_PROBLEMS + 1
    if not each.sentence.startswith("Cell"):  # what a worker says comes below
        assert not each.sentence or any(each.sentence in told for told in problems)
    # Nothing was written beside, and nothing of it was changed.
    assert own.exists()
    inside = [path for path in room.rglob("*") if not path.is_relative_to(scratch)]
    assert sorted(inside) == before
    assert all(path.is_file() or path.is_dir() for path in scratch.rglob("*"))
    assert not any(path.is_symlink() for path in scratch.rglob("*"))


# Runs a command, and says what the greediest process below it had in memory.
MEASURED = (
    "import json, resource, subprocess, sys\n"
    "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
    "most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
    "print(json.dumps([done.returncode, done.stdout, done.stderr, most]))\n"
)
FINDING = (
    "import pathlib, sys\n"
    "from course.grading.submissions import find\n"
    "from course.grading.notebook import UnreadableError, content_of\n"
    "for each in find([pathlib.Path(sys.argv[1])], pathlib.Path(sys.argv[2])):\n"
    "    for file in each.files:\n"
    "        try:\n"
    "            content_of(file)\n"
    "        except UnreadableError:\n"
    "            continue\n"
)


def measured(*command: str | Path, folder: Path) -> tuple[int, str, str, int]:
    """Status, output, errors, and megabytes of the greediest process."""
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, command)],
        cwd=folder,
        env=unmeasured() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    status, output, errors, kilobytes = json.loads(run.stdout)
    return status, output, errors, kilobytes // 1024


# Names of right submissions, and what they are called in results.
STRANGE = {
    "right": "right",
    "con": "_con",
    "a\nb\x1b[31m": "a_b_[31m",
    os.fsdecode(b"caf\xe9"): "caf_",
    "\u202egnp.exe": "_gnp.exe",
    "=1+1": "=1+1",
    "<b>&amp;": "_b_&amp;",
    "😀" * 60: "😀" * 50,
    "x" * 250: "x" * 100,
}


@pytest.fixture(scope="module")
def batch() -> Iterator[Path]:
    """All of them together, with one right notebook among them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "handed in")
        for each in BROKEN:
            own = folder / each.name
            own.mkdir(parents=True)
            try:
                each.make(own)
            except OSError:  # as in `made`
                shutil.rmtree(own)
        for name in STRANGE:
            (folder / name).mkdir()
            (folder / name / NAME).write_bytes(RIGHT)
        yield folder


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux")
def test_finding_all_of_them_takes_little_memory(batch: Path) -> None:
    scratch = batch.parent / "scratch"
    command = sys.executable, "-c", FINDING, batch, scratch
    status, _, errors, megabytes = measured(*command, folder=batch.parent)
    shutil.rmtree(scratch)
    assert status == 0, errors
    assert megabytes < 200


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux")
@pytest.mark.timeout(600)
def test_none_of_them_stops_the_others(batch: Path) -> None:
    output = batch.parent / "grades"
    command = [sys.executable, "-m", "course", "grade", batch, "--output", output]
    command += ["--seed", "1", "--jobs", "2", "--unsafe-no-sandbox"]
    status, told, errors, megabytes = measured(*command, folder=batch.parent)
    assert status == 0, errors
    assert "Traceback" not in told + errors
    results = {}
    for path in (output / "results").iterdir():
        result = json.loads(path.read_text("utf-8"))
        results[result["submission"]] = result
    handed_in = {path.name for path in batch.iterdir()}
    assert set(results) == {STRANGE.get(name, name) for name in handed_in}
    for name in STRANGE.values():
        assert results[name]["points"] == results[name]["max_points"] == FULL
        assert results[name]["warnings"] == []
    for each in BROKEN:
        result = results.get(each.name)
        if result is None:
            continue
        assert result["points"] == each.points, (each.name, result["warnings"])
        messages = [exercise["message"] for exercise in result["exercises"]]
        sentences = [*result["warnings"], *messages]
        assert any(each.sentence in text for text in sentences), (each.name, sentences)
        if each.points == 0:
            assert any(sentences), each.name
        assert all(len(warning) < 1000 for warning in result["warnings"])
    assert megabytes < 1000


def test_a_file_that_vanishes_is_said(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(RIGHT)
    [submission] = find([path], tmp_path / "scratch")
    path.unlink()
    with pytest.raises(UnreadableError, match=r"cannot be opened: No such file or dir"):
        content_of(submission.files[0])


def test_a_full_disk_is_not_the_students_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    path = zipped(tmp_path, (NAME, RIGHT))
    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space left"):
        extract(path, tmp_path / "out")
    monkeypatch.undo()
    monkeypatch.setattr(archives.zipfile.ZipExtFile, "read", full)
    with pytest.raises(OSError, match="No space left"):
        extract(path, tmp_path / "out")


def test_many_problems_are_counted(tmp_path: Path) -> None:
    zipped(tmp_path, *((f"../{number}.py", b"") for number in range(100)))
    problems = extract(tmp_path / "work.zip", tmp_path / "out")
    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1] == "work.zip: 80 more such problems."


def test_all_bytes_of_an_archive_count_together(tmp_path: Path) -> None:
    path = zipped(tmp_path, *((f"{name}.py", bytes(1000)) for name in "abc"))
    assert extract(path, tmp_path / "enough", 3000) == []
    [left_out, ended] = extract(path, tmp_path / "less", 2999)
    assert left_out == "work.zip: c.py was left out: the archive is too large."
    assert ended == "work.zip was not read to its end: it holds more than 2,999 bytes."
    assert sorted(p.name for p in (tmp_path / "less").iterdir()) == ["a.py", "b.py"]
    path = tarred(tmp_path, member("a.py"), member("b.py"), kind="xz")
    assert extract(path, tmp_path / "tar", 20_000) == []
    [ended] = extract(path, tmp_path / "less tar", 2_000)
    assert ended.endswith("it holds more than 2,000 bytes.")


# What makes Python's own reader of tars slow, or never come to an end
HEADERS = {
    "sparse 1.0": {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": NAME,
    },
    "sparse 0.1": {"GNU.sparse.map": "0,1"},
    "sparse 0.0": {"GNU.sparse.size": "9"},
    "many facts": {f"k{number}": "" for number in range(archives.MOST_TAR_FACTS + 1)},
    "a long number": {"comment": "7" * 50},
}
HOLES, FACTS = "it holds a file with holes", "it says too much about its files"


@pytest.mark.parametrize("kind", HEADERS)
def test_a_small_tar_makes_no_endless_work(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "work.tar"
    with tarfile.open(path, "w", pax_headers=HEADERS[kind]) as archive:
        # A long name needs a header of its own.
        archive.addfile(member("é" * 60 + ".py"))
    refusal = HOLES if kind.startswith("sparse") else FACTS
    assert extract(path, tmp_path / "out") == [
        f"work.tar was not read to its end: {refusal}."
    ]


def test_neither_does_an_old_one_with_holes(tmp_path: Path) -> None:
    path = tmp_path / "work.tar"
    path.write_bytes(member(type=tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    assert extract(path, tmp_path / "out") == [
        f"work.tar was not read to its end: {HOLES}."
    ]


def test_what_git_says_of_an_archive_is_no_harm(tmp_path: Path) -> None:
    path, facts = tmp_path / "work.tar", {"comment": "7c0ffee" * 5}
    with tarfile.open(path, "w", pax_headers=facts) as archive:
        archive.addfile(member("é" * 60 + ".py"))
    assert extract(path, tmp_path / "out") == []
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["é" * 60 + ".py"]


def test_a_dictionary_of_gigabytes_is_not_made_for_xz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tarred(tmp_path, member(), kind="xz")
    monkeypatch.setattr(archives, "XZ_MEMORY", 2**16)
    assert extract(path, tmp_path / "out") == [
        "work.tar.xz is damaged, or it is not what its name says."
    ]


# Whatever comes

texts = st.text(max_size=20)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
    ),
    max_leaves=8,
)
code_like = st.sampled_from(
    ["x = 1", "%time x", "%%time\n", "%%", "!ls", "# %%", "def f(:", "\0", "\x0c", "\\"]
)
cell_like = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw"]) | anything,
        "source": code_like | texts | st.lists(code_like | texts | anything) | anything,
        "input": code_like | anything,
        "metadata": anything
        | st.fixed_dictionaries({"tags": st.lists(anything, max_size=3)}),
        "outputs": anything,
    },
)
cells_like = st.lists(cell_like | anything, max_size=4)
notebook_like = anything | st.fixed_dictionaries(
    {},
    optional={
        "cells": cells_like | anything,
        "worksheets": anything
        | st.lists(anything | st.fixed_dictionaries({"cells": cells_like})),
        "metadata": anything
        | st.fixed_dictionaries(
            {"course": anything | st.fixed_dictionaries({"lesson": anything})}
        ),
        "nbformat": anything,
    },
)


def look_at(content: bytes, ending: str = ".ipynb") -> None:
    """Reads it as a grader does; only an `UnreadableError` may come of it."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, f"00_start{ending}")
        path.write_bytes(content)
        [submission] = find([path], Path(temporary, "scratch"))
        assert submission.problems == ()
        try:
            cells = read(path).cells
        except UnreadableError as problem:
            refusal = str(problem)
            cells = ()
        else:
            refusal = "."
        assert is_sentence(refusal)
        for cell in cells:
            try:
                parsed(cell)
            except SyntaxError:
                continue


@settings(max_examples=300, deadline=None)
@given(notebook_like)
def test_any_json_is_read_or_refused(document: Any) -> None:
    look_at(json.dumps(document).encode())


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with some flipped, some cut out, some doubled, and perhaps no end."""
    changed = bytearray(content)
    places = st.integers(0, len(content) - 1)
    for place in draw(st.lists(places, max_size=8)):
        changed[place] = draw(st.integers(0, 255))
    start, length = draw(places), draw(st.integers(0, 60))
    kind = draw(st.sampled_from(["keep", "cut", "double", "truncate"]))
    if kind == "cut":
        del changed[start : start + length]
    elif kind == "double":
        changed[start:start] = changed[start : start + length]
    elif kind == "truncate":
        del changed[start:]
    return bytes(changed)


@settings(max_examples=200, deadline=None)
@given(mutated(RIGHT), st.sampled_from([".ipynb", ".py"]))
def test_any_damage_to_a_notebook_is_read_or_refused(
    content: bytes, ending: str
) -> None:
    look_at(content, ending)


def packed(kind: str) -> bytes:
    """An archive with something of everything."""
    content = json.dumps(notebook("x = 1")).encode()
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"work/{NAME}", content)
            archive.writestr("work/é.py", b"x = 1")
            archive.writestr("work/", b"")
        return file.getvalue()
    with tarfile.open(fileobj=file, mode=f"w:{kind}") as tar:
        folder = tarfile.TarInfo("work")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name in (f"work/{NAME}", "work/" + "long" * 30 + "/é.py"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def open_it(content: bytes, ending: str) -> None:
    """Extracts it; only sentences may come of it, and files in its own folder."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, f"work{ending}")
        path.write_bytes(content)
        folder = Path(temporary, "a", "b", "out")
        problems = extract(path, folder, 10**6)
        assert all(map(is_sentence, problems)), problems
        inside = {each for each in Path(temporary).rglob("*") if each.is_file()}
        assert all(each.is_relative_to(folder) for each in inside - {path})
        assert not any(each.is_symlink() for each in Path(temporary).rglob("*"))
        assert sum(each.stat().st_size for each in inside - {path}) <= 10**6
        try:
            find([path], Path(temporary, "scratch"))
        except ValueError as problem:
            if "nothing to grade" not in str(problem):
                raise


PACKED = {
    ending: packed(kind)
    for ending, kind in (
        (".zip", "zip"),
        (".tar", ""),
        (".tar.gz", "gz"),
        (".tar.xz", "xz"),
        (".tar.bz2", "bz2"),
    )
}


@pytest.mark.parametrize("ending", PACKED)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_to_an_archive_is_read_or_refused(
    ending: str, data: st.DataObject
) -> None:
    open_it(data.draw(mutated(PACKED[ending])), ending)


names = st.lists(
    st.text(max_size=300)
    | st.lists(
        st.sampled_from(
            ["..", ".", "", "a", "A", "/", "\\", "C:", "a.ipynb", "con.py", "\0", "é"]
        ),
        max_size=30,
    ).map("/".join),
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(names, st.sampled_from(["zip", "tar"]))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_names_in_an_archive_stay_in_its_folder(
    names: list[str], kind: str
) -> None:
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                info = zipfile.ZipInfo("x")
                info.filename = name.encode("utf-8", "replace").decode()
                archive.writestr(info, b"x = 1")
    else:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for name in names:
                info_ = tarfile.TarInfo(name.replace("\0", ""))
                info_.size = 5
                tar.addfile(info_, io.BytesIO(b"x = 1"))
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, f"work.{kind}")
        path.write_bytes(file.getvalue())
        folder = Path(temporary, "a", "b", "out")
        problems = extract(path, folder, wanted=lambda _: True)
        assert all(map(is_sentence, problems)), problems
        for each in Path(temporary).rglob("*"):
            assert each == path or each.is_relative_to(Path(temporary, "a"))
            if each.is_file() and each != path:
                assert each.is_relative_to(folder)
