"""Grading that is killed again and again, as by a system that is out of memory."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from answers import contents, many
from processes import alive, children, grading, wait_until

SUBMISSIONS, KILLS = 200, 20
EARLY = range(0, KILLS, 4)  # those that may come in the start


def finish(folder: Path, output: Path) -> dict[str, bytes]:
    """Lets it run to its end; what it has written."""
    with grading(folder, output) as process:
        said = process.communicate()[1]
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
    for number in range(KILLS):
        begun = results(output)
        # On a machine of any speed something is left for the kills to come.
        most = SUBMISSIONS - 2 * (KILLS - number)
        wanted = min(begun + int(moments.integers(0, 9)), most)
        later = moments.uniform(0, 0.5)
        if number in EARLY:
            wanted, later = 0, moments.uniform(0, 2)
        with grading(folder, output) as process:
            arrived = wait_until(
                lambda wanted=wanted, process=process: (
                    results(output) >= wanted or process.poll() is not None
                ),
                300,
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(later)
            inside |= set(children(process.pid))
            ended = process.poll()
        assert arrived
        # It may also have come to its end, on a machine that is that fast.
        assert ended in (None, 0)
        counts.append(results(output))
    assert len(set(counts)) > KILLS / 4  # most kills came in the middle
    assert finish(folder, output) == calm
    assert wait_until(lambda: not any(map(alive, inside)))
