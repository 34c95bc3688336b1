"""A3C by Hogwild with two workers against stable-baselines3's A2C on CartPole-v1.

Both from the start of the process until 100 training episodes have a mean return of
475; the runs alternate, so that both see the same machine. The peer gets two torch
threads, which is its default on two cores, and no other load.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from tqdm import tqdm

from benchmarks.common import course_train, machine, publish, spread, table

SEEDS = range(10)
OURS = {
    "ours, 8 environments a worker": ["--environments-per-worker", "8"],
    "ours, 1 environment a worker (default)": [],
}
PEER = "stable-baselines3 A2C, 8 environments"


def main() -> None:
    """Runs everything and writes the table."""
    about = machine()
    runs: dict[str, list[dict[str, float | bool]]] = {PEER: []}
    runs |= {name: [] for name in OURS}
    for seed in tqdm(SEEDS, unit="seed"):
        peer = subprocess.run(
            [sys.executable, "-m", "benchmarks.sb3_a2c", str(seed)],
            capture_output=True,
            text=True,
            check=True,
        )
        runs[PEER].append(json.loads(peer.stdout.splitlines()[-1]))
        for name, options in OURS.items():
            result = course_train(
                *("a3c", "--workers", "2", "--until-return", "475"),
                *("--seed", str(seed), *options),
            )
            solved = result["solved_at"] is not None
            at = result["solved_at"] or {
                "seconds": result["seconds"],
                "step": result["global_step"],
            }
            runs[name].append(
                {"seconds": at["seconds"], "solved": solved, "steps": at["step"]}
            )
    peer_seconds = [float(run["seconds"]) for run in runs[PEER]]
    rows = []
    for name, results in runs.items():
        seconds = [float(run["seconds"]) for run in results]
        ratios = [
            mine / theirs for mine, theirs in zip(seconds, peer_seconds, strict=True)
        ]
        rows.append(
            [
                name,
                f"{sum(bool(run['solved']) for run in results)} of {len(results)}",
                spread(seconds),
                spread([float(run["steps"]) / 1000 for run in results], ".0f"),
                spread(ratios, ".2f"),
                f"{statistics.median(seconds) / statistics.median(peer_seconds):.2f}",
            ]
        )
    head = [
        *("", "solved", "seconds, process start included", "thousand steps"),
        *("ratio, seed by seed", "ratio of medians"),
    ]
    text = (
        "CartPole-v1 until mean return 475, seeds 0 to 9; median (range). A run that "
        f"was not solved counts with all the time it took. {about}.\n\n"
    )
    publish("against_sb3", text + table(head, rows), runs)


if __name__ == "__main__":
    main()
