"""The generator of the notebooks: what it makes, what it refuses, what it leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tools.lesson_source import LessonError, read
from tools.lessons import identities, main, make

TEXT = "# %% [markdown]\n# # 00 Start\n# Some words.\n"
CODE = "# %%\nimport torch\n"
TRAIN = '# %% tags=["train"]\n# About 2 seconds.\nprint("training")\n'


def exercise(number: int, name: str, parameters: str) -> list[str]:
    """The four cells that every exercise has."""
    return [
        f"# %% [markdown]\n# ### Exercise 00.{number}: {name}\n# Difficulty 1 of 5\n",
        f"# %%\ndef {name}({parameters}):\n"
        '    """What it is."""\n'
        "    ### BEGIN SOLUTION\n"
        "    answer = 1\n"
        "    ### END SOLUTION\n"
        "    return answer\n",
        f"# %%\ncheck({name})\n",
        f"# %%\n# hint({name})\n",
    ]


WHY = (
    "# %% [markdown]\n# **Why?** Why is it so?\n#\n"
    "# ### BEGIN SOLUTION\n# Because of that.\n# ### END SOLUTION\n"
)
GUESS = '# %%\npredict("00.1", "What is it?", guess=None)\n'
LATER = '# %%\nif ready(episode_return):\n    predict("00.1", happened=1)\n'
FIRST = exercise(1, "episode_return", "rewards")
SECOND = exercise(2, "discounted_return", "rewards, gamma")
WHOLE = [TEXT, CODE, *FIRST, GUESS, LATER, WHY, *SECOND, TRAIN]


@pytest.fixture
def lesson(tmp_path: Path) -> Callable[[list[str]], Path]:
    """Writes a source of these cells."""

    def write(cells: list[str]) -> Path:
        path = tmp_path / "solutions" / "00_start.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(cells), "utf-8")
        return path

    return write


Lesson = Callable[[list[str]], Path]


def tool(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--folder", str(folder)])


def cells_of(folder: Path, kind: str) -> dict[str, Any]:
    content = json.loads((folder / kind / "00_start.ipynb").read_text("utf-8"))
    return {cell["id"]: cell for cell in content["cells"]}


def source_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_a_solution_becomes_a_stub(lesson: Lesson, tmp_path: Path) -> None:
    lesson(WHOLE)
    assert tool(tmp_path).exit_code == 0
    name = "solution-discounted_return"
    assert source_of(cells_of(tmp_path, "lessons")[name]) == (
        'def discounted_return(rewards, gamma):\n    """What it is."""\n'
        '    raise NotImplementedError("Exercise 00.2: discounted_return")\n'
        "    return answer"
    )
    # nbgrader makes its own version from this one, so the delimiters stay.
    assert "### BEGIN SOLUTION\n    answer = 1" in source_of(
        cells_of(tmp_path, "solutions")[name]
    )
    written = source_of(cells_of(tmp_path, "lessons")["answer-00-1"])
    assert written == "**Why?** Why is it so?\n\n*Write your answer here.*"


def test_no_solution_is_left_in_a_lesson(lesson: Lesson) -> None:
    _, shipped = make(lesson(WHOLE)).values()
    assert "SOLUTION" not in shipped
    assert "answer = 1" not in shipped
    assert "Because" not in shipped


def test_the_metadata_say_what_a_cell_is_for(lesson: Lesson, tmp_path: Path) -> None:
    lesson(WHOLE)
    tool(tmp_path)
    cells = cells_of(tmp_path, "lessons")
    check = cells["check-episode_return"]["metadata"]
    assert check == {
        "course": {"exercise": "00.1", "role": "check"},
        "deletable": False,
        "editable": False,
        "nbgrader": {
            "grade": True,
            "grade_id": "check-episode_return",
            "locked": True,
            "points": 1,
            "schema_version": 3,
            "solution": False,
            "task": False,
        },
    }
    solution = cells["solution-episode_return"]["metadata"]["nbgrader"]
    assert (solution["grade"], solution["solution"]) == (False, True)
    answer = cells["answer-00-1"]["metadata"]["nbgrader"]
    assert (answer["grade"], answer["solution"], answer["points"]) == (True, True, 0)
    # What is the student's to change has nothing to do with nbgrader.
    assert cells["train-about-2-seconds"]["metadata"] == {
        "course": {"exercise": "00.2", "role": "train"},
        "tags": ["train"],
    }
    assert cells["predict-00-1"]["metadata"] == {
        "course": {"exercise": "00.1", "role": "predict"}
    }


def test_both_notebooks_have_the_same_cells(lesson: Lesson, tmp_path: Path) -> None:
    lesson(WHOLE)
    tool(tmp_path)
    solved, shipped = cells_of(tmp_path, "solutions"), cells_of(tmp_path, "lessons")
    assert list(solved) == list(shipped)
    assert len(shipped) == len(WHOLE)
    for cell in solved:
        assert solved[cell]["metadata"] == shipped[cell]["metadata"]
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell)


def test_identities_stay_when_a_cell_is_put_in(lesson: Lesson) -> None:
    before = list(identities(read(lesson(WHOLE))))
    new = "# %% [markdown]\n# ## Something new\n"
    after = list(identities(read(lesson([*WHOLE[:1], new, *WHOLE[1:]]))))
    assert after == [before[0], "text-something-new", *before[1:]]


def test_equal_cells_are_numbered(lesson: Lesson) -> None:
    names = list(identities(read(lesson([*WHOLE, CODE, CODE]))))
    assert names[1] == "code-import-torch"
    assert names[-2:] == ["code-import-torch-2", "code-import-torch-3"]


def test_made_twice_it_is_the_same_to_the_byte(lesson: Lesson, tmp_path: Path) -> None:
    source = lesson(WHOLE)
    assert make(source) == make(source)
    assert tool(tmp_path).output.count("made") == 2
    assert tool(tmp_path).output == ""  # nothing to do
    for kind in ("lessons", "solutions"):
        content = (tmp_path / kind / "00_start.ipynb").read_bytes()
        assert b"\r" not in content
        assert b"version" not in content.split(b"language_info")[1].split(b"}")[0]
        assert len(list((tmp_path / kind).iterdir())) == (1 if kind == "lessons" else 2)


def test_drift_is_listed(lesson: Lesson, tmp_path: Path) -> None:
    lesson(WHOLE)
    missing = tool(tmp_path, "--check")
    assert missing.exit_code == 1
    assert "lessons/00_start.ipynb is not what its source makes" in missing.output
    assert not (tmp_path / "lessons").exists()
    tool(tmp_path)
    assert tool(tmp_path, "--check").exit_code == 0
    lesson([*WHOLE, CODE])
    assert tool(tmp_path, "--check").output.count("is not what its source makes") == 2
    assert tool(tmp_path).exit_code == 0
    assert tool(tmp_path, "--check").exit_code == 0


def test_a_notebook_without_a_source_is_named(lesson: Lesson, tmp_path: Path) -> None:
    lesson(WHOLE)
    tool(tmp_path)
    (tmp_path / "lessons" / "07_gone.ipynb").write_text("{}")
    assert "lessons/07_gone.ipynb has no source." in tool(tmp_path).output


def test_what_a_student_wrote_is_not_overwritten(
    lesson: Lesson, tmp_path: Path
) -> None:
    lesson(WHOLE)
    tool(tmp_path)
    path = tmp_path / "lessons" / "00_start.ipynb"
    mine = path.read_text("utf-8").replace("raise NotImpl", "mine = 3  # NotImpl")
    path.write_text(mine, "utf-8")
    refused = tool(tmp_path)
    assert refused.exit_code == 1
    assert "lessons/00_start.ipynb was edited by hand" in refused.output
    assert path.read_text("utf-8") == mine
    assert tool(tmp_path, "--force").exit_code == 0
    assert path.read_text("utf-8") != mine


def test_outputs_alone_are_no_edit(lesson: Lesson, tmp_path: Path) -> None:
    lesson(WHOLE)
    tool(tmp_path)
    path = tmp_path / "lessons" / "00_start.ipynb"
    path.write_text(path.read_text("utf-8").replace("null", "7"), "utf-8")
    assert tool(tmp_path).exit_code == 0
    assert "7" not in [
        str(cell.get("execution_count"))
        for cell in cells_of(tmp_path, "lessons").values()
    ]


def test_a_broken_notebook_is_not_overwritten(lesson: Lesson, tmp_path: Path) -> None:
    lesson(WHOLE)
    tool(tmp_path)
    (tmp_path / "lessons" / "00_start.ipynb").write_text("<<<<<<< yours")
    assert "was edited by hand" in tool(tmp_path).output


def test_a_lesson_is_made_alone(lesson: Lesson, tmp_path: Path) -> None:
    lesson(WHOLE)
    (tmp_path / "solutions" / "01_returns.py").write_text("# %%\ncheck(nothing)\n")
    assert tool(tmp_path, "00_start").exit_code == 0
    unknown = tool(tmp_path, "00_begin")
    assert unknown.exit_code == 2
    assert "no such lesson: 00_begin" in unknown.output


def test_one_bad_source_does_not_stop_the_others(
    lesson: Lesson, tmp_path: Path
) -> None:
    lesson(WHOLE)
    (tmp_path / "solutions" / "01_returns.py").write_text("# %%\ncheck(nothing)\n")
    answer = tool(tmp_path)
    assert answer.exit_code == 1
    assert "made lessons/00_start.ipynb" in answer.output
    expected = "01_returns.py, cell 1: nothing is no exercise of this lesson."
    assert expected in answer.output


def without(cells: list[str], *gone: str) -> list[str]:
    assert all(cell in cells for cell in gone)
    return [cell for cell in cells if cell not in gone]


def edited(cells: list[str], old: str, new: str) -> list[str]:
    assert any(old in cell for cell in cells)
    return [cell.replace(old, new) for cell in cells]


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (edited(WHOLE, "    ### END SOLUTION\n", ""), "cell 4: a BEGIN SOLUTION with"),
        (edited(WHOLE, "    ### BEGIN SOLUTION\n", ""), "cell 4: an END without its"),
        (
            edited(WHOLE, "    answer = 1\n", "    ### BEGIN SOLUTION\n"),
            "cell 4: a second BEGIN SOLUTION.",
        ),
        (
            edited(WHOLE, "### BEGIN SOLUTION", "### BEGIN SOLUTION (one line)"),
            "stand alone in their lines",
        ),
        (
            [*WHOLE, "# %%\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n"],
            "a cell that defines one exercise's function, this one defines none.",
        ),
        (
            edited(WHOLE, "    ### BEGIN", "### BEGIN"),
            "### BEGIN SOLUTION must stand inside the function.",
        ),
        (
            edited(WHOLE, "check(episode", "check(epsode"),
            "epsode_return is no exercise",
        ),
        (edited(WHOLE, "00.2", "00.3"), "discounted_return is exercise 00.2."),
        (without(WHOLE, FIRST[0]), "episode_return has no heading (### Exercise NN.k"),
        (without(WHOLE, FIRST[1]), "episode_return has no cell with a solution region"),
        (without(WHOLE, FIRST[2]), "episode_return has no check."),
        (without(WHOLE, SECOND[3]), "discounted_return has no hint (# hint(name))."),
        ([*WHOLE, FIRST[2]], "episode_return has 2 times its check."),
        (
            [TEXT, *SECOND, *FIRST],
            "expected the heading (### Exercise NN.k: name) of episode_return next, "
            "found the heading (### Exercise NN.k: name) of discounted_return.",
        ),
        (
            [FIRST[0], FIRST[2], FIRST[1], FIRST[3], *SECOND],
            "expected the cell with a solution region of episode_return next, found "
            "the check of episode_return.",
        ),
    ],
)
def test_a_faulty_source_gets_one_sentence(
    cells: list[str], sentence: str, lesson: Lesson
) -> None:
    with pytest.raises(LessonError, match=re.escape(sentence)):
        read(lesson(cells))
