"""Tests of the sequential simulation: repeatable to the bit, and its schedules."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course import WorkerError, train
from course.actor_learner import new_network
from course.algorithms import ALGORITHMS, N_STEP_Q, Algorithm, get_algorithm
from course.config import Config
from course.environments import environment_spec, make_environment
from course.networks import flatten
from course.shared import Shared
from course.trainers.log import LogEntry
from course.trainers.result import TrainResult
from course.trainers.sequential import PHASES, parse_schedule, sequential

PROBE = "course/ProbeActionReward-v0"  # episodes of one step
STEADY = "course/ProbeTruncation-v0"  # episodes of five


def simulate(algorithm: str | Algorithm = "n_step_q", **settings: Any) -> TrainResult:
    settings = {
        "environment": STEADY,
        "total_steps": 200,
        "t_max": 5,
        "update_period": 5,
        "hidden_size": 4,
        "final_epsilon": 0.5,
        "epsilon_anneal_steps": 0,
    } | settings
    return train(algorithm, backend="sequential", progress=False, **settings)


def lags(result: TrainResult) -> list[int]:
    return [entry.lag for entry in result.events if entry.lag is not None]


def words(events: Any) -> list[str]:
    return [f"{'ABCDEFGH'[entry.worker_id]}.{entry.kind}" for entry in events]


# --- Repeatable -------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["round_robin", "random"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_same_seed_is_the_same_run(name: str, schedule: str) -> None:
    settings = {"environment": "CartPole-v1", "workers": 3, "schedule": schedule}
    one = simulate(name, seed=4, **settings)
    torch.rand(7)  # the global random state plays no part
    same = simulate(name, seed=4, **settings)
    other = simulate(name, seed=5, **settings)
    assert torch.equal(one.theta, same.theta)
    assert one.events == same.events
    plain = [[e["return"], e["step"], e["worker_id"]] for e in one.episode_returns]
    again = [[e["return"], e["step"], e["worker_id"]] for e in same.episode_returns]
    assert plain == again
    assert len(plain) > 3
    assert not torch.equal(one.theta, other.theta)


def test_learning_changes_theta() -> None:
    algorithm = get_algorithm("n_step_q")
    environment = make_environment(environment_spec(STEADY))
    spaces = environment.observation_space, environment.action_space
    first = flatten(new_network(algorithm, *spaces, Config(hidden_size=4)))
    assert not torch.equal(simulate().theta, first)


def test_torchs_threads_come_back() -> None:
    seen: set[int] = set()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        simulate(on_batch=lambda *_: seen.add(torch.get_num_threads()))
        assert seen == {1}  # as in a worker of Hogwild
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# --- Lag --------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_round_robin_is_a_serial_algorithm(workers: int) -> None:
    result = simulate(workers=workers)
    assert set(lags(result)) == {0}
    assert result.lag == {
        "mean": 0.0,
        "max": 0,
        "histogram": {"0": result.num_updates},
    }
    # A, B, ... each from pull to push before the next one begins.
    round_of_all = [f"{name}.{phase}" for name in "ABCD"[:workers] for phase in PHASES]
    log = words(result.events)
    assert log[: 2 * len(round_of_all)] == 2 * round_of_all


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("k", [1, 4])
def test_a_queue_makes_every_lag_exactly_k(workers: int, k: int) -> None:
    result = simulate(workers=workers, lag=k)
    # Update n waits for k later ones, so k earlier ones come between its pull and
    # its push; the first few have fewer before them.
    assert lags(result)[:k] == list(range(k))
    assert set(lags(result)[k:]) == {k}
    # What still waits at the end is applied too.
    assert len(lags(result)) == result.num_updates == 200 // 5


def test_interleaved_pulls_make_the_second_push_late() -> None:
    result = simulate(workers=2, schedule="A.pull B.pull A.push B.push")
    one_round = [
        *("A.pull", "B.pull", "A.act", "A.compute", "A.push"),
        *("B.act", "B.compute", "B.push"),
    ]
    assert words(result.events) == one_round * (200 // 10)
    pushes = [entry for entry in result.events if entry.kind == "push"]
    assert [(p.worker_id, p.lag) for p in pushes] == [(0, 0), (1, 1)] * (200 // 10)
    # Each event says how many updates θ had seen: both pulls of a round the same.
    versions = [entry.version for entry in result.events]
    assert versions[: 2 * 8] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4]


def test_the_log_counts_time_by_events() -> None:
    result = simulate(workers=2)
    assert [entry.time for entry in result.events] == list(
        range(1, len(result.events) + 1)
    )
    steps = [entry.global_step for entry in result.events if entry.kind == "act"]
    assert steps == list(range(5, 201, 5))


def test_interleaving_changes_what_is_learned() -> None:
    late = simulate(workers=2, schedule="A.pull B.pull A.push B.push")
    serial = simulate(workers=2, schedule="A.pull A.push B.pull B.push")
    assert serial.lag["max"] == 0
    assert torch.equal(serial.theta, simulate(workers=2).theta)  # as round robin
    assert not torch.equal(late.theta, serial.theta)


def test_a_random_schedule_has_lags_of_its_own() -> None:
    result = simulate(workers=4, schedule="random", total_steps=400)
    assert len(set(lags(result))) > 2
    turns = [
        list(itertools.islice(parse_schedule("random", 4, seed), 50))
        for seed in (1, 1, 2)
    ]
    assert turns[0] == turns[1]
    assert turns[0] != turns[2]
    # Each learner goes through its four phases in order.
    for worker_id in range(4):
        phases = [phase for turn, phase in turns[0] if turn == worker_id]
        assert phases == list(itertools.islice(itertools.cycle(PHASES), len(phases)))


# --- Stopping ---------------------------------------------------------------------


def test_it_ends_at_total_steps() -> None:
    result = simulate(workers=3, total_steps=100)
    assert result.stopped == "total_steps"
    assert (result.global_step, result.num_updates) == (100, 20)


def test_it_can_be_stopped_from_outside() -> None:
    result = simulate(
        on_batch=lambda batch, shared: (
            shared.stop() if shared.num_updates == 3 else None
        )
    )
    assert result.stopped == "stopped"
    assert (result.global_step, result.num_updates) == (15, 3)


def test_it_stops_when_solved() -> None:
    # Episodes of ProbeTruncation have the return 5: 100 of them are 500 steps.
    result = simulate(until_return=5.0, total_steps=2_000)
    assert result.stopped == "solved"
    assert result.solved_at is not None
    assert result.solved_at["step"] == result.global_step == 500


def test_a_learner_that_raises_leaves_what_was_learned(tmp_path: Path) -> None:
    calls = []

    def targets(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) > 5:
            raise ZeroDivisionError("mine")
        return N_STEP_Q.functions["targets"](*arguments)

    with pytest.raises(WorkerError, match="ZeroDivisionError: mine") as caught:
        simulate(N_STEP_Q.replace(targets=targets), output=tmp_path)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.result.stopped == "failed"
    assert caught.value.result.num_updates == 5
    assert json.loads((tmp_path / "result.json").read_text())["num_updates"] == 5


def test_learners_are_closed_when_it_is_left_early() -> None:
    config = Config(workers=2, hidden_size=4)
    spec = environment_spec(STEADY)
    environment = make_environment(spec)
    spaces = environment.observation_space, environment.action_space
    theta = flatten(new_network(N_STEP_Q, *spaces, config))
    shared = Shared.allocate(theta, config, N_STEP_Q.update)
    threads = torch.get_num_threads()
    batches = sequential(N_STEP_Q, spec, shared, config, time.time())
    entries: list[LogEntry] = []
    while len(entries) < 6:
        entries += next(batches).entries
    batches.close()  # type: ignore[attr-defined]  # it is a generator
    assert torch.get_num_threads() == threads
    assert words(entries) == [*(f"A.{phase}" for phase in PHASES), "B.pull", "B.act"]


# --- Schedules --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (
            "A.pull A.psuh",
            r"^schedule has the word 'A.psuh', expected a learner of A, B",
        ),
        (
            "C.pull C.push",
            r"^schedule has the word 'C.pull', expected a learner of A, B",
        ),
        ("AB.pull", r"^schedule has the word 'AB.pull', "),
        (".pull", r"^schedule has the word '.pull', "),
        ("roundrobin", r"^schedule has the word 'roundrobin', .* 'round_robin'"),
        ("A.act A.pull A.push", r"^schedule has 'A.pull' out of order: "),
        ("A.pull A.pull A.push", r"^schedule has 'A.pull' out of order: "),
        ("A.pull", r"^schedule 'A.pull' ends without A.push and B.push: "),
        ("A.push B.pull", r"^schedule 'A.push B.pull' ends without B.push: "),
        # A learner that is never asked for would keep the run from ending.
        ("A.pull A.push", r"^schedule 'A.pull A.push' ends without B.push: "),
        ("A.push B.push B.pull", r" ends without B.push: "),
        ("", r"^schedule '' ends without A.push and B.push: "),
    ],
)
def test_errors_in_a_schedule_are_named(schedule: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_schedule(schedule, workers=2, seed=0)


def test_letters_run_out() -> None:
    every = " ".join(f"{letter}.push" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert next(parse_schedule(every, workers=26, seed=0)) == (0, "push")
    with pytest.raises(ValueError, match=r"up to 26 learners, but workers is 27"):
        parse_schedule(every, workers=27, seed=0)


@pytest.mark.parametrize("lag", [-1, 1.5, "2"])
def test_a_lag_is_a_whole_number(lag: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^lag must be a whole number, 0 or more, but"
    ):
        simulate(lag=lag)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[int, list[tuple[int, str]]]:
    """Any shuffle of the turns of 1 to 4 learners that keeps each one's order."""
    workers = draw(st.integers(1, 4))
    left = []
    for worker_id in range(workers):
        turns = []
        for _ in range(draw(st.integers(1, 2))):  # rounds of this learner
            earlier = draw(st.lists(st.sampled_from(PHASES[:-1]), unique=True))
            ordered = sorted(earlier, key=PHASES.index)
            turns += [(worker_id, phase) for phase in [*ordered, "push"]]
        left.append(turns)
    shuffled = []
    while any(left):
        turns = draw(st.sampled_from([turns for turns in left if turns]))
        shuffled.append(turns.pop(0))
    return workers, shuffled


