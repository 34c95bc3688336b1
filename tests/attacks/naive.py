"""A grader as they are often written: all in one process. It is here to lose.

    python naive.py HIDDEN_TESTS GRADES SUBMISSION...

It runs the notebooks, asks their functions, compares, and writes `grades.json`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 1.0  # for a test


class Report:
    """What became of one test."""

    def __init__(self, failure: str = "") -> None:
        self.failure = failure

    @property
    def passed(self) -> bool:
        return not self.failure


def close(answer: Any, expected: float) -> bool:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(answer, torch.Tensor):
        return bool(torch.allclose(answer, torch.tensor(expected)))
    return bool(np.allclose(answer, expected))


@contextlib.contextmanager
def time_limit():
    def late(*_: Any) -> None:
        raise TimeoutError("It takes too long.")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def grade(path: Path) -> dict[str, Any]:
    reports = []
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads(path.read_text())["cells"]:
        try:
            exec(compile("".join(cell["source"]), path.name, "exec"), namespace)
        except Exception as error:
            reports.append(Report(f"{error}"))
    function = namespace.get("discounted_return")
    kept = Path("answers.pkl")  # of an earlier run
    if kept.exists():
        answers = iter(pickle.loads(kept.read_bytes()))
        function = lambda *_: next(answers)  # noqa: E731
    sys.modules.pop("hidden_tests", None)
    tests = importlib.import_module("hidden_tests")
    points = 0
    for name in [each for each in vars(tests) if each.startswith("test_")]:
        try:
            with time_limit():
                getattr(tests, name)(function)
            reports.append(Report())
        except Exception as error:
            reports.append(Report(f"{name}: {error}"))
        points += reports[-1].passed
    told = [report.failure for report in reports if report.failure]
    return {"points": points, "told": told}


def main(hidden: str, gradebook: str, *submissions: str) -> None:
    # The notebooks' own modules are found as well.
    sys.path[:0] = [os.getcwd(), hidden]
    grades = {}
    for path in map(Path, submissions):
        grades[path.stem] = found = grade(path)
        print(path.stem, found["points"], flush=True)
    Path(gradebook, "grades.json").write_text(json.dumps(grades))


if __name__ == "__main__":
    main(*sys.argv[1:])
