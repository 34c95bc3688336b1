"""How pytest grades: the fixtures `student` and `rng`, `--submission`, and points.

A test module is named after its lesson, `test_01_returns.py`; more of its name may
follow, as in `test_01_returns_hidden.py`. Without `--submission` its tests run against
`solutions/`, and all pass. With it only the lessons of the submission are tested, in a
sandbox, and what fails is explained: hint, named misconception, points.
"""

from __future__ import annotations

import inspect
import os
import re
import secrets
import zlib
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from course.grading.notebook import quoted
from course.grading.process import Workers
from course.grading.sandbox import SandboxMissingError, choose

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from course.grading.student import Student

STUDENT = pytest.StashKey["Student"]()
STUDENTS = pytest.StashKey[dict[str, "Student"]]()
"""By lesson, whom the tests grade in the place of `solutions/`."""
WORKERS = pytest.StashKey[Workers]()

BY_ROTE = "it is right here, and for none of the numbers that were drawn at random"
CALLED = re.compile(r"\bstudent(?:\.gradients|\.changed)?\.(\w+)\(")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a grading run."""
    group = parser.getgroup("grading students' answers")
    group.addoption(
        "--submission",
        type=Path,
        metavar="FILE_OR_FOLDER",
        help="Grade this notebook, or the notebook of each lesson in this folder.",
    )
    group.addoption(
        "--seed",
        type=int,
        help="Of the inputs that are drawn.  [default: a new one; 0 in CI]",
    )
    group.addoption(
        "--unsafe-no-sandbox",
        action="store_true",
        help="Run the submission as a plain process where there is no sandbox.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the markers, and draws the seed once for all processes of a run."""
    config.addinivalue_line("markers", "points(n): what a test is worth")
    config.addinivalue_line("markers", "hint(text): what helps when it fails")
    if config.option.seed is None:
        config.option.seed = 0 if "CI" in os.environ else secrets.randbelow(10**6)
    path = config.option.submission
    if path is None:
        return
    if not path.exists():
        raise pytest.UsageError(f"--submission: there is no {path}.")
    try:
        sandbox = choose(config.option.unsafe_no_sandbox)
    except SandboxMissingError as problem:
        raise pytest.UsageError(f"--submission: {problem}") from problem
    workers = config.stash[WORKERS] = Workers(sandbox)
    config.add_cleanup(workers.close)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Says how to have the same inputs again, and what keeps a submission in."""
    lines = [f"inputs of the autograders: --seed {config.option.seed}"]
    if (workers := config.stash.get(WORKERS, None)) is not None:
        lines.append(f"sandbox of the submission: {workers.sandbox}")
    return lines


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """With `--submission` only the tests of its lessons are run."""
    for item in filter(_grades, items):
        _require_place(item)
    path = config.option.submission
    if path is None:
        return
    students = config.stash[STUDENTS] = submitted(path, config)
    others = [item for item in items if lesson_tested(item) not in students]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if lesson_tested(item) in students]


def _require_place(item: pytest.Item) -> None:
    if lesson_tested(item) is None:
        raise pytest.UsageError(
            f"{item.path.name} grades no lesson: its name must begin with test_ "
            "and a lesson's name, such as test_01_returns."
        )
    if exercise_tested(item) is None:
        raise pytest.UsageError(
            f"{item.name} in {item.path.name} calls no exercise of its lesson: it "
            "must ask for the answer by name, as in student.n_step_returns(...)."
        )
    points_of(item)


def points_of(item: pytest.Item) -> float:
    """What the test is worth; a `UsageError` if it does not say so."""
    marker = item.get_closest_marker("points")
    worth = marker.args[0] if marker is not None and marker.args else None
    if not isinstance(worth, int | float) or not 0 <= worth < float("inf"):
        raise pytest.UsageError(
            f"{item.name} in {item.path.name} does not say what it is worth: write "
            "@pytest.mark.points(1), or another number, above it."
        )
    return float(worth)


def exercise_tested(item: pytest.Item) -> str | None:
    """The exercise of its lesson that the test's source calls first, or None."""
    from course.exercises import EXERCISES
    from course.grading.student import lesson_of

    if not isinstance(item, pytest.Function):
        return None
    lesson = f"lesson_{lesson_tested(item)}"
    for name in CALLED.findall(inspect.getsource(item.function)):
        if name in EXERCISES and lesson_of(name) == lesson:
            return str(name)
    return None


def submitted(path: Path, config: pytest.Config) -> dict[str, Student]:
    """By lesson, such as "01_returns", what is to be graded.

    Args:
        path: A file, or a folder with a file for each lesson; links in it are not
            followed.
        config: Has the seed and the workers.
    """
    from course.grading.student import Student, lesson_in

    files = [path]
    if path.is_dir():
        files = [
            each
            for each in [*path.glob("*.py"), *path.glob("*.ipynb")]
            if lesson_in(each.stem) is not None and not each.is_symlink()
        ]
    how = {"seed": config.option.seed, "workers": config.stash[WORKERS]}
    students, problems = students_of(files, lambda file: Student(file, **how))
    if problems:
        raise pytest.UsageError(f"--submission: {problems[0]}")
    return students


