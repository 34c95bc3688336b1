"""What the benchmarks share: running the command, the machine in words, tables."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import torch

RESULTS = Path(__file__).parent.parent / "docs" / "results"


def course_train(algorithm: str, *options: str) -> dict[str, Any]:
    """Runs `course train` in a process of its own and returns its `result.json`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "run"
        command = [sys.executable, "-m", "course", "train", algorithm, "CartPole-v1"]
        finished = subprocess.run(
            [*command, "--output", str(output), "--json", *options],
            capture_output=True,
            text=True,
        )
        if finished.returncode not in (0, 1):  # 1: the goal was not reached
            raise RuntimeError(finished.stderr)
        result: dict[str, Any] = json.loads((output / "result.json").read_text())
        return result


def machine() -> str:
    """The machine in one line."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"load before the run {psutil.getloadavg()[0]:.1f}"
    )


def spread(numbers: Sequence[float], form: str = ".1f") -> str:
    """Median and range: `4.1 (3.2 to 5.0)`."""
    if not numbers:
        return "–"
    median = statistics.median(numbers)
    return f"{median:{form}} ({min(numbers):{form}} to {max(numbers):{form}})"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def publish(name: str, text: str, data: Any) -> None:
    """Prints a result and writes it to `docs/results/`, as text and as data."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    print(text, flush=True)
    (RESULTS / f"{name}.md").write_text(text + "\n")
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
