"""`course release`: the students' folder, and that no answer is in it."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from nbformat import v4
from processes import ROOT

from course.cli.releasing import release
from course.grading.release import ReleaseError, verify, without_regions
from course.grading.release import release as write

LESSONS = sorted(path.name for path in (ROOT / "lessons").glob("*.ipynb"))
SECRET = "the secret answer"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(release, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The students' folder with all lessons."""
    folder = tmp_path_factory.mktemp("release") / "students"
    told = run("--output", folder)
    assert told.exit_code == 0, told.output
    assert told.output == (
        f"{folder}: {', '.join(LESSONS)}, and the course that they import.\n"
    )
    return folder


def notebook(folder: Path, *cells: Any, name: str = "mine", **metadata: Any) -> Path:
    """Writes an instructor's own notebook."""
    path = folder / f"{name}.ipynb"
    whole = v4.new_notebook(cells=list(cells), metadata=metadata)
    path.write_text(nbformat.writes(whole), "utf-8")
    return path


def released(path: Path) -> Any:
    """The notebook as students get it."""
    write([str(path)], path.parent / "out")
    copy = path.parent / "out" / "lessons" / path.name
    return nbformat.reads(copy.read_text("utf-8"), as_version=4)


# The course's own lessons


def test_the_lessons_are_those_that_we_ship(everything: Path) -> None:
    assert len(LESSONS) == 7
    assert sorted(path.name for path in (everything / "lessons").iterdir()) == LESSONS
    for name in LESSONS:
        shipped = (ROOT / "lessons" / name).read_bytes()
        assert (everything / "lessons" / name).read_bytes() == shipped


def test_there_is_nothing_that_students_must_not_have(everything: Path) -> None:
    assert sorted(path.name for path in everything.iterdir()) == [
        "LICENSE",
        "README.md",
        "constraints.txt",
        "course",
        "environment.yml",
        "lessons",
        "pyproject.toml",
    ]
    for path in everything.rglob("*"):
        assert path.suffix not in (".pyc", ".tmp")
        if path.suffix == ".ipynb":
            assert "SOLUTION" not in path.read_text("utf-8")


def test_lines_of_the_solutions_are_not_in_the_lessons(everything: Path) -> None:
    # A second look, that knows nothing of how they were cut out.
    for name in LESSONS:
        solved = json.loads((ROOT / "solutions" / name).read_text("utf-8"))
        given_out = json.loads((everything / "lessons" / name).read_text("utf-8"))
        texts = ["".join(cell["source"]) for cell in given_out["cells"]]
        regions = 0
        for i, cell in enumerate(solved["cells"]):
            source = "".join(cell["source"])
            pattern = r"### BEGIN SOLUTION\n(.*?)\n *### END SOLUTION"
            for answer in re.findall(pattern, source, re.S):
                regions += 1
                assert answer not in texts[i]
        assert regions >= 4, name


@pytest.mark.timeout(300)
def test_what_its_readme_says_works(everything: Path) -> None:
    # As installed by `pip install -e .`: this folder's course is the one imported.
    readme = (everything / "README.md").read_text("utf-8")
    assert "@" not in readme
    assert f"- `lessons/{LESSONS[0]}`" in readme
    [line] = re.findall(r"^\.venv/bin/(course check .*)$", readme, re.M)
    where = "import course; print(course.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(everything)}
    answers = [
        subprocess.run(
            [sys.executable, *arguments],
            cwd=everything,
            env=environment,
            capture_output=True,
            text=True,
        )
        for arguments in (["-c", where], ["-m", *line.split()])
    ]
    assert answers[0].stdout == f"{everything / 'course' / '__init__.py'}\n"
    assert answers[1].stderr.endswith("Error: 0 of 2 exercises passed.\n")
    assert answers[1].stdout.count("Not attempted yet") == 2


def test_pip_and_conda_find_what_they_need(everything: Path) -> None:
    conda = (everything / "environment.yml").read_text("utf-8")
    assert "- -e ." in conda
    project = (everything / "pyproject.toml").read_text("utf-8")
    for named in re.findall(r'^(?:readme|license-files) = \W*"(.*?)"', project, re.M):
        assert (everything / named).is_file()