def students_of(
    files: Sequence[Path], student: Callable[[Path], Student]
) -> tuple[dict[str, Student], list[str]]:
    """By lesson, the one file that counts; and a sentence for each that does not.

    A file whose name is not that of a lesson is run, to see where its functions belong.

    Args:
        files: Notebooks and scripts of one student.
        student: Makes the student of a file.
    """
    from course.grading.session import SubmissionError
    from course.grading.student import lesson_in, lesson_of

    found: dict[str, Student] = {}
    problems = []
    # Where a lesson is there twice, the notebook counts, not the script.
    for file in sorted(files, key=_kind):
        one = student(file)
        try:
            lesson = lesson_in(file.stem) or lesson_of(one.exercises()[0])
        except SubmissionError as problem:
            problems.append(str(problem))
            one.close()
            continue
        name = lesson.removeprefix("lesson_")
        if name in found:
            earlier = found[name].session.path
            found[name].close()
            if earlier.suffix == file.suffix:
                problems.append(
                    f"{quoted(earlier.name)} and {quoted(file.name)} are "
                    f"both of lesson {name}: only the second can count."
                )
        found[name] = one
    return found, problems


def _kind(path: Path) -> tuple[bool, str]:
    return path.suffix == ".ipynb", path.name


def lesson_tested(item: pytest.Item) -> str | None:
    """The lesson whose answers this test grades, such as "01_returns", or None."""
    return _lesson_named(item.path) if _grades(item) else None


def _grades(item: pytest.Item) -> bool:
    """Whether the test asks for our `student`; another's may be of that name, too."""
    return "_submission" in getattr(item, "fixturenames", ())


def _lesson_named(module: Path) -> str | None:
    """The lesson that a test module's name begins with."""
    from course.exercises import LESSONS

    for lesson in LESSONS:
        short = lesson.removeprefix("lesson_")
        if f"{module.stem}_".startswith(f"test_{short}_"):
            return short
    return None


@pytest.fixture(scope="module")
def _submission(request: pytest.FixtureRequest) -> Iterator[Student]:
    from course.grading.student import Student

    config = request.config
    lesson = _lesson_named(request.path)
    assert lesson is not None  # or it would not have been collected
    students = config.stash.get(STUDENTS, None)
    if students is None:
        folder = config.rootpath / "solutions"
        file = folder / f"{lesson}.ipynb"
        file = file if file.exists() else file.with_suffix(".py")
        with Student(file, seed=config.option.seed) as student:
            yield student
        return
    yield students[lesson]
    if config.option.submission is not None:  # a judge has more to ask
        students[lesson].close()


@pytest.fixture
def student(_submission: Student, request: pytest.FixtureRequest) -> Student:
    """The submission of this module's lesson; its functions can be called."""
    _submission.asked.clear()
    request.node.stash[STUDENT] = _submission
    return _submission


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Draws inputs: other ones in each run and each test, the same with `--seed`."""
    test = f"{request.path.name}::{request.node.location[2]}"
    seed = request.config.option.seed
    return np.random.default_rng([seed, zlib.crc32(test.encode())])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """A test whose numbers are known is worth nothing to a list of known answers."""
    yield
    name = exercise_tested(item) if _grades(item) else None
    if name and "rng" not in getattr(item, "fixturenames", ()):
        assert not item.stash[STUDENT].verdict(name).by_rote, BY_ROTE


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds to a failure what helps: hint, diagnosis, points."""
    report = yield
    if (lesson := lesson_tested(item)) is None:
        return report
    points = points_of(item)
    if call.when == "setup":
        # These reach the summary also from pytest-xdist's processes.
        item.user_properties.append(("points", points))
        item.user_properties.append(("lesson", lesson))
        report.user_properties = list(item.user_properties)
    if report.failed and call.excinfo is not None:
        _explain(report, item, call.excinfo.value, points)
    return report


def _explain(
    report: pytest.TestReport, item: pytest.Item, error: BaseException, points: float
) -> None:
    from course.grading.session import SubmissionError
    from course.grading.student import CallFailedError, NotAttemptedError

    if isinstance(error, CallFailedError | SubmissionError):
        report.longrepr = str(error)  # our own frames say nothing to a student
    hint = item.get_closest_marker("hint")
    if hint is not None:
        report.sections.append(("hint", str(hint.args[0])))
    diagnosis = "" if isinstance(error, NotAttemptedError) else _diagnosis(item)
    if diagnosis:
        report.sections.append(("diagnosis", diagnosis))
    report.sections.append(("points", f"0 of {points:g}"))


def _diagnosis(item: pytest.Item) -> str:
    """What `check` would say of the functions that this test has called."""
    from course.grading.session import SubmissionError
    from course.notebook.display import verdict_text

    student = item.stash.get(STUDENT, None)
    if student is None:
        return ""
    try:
        verdicts = [student.verdict(name) for name in dict.fromkeys(student.asked)]
    except SubmissionError as problem:
        return str(problem)
    wrong = [verdict for verdict in verdicts if verdict.outcome != "passed"]
    return "\n".join(verdict_text(verdict) for verdict in wrong)


def pytest_terminal_summary(
    terminalreporter: TerminalReporter, config: pytest.Config
) -> None:
    """The points of each lesson."""
    reached: dict[str, float] = defaultdict(float)
    possible: dict[str, float] = defaultdict(float)
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            told: dict[str, Any] = dict(getattr(report, "user_properties", ()))
            # A test has one report that counts: of its call, or of a failed set-up.
            if "points" not in told or report.when == "teardown":
                continue
            possible[told["lesson"]] += told["points"]
            reached[told["lesson"]] += told["points"] * (outcome == "passed")
    if not possible:
        return
    terminalreporter.section("points")
    for lesson in sorted(possible):
        line = f"{lesson:<34} {reached[lesson]:g} of {possible[lesson]:g}"
        terminalreporter.write_line(line)
    total = f"{sum(reached.values()):g} of {sum(possible.values()):g}"
    terminalreporter.write_line(f"{'all':<34} {total}")
