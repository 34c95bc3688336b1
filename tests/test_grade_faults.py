"""Grading that is killed again and again, as by a system that is out of memory."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from processes import ROOT, unmeasured, wait_until
from test_grade import alive, children, contents, many

SUBMISSIONS, KILLS = 200, 20


def start(folder: Path, output: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "course", "grade", str(folder), "--seed", "7"]
    return subprocess.Popen(
        [*command, "--output", str(output), "--jobs", "2", "--unsafe-no-sandbox"],
        cwd=output.parent,
        env=unmeasured() | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(folder: Path, output: Path) -> dict[str, bytes]:
    """Lets it run to its end; what it has written."""
    with start(folder, output) as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    return contents(output)


def results(output: Path) -> int:
    return len(list((output / "results").glob("*.json")))


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is meant")
@pytest.mark.timeout(1800)
def test_killed_twenty_times_the_grades_are_the_same(tmp_path: Path) -> None:
    folder = many(tmp_path / "submissions", SUBMISSIONS)
    calm = finish(folder, tmp_path / "calm")
    output = tmp_path / "stormy"
    moments = np.random.default_rng(4)
    inside: set[psutil.Process] = set()
    counts = []
    for _ in range(KILLS):
        # Some moments lie in the start, the others among the results.
        begun = results(output)
        wanted = begun + int(moments.integers(-4, 9))
        later = moments.uniform(0.0, 0.5 if wanted > begun else 5.0)
        with start(folder, output) as process:
            try:
                enough = wait_until(
                    lambda wanted=wanted: results(output) >= wanted, 300
                )
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(later)
                inside |= set(children(process.pid))
            finally:
                process.kill()
        assert enough
        counts.append(results(output))
    assert len(set(counts)) > KILLS / 4  # most kills came in the middle
    assert counts[-1] < SUBMISSIONS
    assert finish(folder, output) == calm
    assert wait_until(lambda: not any(map(alive, inside)))