def test_some_lessons(tmp_path: Path) -> None:
    folder = tmp_path / "weeks" / "one"
    assert run("00_start", "01_returns", "--output", folder).exit_code == 0
    assert sorted(path.name for path in (folder / "lessons").iterdir()) == LESSONS[:2]
    readme = (folder / "README.md").read_text("utf-8")
    assert "01_returns" in readme
    assert "02_hogwild" not in readme


# An instructor's own notebook


def test_regions_are_cut_out(tmp_path: Path) -> None:
    answer = f"### BEGIN SOLUTION\n{SECRET}\n### END SOLUTION"
    code = (
        "def n_step_returns(rewards):\n"
        "    ### BEGIN SOLUTION\n"
        f"    '{SECRET}'\n"
        "    ### END SOLUTION\n"
        "assert n_step_returns\n"
        "### BEGIN HIDDEN TESTS\n"
        f"assert '{SECRET}'\n"
        "### END HIDDEN TESTS"
    )
    ran = v4.new_code_cell(f"x = 1\n{answer}", execution_count=3)
    ran.outputs = [v4.new_output("stream", text=SECRET)]
    task = f"Draw it.\n### BEGIN MARK SCHEME\n{SECRET}\n### END MARK SCHEME"
    path = notebook(
        tmp_path,
        v4.new_markdown_cell(f"**Why?**\n\n{answer}"),
        v4.new_code_cell(code),
        ran,
        v4.new_markdown_cell(task),
        v4.new_raw_cell("as it was"),
        widgets={"application/vnd.jupyter.widget-state+json": {"state": SECRET}},
    )
    copy = released(path)
    assert [cell.source for cell in copy.cells] == [
        "**Why?**\n\n*Write your answer here.*",
        "def n_step_returns(rewards):\n"
        '    raise NotImplementedError("Exercise 01.2: n_step_returns")\n'
        "assert n_step_returns",
        "x = 1\nraise NotImplementedError()",
        "Draw it.",
        "as it was",
    ]
    assert copy.cells[2].outputs == []
    assert copy.cells[2].execution_count is None
    assert SECRET not in nbformat.writes(copy)


def test_a_notebook_that_was_worked_in_counts_as_untouched(tmp_path: Path) -> None:
    from tools.lessons import edited

    solved = ROOT / "solutions" / "00_start.ipynb"
    path = tmp_path / "00_start.ipynb"
    path.write_text(solved.read_text("utf-8").replace("# 00 Start", "# Week 1"))
    assert edited(path)
    copy = released(path)
    assert copy.cells[0].source.startswith("# Week 1")
    assert not edited(tmp_path / "out" / "lessons" / "00_start.ipynb")


def test_an_old_form_of_notebooks_is_read(tmp_path: Path) -> None:
    old = {
        "metadata": {"name": ""},
        "nbformat": 3,
        "nbformat_minor": 0,
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {
                        "cell_type": "code",
                        "collapsed": False,
                        "input": f"### BEGIN SOLUTION\n{SECRET}\n### END SOLUTION",
                        "language": "python",
                        "metadata": {},
                        "outputs": [],
                    }
                ],
            }
        ],
    }
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps(old), "utf-8-sig")  # with the mark that Windows likes
    assert [c.source for c in released(path).cells] == ["raise NotImplementedError()"]


plain = st.sampled_from(["x = 1", "", "    return x", "# a solution begins here"])
region = st.tuples(
    st.sampled_from(["", "    "]),
    st.sampled_from(["SOLUTION", "HIDDEN TESTS", "MARK SCHEME"]),
    st.lists(plain),
)


@given(st.lists(plain | region))
def test_what_stands_inside_goes_and_the_rest_stays(pieces: list[Any]) -> None:
    written, expected = [], []
    for piece in pieces:
        if isinstance(piece, str):
            written.append(piece)
            expected.append(piece)
            continue
        indent, kind, inside = piece
        written += [f"{indent}### BEGIN {kind}", *inside, f"{indent}### END {kind}"]
        if kind == "SOLUTION":
            expected.append(f"{indent}stub")
    text, solutions = without_regions("\n".join(written), "stub")
    assert text.rstrip("\n") == "\n".join(expected).rstrip("\n")
    assert solutions == text.count("stub")


BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (f"{BEGIN}\nx", "cell 2: a BEGIN SOLUTION without its END SOLUTION."),
        (f"x\n{END}", "cell 2: an END without its BEGIN SOLUTION."),
        (f"{BEGIN}\n{BEGIN}\n{END}", "cell 2: a second BEGIN SOLUTION."),
        (
            f"{BEGIN}\n### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS\n{END}",
            "cell 2: inside a SOLUTION, a BEGIN HIDDEN TESTS.",
        ),
        (f"{BEGIN} here\nx\n{END}", "stand alone in their lines"),
        (f"# begin solution\nx\n{END}", "this is '# begin solution'."),
        ("print('BEGIN HIDDEN TESTS')", "stand alone in their lines"),
    ],
)
def test_what_is_not_clear_is_refused(
    source: str, sentence: str, tmp_path: Path
) -> None:
    path = notebook(tmp_path, v4.new_code_cell("first"), v4.new_code_cell(source))
    with pytest.raises(ReleaseError, match=re.escape(sentence)) as told:
        write([str(path)], tmp_path / "out")
    assert str(told.value).startswith("mine.ipynb, cell 2: ")
    assert [each.name for each in tmp_path.iterdir()] == ["mine.ipynb"]  # no half of it


def test_an_answer_without_a_region_is_refused(tmp_path: Path) -> None:
    cell = v4.new_code_cell(f"print('{SECRET}')")
    cell.metadata["nbgrader"] = {"solution": True}
    with pytest.raises(ReleaseError, match="cell 1 is marked as an answer, but has no"):
        released(notebook(tmp_path, cell))


@pytest.mark.parametrize("content", ["{", "[]", '{"cells": 3}', "{}", b"\xff\xfe\x00"])
def test_what_is_no_notebook_is_refused(content: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ReleaseError, match="is no notebook that can be read"):
        released(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": "# begin solution"}, "cell 1: '# begin solution' is left in it."),
        (
            {"metadata": {"old": "### END HIDDEN TESTS"}},
            "END HIDDEN TEST' is left in it.",
        ),
        (
            {"outputs": [v4.new_output("stream", text="7")]},
            "cell 1: an output is left in it.",
        ),
        ({"execution_count": 7}, "cell 1: an output is left in it."),
    ],
)
def test_what_was_written_is_looked_through(
    change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    cell = v4.new_code_cell("x = 1")
    verify(notebook(tmp_path, cell))
    cell.update(change)
    with pytest.raises(ReleaseError, match=re.escape(sentence)):
        verify(notebook(tmp_path, cell))


def test_the_metadata_are_looked_through(tmp_path: Path) -> None:
    path = notebook(tmp_path, note=f"{BEGIN} {SECRET}")
    with pytest.raises(ReleaseError, match="is left in its metadata"):
        released(path)


# What else may be wrong


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="out is there already: remove it, or choose"):
        write(["00_start"], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    (tmp_path / "out" / "mine.txt").unlink()
    write(["00_start"], tmp_path / "out")  # an empty folder is as good as none


def test_a_full_disk_is_said_of_the_folder_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.strerror(errno.ENOSPC)

    def copies(source: Path, target: Path, **_: Any) -> None:
        why = str(OSError(errno.ENOSPC, full, str(target / "x")))
        raise shutil.Error([(str(source / "x"), str(target / "x"), why)])

    def makes(source: Path, target: Path, **_: Any) -> None:
        raise OSError(errno.ENOSPC, full, str(target))

    output = tmp_path / "out"
    for fails in (copies, makes):
        monkeypatch.setattr(shutil, "copytree", fails)
        with pytest.raises(OSError, match=re.escape(full)) as told:
            write(["00_start"], output)
        assert told.value.filename == str(output)
        assert told.value.strerror == full
        assert list(tmp_path.iterdir()) == []


def test_mistakes_in_the_command(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean '01_returns'"):
        write(["01_return"], tmp_path / "out")
    other = tmp_path / "other"
    other.mkdir()
    twice = [str(notebook(tmp_path)), str(notebook(other))]
    with pytest.raises(ValueError, match="Two of the notebooks are called mine"):
        write(twice, tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        write(["missing.ipynb"], tmp_path / "out")
    with pytest.raises(ValueError, match=r"There is no solutions/.* needs a clone of"):
        write([], tmp_path / "out", root=tmp_path)
    assert not (tmp_path / "out").exists()
