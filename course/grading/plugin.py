"""How pytest grades: the fixtures `student` and `rng`, `--submission`, and points.

A test module is named after its lesson, `test_01_returns.py`; more of its name may
follow, as in `test_01_returns_hidden.py`. Without `--submission`
its tests run against `solutions/`, and all pass. With it only the lessons of the
submission are tested, and what fails is explained: the hint, the named misconception,
the points.
"""

from __future__ import annotations

import os
import secrets
import zlib
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from course.grading.student import Student

STUDENT = pytest.StashKey["Student"]()
FILES = pytest.StashKey[dict[str, Path]]()


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


def pytest_configure(config: pytest.Config) -> None:
    """Registers the markers, and draws the seed once for all processes of a run."""
    config.addinivalue_line("markers", "points(n): what a test is worth")
    config.addinivalue_line("markers", "hint(text): what helps when it fails")
    if config.option.seed is None:
        config.option.seed = 0 if "CI" in os.environ else secrets.randbelow(10**6)
    path = config.option.submission
    if path is not None and not path.exists():
        raise pytest.UsageError(f"--submission: there is no {path}.")


def pytest_report_header(config: pytest.Config) -> str:
    """Says how to have the same inputs again."""
    return f"inputs of the autograders: --seed {config.option.seed}"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """With `--submission` only the tests of its lessons are run.

    Under pytest-xdist with `--dist loadgroup` one process runs all tests of a lesson,
    so that one worker is enough.
    """
    for item in items:
        if _grades(item) and lesson_tested(item) is None:
            raise pytest.UsageError(
                f"{item.path.name} grades no lesson: its name must begin with test_ "
                "and a lesson's name, such as test_01_returns."
            )
        if _grades(item) and config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group(lesson_tested(item)))
    path = config.option.submission
    if path is None:
        return
    files = config.stash[FILES] = submitted(path)
    others = [item for item in items if lesson_tested(item) not in files]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if lesson_tested(item) in files]


def submitted(path: Path) -> dict[str, Path]:
    """By lesson, such as "01_returns", the file to be graded.

    Args:
        path: A file, or a folder with a file for each lesson; links in it are not
            followed.
    """
    from course.grading.session import SubmissionError
    from course.grading.student import Student, lesson_in, lesson_of

    if path.is_dir():
        found: dict[str, Path] = {}
        # Where a lesson is there twice, the notebook counts, not the script.
        for each in sorted([*path.glob("*.py"), *path.glob("*.ipynb")], key=_kind):
            lesson = lesson_in(each.stem)
            if lesson is None or each.is_symlink():
                continue
            name = lesson.removeprefix("lesson_")
            if name in found and found[name].suffix == each.suffix:
                raise pytest.UsageError(
                    f"--submission: {found[name].name} and {each.name} are both of "
                    f"lesson {name}."
                )
            found[name] = each
        return found
    lesson = lesson_in(path.stem)
    if lesson is None:
        try:
            with Student(path) as student:
                lesson = lesson_of(student.exercises()[0])
        except SubmissionError as problem:
            raise pytest.UsageError(f"--submission: {problem}") from problem
    return {lesson.removeprefix("lesson_"): path}


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

    lesson = _lesson_named(request.path)
    assert lesson is not None  # or it would not have been collected
    files = request.config.stash.get(FILES, None)
    if files is not None:
        file = files[lesson]
    else:
        folder = request.config.rootpath / "solutions"
        file = folder / f"{lesson}.ipynb"
        file = file if file.exists() else file.with_suffix(".py")
    with Student(file, seed=request.config.option.seed) as student:
        yield student


@pytest.fixture
def student(_submission: Student, request: pytest.FixtureRequest) -> Student:
    """The submission of this module's lesson; its functions can be called."""
    _submission.asked.clear()
    request.node.stash[STUDENT] = _submission
    return _submission


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Draws inputs: other ones in each run and each test, the same with `--seed`."""
    # Not the node's id, to which pytest-xdist adds the name of a group.
    test = f"{request.path.name}::{request.node.location[2]}"
    seed = request.config.option.seed
    return np.random.default_rng([seed, zlib.crc32(test.encode())])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds to a failure what helps: hint, diagnosis, points."""
    report = yield
    lesson = lesson_tested(item)
    marker = item.get_closest_marker("points")
    if lesson is None or marker is None:
        return report
    points = marker.args[0]
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
    total = sum(reached.values()), sum(possible.values())
    terminalreporter.write_line("{:<34} {:g} of {:g}".format("all", *total))
