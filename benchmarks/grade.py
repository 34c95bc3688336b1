"""How fast submissions are graded: ours and nbgrader's, on the same two cores.

Lesson 01 as right, wrong and unanswered notebooks. nbgrader executes each of them and
every check in it; `course grade` has a sandbox for each, the tests of
`tests/autograders`, and writes all reports. Then so many that time and memory would
show it, if either grew with their number.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.common import machine, publish, table
from tools.lessons import make

LESSON = "01_returns"
SOURCE = Path(__file__).parent.parent / "solutions" / f"{LESSON}.py"
CORES = 2
COMPARED, MANY = 40, 1_000
PARTS = 10
TARGET = 5.0  # times as many a minute


@dataclass
class Run:
    """One run of `course grade`.

    Attributes:
        seconds: Of the whole command.
        written: When each result was there, in seconds since the start.
        main, judges: By the number of results, the bytes of memory then: of the
            command, and of the largest of its other processes.
    """

    seconds: float = 0.0
    written: list[float] = field(default_factory=list)
    main: list[tuple[int, int]] = field(default_factory=list)
    judges: list[tuple[int, int]] = field(default_factory=list)


def variants() -> list[str]:
    """The lesson solved, solved but for one function, and as shipped."""
    solved, shipped = make(SOURCE).values()
    wrong = solved.replace("R = reward + gamma * R", "R = reward + R")
    assert wrong != solved
    return [solved, wrong, shipped]


def put(folder: Path, number: int) -> Path:
    """Writes so many submissions, a folder for each student, as nbgrader has them."""
    texts = variants()
    for i in range(number):
        place = folder / f"student_{i:04}" / LESSON
        place.mkdir(parents=True)
        (place / f"{LESSON}.ipynb").write_text(texts[i % len(texts)], "utf-8")
    return folder


def course_grade(folder: Path, output: Path) -> Run:
    """Grades with our command, and watches it."""
    run = Run()
    began, stamp = time.perf_counter(), time.time()
    command = [sys.executable, "-m", "course", "grade", str(folder), "--seed", "0"]
    with subprocess.Popen(
        [*command, "--output", str(output), "--jobs", str(CORES)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        main = psutil.Process(process.pid)
        while process.poll() is None:
            number = len(list((output / "results").glob("*.json")))
            try:
                sizes = [each.memory_info().rss for each in main.children(True)]
                run.main.append((number, main.memory_info().rss))
                run.judges.append((number, max(sizes, default=0)))
            except psutil.NoSuchProcess:
                continue
            time.sleep(0.5)
    run.seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError("course grade has failed.")
    paths = (output / "results").glob("*.json")
    run.written = sorted(path.stat().st_mtime - stamp for path in paths)
    return run


def nbgrader(folder: Path, *arguments: str) -> float:
    """Seconds of one of nbgrader's commands in a course's folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "HOME": str(folder)},
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - began


def compare(number: int) -> tuple[float, float]:
    """Seconds for so many submissions: ours, and nbgrader's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        submitted = put(folder / "submitted", number)
        source = folder / "source" / LESSON / f"{LESSON}.ipynb"
        source.parent.mkdir(parents=True)
        source.write_text(variants()[0], "utf-8")
        nbgrader(folder, "generate_assignment", LESSON)
        ours = course_grade(submitted, folder / "grades").seconds
        return ours, nbgrader(folder, "autograde", LESSON)


def growth(number: int) -> tuple[Run, list[tuple[object, ...]]]:
    """Grades so many; the run, and a row of the table for each tenth of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = put(Path(name) / "submitted", number)
        run = course_grade(folder, Path(name) / "grades")
    rows: list[tuple[object, ...]] = []
    size = number // PARTS
    for part in range(PARTS):
        first, last = part * size, (part + 1) * size
        begun = run.written[first - 1] if first else 0.0
        memory = [
            max((size for done, size in sizes if first <= done < last), default=0)
            for sizes in (run.main, run.judges)
        ]
        rows.append(
            (
                f"{first + 1} to {last}",
                f"{run.written[last - 1] - begun:.1f}",
                *(f"{each / 2**20:.0f}" for each in memory),
            )
        )
    return run, rows


def main(compared: int = COMPARED, many: int = MANY) -> None:
    """Measures, and publishes both tables."""
    heading = machine()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    ours, theirs = compare(compared)
    run, rows = growth(many)
    minute = [60 * compared / seconds for seconds in (ours, theirs)]
    text = (
        f"{compared} submissions of lesson 01 on {CORES} cores. {heading}. The target "
        f"is {TARGET:g} times as many a minute.\n\n"
        + table(
            ["", "seconds", "submissions a minute"],
            [
                ("`course grade`", f"{ours:.1f}", f"{minute[0]:.0f}"),
                ("`nbgrader autograde`", f"{theirs:.1f}", f"{minute[1]:.1f}"),
                ("ratio", "", f"{minute[0] / minute[1]:.1f}"),
            ],
        )
        + f"\n\n{many} submissions in {run.seconds:.0f} s, each of the processes' "
        "memory at its largest.\n\n"
        + table(["submissions", "seconds", "command, MiB", "largest other, MiB"], rows)
    )
    data = {"machine": heading, "ours": ours, "nbgrader": theirs, "many": vars(run)}
    publish("grade", text, data)


if __name__ == "__main__":
    main()
