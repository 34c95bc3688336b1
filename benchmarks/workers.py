"""One, two and four Hogwild workers: time to the goal, beside the paper's Table 2.

The paper: time to a fixed reference score, relative to one thread, mean of seven
Atari games, 16 cores. Here: CartPole-v1 to a mean return of 475, on this machine.
"""

from __future__ import annotations

import statistics

from tqdm import tqdm

from benchmarks.common import course_train, machine, publish, spread, table

SEEDS = range(5)
WORKERS = (1, 2, 4)
PAPER = {  # Table 2: relative speed with 1, 2, 4 threads
    "one_step_q": (1.0, 3.0, 6.3),
    "n_step_q": (1.0, 2.7, 5.9),
    "a3c": (1.0, 2.1, 3.7),
}


def main() -> None:
    """Runs everything and writes the table."""
    about, rows, data = machine(), [], []
    bar = tqdm(total=2 * len(WORKERS) * len(SEEDS), unit="run")
    for algorithm in ("a3c", "n_step_q"):
        base_seconds = base_rate = 0.0
        for column, workers in enumerate(WORKERS):
            results = []
            for seed in SEEDS:
                results.append(
                    course_train(
                        *(algorithm, "--workers", str(workers), "--seed", str(seed)),
                        *("--until-return", "475"),
                    )
                )
                bar.update()
            solved = [r["solved_at"] for r in results if r["solved_at"]]
            rates = [r["steps_per_second"] for r in results]
            seconds = [s["seconds"] for s in solved]
            if workers == 1:
                base_seconds = statistics.median(seconds)
                base_rate = statistics.median(rates)
            rows.append(
                [
                    *(f"`{algorithm}`", workers, f"{len(solved)} of {len(results)}"),
                    spread([s["step"] / 1000 for s in solved], ".0f"),
                    spread(seconds),
                    f"{base_seconds / statistics.median(seconds):.2f}",
                    f"{statistics.median(rates) / base_rate:.2f}",
                    spread([r["lag"]["mean"] for r in results], ".2f"),
                    f"{PAPER[algorithm][column]:.1f}",
                ]
            )
            data += [
                {key: r[key] for key in r if key != "episode_returns"} for r in results
            ]
    bar.close()
    head = [
        *("algorithm", "workers", "solved", "thousand steps", "seconds"),
        *("speed to the goal", "steps per second", "mean lag", "paper, Table 2"),
    ]
    text = (
        "CartPole-v1 until mean return 475, seeds 0 to 4; median (range). Speeds are "
        f"relative to one worker; seconds include starting the processes. {about}.\n\n"
    )
    publish("workers", text + table(head, rows), data)


if __name__ == "__main__":
    main()