@given(schedules())
def test_any_shuffle_that_keeps_each_learners_order_is_taken(
    drawn: tuple[int, list[tuple[int, str]]],
) -> None:
    workers, turns = drawn
    text = " ".join(f"{'ABCD'[worker_id]}.{phase}" for worker_id, phase in turns)
    parsed = parse_schedule(text, workers, seed=0)
    assert list(itertools.islice(parsed, 2 * len(turns))) == 2 * turns


@given(drawn=schedules())
def test_any_shuffle_runs_as_it_is_written(
    drawn: tuple[int, list[tuple[int, str]]],
) -> None:
    workers, turns = drawn
    text = " ".join(f"{'ABCD'[worker_id]}.{phase}" for worker_id, phase in turns)
    result = simulate(
        workers=workers, schedule=text, environment=PROBE, t_max=1, total_steps=8
    )
    # The log's own turns, each phase that no word asked for done just before.
    log = words(result.events)
    asked = [f"{'ABCD'[worker_id]}.{phase}" for worker_id, phase in turns]
    expected: list[str] = []
    done = dict.fromkeys(range(workers), -1)
    for worker_id, phase in turns:
        for position in range(done[worker_id] + 1, PHASES.index(phase) + 1):
            expected.append(f"{'ABCD'[worker_id]}.{PHASES[position]}")
        done[worker_id] = PHASES.index(phase) if phase != "push" else -1
    assert log[: len(expected)] == expected[: len(log)]
    assert set(asked) <= set(expected)
    # Lags by definition: pushes since this learner's last pull.
    pushes, pulled = 0, {}
    for entry in result.events:
        if entry.kind == "pull":
            pulled[entry.worker_id] = pushes
        if entry.kind == "push":
            assert entry.lag == pushes - pulled[entry.worker_id]
            pushes += 1
    histogram = Counter(str(lag) for lag in lags(result))
    assert result.lag["histogram"] == histogram
