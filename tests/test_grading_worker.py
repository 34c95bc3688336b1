"""A submission in its worker: what it may do, and what that costs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from processes import running_script, wait_until

from course.exercises import EXERCISES
from course.exercises.observe import Seen, same
from course.grading import heard, notebook, session
from course.grading.notebook import Cell, UnreadableError, parsed, read
from course.grading.process import WorkerLateError
from course.grading.protocol import ProtocolError, pack
from course.grading.session import Session, SubmissionError
from course.grading.student import (
    CallFailedError,
    NotAttemptedError,
    Student,
    lesson_in,
    lesson_of,
)

RIGHT = """
def discounted_return(rewards, gamma):
    return sum(gamma**i * reward for i, reward in enumerate(rewards))
"""
NOISY = """
def discounted_return(rewards, gamma):
    warnings.warn("beware")
    print("x" * 1000, flush=True)
    os.write(1, b"x" * 1000)
    total = 0.0
    for reward in reversed(rewards):
        total = reward + gamma * total
    return total
"""
NO_DISCOUNT = "def discounted_return(rewards, gamma):\n    return rewards.sum()"


def code(source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "source": source.splitlines(keepends=True),
        "metadata": {"tags": list(tags)},
        "outputs": [],
    }


def write(path: Path, *cells: Any, **metadata: Any) -> Path:
    """A notebook; a string is a code cell."""
    made = [code(cell) if isinstance(cell, str) else cell for cell in cells]
    content = {"cells": made, "metadata": metadata, "nbformat": 4}
    path.write_text(json.dumps(content))
    return path


class Scripted:
    """In the place of a worker process: its replies are known, and none is started."""

    replies: list[Any]
    closed = False

    def __init__(self, sandbox: str = "none") -> None:
        self.has_read = False

    def start(self) -> Scripted:
        return type(self)()

    def ask(self, *messages: Any) -> None:
        for message in messages:
            pack(message)

    def reply(self, seconds: float) -> Any:
        if not self.has_read and not isinstance(self.replies[0], Exception):
            self.has_read = True
            return READ
        # At the end of the list it goes on as before, without an end.
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self) -> None:
        pass


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Scripted]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "Workers", Scripted)
    return Scripted


# What an honest student's notebook may hold


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Student]:
    folder = tmp_path_factory.mktemp("honest")
    trained = folder / "trained"
    path = write(
        folder / "my work.ipynb",
        {"cell_type": "markdown", "source": "# Title"},
        "import warnings\nfrom course import check, hint, predict, ready, train\n"
        "from course.notebook import climb, train_live\n"
        "import sys, os, dataclasses, pickle",
        "%matplotlib inline\n!echo hello\nfiles = !ls\ndisplay(get_ipython().user_ns)",
        "%%bash\nrm -rf nothing-at-all",
        "%%time\ndef halve(x):\n    return x / 2",
        "print('x' * 10**8)\nprint('x' * 10**6, file=sys.stderr)\nos.system('echo hi')",
        "@dataclasses.dataclass\nclass Kept:\n    x: 'int'\n\n"
        "assert pickle.loads(pickle.dumps(Kept(1))) == Kept(1)",
        "def discounted_return(rewards, gamma):\n    raise NotImplementedError",
        "check(discounted_return)\npredict('00.2', 'how much?', guess=3)",
        "def (:",
        "\n\n%%time\n\n1 / 0  # in the fifth line",
        "sys.exit(3)",
        "raise KeyboardInterrupt",
        "raise ValueError('half a character: \\ud800')",
        "input('Your name?')",
        code(f"open({str(trained)!r}, 'w')", "train"),
        f"if ready(discounted_return):\n    open({str(trained)!r}, 'w')",
        "train('a3c', 'CartPole-v1')",
        NOISY,
        "hint('discounted_return')",
        {"cell_type": "code", "source": 7},
        {"cell_type": "code"},
        [],
        7,
        course={"lesson": "00_start"},
    )
    with Student(path) as student:
        yield student
    assert not trained.exists()


def test_nothing_of_it_costs_a_mark(honest: Student) -> None:
    found = {verdict.exercise.name: verdict for verdict in honest.verdicts()}
    assert list(found) == ["episode_return", "discounted_return"]
    assert found["discounted_return"].outcome == "passed"
    assert found["episode_return"].outcome == "not_attempted"


def test_what_went_wrong_is_noted_and_the_next_cell_runs(honest: Student) -> None:
    notes = honest.session.report.notes
    assert [note.split(":")[0].split()[-1].strip(".") for note in notes] == [
        "SyntaxError",
        "ZeroDivisionError",
        "SystemExit",
        "KeyboardInterrupt",
        "ValueError",
        "EOFError",
        "counts",
    ]
    assert notes[-1].endswith("is defined in the cells 8, 19; the last counts.")
    assert notes[1] == (
        "Cell 11 raised ZeroDivisionError: division by zero "
        "(line 5 in <module>: 1 / 0  # in the fifth line)."
    )
    assert "half a character: ? (line 1" in notes[4]


def test_a_function_can_be_called(honest: Student) -> None:
    rewards = np.array([0.0, 0.0, 8.0])
    assert honest.discounted_return(rewards, 0.5) == 2.0
    assert honest.discounted_return(gamma=0.5, rewards=[4.0]) == 4.0
    assert honest.gradients.discounted_return(rewards, 0.5) == {}
    after = honest.changed.discounted_return(rewards, 0.5)
    np.testing.assert_array_equal(after["rewards"], rewards)
    with pytest.raises(NotAttemptedError, match="episode_return: not attempted"):
        honest.episode_return(rewards)
    with pytest.raises(AttributeError, match="There is no exercise 'discount'"):
        honest.discount(rewards)
    for values, named in (((1, 2, 3), {}), ((1, 2), {"gamma": 3}), ((), {"g": 1})):
        with pytest.raises(TypeError, match=r"takes the arguments \['rewards', 'gamma"):
            honest.discounted_return(*values, **named)
    with pytest.raises(CallFailedError, match=r"it raised TypeError: .+ 'gamma'"):
        honest.discounted_return(rewards)


def test_inputs_are_drawn_afresh_or_from_a_generator(honest: Student) -> None:
    once = honest.verdict("discounted_return")
    assert honest.verdict("discounted_return") is once
    again = honest.verdict("discounted_return", np.random.default_rng(0))
    assert again is not once


# Calls that end, or do not


DEADLY = """
import os, time
def discounted_return(rewards, gamma):
    if gamma == 1.0:
        os._exit(0)
    if gamma == 0.0:
        raise ValueError("no discount\\n at all")
    if gamma == -1.0:
        while True:
            pass
    if gamma == -2.0:
        while True:
            try:
                time.sleep(100)
            except BaseException:
                pass
    if gamma == -3.0:
        raise KeyboardInterrupt
    if gamma == -4.0:
        return 10**30
    if gamma == -5.0:
        return [0.0] * 10**6
    if gamma == -6.0:
        os.fork()
        return 0.0
    if gamma == -7.0:
        for descriptor in range(3, 100):
            try:
                os.write(descriptor, b"\\x00\\x00\\x00\\x01\\x90")
            except OSError:
                pass
    if gamma == -8.0:
        os.closerange(3, 100)
    if gamma == -9.0:
        os.kill(os.getpid(), 19)  # stop, without an end
    return sum(gamma**i * reward for i, reward in enumerate(rewards))
