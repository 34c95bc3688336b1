"""The instructor's guide cannot rot: all of its commands run, in its order."""

from __future__ import annotations

import base64
import csv
import itertools
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml
from test_docs import ROOT, blocks, in_readme_environment

from course.grading.sandbox import available

GUIDE = ROOT / "docs" / "instructors.md"
WRONG = """
def n_step_returns(rewards, bootstrap_value, gamma):
    return [bootstrap_value] * len(rewards)
"""


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    """A teacher's folder, with what Canvas has let them download."""
    solved = (ROOT / "solutions" / "01_returns.ipynb").read_bytes()
    shipped = (ROOT / "lessons" / "01_returns.ipynb").read_bytes()
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as download:
        download.writestr("lovelaceada_1_11_01_returns.ipynb", solved)
        download.writestr("hoppergrace_LATE_2_22_01_returns-1.ipynb", shipped)
        download.writestr("turingalan_3_33_01_returns.py", f"{WRONG}# %%\nexit()\n")
        download.writestr("bordaanita_4_44_01_returns.ipynb", "{")
        download.writestr("kleinfelix_5_55_essay.pdf", "%PDF")
    return tmp_path


def graded(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of `grades.csv`, by submission."""
    with (folder / "grades" / "grades.csv").open(encoding="utf-8-sig") as file:
        return {row["submission"]: row for row in csv.DictReader(file)}


def refusals() -> list[str]:
    """What the guide quotes in its last table."""
    table = GUIDE.read_text("utf-8").partition("| It says | Do |")[2]
    return re.findall(r"^\| `(.+?)` \|", table, re.M)


@pytest.mark.skipif(not available(), reason="this machine has no sandbox")
@pytest.mark.timeout(900)
def test_every_command_works(class_folder: Path) -> None:
    pytest.importorskip("nbgrader", reason="the extra `nbgrader` is not installed")
    # The two files that the guide has you write.
    [overrides] = blocks("csv", [GUIDE])
    (class_folder / "overrides.csv").write_text(overrides, "utf-8")
    [hidden] = blocks("python", [GUIDE])
    (class_folder / "hidden").mkdir()
    (class_folder / "hidden" / "test_01_returns_hidden.py").write_text(hidden, "utf-8")
    script = "\n".join(blocks("sh", [GUIDE]))
    finished = subprocess.run(
        ["bash", "-eu", "-x", "-c", script],
        cwd=class_folder,
        env={**in_readme_environment(class_folder), "CLONE": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr

    assert (class_folder / "release" / "lessons" / "01_returns.ipynb").exists()
    rows = graded(class_folder)
    nothing = {"turingalan", "bordaanita", "kleinfelix"}
    assert set(rows) == {"lovelaceada", "hoppergrace", *nothing}
    assert rows["lovelaceada"]["percent"] == "100"
    assert float(rows["hoppergrace"]["points"]) == 2  # by hand
    assert rows["hoppergrace"]["overridden"] == "yes"
    assert all(float(rows[name]["points"]) == 0 for name in nothing)
    results = (class_folder / "grades" / "results").glob("*.json")
    warnings = [json.loads(path.read_bytes())["warnings"] for path in results]
    said = "\n".join(itertools.chain.from_iterable(warnings))
    for sentence in ("no notebook: ", "holds no notebook", "raised SystemExit"):
        [row] = [each for each in refusals() if sentence in each]
        pattern = re.sub(r"\d+", r"\\d+", re.escape(row)).replace(r"\.\.\.", ".*")
        assert re.search(rf"^{pattern}$", said, re.M), said
    with (class_folder / "nbgrader" / "grades.csv").open() as file:
        [row] = csv.DictReader(file)
    assert row["student_id"] == "lovelaceada"
    assert float(row["score"]) == float(row["max_score"]) > 0


@pytest.mark.skipif(not available(), reason="this machine has no sandbox")
def test_the_table_lists_what_grading_writes(tmp_path: Path) -> None:
    (tmp_path / "ada.py").write_text(WRONG)
    subprocess.run(
        ["course", "grade", "ada.py"],
        cwd=tmp_path,
        env=in_readme_environment(tmp_path),
        capture_output=True,
        check=True,
    )
    written = {
        re.sub(r"\bada\b", "NAME", path.relative_to(tmp_path / "grades").as_posix())
        for path in (tmp_path / "grades").rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    table = GUIDE.read_text("utf-8").partition("| File | For |\n")[2]
    rows = table.partition("\n\n")[0]
    assert set(re.findall(r"`(.+?)`", rows)) == written


@pytest.mark.skipif(not available(), reason="this machine has no sandbox")
def test_the_workflow_hands_the_result_to_the_reporter(tmp_path: Path) -> None:
    [text] = blocks("yaml", [GUIDE])
    steps = yaml.safe_load(text)["jobs"]["grade"]["steps"]
    [ours] = [step for step in steps if step.get("id") == "course"]
    reporter = steps[-1]
    # The reporter looks for RUNNER_RESULTS in its environment.
    name = f"{reporter['with']['runners'].upper()}_RESULTS"
    assert reporter["env"] == {name: "${{ steps.course.outputs.result }}"}

    lessons = tmp_path / "work" / "lessons"
    lessons.mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / "00_start.ipynb", lessons)
    (lessons / "scratch.py").write_text("# What a student tried out.")
    handed = tmp_path / "output"
    subprocess.run(
        ["bash", "-e", "-c", ours["run"]],
        cwd=tmp_path,
        env={**in_readme_environment(tmp_path), "GITHUB_OUTPUT": str(handed)},
        capture_output=True,
        check=True,
    )
    key, _, value = handed.read_text().partition("=")
    assert key == "result"
    told = json.loads(base64.b64decode(value))
    assert [test["status"] for test in told["tests"]] == ["pass", "pass"]
    assert sum(test["score"] for test in told["tests"]) == told["max_score"] > 0


def test_what_it_quotes_is_what_is_said() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "course").rglob("*.py")]
    said = re.sub(r'"\s+f?"', "", "\n".join(sources))  # pieces of one text, joined
    quoted = refusals()
    assert len(quoted) == 6
    # What these stand for is different each time.
    changing = r" ?\.{3} ?|\d+|SystemExit:"
    pieces = [piece for each in quoted for piece in re.split(changing, each)]
    assert [piece for piece in pieces if piece not in said] == []
