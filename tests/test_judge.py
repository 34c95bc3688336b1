"""The judge: from a submission to its result, and what keeps the others safe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import psutil
import pytest
from answers import HALF, HIDDEN, RAISING, RIGHT, SHORT, STUB, WRONG
from processes import ROOT, alive, wait_until

from course.exercises.judge import Outcome
from course.grading.bulk import AUTOGRADERS
from course.grading.hosting import HostGoneError
from course.grading.judge import judge_all
from course.grading.judging import Job, TestsError
from course.grading.process import Workers
from course.grading.result import OUTCOMES, Result, from_json, to_json
from course.grading.sandbox import choose
from course.grading.submissions import Submission

RETURNS = (
    "def advantages(returns, values):\n    return returns - values.detach()\n"
    "def bootstrap_value(value, terminated):\n    return value\n"
)
FILES = {
    "right": {"00_start.py": RIGHT},
    "half": {"00_start.py": HALF},
    "stub": {"00_start.py": STUB},
    "wrong": {"00_start.py": WRONG},
    "raising": {"00_start.py": RAISING},
    "short": {"00_start.py": SHORT},
    "two": {"a_01_returns.py": RETURNS, "b_00_start.py": RAISING},
    "twice": {"a_00_start.py": STUB, "b_00_start.py": RIGHT},
    "script": {"00_start.ipynb": "{", "00_start.py": RIGHT},
    "nameless": {"mine.py": RIGHT},
    "unreadable": {"00_start.ipynb": "{"},
    "strange": {"mine.ipynb": "{", "00_start.py": RIGHT},
    "foreign": {"mine.py": "x = 1"},
    "nothing": {},
    "colon": {"00_start.py": RIGHT.replace("(rewards):", "(rewards)")},
}


def submission(folder: Path, files: dict[str, str], *problems: str) -> Submission:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    paths = tuple(sorted(folder.iterdir()))
    return Submission(folder.name, paths, problems)


def judge(one: Submission, workers: Workers, seed: int, tests: Path) -> Result:
    found: list[Result] = []
    judge_all([Job(one)], found.append, workers, seed, tests)
    [result] = found
    return result


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "test_00_start_hidden.py").write_text(HIDDEN)
    return folder


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory, hidden: Path
) -> dict[str, Result]:
    """All of `FILES`, judged one after another by one judge."""
    folder = tmp_path_factory.mktemp("judged")
    jobs = [
        Job(submission(folder / name, files), key=f"key of {name}")
        for name, files in FILES.items()
    ]
    found: list[Result] = []
    with Workers(choose(unsafe=True)) as workers:
        judge_all(jobs, found.append, workers, 7, AUTOGRADERS, hidden)
        assert {each.sandbox for each in found} == {workers.sandbox}
    assert [each.key for each in found] == [job.key for job in jobs]
    assert {each.seed for each in found} == {7}
    return {each.submission: each for each in found}


def told(result: Result) -> dict[str, tuple[str, float, float]]:
    return {
        each.name: (each.outcome, each.points, each.max_points)
        for each in result.exercises
    }


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("right", ("passed", 7, 7), ("passed", 3, 3)),
        ("half", ("passed", 7, 7), ("misconception", 0, 3)),
        ("stub", ("not_attempted", 0, 7), ("not_attempted", 0, 3)),
        ("wrong", ("wrong", 0, 7), ("wrong", 0, 3)),
        ("raising", ("could_not_run", 0, 7), ("not_attempted", 0, 3)),
        ("short", ("wrong", 3, 7), ("passed", 3, 3)),
        ("twice", ("passed", 7, 7), ("passed", 3, 3)),
        ("script", ("could_not_run", 0, 7), ("could_not_run", 0, 3)),
        ("nameless", ("passed", 7, 7), ("passed", 3, 3)),
        ("unreadable", ("could_not_run", 0, 7), ("could_not_run", 0, 3)),
        ("strange", ("passed", 7, 7), ("passed", 3, 3)),
    ],
)
def test_outcomes_and_points(
    results: dict[str, Result],
    name: str,
    first: tuple[str, float, float],
    second: tuple[str, float, float],
) -> None:
    result = results[name]
    assert told(result) == {"episode_return": first, "discounted_return": second}
    assert result.points == first[1] + second[1]
    assert result.max_points == first[2] + second[2]


def test_what_a_student_is_told(results: dict[str, Result]) -> None:
    first, second = results["half"].exercises
    assert (first.message, first.case, first.hints) == ("", (), ())
    assert second.misconceptions == ("discounts_the_first_reward",)
    assert second.message.startswith("Your discount is one power too high")
    assert [label for label, _ in second.case][-2:] == ["returned", "expected"]
    assert second.hints[0].startswith("G = r₀ + γ r₁ + γ² r₂")
    assert second.lesson == "00_start"
    assert results["half"].warnings == ()
    assert first.fingerprint == results["right"].exercises[0].fingerprint


def test_a_hidden_test_tells_nothing(results: dict[str, Result]) -> None:
    [failed, _] = results["short"].exercises
    assert failed.message == "A hidden test of episode_return failed."
    assert failed.hints == ()
    assert failed.hidden[0].startswith("test_long_episodes: Secret: fifty steps.")
    for result in results.values():
        for each in result.exercises:
            assert "Secret" not in repr(replace(each, hidden=()))
        assert "Secret" not in repr(replace(result, exercises=()))


def test_a_cell_that_cannot_run_is_why_there_is_no_answer(
    results: dict[str, Result],
) -> None:
    for each in results["colon"].exercises:
        assert each.outcome == "could_not_run"
        assert "SyntaxError: expected ':': def episode_return(rewards)" in each.message


def test_a_public_test_says_what_failed(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_00_start.py").write_text(HIDDEN)
    one = submission(tmp_path / "short", FILES["short"])
    with Workers() as workers:
        [failed, other] = judge(one, workers, 7, tests).exercises
    assert failed.message.startswith("Secret: fifty steps.")
    assert failed.hints == ("Secret: fifty steps.",)
    assert (other.outcome, other.points, other.max_points) == ("passed", 0, 0)


def test_several_lessons_are_one_result(results: dict[str, Result]) -> None:
    result = results["two"]
    assert [(each.lesson, each.outcome) for each in result.exercises] == [
        ("00_start", "could_not_run"),
        ("00_start", "not_attempted"),
        ("01_returns", "not_attempted"),
        ("01_returns", "not_attempted"),
        ("01_returns", "misconception"),
        ("01_returns", "passed"),
    ]
    assert (result.points, result.max_points) == (5, 22)
    [warning] = result.warnings
    assert warning.startswith("b_00_start.py: Cell 1 raised ZeroDivisionError")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("raising", "Cell 1 raised ZeroDivisionError: division by zero"),
        ("twice", "a_00_start.py and b_00_start.py are both of lesson 00_start"),
        ("script", "00_start.ipynb is no notebook: it is not valid JSON."),
        ("unreadable", "00_start.ipynb is no notebook: it is not valid JSON."),
        ("strange", "mine.ipynb is no notebook: it is not valid JSON."),
        ("foreign", "mine.py has none of the functions"),
        ("nothing", "neither a notebook (.ipynb) nor a script (.py)"),
    ],
)
def test_what_is_odd_is_said_once(
    results: dict[str, Result], name: str, sentence: str
) -> None:
    [warning] = results[name].warnings
    assert sentence in warning


@pytest.mark.parametrize("name", ["foreign", "nothing"])
def test_without_a_lesson_there_are_no_points(
    results: dict[str, Result], name: str
) -> None:
    assert results[name].exercises == ()
    assert results[name].max_points == 0


def test_pytest_itself_gives_the_same_points(
    results: dict[str, Result], tmp_path: Path
) -> None:
    one = submission(tmp_path / "two", FILES["two"])
    command = [sys.executable, "-m", "pytest", "tests/autograders", "-q", "-n", "0"]
    asked = ["--submission", str(one.files[0].parent), "--seed", "7"]
    graded = subprocess.run(
        [*command, *asked, "--unsafe-no-sandbox", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert graded.returncode == 1, graded.stderr
    for lesson in ("00_start", "01_returns"):
        ours = [each for each in results["two"].exercises if each.lesson == lesson]
        points = sum(each.points for each in ours)
        most = sum(each.max_points for each in ours) - 4 * (lesson == "00_start")
        line = rf"^{lesson} +{points:g} of {most:g}$"
        assert re.search(line, graded.stdout, re.MULTILINE), graded.stdout


# What goes wrong on our side


class Broken(Workers):
    """In the place of a sandbox that does not start."""

    def start(self) -> object:  # type: ignore[override]
        raise HostGoneError("no room")


def test_a_failure_of_ours_is_graded_again(tmp_path: Path) -> None:
    jobs = [
        Job(submission(tmp_path / name, FILES["right"]), key="a key") for name in "ab"
    ]
    found: list[Result] = []
    judge_all(jobs, found.append, Broken(), 7, AUTOGRADERS)
    [result] = found  # the judge's process ends after such a failure
    assert result.key == ""
    assert {each.outcome for each in result.exercises} == {"could_not_run"}
    assert (result.points, result.max_points) == (0, 6)
    assert result.warnings == (
        "The grader itself failed, not the answers (HostGoneError: no room).",
    )


def test_a_sandbox_that_ends_while_tests_run_is_a_failure_of_ours(
    tmp_path: Path,
) -> None:
    one = submission(tmp_path / "one", FILES["right"])
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_00_start_gone.py").write_text(
        "import pytest\nfrom course.grading.hosting import HostGoneError\n"
        "@pytest.mark.points(1)\ndef test(student):\n"
        "    student.episode_return([])\n    raise HostGoneError('no room')\n"
    )
    with Workers() as workers:
        result = judge(one, workers, 7, tests)
    assert "HostGoneError: no room" in result.warnings[0]
    assert result.points == 0


def test_a_refusal_has_the_points_that_could_be_had(tmp_path: Path) -> None:
    one = submission(tmp_path / "one", FILES["two"], "A link was left out.")
    found: list[Result] = []
    job = Job(one, refusal="It was too much.")
    with Workers() as workers:
        judge_all([job], found.append, workers, 7, AUTOGRADERS)
    [result] = found
    assert (result.points, result.max_points) == (0, 18)
    assert {each.message for each in result.exercises} == {"It was too much."}
    assert result.warnings == ("A link was left out.", "It was too much.")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("test_00_start_1.py", "def (", "SyntaxError"),
        ("test_00_start_2.py", "import missing_module", "missing_module"),
        ("test_secret.py", HIDDEN, "test_secret.py grades no lesson"),
        (
            "test_00_start_3.py",
            HIDDEN.replace("points(4)", "points('4')"),
            "test_long_episodes in test_00_start_3.py does not say what it is worth",
        ),
        (
            "test_00_start_4.py",
            HIDDEN.replace("@pytest.mark.points(4)", ""),
            "does not say what it is worth",
        ),
        (
            "test_00_start_5.py",
            HIDDEN.replace(".episode_return", ".n_step_returns"),
            "calls no exercise of its lesson",
        ),
        (
            "test_00_start_6.py",
            HIDDEN.replace("== 60", "== 61"),
            "test_long_episodes fails on the published solution: Secret",
        ),
        (
            "test_00_start_7.py",
            HIDDEN.replace("(student)", "(student, missing)"),
            "test_long_episodes fails on the published solution",
        ),
    ],
)
def test_tests_that_cannot_be_used(
    name: str, text: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TestsError) as caught:
        judge_all([], print, Workers(), 7, AUTOGRADERS, tmp_path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


# The process


def start(*lines: object) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "course.grading.judge"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    for line in lines:
        process.stdin.write(json.dumps(line).encode() + b"\n")
    process.stdin.flush()
    return process


@pytest.fixture
def settings() -> dict[str, object]:
    tests = {"tests": str(AUTOGRADERS), "hidden": None}
    return {"seed": 7, "sandbox": "none", "total": 600.0, **tests}


def job(one: Submission) -> dict[str, object]:
    files = [str(path) for path in one.files]
    told = {"name": one.name, "files": files, "problems": list(one.problems)}
    return told | {"key": "k", "refusal": ""}


def test_the_process_answers_line_by_line(
    settings: dict[str, object], tmp_path: Path
) -> None:
    ours = [job(submission(tmp_path / name, FILES[name])) for name in ("half", "stub")]
    with start(settings, *ours) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        process.communicate()
    assert process.returncode == 0
    assert said[0] == b"{}\n"
    assert [from_json(line).points for line in said[1:]] == [3, 0]


def test_the_process_says_which_test_is_broken(
    settings: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "test_secret.py").write_text(HIDDEN)
    with start(settings | {"hidden": str(tmp_path)}) as process:
        [line] = process.communicate()[0].splitlines()
    assert "test_secret.py grades no lesson" in json.loads(line)["problem"]


def test_a_judge_ends_in_the_middle_of_a_submission(
    settings: dict[str, object], tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    endless = f"open({str(begun)!r}, 'w').close()\nwhile True: pass"
    one = submission(tmp_path / "one", {"00_start.py": endless})
    with start(settings, job(one)) as process:
        assert wait_until(begun.exists, 60)
        inside = psutil.Process(process.pid).children(recursive=True)
        assert inside
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
    assert wait_until(lambda: not any(map(alive, inside)))


# Results as text


def test_a_result_comes_back_as_it_was(results: dict[str, Result]) -> None:
    for result in results.values():
        for indent in (None, 1):
            text = to_json(result, indent)
            assert from_json(text) == result
            assert from_json(text.encode()) == result
    assert to_json(results["half"], None).count("\n") == 1
    assert get_args(Outcome) == OUTCOMES


def changed(edit: Callable[[dict[str, object]], object], result: Result) -> str:
    content = json.loads(to_json(result))
    edit(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content.pop("seed"),
        lambda content: content.pop("exercises"),
        lambda content: content.update(more=1),
        lambda content: content.update(seed="7"),
        lambda content: content.update(points=float("nan")),
        lambda content: content.update(points=-1),
        lambda content: content.update(warnings="none"),
        lambda content: content.update(warnings=[1]),
        lambda content: content.update(key=None),
        lambda content: content["exercises"][0].update(outcome="perfect"),
        lambda content: content["exercises"][0].update(hints=None),
        lambda content: content["exercises"][0].update(case=[["a"]]),
        lambda content: content["exercises"][0].update(message=None),
        lambda content: content["exercises"].append(7),
    ],
)
def test_what_is_no_result_is_refused(
    edit: Callable[[dict[str, object]], object], results: dict[str, Result]
) -> None:
    with pytest.raises(ValueError, match="This is no result of a grading"):
        from_json(changed(edit, results["half"]))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", "[" * 100_000, b"\xff"])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="This is no result of a grading"):
        from_json(text)


def test_half_a_character_can_be_written(results: dict[str, Result]) -> None:
    text = changed(lambda content: content.update(submission="\ud800"), results["half"])
    assert from_json(to_json(from_json(text))).submission == "?"
