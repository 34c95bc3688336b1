"""check, hint, solution, predict, ready, status, next: what a student sees."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pytest

import course
from course.exercises import EXERCISES
from course.notebook import display, exercising, progress
from course.notebook.display import Box


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own progress file, and no memory of what was tried before."""
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    monkeypatch.setattr(exercising, "_verdicts", {})
    monkeypatch.chdir(tmp_path)
    return tmp_path / "progress.json"


def stub() -> Callable[..., Any]:
    def discounted_return(rewards: Any, gamma: Any) -> Any:
        raise NotImplementedError

    return discounted_return


def right() -> Callable[..., Any]:
    def discounted_return(rewards: Any, gamma: Any) -> Any:
        return sum(gamma**i * reward for i, reward in enumerate(rewards))

    return discounted_return


def late() -> Callable[..., Any]:
    def discounted_return(rewards: Any, gamma: Any) -> Any:
        return sum(gamma ** (i + 1) * reward for i, reward in enumerate(rewards))

    return discounted_return


def record(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8"))


def test_the_five_outcomes_are_words(capsys: pytest.CaptureFixture[str]) -> None:
    def raising() -> Callable[..., Any]:
        def discounted_return(rewards: Any, gamma: Any) -> Any:
            return rewards.nothing

        return discounted_return

    def odd() -> Callable[..., Any]:
        def discounted_return(rewards: Any, gamma: Any) -> Any:
            return 17.0

        return discounted_return

    for function, words in (
        (stub(), "Not attempted yet"),
        (raising(), "Could not run"),
        (late(), "a known misconception"),
        (odd(), "wrong on this case"),
        (right(), "Passed"),
    ):
        course.check(function)
        text = capsys.readouterr().out
        assert words in text.splitlines()[0]
        assert "00.2 discounted_return" in text.splitlines()[0]


def test_a_wrong_answer_shows_case_and_advice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    course.check(late())
    text = capsys.readouterr().out
    assert "one power too high" in text
    for row in ("gamma     0.5", "returned  0.875", "expected  1.75"):
        assert row in text
    assert "hint(discounted_return)" in text


def test_attempts_and_misconceptions_are_counted(file: Path) -> None:
    for function in (stub(), late(), late(), right(), late()):
        course.check(function)
    kept = record(file)["exercises"]["discounted_return"]
    assert kept["attempts"] == 4  # the stub was no attempt
    assert kept["misconceptions"] == {"discounts_the_first_reward": 3}
    assert kept["outcome"] == "passed"  # once passed stays passed
    assert "passed_at" in kept


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (3, "object of type int"),
        (lambda rewards, gamma: 0, "A lambda has no name"),
        (print, "No exercise asks for a function named 'print'"),
        (EXERCISES["discounted_return"].reference, "the course's own"),
        (Box("head")._repr_html_, "is a method"),
        (dict, "not a plain function"),
        (Box, "not a plain function"),
    ],
)
def test_what_cannot_be_checked_gets_a_sentence(
    given: Any, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    course.check(given)
    text = " ".join(capsys.readouterr().out.split())
    assert "cannot be checked" in text
    assert sentence in text


def test_a_close_name_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    def discounted_returns() -> None:
        pass

    course.check(discounted_returns)
    assert "Did you mean discounted_return?" in " ".join(
        capsys.readouterr().out.split()
    )


def test_hints_come_one_by_one(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    texts = []
    for _ in range(4):
        course.hint("discounted_return")
        texts.append(capsys.readouterr().out)
    assert [text.splitlines()[0][:11] for text in texts] == [
        *("Hint 1 of 3", "Hint 2 of 3"),
        *("Hint 3 of 3", "Hint 3 of 3"),
    ]
    assert "Formula:" not in texts[0]
    assert "Concept:" in texts[2]
    assert "Line:" in texts[2]
    assert "solution(discounted_return)" in texts[3]
    assert record(file)["exercises"]["discounted_return"]["hints"] == 3
    course.hint(stub())  # a function does as well as its name
    assert "Hint 3" in capsys.readouterr().out
    course.hint("nothing")
    assert "no hint" in capsys.readouterr().out


def test_the_solution_is_shown_on_the_second_request(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    course.solution("discounted_return")
    assert "def discounted_return" not in capsys.readouterr().out
    course.solution("discounted_return")
    assert "def discounted_return" in capsys.readouterr().out
    assert record(file)["exercises"]["discounted_return"]["solution"] == "seen"
    course.solution("nothing")
    assert "no solution" in capsys.readouterr().out


def test_the_solution_is_shown_at_once_after_passing(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    course.check(right())
    course.solution(right())
    assert "def discounted_return" in capsys.readouterr().out
    assert record(file)["exercises"]["discounted_return"]["solution"] == "hidden"


def test_a_guess_is_kept_from_before_the_code_is_run(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    course.predict("00.2", "How much?", guess=None)
    assert "Replace None" in capsys.readouterr().out
    course.predict("00.2", "How much?", guess=4)
    course.predict("00.2", "How much?", guess=5)
    capsys.readouterr()
    course.predict("00.2", happened=5.0)
    assert "It came as you guessed" in capsys.readouterr().out
    course.predict("00.2", "How much?", guess=6)
    assert "It stays" in capsys.readouterr().out
    assert record(file)["predictions"]["00.2"] == {
        "guess": 5,
        "question": "How much?",
        "happened": 5.0,
    }


def test_an_outcome_without_a_guess_is_shown_but_not_kept(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    course.predict("00.2", happened=[1, 2])
    assert "none was recorded" in capsys.readouterr().out
    course.predict("00.2", "How much?", guess=[1, 2])
    assert record(file)["predictions"]["00.2"]["guess"] == [1, 2]


def test_guesses_may_be_anything_plain(capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np
    import torch

    nested = {"a": np.ones(2), "b": [1, "c"]}
    for guess in ("Sarsa", True, [1.0, "a"], np.float32(2), torch.ones(2), nested):
        course.predict(f"x{guess}", "?", guess=guess)
        course.predict(f"x{guess}", happened=guess)
        assert "It came as you guessed" in capsys.readouterr().out


def test_ready_waits_for_functions(capsys: pytest.CaptureFixture[str]) -> None:
    assert not course.ready(stub())
    assert "Come back to this cell when these pass" in capsys.readouterr().out
    assert not course.ready(late())
    assert course.ready(right())
    function = right()
    course.check(function)
    capsys.readouterr()
    assert course.ready(function)
    assert capsys.readouterr().out == ""


def test_ready_looks_again_when_a_helper_has_been_mended() -> None:
    power = 1

    def discounted_return(rewards: Any, gamma: Any) -> Any:
        return gamma**power * right()(rewards, gamma)

    assert not course.ready(discounted_return)
    power = 0
    assert course.ready(discounted_return)


def test_under_nbgrader_a_check_fails_its_cell_and_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    for function in (stub(), late(), print):
        with pytest.raises(exercising.WrongAnswerError):
            course.check(function)
    course.check(right())
    assert not course.ready(right())
    course.predict("00.2", "?", guess=1)
    assert not file.exists()


def test_status_and_next(capsys: pytest.CaptureFixture[str]) -> None:
    course.next()
    assert "episode_return" in capsys.readouterr().out
    course.check(right())
    course.predict("a", "?", guess=1)
    course.predict("a", happened=1)
    capsys.readouterr()
    course.status()
    text = capsys.readouterr().out
    assert f"1 of {len(EXERCISES)} exercises passed" in text
    assert "1 of 1 predictions" in text
    assert "✔ 00.2 discounted_return" in text
    assert "○ 00.1 episode_return" in text
    assert "Next: exercise 00.1" in text


def test_when_all_is_passed_next_says_so() -> None:
    done = {name: {"outcome": "passed"} for name in EXERCISES}
    assert "every exercise" in exercising.next_text({"exercises": done})


@pytest.mark.parametrize(
    "content",
    [
        b'{"format": 2, "exercises": "in another form"}',
        b'{"format": 1, "exercises": [], "predictions": {}}',
        b'{"format": 1',
        b"[]",
        b"\xff\xfe",
    ],
)
def test_a_file_of_another_version_is_set_aside(
    content: bytes, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        file.write_bytes(content)
        course.check(right())
        assert "it is kept as" in " ".join(capsys.readouterr().out.split())
        aside = file.with_name(f"progress.{number}.old.json")
        assert aside.read_bytes() == content
    assert record(file)["format"] == progress.FORMAT


def test_what_a_later_version_adds_is_kept(file: Path) -> None:
    content = {
        "format": 1,
        "exercises": {"discounted_return": {"stars": 3}, "from_the_future": {"a": 1}},
        "predictions": {},
        "theme": "dark",
    }
    file.write_text(json.dumps(content), "utf-8")
    course.check(right())
    after = record(file)
    assert after["theme"] == "dark"
    assert after["exercises"]["from_the_future"] == {"a": 1}
    assert after["exercises"]["discounted_return"]["stars"] == 3
    assert after["exercises"]["discounted_return"]["outcome"] == "passed"


@pytest.mark.parametrize(
    "edited",
    [
        {"outcome": "brilliant"},
        {"outcome": []},
        {"attempts": "many", "hints": None},
        {"misconceptions": None},
        [],
        None,
    ],
)
def test_an_edited_file_breaks_nothing(edited: Any, file: Path) -> None:
    content = {
        "format": 1,
        "exercises": {"discounted_return": edited},
        "predictions": {"a": {"happened": 1}, "b": 7},
    }
    file.write_text(json.dumps(content), "utf-8")
    course.status()
    course.next()
    course.check(late())
    course.hint("discounted_return")
    course.predict("a", happened=2)
    course.predict("b", "?", guess=2)
    assert record(file)["exercises"]["discounted_return"]["attempts"] == 1


def test_a_deep_file_is_set_aside(file: Path) -> None:
    file.write_text("[" * 100_000, "utf-8")
    course.status()
    course.check(right())
    assert file.with_name("progress.1.old.json").exists()


def test_a_file_that_cannot_be_read_is_left_alone(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.mkdir()  # even the administrator cannot read a folder as a file
    course.status()
    assert "could not be read" in capsys.readouterr().out
    course.predict("a", "?", guess=2)
    assert "was not saved" in " ".join(capsys.readouterr().out.split())
    assert file.is_dir()


HAMMER = """
import sys
from course.notebook.progress import change, exercise_record

def edit(record):
    exercise_record(record, sys.argv[1])["attempts"] += 1

for _ in range(100):
    assert change(edit) == ""
"""


def test_two_notebooks_lose_nothing(file: Path) -> None:
    both = [
        subprocess.Popen([sys.executable, "-c", HAMMER, name]) for name in ("a", "b")
    ]
    assert [each.wait(60) for each in both] == [0, 0]
    kept = record(file)["exercises"]
    assert (kept["a"]["attempts"], kept["b"]["attempts"]) == (100, 100)
    leftovers = {path.name for path in file.parent.iterdir()}
    assert leftovers <= {"progress.json", ".progress.json.lock"}


def test_a_notebook_that_hangs_does_not_hold_up_the_others(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with filelock.FileLock(progress.lock_path(file)):
        course.check(right())
    text = " ".join(capsys.readouterr().out.split())
    assert "Passed" in text
    assert "another notebook holds it" in text


def test_a_full_disk_does_not_hide_the_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress, "write_whole", full)
    course.check(right())
    text = " ".join(capsys.readouterr().out.split())
    assert "Passed" in text
    assert "was not saved to progress.json (No space left on device)" in text


def test_another_file_can_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: Path
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "mine.json"))
    course.check(right())
    assert (tmp_path / "mine.json").exists()
    assert not file.exists()


def test_html_is_escaped_and_needs_no_colour() -> None:
    box = Box("✘ <b>head</b>", ["<script>"], [("a & b", "<pre>")])
    text = box._repr_html_()
    for raw in ("<b>", "<script>", "a & b"):
        assert raw not in text
    assert text.count("<pre") == 1
    assert "&lt;script&gt;" in text
    words = [head for _, head, _ in display.HEADS.values()]
    assert len(set(words)) == len(words)
