"""What can be said of answers without running them: which are alike, which are ours.

Two answers have the same fingerprint if they differ in nothing but names, comments,
docstrings and annotations. That says what is worth a look, and no more: the same idea
in the same words comes to many people.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from course.grading.notebook import Cell, parsed

SMALLEST = 35
"""Nodes of a tree that has a fingerprint.

The course's own answers of a line or two have about 30 at most, and most people write
these alike (`log_probabilities` has 29, `trace_update`, its formula, 34). From here on
there is a loop, or steps in an order of one's own (`n_step_returns`: 37).
"""

# Characters of all cells, each as often as there are magics to be looked for in its
# cell: no handwriting is that long, and this must not take long.
LONGEST = 300_000
MAGIC = re.compile(r"[!%?]|^\s*[,;/]", re.MULTILINE)
MOST_MEANINGS = 100  # of one name
MOST_STEPS = 200_000  # from name to name, for all answers; ours take a few hundred
DIGITS = 16
# By these the course's own answers can be taken without their names.
WAYS = frozenset(
    ["EXERCISES", "__code__", "getsource", "getsourcefile", "getsourcelines"]
)
# A module of the course's as a text, which `import_module` or `open` may take.
PLACE = re.compile(r"\bcourse[./\\]+(exercises|\w+\.py|\w+$)")
LONGEST_PLACE = 10_000  # characters
DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef
# How the lines are written down, not what they do.
LEFT_OUT = frozenset(
    ["annotation", "ctx", "kind", "returns", "type_comment", "type_params"]
)


def fingerprints(cells: Iterable[Cell], names: Collection[str]) -> dict[str, str]:
    """For each of these functions, what its definition comes down to.

    The last definition counts. Variables are numbered in the order in which they
    appear; decorators, constants, and the names of functions called stay. The trees
    are written down by ourselves, so that versions of Python agree wherever their
    grammars do.

    Args:
        cells: What was handed in; a cell that is no Python is passed over.
        names: The functions that are looked for.

    Returns:
        By name, 16 hexadecimal digits. What is missing, or too short to tell one
        author from another, has none.
    """
    last = {
        line.name: line
        for _, line in _lines(cells)
        if isinstance(line, ast.FunctionDef) and line.name in names
    }
    found = {}
    for name, definition in last.items():
        try:
            bound = {each for node in ast.walk(definition) for each in _binds(node)}
            parts: list[str] = []
            _write(definition, bound, {}, parts)
        except RecursionError:
            continue
        if parts.count("(") >= SMALLEST:
            text = " ".join(parts)
            found[name] = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    return found


def course_answers(cells: Iterable[Cell], own: Mapping[str, str]) -> dict[str, str]:
    """Which answers lean on the course's own, as far as the text shows it.

    An answer does so if it, or something of the notebook's that it uses, mentions the
    course's function of its own exercise, or looks into `course.exercises`. The
    course's other functions are free to all: lessons import what earlier ones taught.

    Args:
        cells: What was handed in; a cell that is no Python is passed over.
        own: By exercise, the name that the course's own function has.

    Returns:
        By exercise, a sentence.
    """
    uses: dict[str, set[str]] = {}  # by a name of the notebook's, what stands behind it
    places: dict[str, int] = {}
    for cell, line in _lines(cells):
        if isinstance(line, ast.Import | ast.ImportFrom):
            for name, what in _imported(line, own.values()):
                uses[name] = {f"={what}"}
                places.pop(name, None)
        elif isinstance(line, DEFINITIONS | ast.ClassDef):
            uses[line.name] = _mentioned(line)
            places[line.name] = cell.number
        elif isinstance(line, ast.Assign | ast.AnnAssign) and line.value is not None:
            targets = line.targets if isinstance(line, ast.Assign) else [line.target]
            means = _meanings(_mentioned(line.value), uses)
            for target in targets:
                if isinstance(target, ast.Name):
                    uses[target.id] = means
                    places[target.id] = cell.number
    steps = iter(range(MOST_STEPS))
    return {
        name: f"{name} uses the course's own {function} (cell {places[name]})."
        for name, function in own.items()
        if name in places and _is_ours(_behind(uses[name], uses, steps), function)
    }


def glances(cells: Iterable[Cell]) -> list[str]:
    """Which cells seem to look for the course's answers without naming any.

    That shows in no answer's text. It is worth a look, and no more: a word such as
    `__code__` has other uses.

    Args:
        cells: What was handed in; a cell that is no Python is passed over.

    Returns:
        A sentence for each of these cells.
    """
    found = {}
    for cell, tree in _trees(cells):
        words = {word for node in ast.walk(tree) for word in _telling(node)}
        if words:
            found[cell.number] = min(words)
    return [
        f"Cell {number} seems to look at the course's own answers ({word})."
        for number, word in found.items()
    ]


def _telling(node: ast.AST) -> Iterator[str]:
    """What in this node leads to the course's answers."""
    if isinstance(node, ast.Attribute) and node.attr in {*WAYS, "reference"}:
        yield node.attr
    elif isinstance(node, ast.Name) and node.id in WAYS:
        yield node.id
    elif isinstance(node, ast.Import | ast.ImportFrom):
        # Lessons import from its modules what is no answer.
        names = [what for _, what in _imported(node)]
        names += [alias.name for alias in node.names]
        yield from {"course.exercises", *WAYS}.intersection(names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value in WAYS:
            yield node.value
        elif place := PLACE.search(node.value[:LONGEST_PLACE]):
            yield place[0]


def _trees(cells: Iterable[Cell]) -> Iterator[tuple[Cell, ast.Module]]:
    """Each cell that has something to run, up to some length of all of them."""
    left = LONGEST
    for cell in cells:
        left -= len(cell.source) * (1 + len(MAGIC.findall(cell.source)))
        if left < 0:
            return
        try:
            tree = parsed(cell)
        except SyntaxError:
            continue
        if tree is not None:
            yield cell, tree


def _lines(cells: Iterable[Cell]) -> Iterator[tuple[Cell, ast.stmt]]:
    """Each line at the top of a cell, or in an `if`, `try` or `with` there."""
    for cell, tree in _trees(cells):
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.stmt):
                yield cell, node
            if not isinstance(node, DEFINITIONS | ast.ClassDef | ast.expr):
                waiting += reversed(list(ast.iter_child_nodes(node)))


