"""Do the defaults learn? Four algorithms, both backends, ten seeds, CartPole-v1.

Two learners, everything else as the algorithm's defaults say. The goal is a mean return
of 475 over 100 consecutive training episodes for A3C and n-step Q-learning, and of 300
for the one-step methods, which propagate rewards slowly and fluctuate without replay.
Two simulations run at a time, one for each core; Hogwild has the machine to itself.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from benchmarks.common import course_train, machine, publish, spread, table
from course.algorithms import ALGORITHMS

SEEDS = range(10)
GOALS = {"one_step_q": 300, "one_step_sarsa": 300, "n_step_q": 475, "a3c": 475}


def main() -> None:
    """Runs everything and writes the table."""
    about, rows, data = machine(), [], []
    bar = tqdm(total=len(ALGORITHMS) * 2 * len(SEEDS), unit="run")
    for backend, at_once in (("sequential", 2), ("hogwild", 1)):
        for algorithm in ALGORITHMS:

            def run(seed: int, algorithm: str = algorithm, backend: str = backend):
                result = course_train(
                    *(algorithm, "--backend", backend, "--workers", "2"),
                    *("--seed", str(seed), "--until-return", str(GOALS[algorithm])),
                )
                bar.update()
                return result

            with ThreadPoolExecutor(at_once) as pool:
                results = list(pool.map(run, SEEDS))
            solved = [result for result in results if result["solved_at"]]
            rows.append(
                [
                    *(f"`{algorithm}`", backend, GOALS[algorithm]),
                    f"{len(solved)} of {len(results)}",
                    spread([r["solved_at"]["step"] / 1000 for r in solved], ".0f"),
                    spread([r["solved_at"]["seconds"] for r in solved]),
                    spread([r["best_mean_return_100"] for r in results], ".0f"),
                    spread([r["lag"]["mean"] for r in results], ".2f"),
                ]
            )
            data += [
                {key: r[key] for key in r if key != "episode_returns"} for r in results
            ]
    bar.close()
    head = [
        *("algorithm", "backend", "goal", "reached by", "thousand steps"),
        *("seconds", "best mean of 100", "mean lag"),
    ]
    text = f"CartPole-v1, seeds 0 to 9; median (range). {about}.\n\n"
    publish("learning", text + table(head, rows), data)


if __name__ == "__main__":
    main()
