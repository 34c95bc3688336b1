"""The sequential simulation: many learners in one process, under a schedule.

The same actor-learners as in Hogwild take turns, one event at a time, so a run is
the same to the bit for the same seed and can be stepped through in a debugger.

Under round robin every learner pulls, acts, computes and pushes before the next one
pulls: that is a serial algorithm with zero lag. Staleness has to be put in, by a
queue of pending updates (`lag`), a random schedule, or a schedule spelled out:

    "A.pull B.pull A.push B.push"          # B's gradient is one version late
    "A.compute B.compute A.push B.push"    # so too in the one-step methods, which
                                           # pull nothing: their gradient is late
                                           # only if θ changes after `compute`
"""

from __future__ import annotations

import itertools
import random
import string
import traceback
from collections import deque
from collections.abc import Generator, Iterator

import torch
from gymnasium.envs.registration import EnvSpec

from course.actor_learner import Acted, Pulled, actor_learner
from course.algorithms import Algorithm
from course.config import Config
from course.shared import Shared, Update
from course.trainers.log import Batch, Recorder

PHASES = ("pull", "act", "compute", "push")


def sequential(
    algorithm: Algorithm,
    spec: EnvSpec,
    shared: Shared,
    config: Config,
    started: float,
    schedule: str = "round_robin",
    lag: int = 0,
) -> Generator[Batch, None, None]:
    """Runs all learners in this process; yields after every event.

    Args:
        algorithm: What each learner runs.
        spec: Recipe of the environment.
        shared: θ and the counters, in ordinary memory.
        config: Settings.
        started: When the run started, as `time.time()`.
        schedule: "round_robin", "random" (seeded), or words such as "A.pull B.push",
            repeated until the end; A is learner 0.
        lag: How many updates wait. Each is applied only when `lag` newer ones have
            been computed, so after the first few each is `lag` versions late.

    Raises:
        ValueError: The schedule cannot be run.
    """
    turns = parse_schedule(schedule, config.workers, config.seed)
    recorder = Recorder(shared, started, logical=True)
    learners = [
        actor_learner(algorithm, spec, shared, config, worker_id)
        for worker_id in range(config.workers)
    ]
    last_phase = ["push"] * config.workers
    own: list[Update | None] = [None] * config.workers
    pending: deque[Update] = deque()  # computed and pushed, but not yet applied
    running = set(range(config.workers))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the workers of Hogwild: bitwise the same sums
    try:
        for worker_id, until in turns:
            while worker_id in running:
                if last_phase[worker_id] == "compute":  # next comes the push
                    update = own[worker_id]
                    assert update is not None
                    pending.append(update)
                    last_phase[worker_id] = "push"
                    if len(pending) > lag:
                        recorder.push(pending.popleft())
                        yield recorder.drain()
                else:
                    event = next(learners[worker_id], None)
                    if event is None:
                        running.discard(worker_id)
                        break
                    recorder.note(worker_id, event)
                    last_phase[worker_id] = _phase(event)
                    if isinstance(event, Update):
                        own[worker_id] = event
                    yield recorder.drain()
                if last_phase[worker_id] == until:
                    break
            if not running:
                break
        for update in pending:
            recorder.push(update)
        yield recorder.drain()
    except Exception as error:
        text = f"Learner {worker_id} failed:\n{traceback.format_exc()}"
        yield recorder.drain()._replace(failure=text, cause=error)
    finally:
        torch.set_num_threads(threads)
        for learner in learners:
            learner.close()


def _phase(event: Pulled | Acted | Update) -> str:
    if isinstance(event, Pulled):
        return "pull"
    return "act" if isinstance(event, Acted) else "compute"


def parse_schedule(schedule: str, workers: int, seed: int) -> Iterator[tuple[int, str]]:
    """An endless stream of turns (worker_id, phase to run up to).

    Raises:
        ValueError: A word is not understood, names a learner that is not there, or
            stands out of order; or a learner does not come to its push.
    """
    if schedule == "round_robin":
        return itertools.cycle([(w, phase) for w in range(workers) for phase in PHASES])
    if schedule == "random":
        return _random_turns(workers, random.Random(seed))
    names = string.ascii_uppercase[:workers]
    if len(names) < workers:
        raise ValueError(
            f"schedule is spelled out, which serves up to {len(names)} learners, but "
            f"workers is {workers}: use 'round_robin' or 'random'."
        )
    turns: list[tuple[int, str]] = []
    position = [-1] * workers
    for word in schedule.split():
        name, _, phase = word.partition(".")
        if len(name) != 1 or name not in names or phase not in PHASES:
            raise ValueError(
                f"schedule has the word {word!r}, expected a learner of "
                f"{', '.join(names)} and one of {', '.join(PHASES)}, as in 'A.pull', "
                "or the whole schedule 'round_robin' or 'random'."
            )
        worker_id = names.index(name)
        if PHASES.index(phase) <= position[worker_id]:
            raise ValueError(
                f"schedule has {word!r} out of order: each learner pulls, acts, "
                "computes and pushes, and must push before it begins again."
            )
        position[worker_id] = PHASES.index(phase) if phase != "push" else -1
        turns.append((worker_id, phase))
    unpushed = [
        f"{name}.push"
        for worker_id, name in enumerate(names)
        if position[worker_id] >= 0 or (worker_id, "push") not in turns
    ]
    if unpushed:
        raise ValueError(
            f"schedule {schedule!r} ends without {' and '.join(unpushed)}: every "
            "learner must come to its push."
        )
    return itertools.cycle(turns)


def _random_turns(workers: int, source: random.Random) -> Iterator[tuple[int, str]]:
    """Any learner may come next, and does one event."""
    position = [0] * workers
    while True:
        worker_id = source.randrange(workers)
        yield worker_id, PHASES[position[worker_id]]
        position[worker_id] = (position[worker_id] + 1) % len(PHASES)
