"""`course grade`: what it writes, what it does again, and what stops it."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import psutil
import pytest
from answers import (
    HALF,
    HIDDEN,
    RAISING,
    RIGHT,
    SHORT,
    STUB,
    WRONG,
    contents,
    many,
)
from click.testing import CliRunner
from click.testing import Result as Told
from processes import alive, children, grading, wait_until

from course import files
from course.cli import main
from course.grading import bulk, judges
from course.grading.bulk import Grading, Settings, seed_in
from course.grading.judges import JudgeEndedError, JudgeLateError, Seat, StoppedError
from course.grading.result import Result, from_json, to_json
from course.grading.sandbox import SandboxMissingError
from course.grading.submissions import Submission

pytestmark = pytest.mark.timeout(300)

ANSWERS = {
    "ada": RIGHT,
    "bob": HALF,
    "eve": STUB,
    "ida": WRONG,
    "max": RAISING,
    "uma": SHORT,
}
POINTS = {"ada": 6, "bob": 3, "eve": 0, "ida": 0, "max": 0, "uma": 6}


def run(*arguments: str | Path) -> Told:
    texts = [str(argument) for argument in arguments]
    return CliRunner().invoke(main, ["grade", "--unsafe-no-sandbox", *texts])


def write_answers(folder: Path) -> Path:
    folder.mkdir()
    for name, text in ANSWERS.items():
        (folder / name).mkdir()
        (folder / name / "00_start.py").write_text(text)
    return folder


def points(output: Path) -> dict[str, float]:
    paths = sorted((output / "results").glob("*.json"))
    return {path.stem: from_json(path.read_bytes()).points for path in paths}


@pytest.fixture(scope="module")
def submissions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_answers(tmp_path_factory.mktemp("class") / "submissions")


@pytest.fixture(scope="module")
def graded(submissions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that one undisturbed run has written."""
    output = tmp_path_factory.mktemp("graded") / "grades"
    told = run(submissions, "--output", output, "--seed", 7, "--jobs", 2)
    assert told.exit_code == 0, told.output
    assert "submissions   6, of which 6 graded now\n" in told.stdout
    assert "mean          41.7 % of the points, over all" in told.stdout
    assert "warnings      for 1\n" in told.stdout
    assert "seed          7\n" in told.stdout
    assert "6/6" in told.stderr
    return output


# What a run leaves


def test_the_points(graded: Path) -> None:
    assert points(graded) == POINTS


def test_the_reports_are_there(graded: Path) -> None:
    written = set(contents(graded))
    assert {"grades.csv", "junit.xml", "report.html", "grading.json"} <= written
    for name in ANSWERS:
        assert f"feedback/{name}.html" in written
        assert f"gradescope/{name}.json" in written
        assert f"classroom/{name}.txt" in written
    assert not [name for name in written if "tmp" in name]
    assert json.loads((graded / "grading.json").read_text())["seed"] == 7


def test_the_same_seed_gives_the_same_bytes(
    graded: Path, submissions: Path, tmp_path: Path
) -> None:
    told = run(submissions, "--output", tmp_path, "--seed", 7, "--jobs", 1)
    assert told.exit_code == 0, told.output
    assert contents(tmp_path) == contents(graded)


def test_nothing_is_graded_twice(graded: Path, submissions: Path) -> None:
    before = {path: path.stat() for path in graded.rglob("*.json")}
    told = run(submissions, "--output", graded)  # the seed is that of the first run
    assert told.exit_code == 0, told.output
    assert "submissions   6, of which 0 graded now\n" in told.stdout
    results = [path for path in before if path.parent.name == "results"]
    assert len(results) == 6
    for path in results:
        after = path.stat()
        assert (after.st_ino, after.st_mtime_ns) == (
            before[path].st_ino,
            before[path].st_mtime_ns,
        )


def test_only_what_has_changed_is_graded_again(tmp_path: Path) -> None:
    folder, output = write_answers(tmp_path / "s"), tmp_path / "grades"
    assert run(folder, "--output", output).exit_code == 0
    results = output / "results"
    inodes = {path.name: path.stat().st_ino for path in results.iterdir()}
    (folder / "eve" / "00_start.py").write_text(RIGHT)
    (folder / "bob" / "00_start.py").unlink()
    (folder / "bob").rmdir()
    (results / "ida.json").write_text("{")
    foreign = (results / "ada.json").read_text().replace('"ada"', '"max"')
    (results / "max.json").write_text(foreign.replace('"key": "', '"key": "0'))
    told = run(folder, "--output", output, "--json")
    assert told.exit_code == 0, told.output
    shown = [from_json(line) for line in told.stdout.splitlines()]
    assert [(each.submission, each.points) for each in shown] == [
        ("ada", 6),
        ("eve", 6),
        ("ida", 0),
        ("max", 0),
        ("uma", 6),
    ]
    again = {path.name: path.stat().st_ino for path in results.iterdir()}
    changed = {name for name, inode in again.items() if inodes[name] != inode}
    assert {"eve.json", "ada.json", "uma.json", "bob.json"} & changed == {"eve.json"}
    assert "bob" not in (output / "grades.csv").read_text("utf-8")


