"""How long a student waits for `check`, in a real Jupyter kernel.

The limits: one second for the first check of a fresh kernel, 0.3 seconds for every
later one, whether the answer is right or has to be diagnosed.
"""

from __future__ import annotations

import json
import tempfile

from jupyter_client.manager import start_new_kernel

from benchmarks.common import machine, publish, spread, table

FRESH_KERNELS = 5
FIRST_LIMIT, LATER_LIMIT = 1.0, 0.3

# Each function becomes one of the notebook's own, or `check` would refuse it.
CELL = """
import time
began = time.perf_counter()
from course import check
imported = time.perf_counter() - began

import json, types
from course.exercises import EXERCISES

def own(function, name):
    copy = types.FunctionType(
        function.__code__, function.__globals__, name,
        function.__defaults__, function.__closure__,
    )
    copy.__module__ = "__main__"
    return copy

def seconds(function, name):
    function = own(getattr(function, "__wrapped__", function), name)
    began = time.perf_counter()
    check(function)
    return time.perf_counter() - began

first = seconds(EXERCISES["discounted_return"].reference, "discounted_return")
right = {name: seconds(each.reference, name) for name, each in EXERCISES.items()}
wrong = {
    f"{name}: {one.name}": seconds(one.function, name)
    for name, each in EXERCISES.items() for one in each.misconceptions
}
print(json.dumps([imported, first, right, wrong]))
"""


def in_a_fresh_kernel() -> tuple[float, float, dict[str, float], dict[str, float]]:
    """Seconds of the import, the first check, right answers and misconceptions."""
    printed = ""
    with tempfile.TemporaryDirectory() as folder:
        manager, client = start_new_kernel(cwd=folder)
        try:

            def hook(message: dict[str, dict[str, str]]) -> None:
                nonlocal printed
                if message["msg_type"] == "stream":  # type: ignore[comparison-overlap]
                    printed += message["content"]["text"]

            client.execute_interactive(CELL, output_hook=hook, timeout=300)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    imported, first, right, wrong = json.loads(printed.splitlines()[-1])
    return imported, first, right, wrong


def main() -> None:
    """Measures, and publishes the table."""
    heading = machine()
    runs = [in_a_fresh_kernel() for _ in range(FRESH_KERNELS)]
    imported = [run[0] for run in runs]
    first = [run[1] for run in runs]
    right = [seconds for run in runs for seconds in run[2].values()]
    wrong = [seconds for run in runs for seconds in run[3].values()]
    slowest = max(
        (
            (seconds, name)
            for run in runs
            for name, seconds in {**run[2], **run[3]}.items()
        )
    )
    rows = [
        ("`from course import check`", len(imported), spread(imported, ".2f"), "", ""),
        *(
            (what, len(times), spread(times, ".3f"), limit, f"{max(times) / limit:.2f}")
            for what, times, limit in (
                ("the first check", first, FIRST_LIMIT),
                ("later, a right answer", right, LATER_LIMIT),
                ("later, a misconception", wrong, LATER_LIMIT),
            )
        ),
    ]
    text = (
        f"{FRESH_KERNELS} fresh kernels, every exercise and every catalogued "
        f"misconception in each; median (range). {heading}. The slowest was "
        f"`{slowest[1]}`.\n\n"
        + table(["", "times", "seconds", "limit", "slowest / limit"], rows)
    )
    publish("check", text, {"machine": heading, "runs": runs})


if __name__ == "__main__":
    main()