"""


@pytest.fixture(scope="module")
def deadly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Student]:
    path = tmp_path_factory.mktemp("deadly") / "00_start.ipynb"
    write(path, DEADLY, "def episode_return(rewards):\n    while True: pass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "GRACE", 0.5)
        with Student(path, seconds=0.5) as student:
            yield student


@pytest.mark.parametrize(
    ("gamma", "sentence"),
    [
        (0.0, "it raised ValueError: no discount.*, at line 7"),
        (-1.0, "still running after the time limit"),
        (-2.0, "still running after the time limit"),
        (-3.0, "it raised KeyboardInterrupt"),
        (-4.0, "it raised ValueError: This cannot be sent"),
        (-8.0, "the call ended the whole process"),
        (-9.0, "still running after the time limit"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
def test_a_bad_call_costs_itself_alone(
    deadly: Student, gamma: float, sentence: str
) -> None:
    with pytest.raises(CallFailedError, match=sentence):
        deadly.discounted_return([1.0, 1.0], gamma)
    assert deadly.discounted_return([1.0, 1.0], 0.5) == 1.5


def test_a_large_answer_is_an_answer(deadly: Student) -> None:
    def returned() -> bool:
        try:  # on a busy machine half a second may be too short
            value = deadly.discounted_return([1.0], -5.0)
        except CallFailedError:
            return False
        return bool(value == "<an object of type list>")

    assert wait_until(returned)


def test_an_endless_answer_could_not_run(deadly: Student) -> None:
    verdict = deadly.verdict("episode_return")
    assert verdict.outcome == "could_not_run"
    assert "still running" in verdict.message[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it cannot fork")
@pytest.mark.parametrize("gamma", [-6.0, -7.0])
def test_a_second_voice_is_not_believed(deadly: Student, gamma: float) -> None:
    # A forked child answers as well, or the student's own code writes replies.
    calls = [{"rewards": [1.0], "gamma": gamma}] * 4
    assert len(deadly.session.seen("discounted_return", calls)) == 4
    assert wait_until(lambda: works(deadly))


def works(student: Student) -> bool:
    try:
        return bool(student.discounted_return([1.0, 1.0], 0.5) == 1.5)
    except CallFailedError:
        return False


def test_the_calls_before_and_after_a_deadly_one_count(deadly: Student) -> None:
    gammas = [0.5, 1.0, 0.25, 1.0, 0.5]
    calls = [{"rewards": [1.0, 1.0], "gamma": gamma} for gamma in gammas]
    seen = deadly.session.seen("discounted_return", calls)
    assert [each.value for each in seen] == [1.5, None, 1.25, None, None]
    assert {each.message for each in seen[3:]} == {session.ENDED}


def test_a_deadly_answer_could_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(self: Session, name: str, calls: list[Any]) -> list[Seen]:
        return [Seen("raised", message=session.ENDED)] * len(calls)

    monkeypatch.setattr(Session, "seen", seen)
    verdict = Student("x.ipynb").verdict("episode_return")
    assert verdict.outcome == "could_not_run"
    assert "ended the whole process" in verdict.message[0]


# Verdicts


def test_a_seed_repeats_the_random_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def seen(self: Session, name: str, calls: list[Any]) -> list[Seen]:
        asked.append([dict(call) for call in calls])
        return [Seen("not_attempted")] * len(calls)

    monkeypatch.setattr(Session, "seen", seen)
    for seed, before in ((1, []), (1, ["episode_return"]), (2, [])):
        for name in [*before, "discounted_return"]:
            Student("x.ipynb", seed=seed).verdict(name)
    first, _, again, other = asked
    assert same(first, again)
    assert not same(first, other)


def test_an_answer_equal_to_everything_is_wrong(tmp_path: Path) -> None:
    path = write(
        tmp_path / "00_start.ipynb",
        "class Equal:\n    def __eq__(self, other): return True\n"
        "    def __array__(self, *_, **__): raise SystemExit",
        "def discounted_return(rewards, gamma): return Equal()",
        "from course.exercises.lesson_00_start import episode_return",
    )
    with Student(path) as student:
        found = {verdict.exercise.name: verdict for verdict in student.verdicts()}
    assert found["discounted_return"].outcome == "wrong"
    assert "<an object of type Equal>" in found["discounted_return"].message[0]
    # The course's own function is nobody's answer.
    assert found["episode_return"].outcome == "not_attempted"


@pytest.mark.parametrize(
    "cell",
    [
        "from course.exercises import EXERCISES\n"
        "def discounted_return(rewards, gamma):\n"
        "    return EXERCISES['discounted_return'].reference(rewards, gamma)",
        "from course import returns\n"
        "discounted_return = lambda *each: returns.discounted_return(*each)",
    ],
)
def test_an_answer_that_calls_the_courses_own_is_none(
    cell: str, tmp_path: Path
) -> None:
    with Student(write(tmp_path / "00_start.ipynb", cell)) as student:
        assert not works(student)
        verdict = student.verdict("discounted_return")
        assert "the course's own" in student.session.report.notes[0]
    assert verdict.outcome == "could_not_run"
    assert "switched off" in verdict.message[0]


# Cells


@pytest.mark.skipif(sys.platform == "win32", reason="only a kill could stop cell 3")
def test_a_cell_that_ends_blocks_or_delays_the_worker_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "CELL_SECONDS", 0.5)
    monkeypatch.setattr(session, "GRACE", 0.5)
    path = write(
        tmp_path / "x.ipynb",
        RIGHT,
        "import os\nos._exit(0)",
        "import itertools\nmax(itertools.repeat(0))",  # no interrupt gets in there
        "while True: pass",
        "y = 1",
    )
    with Student(path) as student:
        assert works(student)
        assert student.session.report.notes == (
            "Cell 2 ended or blocked the whole process; it was skipped.",
            "Cell 3 ended or blocked the whole process; it was skipped.",
            "Cell 4 ran for more than 0.5 seconds.",
        )


READ = {"lesson": "", "fingerprints": {}, "notes": []}
READY = {"ready": {"functions": [], "notes": []}}
CELL = {"cell": 2}
LATE = WorkerLateError("It is late.")
GONE = session.WorkerGoneError("It has ended.")


@pytest.mark.parametrize(
    ("replies", "sentence"),
    [
        ([LATE], "still busy when starting after 120 seconds"),
        ([GONE], "the process ends when it starts"),
        ([CELL, GONE], "the cells 2, 2, 2, 2, 2 end or block the process"),
        ([*[CELL, GONE] * 4, CELL, LATE], "2 end or block the process"),
        ([READY], "x.ipynb has none of the functions"),
    ],
)
def test_what_cannot_be_graded_at_all_is_said(
    replies: list[Any], sentence: str, scripted: type[Scripted]
) -> None:
    scripted.replies = replies if replies[-1] is not GONE else replies * 5
    asking = Student(write(Path("x.ipynb")))
    for _ in range(2):  # and it is not tried again
        with pytest.raises(SubmissionError, match=sentence):
            asking.exercises()


def test_slow_cells_may_take_long_together(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    def reply(self: Scripted, seconds: float) -> Any:
        waited.append(seconds)
        if len(waited) == 1:
            return READ
        return {"cell": len(waited)} if len(waited) < 10 else READY

    monkeypatch.setattr(scripted, "reply", reply)
    assert Session(write(Path("x.ipynb"))).report.functions == ()
    assert waited == 2 * [session.START_SECONDS] + 8 * [
        session.CELL_SECONDS + session.GRACE
    ]


def test_a_flood_of_cells_has_an_end(scripted: type[Scripted]) -> None:
    scripted.replies = [CELL]
    with pytest.raises(SubmissionError, match=r"busy in its cell 2 after 0\.1 seconds"):
        _ = Session(write(Path("x.ipynb")), total=0.1).report


def test_what_cannot_be_sent_is_said(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Scripted, *messages: Any) -> None:
        raise ProtocolError("This cannot be sent.")

    monkeypatch.setattr(scripted, "ask", refuse)
    with pytest.raises(SubmissionError, match=r"not be run. This cannot be sent\."):
        _ = Session(write(Path("x.ipynb"))).report


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("x.ipynb", "x.ipynb cannot be opened: No such file"),
        ("x.\ud800", "x.. is neither a notebook"),
        ("pipe.py", "pipe.py cannot be opened: it is no file"),
    ],
)
def test_an_unreadable_submission_is_said(
    name: str, sentence: str, scripted: type[Scripted]
) -> None:
    if name == "pipe.py":
        Path(name).mkdir()
    with Student(name) as student, pytest.raises(SubmissionError, match=sentence):
        student.verdict("episode_return")


def test_a_file_of_any_name_is_read_and_its_whole_time_counts(tmp_path: Path) -> None:
    # Windows and macOS know no name that is not Unicode.
    name = b"Andr\xe9.ipynb" if sys.platform == "linux" else "André.ipynb".encode()
    path = write(tmp_path / os.fsdecode(name), NO_DISCOUNT, course={"lesson": "\ud800"})
    with Student(path) as student:
        # The lesson is found by the functions.
        assert student.exercises() == ["episode_return", "discounted_return"]
        # No call was made until now, but starting has taken longer than this.
        student.session.total, total = 0.1, student.session.total
        with pytest.raises(CallFailedError, match="time limit"):
            student.discounted_return([1.0], 0.5)
        student.session.total = total
        verdict = student.verdict("discounted_return")
    assert verdict.misconceptions == ("forgets_gamma",)


@pytest.mark.parametrize("label", ["00_start", "Ada_00_start", "00_Start (2)"])
def test_a_label_names_its_lesson(label: str) -> None:
    assert lesson_in(label) == "lesson_00_start"


@pytest.mark.parametrize("label", ["", "00", "100_start", "00_started", "start"])
def test_another_label_names_none(label: str) -> None:
    assert lesson_in(label) is None


def test_each_exercise_has_a_lesson() -> None:
    for name, exercise in EXERCISES.items():
        assert lesson_of(name).split("_")[1] == exercise.number.split(".")[0]


# What a worker says is not believed


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [],
        {"seen": {}},
        {"seen": {"how": "passed"}},
        {"seen": {"how": "returned", "gradients": [], "changed": {}}},
        {"seen": {"how": "returned", "gradients": {}, "changed": 7}},
        {"seen": {"how": ["returned"], "gradients": {}, "changed": {}}},
    ],
)
def test_a_forged_answer_is_refused(reply: Any) -> None:
    whole = reply | {"request": 1, "call": 0} if isinstance(reply, dict) else reply
    with pytest.raises(session.WorkerGoneError):
        heard.seen_of(whole, 1, 0)


def test_an_answer_to_another_call_is_refused() -> None:
    seen = {"how": "returned", "gradients": {}, "changed": {}}
    right = {"request": 1, "call": 0, "seen": seen | {"message": "a\x1b[2Jb" * 999}}
    read_back = heard.seen_of(right, 1, 0)
    assert read_back.gradients["missing"] is None
    assert read_back.message.startswith("a [2Jb")
    assert len(read_back.message) <= heard.LONGEST_TEXT
    for wrong in ({"request": 2}, {"call": 1}, {"seen": None}):
        with pytest.raises(session.WorkerGoneError):
            heard.seen_of(right | wrong, 1, 0)


@pytest.mark.parametrize("reply", [None, {}, {"ready": 1}])
def test_a_forged_report_is_refused(reply: Any) -> None:
    with pytest.raises(session.WorkerGoneError):
        heard.report_of(READ, reply)


def test_a_report_is_read_with_care() -> None:
    ready = {"ready": {"functions": [1], "lesson": "01_returns", "notes": "a"}}
    told = heard.report_of(READ | {"notes": ["first"]}, ready)
    # What is said after the student's code has run does not change the lesson.
    assert told == heard.Report((), "", ("first",), {}, {})


# Processes


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is meant")
def test_a_worker_ends_with_its_judge(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    endless = (
        "import itertools\n"
        "def episode_return(rewards):\n"
        f"    open({str(begun)!r}, 'w').close()\n"
        "    max(itertools.repeat(0))"  # no thread of the worker's gets its turn
    )
    path = write(tmp_path / "00_start.ipynb", endless)
    source = (
        "from course.grading.student import Student\n"
        f"student = Student({str(path)!r}, seconds=500)\n"
        "student.session.report\n"
        "import psutil\n"
        "[worker] = [p for p in psutil.Process().children()"
        " if 'course.grading.worker' in p.cmdline()]\n"
        "print(worker.pid, worker.cwd(), flush=True)\n"
        "student.episode_return([1.0])\n"
    )
    with running_script(tmp_path / "judge.py", source) as judge:
        assert judge.stdout is not None
        pid, folder = judge.stdout.readline().split()
        worker = psutil.Process(int(pid))
        assert wait_until(begun.exists)
        assert worker.is_running()
        judge.kill()
        try:
            assert wait_until(lambda: not worker.is_running())
        finally:  # or it would go on for ever
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
        assert wait_until(lambda: not Path(folder).exists())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it cannot fork")
def test_what_a_worker_has_started_ends_with_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    cell = (
        "import os, time\nchild = os.fork()\nif not child:\n    time.sleep(500)\n"
        f"open({str(told)!r}, 'w').write(str(child))"
    )
    others = set(psutil.Process().children())
    with Session(write(tmp_path / "x.ipynb", cell)) as running:
        assert running.report.notes == ()
        child = psutil.Process(int(told.read_text()))
        ours = set(psutil.Process().children()) - others
    assert len(ours) == 2  # the worker and its guard
    assert not any(each.is_running() for each in ours)
    gone = ("zombie", "dead")
    assert wait_until(lambda: not child.is_running() or child.status() in gone)


# Reading


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.ipynb", b"{", "not valid JSON"),
        ("a.ipynb", b"[" * 10**6, "not valid JSON"),
        ("a.ipynb", b"\xff\xfe", "not text in UTF-8"),
        ("a.ipynb", b"[]", "no list of cells"),
        ("a.ipynb", b'{"cells": {}}', "no list of cells"),
        ("a.ipynb", json.dumps({"cells": [0] * 3000}).encode(), "2,000 cells"),
        ("a.txt", b"", "neither a notebook"),
        ("a.py", b" " * 200, "more than 100 bytes"),
    ],
)
def test_what_is_no_submission_is_refused(
    name: str,
    content: bytes,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "bytes" in sentence:
        monkeypatch.setattr(notebook, "LARGEST", 100)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=sentence):
        read(path)


def test_a_script_in_the_percent_format(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        "\ufeff# header\n\n# %% [markdown]\n# Text\n\n# %%\nx = 1\n\n"
        '# %% tags=["train", "slow"]\ny = 2\n#%%\n# %%time\nz = 3\n'
    )
    assert read(path).cells == (
        Cell(0, "# header\n\n"),
        Cell(2, "x = 1"),
        Cell(3, "y = 2", frozenset(["train", "slow"])),
        Cell(4, "# %%time\nz = 3"),
    )
    path.write_text("x = 1\n")
    assert read(path).cells == (Cell(1, "x = 1\n"),)


@pytest.mark.parametrize(
    "cell",
    [
        Cell(1, ""),
        Cell(1, "# only a comment"),
        Cell(1, "check(f)"),
        Cell(1, "check(f)\nhint(f)\nstatus()"),
        Cell(1, "x = 1", frozenset(["train"])),
        Cell(1, "%%html\n<b>"),
    ],
)
def test_a_cell_with_nothing_to_run(cell: Cell) -> None:
    assert parsed(cell) is None


def test_a_cell_that_no_parser_can_take() -> None:
    with pytest.raises(SyntaxError):
        parsed(Cell(1, "(" * 10**5))
    with pytest.raises(SyntaxError):
        parsed(Cell(1, "x = '\0'"))


@pytest.mark.parametrize(
    "source",
    [
        "%%time\n1 / 0",
        "\n \n%%time\n\n\n1 / 0",
        "%%capture out\n!ls\n\n1 / 0",
        "\n\n%matplotlib inline\n1 / 0",
        "\t\n!ls\n1 / 0\n",
    ],
)
def test_a_line_below_a_magic_keeps_its_number(source: str) -> None:
    tree = parsed(Cell(1, source))
    assert tree is not None
    [line] = [
        number for number, text in enumerate(source.split("\n"), 1) if "/" in text
    ]
    assert tree.body[-1].lineno == line