def test_hidden_tests_count_and_are_not_told(
    submissions: Path, graded: Path, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    told = run(submissions, "--output", graded, "--hidden-tests", hidden)
    assert told.exit_code == 2
    assert "there is no file such as" in told.stderr
    (hidden / "test_00_start_hidden.py").write_text(HIDDEN)
    output = tmp_path / "grades"
    ada = submissions / "ada" / "00_start.py"
    told = run(ada, submissions, "--output", output, "--hidden-tests", hidden)
    assert told.exit_code == 0, told.output
    assert points(output) == {
        "00_start": 10,
        **POINTS,
        "ada": 10,
        "bob": 7,
        "uma": 6,
    }
    for name, content in contents(output).items():
        # The teacher's own record says it, and nothing that is handed back.
        assert (b"Secret" in content) <= name.startswith("results/"), name


def test_points_by_hand_are_reported_and_doubtful_ones_named(
    submissions: Path, graded: Path, tmp_path: Path
) -> None:
    by_hand = tmp_path / "overrides.csv"
    by_hand.write_text(
        "submission,exercise,points,reason\n"
        "eve,episode_return,2,Explained it to me\n"
        "zoe,episode_return,2,Who is she?\n"
    )
    output = tmp_path / "grades"
    told = run(submissions, "--output", output, "--overrides", by_hand)
    assert told.exit_code == 0, told.output
    assert "Explained it to me" in (output / "feedback" / "eve.html").read_text("utf-8")
    [warning] = [line for line in told.stderr.splitlines() if "zoe" in line]
    assert warning.startswith("Warning: ")
    assert points(output) == POINTS  # what the judge found is left alone
    by_hand.write_text("nonsense\n")
    told = run(submissions, "--output", output, "--overrides", by_hand)
    assert told.exit_code == 2
    assert "overrides.csv" in told.stderr


def test_points_go_to_nbgrader(
    submissions: Path, graded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = {}

    def fill(folder: Path, results: Any) -> list[str]:
        filled[folder] = [result.submission for result in results]
        return ["There is no assignment 00_start."] if filled[folder] else []

    monkeypatch.setattr("course.grading.nbgrader.fill", fill)
    told = run(submissions, "--output", graded, "--nbgrader", tmp_path)
    assert told.exit_code == 0, told.output
    assert filled == {tmp_path: list(ANSWERS)}
    assert "Warning: There is no assignment 00_start." in told.stderr


# Keys and seeds


def test_whatever_a_result_depends_on_is_in_its_key(tmp_path: Path) -> None:
    file, other = tmp_path / "a.py", tmp_path / "b.py"
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for path in (file, other, hidden / "test.py"):
        path.write_text("x = 1")
    settings = Settings(7, "none", 600.0)

    def key(one: Submission, how: Settings = settings) -> str:
        return bulk.key_of(one, how.key())

    one = Submission("a", (file,))
    keys = [
        key(one),
        key(Submission("b", (file,))),
        key(Submission("a", (other,))),
        key(Submission("a", (file, other))),
        key(Submission("a", (file,), ("A link was left out.",))),
        key(Submission("a", (tmp_path / "gone.py",))),
        key(one, Settings(8, "none", 600.0)),
        key(one, Settings(7, "landlock", 600.0)),
        key(one, Settings(7, "none", 60.0)),
        key(one, Settings(7, "none", 600.0, hidden)),
    ]
    (hidden / "data.csv").write_text("1")
    keys.append(key(one, Settings(7, "none", 600.0, hidden)))
    assert keys[0] == key(one)
    file.write_text("x = 2")
    keys.append(key(one))
    assert len(set(keys)) == len(keys)


def test_a_place_is_not_in_the_key(tmp_path: Path) -> None:
    settings = Settings(7, "none", 600.0).key()
    keys = set()
    for name in "ab":
        (tmp_path / name).mkdir()
        file = tmp_path / name / "00_start.py"
        file.write_text(RIGHT)
        keys.add(bulk.key_of(Submission("ada", (file,)), settings))
    assert len(keys) == 1


@pytest.mark.parametrize(
    "text", ["", "[]", '{"seed": "7"}', '{"seed": -7}', "[" * 9999]
)
def test_a_strange_record_of_the_last_run_has_no_seed(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk.secrets, "randbelow", lambda below: 77)
    assert seed_in(tmp_path) == 77
    (tmp_path / "grading.json").write_text(text)
    assert seed_in(tmp_path) == 77


# Mistakes


def test_nothing_to_grade(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = run(tmp_path / "empty", "--output", tmp_path / "grades")
    assert told.exit_code == 2
    assert "There is nothing to grade" in told.stderr


def test_without_a_sandbox_it_refuses(
    submissions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(unsafe: bool) -> str:
        if unsafe:
            return "none"
        raise SandboxMissingError("There is none.")

    monkeypatch.setattr("course.grading.sandbox.choose", missing)
    texts = ["grade", str(submissions), "--output", str(tmp_path)]
    told = CliRunner().invoke(main, texts)
    assert told.exit_code == 1
    assert told.stderr == "Error: There is none.\n"
    assert not list(tmp_path.iterdir())
    told = run(submissions / "ada", "--output", tmp_path)
    assert told.exit_code == 0, told.output
    assert "Warning: there is no sandbox here" in told.stderr
    assert "sandbox       none\n" in told.stdout


def test_without_the_tests_it_says_where_they_should_be(
    submissions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AUTOGRADERS", tmp_path / "gone")
    told = run(submissions, "--output", tmp_path)
    assert told.exit_code == 1
    assert f"The tests are not at {tmp_path / 'gone'}" in told.stderr


def test_a_broken_hidden_test_stops_before_anything_is_graded(
    submissions: Path, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "test_secret.py").write_text(HIDDEN)
    output = tmp_path / "grades"
    told = run(submissions, "--output", output, "--hidden-tests", hidden)
    assert told.exit_code == 1
    assert "The tests cannot be used: test_secret.py grades no lesson" in told.stderr
    assert not points(output)


def test_two_runs_do_not_share_a_folder(submissions: Path, tmp_path: Path) -> None:
    with filelock.FileLock(tmp_path / ".grading.lock"):
        told = run(submissions, "--output", tmp_path)
    assert told.exit_code == 1
    assert f"Another `course grade` is writing to {tmp_path}" in told.stderr


def test_what_a_killed_run_unpacked_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".unpacked" / "ada" / "00_start.py"
    left.parent.mkdir(parents=True)
    left.write_text(RIGHT)
    with bulk.holding(tmp_path) as scratch:
        assert scratch == tmp_path / ".unpacked"
        assert not list(scratch.iterdir())
    assert not scratch.exists()


def test_a_full_disk_is_one_sentence_and_no_broken_file(
    submissions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 3:  # the settings, a result, and then
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    told = run(submissions, "--output", tmp_path, "--jobs", 1)
    assert told.exit_code == 1
    assert told.stderr.splitlines()[-1] == (
        f"Error: {tmp_path}/results/bob.json cannot be written: "
        "No space left on device."
    )
    assert points(tmp_path) == {"ada": 6}
    assert not list(tmp_path.rglob("*.tmp"))
    monkeypatch.undo()
    told = run(submissions, "--output", tmp_path)
    assert "submissions   6, of which 5 graded now\n" in told.stdout
    assert points(tmp_path) == POINTS


def test_a_result_that_somebody_takes_away_is_noticed(tmp_path: Path) -> None:
    grading = Grading([Submission("ada", ())], tmp_path, Settings(7, "none", 600.0), 1)
    with pytest.raises(StoppedError, match=r"results/ada.json has gone or was changed"):
        list(grading.results())


# Judges that end


class Ending:
    """In the place of a judge's process: it is known how each of them ends."""

    ends: list[Any]
    jobs: list[dict[str, Any]]

    def __init__(self, settings: dict[str, Any]) -> None:
        pass

    def reply(self, seconds: float) -> bytes:
        first = self.ends[0]
        if isinstance(first, bytes | StoppedError):
            self.ends.pop(0)
            return first if isinstance(first, bytes) else b""
        return b"{}"

    def ask(self, job: dict[str, Any], seconds: float) -> Result:
        self.jobs.append(job)
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        name, key = job["name"], job["key"] if end is None else end
        warnings = (job["refusal"],) if job["refusal"] else ()
        return Result(name, "none", 7, (), 0.0, 0.0, warnings, key)

    def end(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Ending]]:
    monkeypatch.setattr(judges, "JudgeProcess", Ending)
    Ending.jobs = []
    yield Ending
    assert Ending.ends == []


ONE = Submission("ada", ())


def test_a_judge_that_was_killed_by_chance_costs_nothing(ending: type[Ending]) -> None:
    ending.ends = [JudgeEndedError(), None]
    result = Seat({}).judged(ONE, "key", 1.0)
    assert (result.key, result.warnings) == ("key", ())


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ([JudgeEndedError(), JudgeEndedError()], "ended over this submission, twice."),
        ([JudgeLateError()], "was still busy after 121 seconds."),
        ([JudgeEndedError(), JudgeLateError()], "was still busy after 121 seconds."),
    ],
)
def test_a_submission_that_ends_judges_is_refused(
    ends: list[Any], sentence: str, ending: type[Ending]
) -> None:
    ending.ends = [*ends, ""]
    result = Seat({}).judged(ONE, "key", 1.0)
    assert result.warnings == (f"The grader itself {sentence}",)
    assert result.key == ""


def test_no_judge_is_left(ending: type[Ending]) -> None:
    ending.ends = [JudgeEndedError(), JudgeEndedError(), JudgeEndedError()]
    with pytest.raises(StoppedError, match="No judge can be started"):
        Seat({}).judged(ONE, "key", 1.0)


def test_a_judge_serves_so_many_and_no_more(
    ending: type[Ending], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(Ending, "__init__", lambda self, _: started.append(self))
    ending.ends = [None] * (judges.SERVED + 1)
    seat = Seat({})
    for number in range(judges.SERVED + 1):
        assert len(started) == 1
        seat.judged(ONE, str(number), 1.0)
    assert len(started) == 2


def test_a_judge_that_does_not_start_stops_the_run(
    submissions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judges.sys, "executable", "/bin/false")
    told = run(submissions, "--output", tmp_path)
    assert told.exit_code == 1
    assert "Error: No judge can be started." in told.stderr


def test_a_judge_that_is_late_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waiting = tmp_path / "waits"
    waiting.write_text("#!/bin/sh\nexec sleep 500\n")
    waiting.chmod(0o755)
    monkeypatch.setattr(judges.sys, "executable", str(waiting))
    judge = judges.JudgeProcess({})
    with pytest.raises(JudgeLateError):
        judge.reply(0.1)
    assert judge.process.wait(20) == -signal.SIGKILL
    judge.close()


def test_judges_killed_in_the_middle_cost_nothing(graded: Path, tmp_path: Path) -> None:
    folder = many(tmp_path / "s", 12)
    told = run(folder, "--output", tmp_path / "calm", "--seed", 7)
    assert told.exit_code == 0, told.output
    submissions = [
        Submission(path.name, tuple(path.iterdir()))
        for path in sorted(folder.iterdir())
    ]
    sandbox = json.loads((graded / "grading.json").read_text())["sandbox"]
    output = tmp_path / "stormy"
    output.mkdir()
    others, killed = {each.pid for each in children()}, 0
    settings = Settings(7, sandbox, 600.0)
    # One judge: of two, a slow one might be killed twice over the same submission.
    with Grading(submissions, output, settings, 1) as grading:
        for done in grading.run():
            if done in (2, 5, 6):
                for process in psutil.Process().children():
                    command = " ".join(process.cmdline())
                    if process.pid not in others and "course.grading.judge" in command:
                        process.kill()
                        killed += 1
        assert grading.fresh == 12
    assert killed == 3
    assert contents(output / "results") == contents(tmp_path / "calm" / "results")


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is a signal elsewhere")
def test_ctrl_c_keeps_what_is_graded(tmp_path: Path) -> None:
    folder, output = many(tmp_path / "s", 40), tmp_path / "grades"
    with grading(folder, output) as process:
        assert wait_until(lambda: len(points(output)) >= 3, 120)
        inside = children(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    done = len(points(output))
    assert 3 <= done < 40
    last = said.splitlines()[-1]
    assert last.endswith(" of 40 graded; the same command goes on from here.")
    assert wait_until(lambda: not any(map(alive, inside)))
    assert not list(output.rglob("*.tmp"))
    told = run(folder, "--output", output, "--jobs", 2)
    assert told.exit_code == 0, told.output
    assert f"submissions   40, of which {40 - done} graded now\n" in told.stdout


def test_a_result_is_one_line_of_json(graded: Path, submissions: Path) -> None:
    told = run(submissions, "--output", graded, "--json")
    assert told.exit_code == 0, told.output
    results = [from_json(line) for line in told.stdout.splitlines()]
    for result in results:
        path = graded / "results" / f"{result.submission}.json"
        assert path.read_text("utf-8") == to_json(result)
    assert [result.submission for result in results] == list(ANSWERS)