def _imported(
    line: ast.Import | ast.ImportFrom, all_of_them: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    """Each name that an import binds, and what it then means.

    Args:
        line: The import.
        all_of_them: What `import *` may bring.
    """
    for alias in line.names:
        if isinstance(line, ast.Import):
            # `import course.returns` binds `course`.
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or name, name
        else:
            for name in all_of_them if alias.name == "*" else [alias.name]:
                yield alias.asname or name, f"{line.module}.{name}"


def _mentioned(node: ast.AST) -> set[str]:
    """The dotted names in it; "=" in front of one that an import inside makes certain.

    A name that is bound inside, such as a parameter, is none of the notebook's.
    """
    local = {each: f"={each}" for each in _bound(node)}
    for each in ast.walk(node):
        if isinstance(each, ast.Import | ast.ImportFrom):
            local |= {name: f"={what}" for name, what in _imported(each)}
    found = set(local.values())
    waiting = [node]
    while waiting:
        each, parts = waiting.pop(), []
        while isinstance(each, ast.Attribute):
            parts.append(each.attr)
            each = each.value
        if isinstance(each, ast.Name):
            top = local.get(each.id, each.id)
            found.add(".".join([top, *reversed(parts)]))
        waiting += ast.iter_child_nodes(each)
    return found


def _bound(node: ast.AST) -> set[str]:
    arguments = {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
    return arguments | {
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def _meanings(names: Iterable[str], uses: Mapping[str, set[str]]) -> set[str]:
    """The names, and in the place of those that were imported what they mean now.

    They may be given another meaning below.
    """
    found: set[str] = set()
    for name in sorted(names):
        if len(found) >= MOST_MEANINGS:
            break
        top, dot, rest = name.partition(".")
        means = uses.get(top, set())
        if len(means) > MOST_MEANINGS:  # an import has few
            means = set()
        imported = {f"{each}{dot}{rest}" for each in means if each.startswith("=")}
        found |= imported or {name}
    return set(sorted(found)[:MOST_MEANINGS])


def _behind(
    names: Iterable[str], uses: Mapping[str, set[str]], steps: Iterator[int]
) -> set[str]:
    """The dotted names that these come to, through all that they use.

    Args:
        names: To begin with.
        uses: By a name of the notebook's, what stands behind it.
        steps: One is taken for each name that is looked at, until there is none.
    """
    found: set[str] = set()
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name.startswith("="):
            found.add(name[1:])
            continue
        top, dot, rest = name.partition(".")
        for each, _ in zip(uses.get(top, ()), steps, strict=False):
            # Only a module has parts that are worth a name.
            whole = f"{each}{dot}{rest}" if each.startswith("=") else each
            if whole not in seen:
                seen.add(whole)
                waiting.append(whole)
    return found


def _is_ours(names: Iterable[str], function: str) -> bool:
    """Whether one of these is the course's function, or its record of an exercise."""
    for name in names:
        parts = name.split(".")
        if parts[0] == "course" and (
            function in parts[1:] or "EXERCISES" in parts or "reference" in parts
        ):
            return True
    return False


def _binds(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name
    elif isinstance(node, DEFINITIONS | ast.ClassDef | ast.ExceptHandler) and node.name:
        yield node.name


def _write(
    value: Any, bound: Collection[str], order: dict[str, int], parts: list[str]
) -> None:
    """The tree from left to right: a bracket for each node, its kind, its fields.

    Args:
        value: A node, a list of nodes, or a constant.
        bound: The names that the function binds.
        order: Gets the number of each of these.
        parts: What is written goes to its end.
    """
    if isinstance(value, list):
        for each in value:
            _write(each, bound, order, parts)
    elif isinstance(value, ast.AnnAssign):
        if value.value is not None:  # as without the annotation
            assigned = ast.Assign([value.target], value.value)
            _write(assigned, bound, order, parts)
    elif isinstance(value, ast.AST):
        if _is_text(value):
            return
        parts += ["(", type(value).__name__]
        for field, content in ast.iter_fields(value):
            if field in LEFT_OUT or content is None or content == []:
                continue
            parts.append(field)
            named = isinstance(content, str) and not isinstance(value, ast.keyword)
            if named and field in ("id", "arg", "name", "asname") and content in bound:
                parts.append(str(order.setdefault(content, len(order))))
            else:
                _write(content, bound, order, parts)
        parts.append(")")
    else:
        parts.append(repr(value))


def _is_text(node: ast.AST) -> bool:
    """Whether this is a docstring, or another text that nothing is done with."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
