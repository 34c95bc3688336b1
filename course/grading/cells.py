"""Running cells one after another, as Jupyter does, without Jupyter.

What a kernel forgives, this forgives: a missing screen, a shell that is not there, a
package that only the student's machine has.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import importlib
import inspect
import linecache
import sys
import types
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from course.grading.notebook import Cell, parsed

FUTURES = 0
for _name in __future__.all_feature_names:
    FUTURES |= getattr(__future__, _name).compiler_flag


class Quiet:
    """Takes any call and any attribute, and does nothing.

    It stands for `get_ipython()`, for what a shell line gives (an empty list), and for
    a package that is not here, with its decorators, types and base classes.
    """

    def __getattr__(self, name: str) -> Quiet:
        """Itself, whatever is asked for."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *given: Any, **_: Any) -> Any:
        """Itself, or as a decorator what it decorates."""
        if len(given) == 1 and isinstance(given[0], types.FunctionType | type):
            return given[0]
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, _: Any) -> Quiet:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __or__(self, _: Any) -> Quiet:
        return self

    __ror__ = __or__

    def __mro_entries__(self, _: Any) -> tuple[type, ...]:
        return ()

    def __contains__(self, _: Any) -> bool:
        return False


def nothing(*_: Any, **__: Any) -> None:
    """In the place of `check`, `display` and others: grading needs none of it."""


class Kernel:
    """One namespace, in which cells run in order.

    Attributes:
        namespace: What the cells have defined.
        answers: By name, the last of their own functions that they have had. A result
            may be given the function's name later (`entropy = entropy(logits)`), or a
            function of the course's be imported for comparison: that takes no answer
            away.
        places: By name, the numbers of the cells with a definition.
        missing: Modules that a cell wanted to import and that are not here, with the
            cell's number.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        module = types.ModuleType("__main__")
        # Functions are found by the name of their module: pickles, dataclasses.
        sys.modules["__main__"] = module
        # Beside a notebook may lie what one of its cells has written.
        sys.path.insert(0, str(Path.cwd()))
        self.namespace = module.__dict__
        self.namespace |= {"get_ipython": Quiet(), "display": nothing, "_": ""}
        self.answers: dict[str, Any] = {}
        self.places: dict[str, list[int]] = {}
        self.missing: list[tuple[int, str]] = []
        self._wanted = wanted
        self._run: set[int] = set()
        self._again = False
        self._flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def run(self, cell: Cell) -> None:
        """Runs a cell; an import that fails costs its own line only.

        A cell may be run again, when the cells below have run: notebooks are worked
        in from bottom to top as well. Then it only adds answers that are missing.

        Raises:
            BaseException: Whatever the cell raises.
        """
        tree = parsed(cell)
        if tree is None:
            return
        self._again = cell.number in self._run
        self._run.add(cell.number)
        for line in [] if self._again else tree.body:
            if isinstance(line, ast.FunctionDef) and line.name in self._wanted:
                self.places.setdefault(line.name, []).append(cell.number)
        lines = [f"{line}\n" for line in cell.source.split("\n")]
        # So that a traceback can quote the student's own line.
        linecache.cache[cell.name] = (len(cell.source), None, lines, cell.name)
        # The cell above may have written a module just now.
        importlib.invalidate_caches()
        for line in _one_by_one(tree):
            try:
                self._execute(line, cell.name)
            except ImportError as error:
                if not isinstance(line, ast.Import | ast.ImportFrom):
                    raise
                self._do_without(line)
                name = error.name or ast.unparse(line)
                self.missing.append((cell.number, name))

    def keep_answers(self) -> None:
        """Notes the answers that there are after a cell, also after one that failed.

        Nothing may interrupt this, as a time limit does what is in `run`.
        """
        for name in self._wanted:
            if self._again and name in self.answers:
                continue
            value = self.namespace.get(name)
            if callable(value) and not _is_the_courses(value):
                self.answers[name] = value

    def _execute(self, line: ast.stmt, place: str) -> None:
        tree: ast.Module | ast.Expression = ast.Module([line], [])
        mode = "exec"
        if isinstance(line, ast.Expr):
            tree, mode = ast.Expression(line.value), "eval"
        code = compile(tree, place, mode, self._flags, dont_inherit=True)
        # As in Jupyter, `from __future__ import ...` holds for all cells below.
        self._flags |= code.co_flags & FUTURES
        value = eval(code, self.namespace)
        if code.co_flags & inspect.CO_COROUTINE:
            value = asyncio.run(value)
        if value is not None:
            self.namespace["_"] = value

    def _do_without(self, line: ast.Import | ast.ImportFrom) -> None:
        """Lets the rest of the cell go on: `drive.mount(...)` is no answer."""
        for alias in line.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.namespace.setdefault(name, Quiet())


def _is_the_courses(value: Any) -> bool:
    """Whether this was imported from the course: it is nobody's answer."""
    module = getattr(value, "__module__", None)
    return isinstance(module, str) and module.split(".")[0] == "course"


def _one_by_one(tree: ast.Module) -> Iterator[ast.stmt]:
    """The lines of a cell, and `import a, b` as two of them."""
    for line in tree.body:
        if isinstance(line, ast.Import):
            for alias in line.names:
                yield ast.copy_location(ast.Import([alias]), line)
        else:
            yield line
