"""The lessons: made from their sources, built as promised, and each of them runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

import pytest
from notebooks import (
    ROOT,
    SOURCES,
    code_cells,
    execute,
    exercises_of,
    markdown,
    shipped,
    solved,
)

from course.exercises import LESSONS
from tools.lesson_source import HEADING

each_lesson = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)

TRAINS = re.compile(r"\b(train|train_live|climb|run_ladder)\(")


def test_notebooks_are_what_their_sources_make() -> None:
    answer = subprocess.run(
        [sys.executable, "tools/lessons.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert answer.stderr == ""


def test_every_lesson_with_exercises_has_a_source() -> None:
    assert [f"lesson_{source.stem}" for source in SOURCES] == LESSONS


@each_lesson
def test_length(source: Path) -> None:
    notebook = shipped(source)
    first = source.stem == "00_start"
    fewest, most = (15, 30) if first else (25, 52)
    assert fewest <= len(notebook.cells) <= most
    fewest, most = (500, 1_000) if first else (900, 1_800)
    assert fewest <= len(markdown(notebook).split()) <= most


@each_lesson
def test_begins_with_its_title_and_has_no_other(source: Path) -> None:
    number, _, _ = source.stem.partition("_")
    text = markdown(shipped(source))
    assert re.findall(r"^# (\d\d) .*$", text, re.MULTILINE) == [number]
    assert text.startswith(f"# {number} ")


@each_lesson
def test_exercises_say_how_hard_and_how_long_they_are(source: Path) -> None:
    lines = markdown(shipped(source)).splitlines()
    headings = [(place, HEADING.match(line)) for place, line in enumerate(lines)]
    found = {
        heading[2]: next(line for line in lines[place + 1 :] if line)
        for place, heading in headings
        if heading
    }
    assert found == {
        exercise.name: f"Difficulty {exercise.difficulty} of 5 · "
        f"{counted(exercise.minutes, 'minute')} · {counted(exercise.lines, 'line')}"
        for exercise in exercises_of(source)
    }


def counted(number: int, word: str) -> str:
    return f"{number} {word}" + "s" * (number != 1)


@each_lesson
def test_asks_for_predictions_and_reasons(source: Path) -> None:
    roles = [cell.metadata.course.role for cell in shipped(source).cells]
    assert roles.count("predict") >= 3
    assert roles.count("answer") >= len(exercises_of(source))


@each_lesson
def test_predictions_are_compared_with_what_happened(source: Path) -> None:
    calls = {
        (node.args[0].value, keyword.arg)
        for cell in code_cells(shipped(source))
        for node in ast.walk(ast.parse(without_magics(cell.source)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "predict"
        for keyword in node.keywords
    }
    asked = {number for number, keyword in calls if keyword == "guess"}
    assert {number for number, keyword in calls if keyword == "happened"} == asked


def without_magics(code: str) -> str:
    return re.sub(r"^\s*[%!].*$", "", code, flags=re.MULTILINE)


@each_lesson
def test_slow_cells_are_tagged_and_say_how_long_they_take(source: Path) -> None:
    for cell in code_cells(shipped(source)):
        tagged = "train" in cell.metadata.get("tags", [])
        assert tagged or not TRAINS.search(cell.source), cell.source
        if tagged:
            first = cell.source.splitlines()[0]
            assert re.match(r"# .*\b(second|minute)s?\b", first), cell.source


@each_lesson
def test_nothing_long_is_pasted_into_cells(source: Path) -> None:
    lengths = {
        cell.id: len(cell.source.splitlines()) for cell in code_cells(shipped(source))
    }
    assert {name: length for name, length in lengths.items() if length > 40} == {}


@each_lesson
def test_links_and_pictures_resolve(source: Path) -> None:
    text = markdown(solved(source))
    for mark, words, target in re.findall(r"(!?)\[([^]]*)\]\(([^)\s]+)[^)]*\)", text):
        assert words.strip(), f"{target} has no text in words"
        if target.startswith("http"):
            assert urlparse(target).netloc, target
            assert not mark, "a picture from elsewhere may be gone tomorrow"
        elif not target.startswith("#"):
            assert (ROOT / "lessons" / target.partition("#")[0]).exists(), target


@each_lesson
def test_files_that_are_named_exist(source: Path) -> None:
    text = markdown(solved(source))
    named = re.findall(r"`((?:course|docs|lessons|solutions|tests)/[\w./]+)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.timeout(600)
@each_lesson
def test_lesson_as_shipped_runs_to_its_end(source: Path, tmp_path: Path) -> None:
    notebook = shipped(source)
    outcomes = execute(notebook, tmp_path)
    names = [exercise.name for exercise in exercises_of(source)]
    assert outcomes == dict.fromkeys(names, "not_attempted")


@pytest.mark.timeout(900)
@each_lesson
def test_solution_passes_all_its_checks(source: Path, tmp_path: Path) -> None:
    notebook = solved(source)
    outcomes = execute(notebook, tmp_path)
    names = [exercise.name for exercise in exercises_of(source)]
    assert outcomes == dict.fromkeys(names, "passed")
    for cell in code_cells(notebook):
        for output in cell.outputs:
            # nbgrader gives no points where a check writes to stderr.
            if cell.metadata.course.role == "check":
                assert output.get("name") != "stderr"
            # A picture says in words what it shows.
            data = output.get("data", {})
            if "image/png" in data:
                assert re.search(r'<img alt="[^"]{20,}"', data["text/html"]), (
                    cell.source
                )
