"""Downloads from Canvas, Moodle and Gradescope become a folder for each student."""

from __future__ import annotations

import csv
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from course.cli.collecting import collect as command
from course.grading import collect as collecting
from course.grading.downloads import METADATA, submitters
from course.grading.submissions import find

Table = list[dict[str, str]]


def put(folder: Path, *names: str) -> None:
    """Files that hold their own names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for each in sorted(folder.rglob("*")):
            archive.write(each, Path("the class", each.relative_to(folder)))
    return path


def tree(folder: Path) -> dict[str, str]:
    """By place, what the files hold; without the table."""
    return {
        each.relative_to(folder).as_posix(): each.read_text()
        for each in folder.rglob("*")
        if each.is_file() and each.name != collecting.TABLE
    }


@pytest.fixture
def download(tmp_path: Path) -> Path:
    made = tmp_path / "download"
    made.mkdir()
    return made


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Path], Result]:
    """Runs the command; the output is `submissions`."""

    def running(path: Path) -> Result:
        output = str(tmp_path / "submissions")
        told = CliRunner().invoke(command, [str(path), "--output", output])
        assert told.exception is None or isinstance(told.exception, SystemExit)
        return told

    return running


@pytest.fixture(params=["folder", "archive"])
def collected(
    request: pytest.FixtureRequest, run: Callable[[Path], Result], tmp_path: Path
) -> Callable[[Path], tuple[Result, dict[str, str], Table]]:
    """What becomes of a download, as a folder and as an archive."""

    def collect(folder: Path) -> tuple[Result, dict[str, str], Table]:
        before = tree(folder)
        path = folder if request.param == "folder" else zipped(folder)
        told = run(path)
        assert told.exit_code == 0, told.output
        assert tree(folder) == before
        output = tmp_path / "submissions"
        with (output / collecting.TABLE).open(encoding="utf-8-sig", newline="") as file:
            return told, tree(output), list(csv.DictReader(file))

    return collect


Collect = Callable[[Path], tuple[Result, dict[str, str], Table]]


def test_canvas(collected: Collect, download: Path) -> None:
    put(
        download,
        "lovelaceada_1234_5678_01_returns.ipynb",
        "noetheremmy_LATE_77_5679_01_returns-1.ipynb",
        "hopper_grace_99_5680_my work.ipynb",
        "hopper_grace_99_5681_lab-1.ipynb",
        "curiemarie_12_5690_work.zip",
        "müllerjürgen_13_5691_essay.pdf",
    )
    told, files, table = collected(download)
    assert files == {
        "lovelaceada/01_returns.ipynb": "lovelaceada_1234_5678_01_returns.ipynb",
        "noetheremmy/01_returns.ipynb": "noetheremmy_LATE_77_5679_01_returns-1.ipynb",
        "hopper_grace/my work.ipynb": "hopper_grace_99_5680_my work.ipynb",
        "hopper_grace/lab-1.ipynb": "hopper_grace_99_5681_lab-1.ipynb",
        "curiemarie/work.zip": "curiemarie_12_5690_work.zip",
    }
    assert {row["student"]: row["late"] for row in table} == {
        "lovelaceada": "no",
        "noetheremmy": "yes",
        "hopper_grace": "no",
        "curiemarie": "no",
        "müllerjürgen": "no",
    }
    [ada] = [row for row in table if row["student"] == "lovelaceada"]
    assert ada == {
        "student": "lovelaceada",
        "id": "1234",
        "file": "lovelaceada/01_returns.ipynb",
        "from": "lovelaceada_1234_5678_01_returns.ipynb",
        "late": "no",
        "note": "",
    }
    assert "students: 5, files: 5, read as Canvas" in told.stdout
    assert told.stderr == (
        "Note: müllerjürgen_13_5691_essay.pdf was left out: it is no notebook "
        "(.ipynb), script (.py) or archive.\n"
    )


def test_canvas_with_anonymous_students(collected: Collect, download: Path) -> None:
    put(
        download,
        "anon_8aBc3_5678_01_returns.ipynb",
        "LATE_anon_Xy7_5679_01_returns.ipynb",
        "anon_8aBc3_5680_00_start.ipynb",
    )
    _, files, table = collected(download)
    assert set(files) == {
        "anon_8aBc3/01_returns.ipynb",
        "anon_8aBc3/00_start.ipynb",
        "anon_Xy7/01_returns.ipynb",
    }
    assert {row["id"]: row["late"] for row in table} == {"8aBc3": "no", "Xy7": "yes"}


def test_the_latest_of_a_file_counts(collected: Collect, download: Path) -> None:
    put(
        download,
        "lovelaceada_1234_700_01_returns-2.ipynb",
        "lovelaceada_1234_99_01_returns.ipynb",
        "lovelaceada_1234_100_01_returns-1.ipynb",
    )
    _, files, table = collected(download)
    assert files == {
        "lovelaceada/01_returns.ipynb": "lovelaceada_1234_700_01_returns-2.ipynb"
    }
    assert [row["note"] for row in table if not row["file"]] == [
        "it was handed in again later"
    ] * 2


# By what is special in a download, where its files come to lie.
PLACES = {
    "two students of one name": {
        "smithjohn_1_5_01_returns.ipynb": "smithjohn 1/01_returns.ipynb",
        "smithjohn_2_6_01_returns.ipynb": "smithjohn 2/01_returns.ipynb",
        "lovelaceada_3_7_01_returns.ipynb": "lovelaceada/01_returns.ipynb",
    },
    "Moodle with one student": {
        "Ada Lovelace_12345_assignsubmission_file_/01_returns.ipynb": (
            "Ada Lovelace/01_returns.ipynb"
        ),
    },
    "a folder for each student": {
        "ada/01_returns.ipynb": "ada/01_returns.ipynb",
        "ada/.ipynb_checkpoints/01_returns-checkpoint.ipynb": "",
        "bob.ipynb": "bob/bob.ipynb",
        "carl/deep/er/work.zip": "carl/deep/er/work.zip",
        "collected.csv": "",
    },
}


@pytest.mark.parametrize("special", PLACES)
def test_where_files_come_to_lie(
    special: str, collected: Collect, download: Path
) -> None:
    put(download, *PLACES[special])
    told, files, _ = collected(download)
    places = {place: name for name, place in PLACES[special].items() if place}
    assert files == places
    assert told.stderr == ""
    assert ("read as folders" in told.stdout) == (
        special == "a folder for each student"
    )


def test_moodle(collected: Collect, download: Path) -> None:
    put(
        download,
        "Ada Lovelace_12345_assignsubmission_file_/01_returns.ipynb",
        "Ada Lovelace_12345_assignsubmission_file_/more/helper.py",
        "Ada Lovelace_12345_assignsubmission_onlinetext_/onlinetext.html",
        "Jürgen O'Müller_12346_assignsubmission_file/01_returns.ipynb",
        "Participant_7_assignsubmission_file_01_returns.ipynb",
        "Participant_8_assignsubmission_file_01_returns.ipynb",
        "Group A-Emmy Noether_9_assignsubmission_file_my_01_returns.ipynb",
        "grades.csv",
    )
    told, files, table = collected(download)
    assert set(files) == {
        "Ada Lovelace/01_returns.ipynb",
        "Ada Lovelace/more/helper.py",
        "Jürgen O'Müller/01_returns.ipynb",
        "Participant 7/01_returns.ipynb",
        "Participant 8/01_returns.ipynb",
        "Group A-Emmy Noether/my_01_returns.ipynb",
    }
    assert "students: 5, files: 6, read as Moodle" in told.stdout
    assert {row["late"] for row in table} == {""}
    notes = {row["from"]: row["note"] for row in table if row["note"]}
    assert notes == {
        "grades.csv": "its name is not one that Moodle gives",
        "Ada Lovelace_12345_assignsubmission_onlinetext_/onlinetext.html": (
            "it is no notebook (.ipynb), script (.py) or archive"
        ),
    }


LIST = """\
---
submission_409194023:
  :submitters:
  - :name: Ada Lovelace
    :sid: '0123'
    :email: ada@example.edu
  :created_at: 2026-04-26 17:34:00.861687000 Z
  :score: 2.0
  :results:
    tests: &1
    - !ruby/object:Test {name: "a: b", output: "- :name: Eve"}
    again: *1
  :history:
  - :id: 1
    :submitters:
    - :name: Eve
