"""`course grade` says what would surprise: before the grading, and when run again."""

from __future__ import annotations

from pathlib import Path

import pytest
from answers import HALF, HIDDEN
from click.testing import CliRunner, Result

from course.cli import main

pytestmark = pytest.mark.timeout(300)


def run(folder: Path, *arguments: str | Path) -> Result:
    """Grades the one submission in the folder."""
    (folder / "class").mkdir(exist_ok=True)
    (folder / "class" / "00_start.py").write_text(HALF)
    fixed = ["grade", str(folder / "class"), "--unsafe-no-sandbox"]
    fixed += ["--output", str(folder / "grades"), "--seed", "7"]
    return CliRunner().invoke(main, [*fixed, *map(str, arguments)])


def test_what_is_left_out_the_second_time_is_said(tmp_path: Path) -> None:
    overrides = tmp_path / "overrides.csv"
    overrides.write_text(
        "submission,exercise,points,reason\nclass,discounted_return,1,why\n"
    )
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "test_00_start_hidden.py").write_text(HIDDEN)
    options = ["--overrides", overrides, "--hidden-tests", hidden]
    for _ in range(2):
        told = run(tmp_path, *options)
        assert told.exit_code == 0, told.output
        assert "the last run" not in told.stderr
    told = run(tmp_path)
    output = tmp_path / "grades"
    for option in ("hidden tests", "overrides"):
        assert (
            f"Warning: the last run in {output} used {option}; this one does not.\n"
        ) in told.stderr
    assert "the last run" not in run(tmp_path).stderr


def test_a_folder_without_a_gradebook_is_said_before_the_grading(
    tmp_path: Path,
) -> None:
    pytest.importorskip("nbgrader", reason="the extra `nbgrader` is not installed")
    told = run(tmp_path, "--nbgrader", tmp_path)
    assert told.exit_code == 2
    assert "There is no gradebook.db in" in told.stderr
    assert not (tmp_path / "grades").exists()
