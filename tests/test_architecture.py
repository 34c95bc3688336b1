"""The shape of the project: which module may import which, and how long it may be."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "course").rglob("*.py"))

# From the mathematics up to the command line. A module imports from lower lines
# only; within a line, a package imports only itself.
LAYERS = [
    ["files", "validate"],
    ["returns", "exploration", "losses", "optim"],
    ["config"],
    ["environments"],
    ["networks"],
    ["rollout"],
    ["shared"],
    ["algorithms"],
    ["actor_learner"],
    ["evaluate"],
    ["plots"],
    ["trainers"],
    ["experiments"],
    ["exercises"],
    ["notebook"],
    ["grading"],
    ["doctor"],
    ["cli"],
    ["__init__", "__main__"],  # the face: nothing below looks up at it
]
HEIGHT = {part: height for height, line in enumerate(LAYERS) for part in line}


def imported_names(source: str, package: str) -> set[str]:
    """The full dotted name of everything that `source` imports, at any depth."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(relative, package)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def parts_imported(source: str, package: str) -> set[str]:
    """The parts of `course` that `source` imports; a name of its face is `__init__`."""
    parts = set()
    for name in imported_names(source, package):
        top, _, below = name.partition(".")
        # The version number is a constant, free to all.
        if top == "course" and below != "__version__":
            part = below.partition(".")[0]
            parts.add(part if part in HEIGHT else "__init__")
    return parts


def upward_arrows(part: str, source: str, package: str) -> set[str]:
    return {
        other
        for other in parts_imported(source, package)
        if other != part and HEIGHT[other] >= HEIGHT[part]
    }


def part_of(path: Path) -> str:
    return path.relative_to(ROOT / "course").with_suffix("").parts[0]


def package_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).parent.parts)


each_source = pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: str(path.relative_to(ROOT))
)


@each_source
def test_a_module_has_its_place(path: Path) -> None:
    part = part_of(path)
    assert part in HEIGHT, f"say in LAYERS where course/{part} belongs"


@each_source
def test_arrows_run_downward(path: Path) -> None:
    arrows = upward_arrows(part_of(path), path.read_text("utf-8"), package_of(path))
    assert not arrows, f"{path.name} imports from its own line or above: {arrows}"


@each_source
def test_course_does_not_import_what_is_made_from_it(path: Path) -> None:
    names = imported_names(path.read_text("utf-8"), package_of(path))
    tops = {name.partition(".")[0] for name in names}
    assert tops.isdisjoint({"lessons", "solutions", "tests"})


@each_source
def test_a_module_is_short(path: Path) -> None:
    length = len(path.read_text("utf-8").splitlines())
    # A lesson's exercises are a catalogue to look things up in: one file a lesson.
    limit = 1_000 if path.match("course/exercises/lesson_*.py") else 350
    assert length <= limit, f"{path.name} is too long to find one's way in"


@pytest.mark.parametrize(
    ("part", "source", "arrows"),
    [
        ("losses", "from course.validate import check_shape", set()),
        ("losses", "import course.returns", {"returns"}),
        ("losses", "from course import cli", {"cli"}),
        ("losses", "from course import train", {"__init__"}),
        ("doctor", "from course import __version__", set()),
        ("losses", "from .trainers.sequential import train", {"trainers"}),
        ("losses", "def f():\n    import course.shared", {"shared"}),
        ("trainers", "from course.trainers.result import TrainResult", set()),
        ("cli", "import numpy.random", set()),
    ],
)
def test_an_upward_arrow_is_seen(part: str, source: str, arrows: set[str]) -> None:
    assert upward_arrows(part, source, "course") == arrows


def test_importing_course_is_light() -> None:
    # `course --help` and the first cell of a lesson should not wait for torch.
    heavy = "{'torch', 'matplotlib', 'gymnasium'} & set(sys.modules)"
    script = f"import course, sys; print({heavy} or 'light')"
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.stdout == "light\n", answer.stderr


def test_the_project_stands_alone() -> None:
    # Written in halves, so that this file does not name what it looks for.
    foreign = [b".." + b"/shared", b"/work" + b"/"]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    assert ROOT / "pyproject.toml" in files
    named = [
        path
        for path in files
        if path.is_file() and any(word in path.read_bytes() for word in foreign)
    ]
    assert not named