submission_9:
  :submitters:
  - :name: Ada Lovelace
    :sid: '0123'
submission_10:
  :submitters:
  - :name: Emmy Noether
    :sid: ''
  - :name: Grace Hopper
    :sid: "456"
submission_11:
  :submitters: []
"""


def test_gradescope(collected: Collect, download: Path) -> None:
    (download / METADATA).write_text(LIST)
    put(
        download,
        "submission_409194023/01_returns.ipynb",
        "submission_9/old_name.ipynb",
        "submission_10/mine/01_returns.ipynb",
        "submission_11/01_returns.ipynb",
        "submission_12/01_returns.ipynb",
    )
    told, files, table = collected(download)
    assert set(files) == {
        "Ada Lovelace/01_returns.ipynb",
        "Emmy Noether, Grace Hopper/mine/01_returns.ipynb",
        "submission_11/01_returns.ipynb",
        "submission_12/01_returns.ipynb",
    }
    assert "students: 4, files: 4, read as Gradescope" in told.stdout
    [old] = [row for row in table if row["note"]]
    assert old["from"] == "submission_9/old_name.ipynb"
    assert old["note"] == "it was handed in again later"
    assert {row["id"] for row in table} == {"0123", "456", ""}


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("", {}),
        ("submission_1: 3", {}),
        ("!!python/object/apply:os.abort []", {}),
        ("submission_1:\n  :submitters: [[{':name': Eve}], 3]", {}),
        (
            "submission_1:\n  :submitters:\n  - {':name': {a: b}}",
            {"submission_1": [{}]},
        ),
        (
            "a: &a [x]\nb: {<<: *a}\nsubmission_1:\n  :submitters:\n  - {':name': A}",
            {"submission_1": [{":name": "A"}]},
        ),
        # A bomb of aliases stands for 9**9 texts, if anybody builds them.
        (
            "a0: &a0 [x]\n"
            + "".join(
                f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
            ),
            {},
        ),
    ],
)
def test_only_the_people_are_taken_from_a_list(
    text: str, people: dict[str, list[dict[str, str]]], tmp_path: Path
) -> None:
    path = tmp_path / METADATA
    path.write_text(text)
    assert submitters(path) == people


@pytest.mark.parametrize(
    "content",
    [
        b"a: [",
        b"\xff\xfe",
        b"[" * 100_000,
        b"- " * 100_000,
        b"? [a]\n: b",
        b"\0",
        b"%YAML 9.9\n---\n",
    ],
)
def test_a_broken_list_is_one_sentence(content: bytes, download: Path) -> None:
    (download / METADATA).write_bytes(content)
    sentence = f"{METADATA} is not the list that Gradescope writes: it cannot be read."
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        submitters(download / METADATA)


def test_a_list_that_is_too_large_is_not_read(download: Path) -> None:
    with (download / METADATA).open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(ValueError, match=r"it has more than 20,971,520 bytes\."):
        submitters(download / METADATA)


def test_lessons_alone_are_one_students(
    run: Callable[[Path], Result], download: Path, tmp_path: Path
) -> None:
    put(download, "00_start.ipynb", "01_returns.ipynb")
    run(download)
    assert set(tree(tmp_path / "submissions")) == {
        "download/00_start.ipynb",
        "download/01_returns.ipynb",
    }


def test_another_download_is_added(
    run: Callable[[Path], Result], tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    put(first, "lovelaceada_1_5_00_start.ipynb", "noetheremmy_2_6_00_start.ipynb")
    put(second, "lovelaceada_1_9_00_start-1.ipynb", "lovelaceada_1_8_01_returns.ipynb")
    run(first)
    run(second)
    assert tree(tmp_path / "submissions") == {
        "lovelaceada/00_start.ipynb": "lovelaceada_1_9_00_start-1.ipynb",
        "lovelaceada/01_returns.ipynb": "lovelaceada_1_8_01_returns.ipynb",
        "noetheremmy/00_start.ipynb": "noetheremmy_2_6_00_start.ipynb",
    }


def test_the_graders_find_each_student(
    run: Callable[[Path], Result], download: Path, tmp_path: Path
) -> None:
    put(download, "lovelaceada_1_5_01_returns.ipynb", "noetheremmy_2_6_x.ipynb")
    run(download)
    found = find([tmp_path / "submissions"], tmp_path / "scratch")
    assert [each.name for each in found] == ["lovelaceada", "noetheremmy"]


def test_what_is_no_file_is_left_out(
    run: Callable[[Path], Result], download: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.ipynb"
    secret.write_text("secret")
    put(download, "ada/01_returns.ipynb")
    try:
        (download / "ada" / "secret.ipynb").symlink_to(secret)
        (download / "bob").symlink_to(tmp_path)
    except OSError as error:
        pytest.skip(f"no links here: {error}")
    expected = ["ada/secret.ipynb was left out: it is a link."]
    expected += ["bob was left out: it is a link."]
    if hasattr(os, "mkfifo"):
        os.mkfifo(download / "pipe.py")
        expected.append("pipe.py was left out: it is no file.")
    told = run(download)
    assert told.stderr.splitlines() == [f"Note: {each}" for each in expected]
    assert set(tree(tmp_path / "submissions")) == {"ada/01_returns.ipynb"}


def test_names_in_an_archive_cannot_lead_out(
    run: Callable[[Path], Result], tmp_path: Path
) -> None:
    path = tmp_path / "class.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("../ada_1_5_x.ipynb", "..\\ada_1_5_x.ipynb", "bob_2_6_y.ipynb"):
            archive.addfile(tarfile.TarInfo(name))
    told = run(path)
    assert "class.tar: ../ada_1_5_x.ipynb was left out" in told.stderr
    output = tmp_path / "submissions"
    assert "bob/y.ipynb" in tree(output)
    assert all(each.is_relative_to(output) for each in tmp_path.rglob("y.ipynb"))
    assert not list(tmp_path.rglob("x.ipynb"))


def test_no_cell_of_the_table_is_a_formula(
    run: Callable[[Path], Result], download: Path, tmp_path: Path
) -> None:
    put(download, '=HYPERLINK("x")/01_returns.ipynb', "+1/a.ipynb")
    run(download)
    with (tmp_path / "submissions" / collecting.TABLE).open(
        encoding="utf-8-sig", newline=""
    ) as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("names", [["README.md"], []])
def test_an_empty_download_is_said(
    names: list[str], download: Path, tmp_path: Path
) -> None:
    put(download, *names)
    with pytest.raises(ValueError, match="There is nothing to collect in"):
        collecting.collect(download, tmp_path / "out", tmp_path / "scratch")
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_is_said(tmp_path: Path) -> None:
    path = tmp_path / "class.zip"
    path.write_bytes(b"PK")
    with pytest.raises(
        ValueError, match=r"nothing to collect .+ class\.zip is damaged"
    ):
        collecting.collect(path, tmp_path / "out", tmp_path / "scratch")


def test_what_was_asked_for_does_not_fit(download: Path, tmp_path: Path) -> None:
    put(download, "ada.ipynb", "ada.pdf")
    with pytest.raises(ValueError, match=r"out lies in .*download, which is only read"):
        collecting.collect(download, download / "out", tmp_path)
    with pytest.raises(ValueError, match=r"ada\.pdf is neither a folder nor an archi"):
        collecting.collect(download / "ada.pdf", tmp_path / "out", tmp_path)


def test_a_file_that_cannot_be_opened_costs_itself(
    download: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(download, "ada.ipynb", "bob.ipynb")
    read = Path.read_bytes

    def closed(self: Path) -> bytes:
        if self.name == "bob.ipynb":
            raise PermissionError(13, "Permission denied")
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", closed)
    told = collecting.collect(download, tmp_path / "out", tmp_path)
    assert told.notes == (
        "bob.ipynb was left out: it cannot be opened (Permission denied).",
    )
