"""The documents cannot rot: their commands run, their links resolve, tables agree."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from processes import unmeasured

from course.algorithms import ALGORITHMS
from course.config import Config

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]


def blocks(language: str, pages: list[Path] = PAGES[:1]) -> list[str]:
    text = "\n".join(page.read_text() for page in pages)
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line]


def in_readme_environment(folder: Path) -> dict[str, str]:
    """As after activating the environment: its `course` is the one that is found."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**unmeasured(), "PATH": path, "HOME": str(folder)}


@pytest.mark.timeout(900)
def test_every_command_of_the_readme_works(tmp_path: Path) -> None:
    lines = [line for line in commands() if line.startswith("course ")]
    assert len(lines) >= 8
    # `make train` stands above them on the page: its folder is there already.
    (tmp_path / "runs" / "cartpole").mkdir(parents=True)
    (tmp_path / "runs" / "cartpole" / "result.json").write_text("{}")
    # A clone has the lessons.
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions")
    for line in lines:
        finished = subprocess.run(
            shlex.split(line),
            cwd=tmp_path,
            env=in_readme_environment(tmp_path),
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, (line, finished.stdout, finished.stderr)
    assert (tmp_path / "runs" / "cartpole" / "film.gif").exists()


def test_the_other_commands_are_targets_of_the_makefile() -> None:
    # `make train` and `make test` are run by .ci/run, in that order; `make lab` opens
    # a browser, and stays.
    others = [line for line in commands() if not line.startswith("course ")]
    assert others == ["make train", "make test", "make lab"]
    script = (ROOT / ".ci" / "run").read_text()
    assert "make train" in script
    assert "make test" in script


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(len(blocks("python", PAGES))))
def test_every_program_of_the_documents_runs(number: int, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(blocks("python", PAGES)[number])
    finished = subprocess.run(
        [sys.executable, program], cwd=tmp_path, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    pages = [f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")]
    assert [page for page in pages if page not in README] == []


@pytest.mark.parametrize(
    ("page", "result"),
    [
        ("README.md", "learning"),
        ("docs/results.md", "learning"),
        ("docs/results.md", "against_sb3"),
        ("docs/results.md", "workers"),
        ("docs/results.md", "step"),
        ("docs/results.md", "check"),
        ("docs/results.md", "grade"),
    ],
)
def test_published_tables_are_those_that_the_benchmarks_wrote(
    page: str, result: str
) -> None:
    written = (ROOT / "docs" / "results" / f"{result}.md").read_text().strip()
    assert written in (ROOT / page).read_text()


def settings_table() -> str:
    """The defaults of the four algorithms beside the paper's, as Markdown."""
    paper = Config()
    names = sorted({name for a in ALGORITHMS.values() for name in a.defaults})
    lines = [
        "| Setting | paper, or as relayed | "
        + " | ".join(f"`{name}`" for name in ALGORITHMS)
        + " |",
        "|" + "---|" * (len(ALGORITHMS) + 2),
    ]
    for name in names:
        values = [
            a.defaults.get(name, getattr(paper, name)) for a in ALGORITHMS.values()
        ]
        cells = [getattr(paper, name), *values]
        if name == "final_epsilon":
            cells[0] = "the mix"
        lines.append(f"| `{name}` | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def all_settings_table() -> str:
    """Every field of `Config`, from its own metadata, as Markdown."""
    lines = ["| Name | In the paper | Default | Meaning |", "|---|---|---|---|"]
    for field in dataclasses.fields(Config):
        symbol, meaning = field.metadata["symbol"], field.metadata["meaning"]
        lines.append(f"| `{field.name}` | {symbol} | {field.default} | {meaning} |")
    return "\n".join(lines)


def test_the_commands_page_lists_every_setting() -> None:
    assert all_settings_table() in (ROOT / "docs" / "commands.md").read_text()


def test_deviations_list_the_defaults_as_they_are() -> None:
    assert settings_table() in (ROOT / "docs" / "deviations.md").read_text()
