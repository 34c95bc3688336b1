"""What runs in a container of Gradescope; `course gradescope` packs it.

    python -m course.grading.autograder /autograder

grades what lies in `submission` and writes `results/results.json`. It imports no torch:
memory is short in there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from course.files import write_whole

HIDDEN = "hidden_tests"
SECONDS = 240  # for a notebook; Gradescope gives 600 in all unless that is raised
NAME = "submission"


def grade(autograder: Path) -> None:
    """Grades the one submission of a container.

    Args:
        autograder: As Gradescope lays it out: `source`, `submission`, `results`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        text = _graded(autograder, Path(scratch))
    write_whole(autograder / "results" / "results.json", text.encode())


def _graded(autograder: Path, scratch: Path) -> str:
    """The content of `results.json`: what the grader says, or why it says nothing."""
    # In a folder of its own it is one submission, whatever its files are called.
    shutil.copytree(autograder / NAME, scratch / "all" / NAME, symlinks=True)
    command = [sys.executable, "-m", "course", "grade", str(scratch / "all")]
    command += ["--output", str(scratch / "grades"), "--jobs", "1"]
    command += ["--timeout", str(SECONDS)]
    hidden = autograder / "source" / HIDDEN
    if hidden.is_dir():
        command += ["--hidden-tests", str(hidden)]
    finished = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    sys.stderr.write(finished.stderr)  # Gradescope shows it to instructors
    written = scratch / "grades" / "gradescope" / f"{NAME}.json"
    if finished.returncode == 0 and written.exists():
        return written.read_text("utf-8")
    told = f"Your work could not be graded. {_for_students(finished.stderr)}"
    return json.dumps({"score": 0, "output": told, "visibility": "visible"}) + "\n"


def _for_students(said: str) -> str:
    """What they may know of the error that `course grade` has ended with."""
    lines = [line for line in said.splitlines() if line.startswith("Error: ")]
    error = lines[-1].removeprefix("Error: ") if lines else ""
    if error.startswith("There is nothing to grade"):
        return "There is no notebook (.ipynb) or script (.py) in what you handed in."
    if error.startswith("The tests cannot be used"):
        return "The tests cannot be used; please tell your instructor."
    return "Please tell your instructor."


if __name__ == "__main__":
    grade(Path(sys.argv[1]))
