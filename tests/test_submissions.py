"""What was handed in is found: files, folders, archives, names."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from course.grading import archives, submissions
from course.grading.names import LONGEST_NAME, MOST_NAME_BYTES, safe_name, shown
from course.grading.submissions import Submission, find, unique_names

Find = Callable[..., list[Submission]]


@pytest.fixture
def found(tmp_path: Path) -> Find:
    """What `find` finds in paths."""
    numbers = itertools.count()

    def finding(*paths: Path) -> list[Submission]:
        scratch = tmp_path / f"scratch {next(numbers)}"
        return find(paths, scratch)

    return finding


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "handed in"
    made.mkdir()
    return made


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")


def zipped(path: Path, *names: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    return path


def told(submissions: list[Submission]) -> dict[str, list[str]]:
    """By name, what the files are called."""
    return {each.name: [file.name for file in each.files] for each in submissions}


def test_a_file_is_a_submission(found: Find, folder: Path) -> None:
    put(folder, "ada.ipynb", "bob.v2.py")
    [ada, bob] = found(folder / "ada.ipynb", folder / "bob.v2.py")
    assert ada == Submission("ada", (folder / "ada.ipynb",))
    assert bob == Submission("bob.v2", (folder / "bob.v2.py",))


def test_in_a_folder_files_folders_and_archives_are_submissions(
    found: Find, folder: Path
) -> None:
    put(folder, "ada.ipynb", "bob/b.ipynb", "bob/more/a.py", "README.md", "emmy/e.PY")
    put(folder, "collected.csv", "carl/essay.pdf")
    zipped(folder / "dora.zip", "work/01_returns.ipynb", "02_hogwild.ipynb")
    assert told(found(folder)) == {
        "ada": ["ada.ipynb"],
        "bob": ["b.ipynb", "a.py"],
        "carl": [],
        "dora": ["02_hogwild.ipynb", "01_returns.ipynb"],
        "emmy": ["e.PY"],
    }
    [carl] = [each for each in found(folder) if each.name == "carl"]
    assert carl.problems == ("carl holds no notebook (.ipynb) and no script (.py).",)


def test_lessons_in_one_folder_are_one_students(found: Find, folder: Path) -> None:
    put(folder, "01_returns.ipynb", "00_start.ipynb", "notes.txt")
    [one] = found(folder)
    assert one.name == "handed in"
    assert [file.name for file in one.files] == ["00_start.ipynb", "01_returns.ipynb"]
    # With one file of another name, or a lesson twice, they are several students'.
    put(folder, "01_returns.py")
    assert len(found(folder)) == 3
    (folder / "01_returns.py").unlink()
    put(folder, "ada_01_returns.ipynb")
    assert len(found(folder)) == 3


def test_the_lessons_have_the_names_of_the_exercises() -> None:
    from course.exercises import LESSONS

    assert {f"lesson_{name}" for name in submissions.LESSONS} == set(LESSONS)


def test_an_archive_is_as_the_folder_in_it(found: Find, folder: Path) -> None:
    whole = zipped(folder / "class.zip", "handed/in/ada.ipynb", "handed/in/bob/x.ipynb")
    assert told(found(whole)) == {"ada": ["ada.ipynb"], "bob": ["x.ipynb"]}
    one = zipped(folder / "ada.zip", "work/01_returns.ipynb", "work/00_start.ipynb")
    assert told(found(one)) == {"ada": ["00_start.ipynb", "01_returns.ipynb"]}


@pytest.mark.parametrize("ending", archives.ARCHIVES[1:])
def test_every_kind_of_tar_is_read(ending: str, found: Find, folder: Path) -> None:
    put(folder, "ada.ipynb")
    path = folder.parent / f"work{ending}"
    kind = {".tar": "", ".tgz": "gz"}.get(ending, ending.rpartition(".")[2])
    with tarfile.open(path, f"w:{kind}") as archive:
        archive.add(folder, "work")
    assert told(found(path)) == {"ada": ["ada.ipynb"]}


def test_an_archive_is_opened_in_an_archive_but_no_third(
    found: Find, folder: Path
) -> None:
    inmost = zipped(folder / "inmost.zip", "a.ipynb")
    inner = folder / "ada.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("b.ipynb", "{}")
        archive.write(inmost, "inmost.zip")
    outer = folder / "class.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, "ada.zip")
        archive.writestr("bob.ipynb", "{}")
    ada, bob = found(outer)
    assert (ada.name, bob.name) == ("ada", "bob")
    assert [file.name for file in ada.files] == ["b.ipynb"]
    assert ada.problems == (
        "inmost.zip was not opened: it is an archive in an archive.",
    )


def test_what_programs_have_made_is_passed_over(found: Find, folder: Path) -> None:
    put(
        folder,
        *("ada/a.ipynb", "ada/.ipynb_checkpoints/a-checkpoint.ipynb"),
        *("ada/__MACOSX/a.ipynb", "ada/__pycache__/a.py", ".hidden/a.ipynb"),
        *("ada/venv/pyvenv.cfg", "ada/venv/b.py", "__MACOSX/x.ipynb", "._a.ipynb"),
        *("venv/pyvenv.cfg", "venv/lib/b.py", "ada/.a.ipynb"),
    )
    assert told(found(folder)) == {"ada": ["a.ipynb"]}
    path = zipped(
        folder.parent / "all.zip",
        *("__MACOSX/._a.ipynb", "a.ipynb", ".ipynb_checkpoints/b.ipynb"),
    )
    [one] = found(path)
    assert (one.name, one.problems) == ("a", ())


def test_other_archives_and_files_are_named(found: Find, folder: Path) -> None:
    put(folder, "ada/work.RAR", "bob.7z", "carl.pdf")
    bob, carl, ada = found(folder / "ada", folder / "bob.7z", folder / "carl.pdf")
    assert ada.problems[0].startswith("work.RAR is an archive of a kind that is not")
    assert bob.problems[0].startswith("bob.7z is an archive of a kind that is not")
    assert carl.problems == (
        "carl.pdf is no notebook (.ipynb), no script (.py) and no archive.",
    )


@pytest.mark.parametrize("name", ["nothing", "essay.docx"])
def test_nothing_to_grade_is_said(name: str, found: Find, folder: Path) -> None:
    put(folder, f"ada/{name}")
    with pytest.raises(ValueError, match=r"nothing to grade in .*: no notebook \(.ipy"):
        found(folder)
    with pytest.raises(ValueError, match=r"There is no .*missing\.ipynb\."):
        found(folder / "missing.ipynb")


def test_links_are_not_followed(found: Find, folder: Path) -> None:
    secret = folder.parent / "secret"
    put(secret, "01_returns.ipynb")
    try:
        (folder / "ada.ipynb").symlink_to(secret / "01_returns.ipynb")
    except OSError as error:
        pytest.skip(f"no links here: {error}")
    (folder / "bob").symlink_to(secret, target_is_directory=True)
    put(folder, "carl/a.ipynb")
    (folder / "carl" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "carl" / "b.zip").symlink_to(secret)
    (folder / "dora").symlink_to("nowhere")
    [ada, bob, carl, dora] = found(folder)
    assert told([ada, bob, carl, dora]) == {
        "ada": [],
        "bob": [],
        "carl": ["a.ipynb"],
        "dora": [],
    }
    assert carl.problems == (
        "b.zip is a link; links are not followed.",
        "up is a link; links are not followed.",
    )
    assert found(folder / "ada.ipynb") == [ada]
    assert found(folder / "bob") == [bob]


def test_too_many_files_are_not_read(
    found: Find, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "MOST_FILES", 2)
    put(folder, "ada/a.py", "ada/b.py", "ada/c.py")
    [ada] = found(folder)
    assert [file.name for file in ada.files] == ["a.py", "b.py"]
    assert ada.problems == (
        "ada holds more than 2 notebooks and scripts; the rest was not read.",
    )


def test_a_deep_folder_has_an_end(found: Find, folder: Path) -> None:
    put(folder, "ada/a.ipynb", f"ada/{'d/' * 30}b.ipynb")
    [ada] = found(folder)
    assert [file.name for file in ada.files] == ["a.ipynb"]
    assert ada.problems == ("d was not opened: it lies too deep.",)


def test_a_folder_that_cannot_be_read_costs_itself(
    found: Find, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "ada/a.ipynb", "bob/b.ipynb")
    listed = Path.iterdir

    def iterdir(self: Path) -> object:
        if self.name == "bob":
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    ada, bob = found(folder)
    assert ada.problems == ()
    assert bob.problems == ("bob cannot be opened: Permission denied.",)
    [bob] = found(folder / "bob")
    assert bob.problems == ("bob cannot be opened: Permission denied.",)


def test_the_order_is_always_the_same(found: Find, folder: Path) -> None:
    put(folder, "b.ipynb", "A.ipynb", "c/2.py", "c/1.py")
    assert told(found(folder)) == {
        "A": ["A.ipynb"],
        "b": ["b.ipynb"],
        "c": ["1.py", "2.py"],
    }
    given = [folder / "b.ipynb", folder / "A.ipynb"]
    assert [each.name for each in found(*given)] == ["A", "b"]


# Names


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Émilie", "Émilie"),
        (unicodedata.normalize("NFD", "Émilie"), "Émilie"),
        ("数学", "数学"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("com¹ .x", "_com¹ .x"),
        ("lpt1", "_lpt1"),
        ("console", "console"),
        ("ada. . ", "ada"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\\b:c", "a_b_c"),
        ("a\x00b\nc\x7f", "a_b_c_"),
        ("half \udcff", "half _"),
        ("right\u202eleft", "right_left"),
        ('<>:"/\\|?*', "_________"),
    ],
)
def test_a_name_is_safe_everywhere(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert safe_name(safe) == safe


@pytest.mark.parametrize("letter", ["x", "é", "😀", "e\u0301", "数"])
def test_a_long_name_is_cut_and_keeps_its_ending(letter: str) -> None:
    safe = safe_name(letter * 300 + ".ipynb")
    assert safe.endswith(".ipynb")
    assert len(safe) <= LONGEST_NAME
    assert len(safe.encode()) <= MOST_NAME_BYTES
    assert len(safe_name("x" * 300)) == LONGEST_NAME
    assert safe_name("x." + "y" * 300) == "x." + "y" * 98


def test_names_are_unique_whatever_the_case() -> None:
    names = unique_names(["ada", "Ada", "ADA (2)", "a?", "a*", "x" * 99 + "1"] * 2)
    assert len({name.casefold() for name in names}) == len(names)
    assert names[:2] == ["ada", "Ada (2)"]
    assert all(len(name) <= LONGEST_NAME for name in names)


def test_a_quoted_name_is_short_and_printable() -> None:
    assert shown("a\x1b[31m\n\udcff") == "a?[31m??"
    assert shown("x" * 80) == "x" * 80
    assert shown("x" * 1000) == "x" * 79 + "…"


@pytest.mark.skipif(sys.platform != "linux", reason="no such file names elsewhere")
def test_a_name_that_is_no_text_is_found(found: Find, folder: Path) -> None:
    put(folder, os.fsdecode(b"ad\xff.ipynb"), "a\nb.ipynb")
    assert [each.name for each in found(folder)] == ["a_b", "ad_"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another"
)
def test_what_another_user_has_closed_costs_itself() -> None:
    script = (
        "import json, os, sys, pathlib\n"
        "sys.path[:] = json.loads(sys.argv[2])\n"
        "from course.grading.notebook import UnreadableError, content_of\n"
        "from course.grading.submissions import find\n"
        "os.setuid(65534)\n"
        "for each in find([pathlib.Path(sys.argv[1])], pathlib.Path(sys.argv[3])):\n"
        "    told = list(each.problems)\n"
        "    for file in each.files:\n"
        "        try:\n"
        "            content_of(file)\n"
        "        except UnreadableError as problem:\n"
        "            told.append(str(problem))\n"
        "    print(json.dumps([each.name, told]))\n"
    )
    # Not pytest's own folder, into which nobody else may go.
    with tempfile.TemporaryDirectory() as temporary:
        folder, scratch = Path(temporary, "handed in"), Path(temporary, "scratch")
        put(folder, "ada/a.ipynb", "bob/b.ipynb", "carl/c.ipynb", "dora.ipynb")
        zipped(folder / "emmy.zip", "e.ipynb")
        scratch.mkdir()
        for path, mode in (
            (Path(temporary), 0o755),
            (scratch, 0o777),
            (folder / "bob", 0),
            (folder / "carl", 0o444),  # its names can be read, and nothing else
            (folder / "dora.ipynb", 0),
            (folder / "emmy.zip", 0),
        ):
            path.chmod(mode)
        answer = subprocess.run(
            [sys.executable, "-c", script, folder, json.dumps(sys.path), scratch],
            capture_output=True,
            text=True,
            cwd=temporary,
        )
    assert answer.returncode == 0, answer.stderr
    problems = dict(map(json.loads, answer.stdout.splitlines()))
    assert problems == {
        "ada": [],
        "bob": ["bob cannot be opened: Permission denied."],
        "carl": ["c.ipynb cannot be opened: Permission denied."],
        "dora": ["dora.ipynb cannot be opened: Permission denied."],
        "emmy": ["emmy.zip cannot be opened: Permission denied."],
    }
