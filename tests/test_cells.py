"""Reading and running cells as Jupyter does."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from course.grading.cells import Kernel, Quiet
from course.grading.notebook import Cell, UnreadableError, parsed, read


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    return Kernel(["f", "g"])


def attempt(kernel: Kernel, cell: Cell) -> None:
    try:
        kernel.run(cell)
    finally:
        kernel.keep_answers()


def run(kernel: Kernel, *sources: str) -> Any:
    for number, source in enumerate(sources, start=1):
        attempt(kernel, Cell(number, source))
    return kernel.namespace.get("x")


# Running


def test_a_line_at_a_time(kernel: Kernel) -> None:
    with pytest.raises(ZeroDivisionError):
        run(kernel, "x = 1\nx = 1 / 0\nx = 2")
    assert kernel.namespace["x"] == 1
    assert run(kernel, "") == 1


def test_the_last_value_has_a_name(kernel: Kernel) -> None:
    assert run(kernel, "x = _") == ""
    assert run(kernel, "6 * 7", "print()", "x = _ + 1") == 43


def test_await(kernel: Kernel) -> None:
    wait = "import asyncio\nx = await asyncio.sleep(0, 3)\nawait asyncio.sleep(0, 4)"
    assert run(kernel, wait) == 3
    assert kernel.namespace["_"] == 4


def test_a_future_holds_for_the_cells_below(kernel: Kernel) -> None:
    with pytest.raises(NameError):
        run(kernel, "def f(a: unknown): pass")
    run(kernel, "from __future__ import annotations", "def f(a: unknown): pass")
    assert kernel.answers["f"].__annotations__ == {"a": "unknown"}


def test_what_cannot_be_imported_is_done_without(kernel: Kernel) -> None:
    run(
        kernel,
        "import sys, no_such as n, json\nn.set(style=n.dark['x'])\nx = len(n.list)",
        "from no.such import this, that as the_other\nfrom nowhere import *\n"
        "import no.such.thing",
        "from json import no_such_name\ntry:\n    import nix\nexcept ImportError:\n"
        "    nix = 3",
    )
    assert kernel.namespace["x"] == 0
    assert kernel.namespace["json"] is json
    for name in ("n", "this", "the_other", "no", "no_such_name"):
        assert isinstance(kernel.namespace[name], Quiet)
    assert kernel.namespace["nix"] == 3
    assert kernel.missing == [
        (1, "no_such"),
        (2, "no"),
        (2, "nowhere"),
        (2, "no"),
        (3, "json"),
    ]
    with pytest.raises(ImportError):
        run(kernel, "def load():\n    import no_such\nload()")


def test_decorators_types_and_bases_may_be_missing(kernel: Kernel) -> None:
    run(
        kernel,
        "from no_such import Base, Float, jit",
        "@jit\n@jit(cache=True)\ndef f(a: Float | None, b: int | Float[2]): return 1",
        "@jit\nclass g(Base, dict):\n    pass",
    )
    assert kernel.answers["f"](0, 0) == 1
    assert kernel.answers["g"]() == {}


def test_answers_stay_when_their_names_are_used_again(kernel: Kernel) -> None:
    run(
        kernel,
        "def f(): return 1",
        "def g(): return 2",
        "f = f()\ng = [3]",
        "from course.returns import n_step_returns as f\ndel g",
    )
    assert kernel.answers["f"]() == 1
    assert kernel.answers["g"]() == 2
    attempt(kernel, Cell(5, "def f(): return 4"))
    assert kernel.answers["f"]() == 4


def test_an_answer_counts_though_its_cell_fails_below(kernel: Kernel) -> None:
    with pytest.raises(ZeroDivisionError):
        run(kernel, "f = lambda: 1\n1 / 0\ng = f")
    assert set(kernel.answers) == {"f"}


def test_a_second_chance_adds_what_is_missing_and_no_more(kernel: Kernel) -> None:
    late = Cell(1, "def f(): return 'old'\n@wrap\ndef g(): return 'old'")
    with pytest.raises(NameError):
        attempt(kernel, late)
    attempt(kernel, Cell(2, "def f(): return 'new'\nwrap = lambda each: each"))
    attempt(kernel, late)
    assert [kernel.answers[name]() for name in "fg"] == ["new", "old"]
    assert kernel.places == {"f": [1, 2], "g": [1]}


def test_a_traceback_quotes_the_right_line(kernel: Kernel) -> None:
    source = "x = 'a\u2028b'  # \x0c\n\nprint(1,\n    1 / 0)"
    with pytest.raises(ZeroDivisionError) as error:
        run(kernel, source)
    last = error.traceback[-1]
    assert (last.path, last.lineno + 1) == ("<cell 1>", 4)
    assert "1 / 0" in str(last.statement)


def test_quiet_is_empty_and_true() -> None:
    quiet = Quiet()
    assert quiet
    assert not list(quiet(1, a=2).b["c"])
    assert "x" not in quiet
    quiet["x"] = 3
    with quiet.open() as file:
        assert file is quiet
    assert not hasattr(quiet, "__array__")


# Magics that do something


@pytest.mark.parametrize(
    ("sources", "value"),
    [
        (["%time x = 3"], 3),
        (["if True:\n    %time x = 3\n    !ls"], 3),
        (["%%capture\n%%time\n\nx = 3"], 3),
        (["%%writefile a_helper.py\nx = 3\n", "from a_helper import x"], 3),
        (
            ["%%writefile a.py\nx = 'é'", "%%file -a a.py\n\nx += '!'", "%run a.py"],
            "é!",
        ),
        (
            [
                "%%writefile 'a.txt'\n%%x",
                "import pathlib\nx = pathlib.Path('a.txt').read_text()",
            ],
            "%%x",
        ),
        (["!ls\nx = get_ipython().user_ns.get('y')['z'] and 3"], 3),
        (["files = !ls\nx = [each for each in files]"], []),
    ],
)
def test_a_magic_that_a_later_line_needs(
    sources: list[str], value: Any, kernel: Kernel
) -> None:
    assert run(kernel, *sources) == value


@pytest.mark.parametrize("source", ["%%bash\n%%time\nls", "%%", "%%writefile\nx"])
def test_another_language_is_passed_over(source: str) -> None:
    assert parsed(Cell(1, source)) is None


@pytest.mark.parametrize(
    "source", ["!ls\nx = '\0'", "!ls\nx = '\ud800'", "!\n" + 999 * "("]
)
def test_what_no_parser_takes_is_a_syntax_error(source: str) -> None:
    with pytest.raises(SyntaxError):
        parsed(Cell(1, source))


# Reading


def sources_in(path: Path, content: Any) -> list[tuple[int, str]]:
    path.write_text(json.dumps(content))
    return [(cell.number, cell.source) for cell in read(path).cells]


def test_before_nbformat_4_cells_lay_in_worksheets(tmp_path: Path) -> None:
    def code(source: Any) -> dict[str, Any]:
        return {"cell_type": "code", "input": source, "language": "python"}

    text = {"cell_type": "markdown", "source": "x"}
    sheets = [
        {"cells": [text, code("a")]},
        None,
        {"cells": 7},
        {"cells": [code(["b"])]},
    ]
    content = {"nbformat": 3, "worksheets": sheets}
    assert sources_in(tmp_path / "x.ipynb", content) == [(2, "a"), (3, "b")]
    with pytest.raises(UnreadableError, match="no list of cells"):
        sources_in(tmp_path / "x.ipynb", {"worksheets": {}})


def test_a_cell_is_made_readable(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "code", "source": each} for each in ("a\r\nb\rc", "# \ud83d")
    ]
    found = sources_in(tmp_path / "X.IPYNB", {"cells": cells})
    assert found == [(1, "a\nb\nc"), (2, "# ?")]


def test_a_script_by_nbconvert_has_cells(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("# coding: utf-8\n\n# # Text\n\n# In[ ]:\n\n\na\n\n# In[12]:\nb\n")
    assert [cell.source for cell in read(path).cells][1:] == ["a", "b"]


def test_a_large_file_is_told_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("course.grading.notebook.LARGEST", 10)
    with pytest.raises(UnreadableError, match="without its outputs it is smaller"):
        sources_in(tmp_path / "x.ipynb", {"cells": []})


def test_every_kind_of_line_keeps_its_number() -> None:
    tree = parsed(Cell(1, "\n%%capture\n\n%%time\n\n!ls\n%time y = 1\n1 / 0"))
    assert isinstance(tree, ast.Module)
    assert tree.body[-1].lineno == 8
