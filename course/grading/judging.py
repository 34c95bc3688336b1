"""How a submission is judged: pytest's tests, and each exercise's own verdict.

The tests are collected once and run for one submission after another, each time with
that submission's `Student`, whose calls are answered by a worker.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from course.exercises import EXERCISES
from course.grading.hosting import HostGoneError
from course.grading.notebook import quoted
from course.grading.plugin import (
    STUDENTS,
    exercise_tested,
    lesson_tested,
    points_of,
    students_of,
)
from course.grading.process import Workers
from course.grading.result import ExerciseResult, Result
from course.grading.session import SubmissionError
from course.grading.student import Student, lesson_in, lesson_of
from course.grading.submissions import Submission
from course.notebook.display import case_rows

# Only in a checkout: what students get has none.
SOLUTIONS = Path(__file__).parents[2] / "solutions"
LONGEST = 2_000  # characters of what a failed test says


class TestsError(Exception):
    """The tests themselves cannot be used; the sentence says why."""

    __test__ = False


@dataclass(frozen=True)
class Job:
    """A submission to be judged.

    Attributes:
        submission: What was handed in.
        key: Of its result.
        refusal: If not "": it scores nothing, for this reason.
    """

    submission: Submission
    key: str = ""
    refusal: str = ""


@dataclass(frozen=True)
class Tested:
    """What came of one test.

    Attributes:
        points: That it is worth.
        failure: What it said when it failed, or None.
        hint: What helps, or "".
        hidden: If no student may know of it, its name; or else "".
    """

    points: float
    failure: str | None
    hint: str
    hidden: str


@dataclass
class Judge:
    """A plugin of pytest's that runs the tests once for each job.

    Attributes:
        jobs: The submissions; the next one is asked for when the last is done.
        answer: Takes each result.
        workers: The sandbox.
        seed: Of what is drawn.
        hidden: The folder of hidden tests, if there are any.
        total: Time limit of one submission, in seconds.
    """

    jobs: Iterable[Job]
    answer: Callable[[Result], object]
    workers: Workers
    seed: int
    hidden: Path | None
    total: float
    began: bool = False
    problems: list[str] = field(default_factory=list)
    _tested: dict[str, list[Tested]] = field(default_factory=dict)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Notes why a file of tests cannot be used."""
        if report.failed:
            lines = [line for line in report.longreprtext.splitlines() if line.strip()]
            reason = lines[-1].removeprefix("E").strip() if lines else "no reason given"
            self.problems.append(f"{report.nodeid} cannot be used: {reason}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In the place of pytest's own loop: the tests of each job's lessons."""
        self._session = session
        if self.problems:
            return True
        try:
            self._try_hidden()
        except TestsError as problem:
            self.problems.append(str(problem))
            return True
        self.began = True
        for job in self.jobs:
            try:
                result = self._judged(job)
            except Exception as error:  # whatever it is, the others must not suffer
                reason = f"{type(error).__name__}: {error}"
                sentence = f"The grader itself failed, not the answers ({reason})."
                self.answer(self._refused(job, sentence))
                break  # pytest may be in any state now
            self.answer(result)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Notes what came of a test: of its call, or of a set-up that failed."""
        report = yield
        error = call.excinfo
        if error is not None and isinstance(error.value, HostGoneError):
            raise error.value  # no answer is to blame for this
        name = exercise_tested(item)
        if name is None or report.skipped or report.when == "teardown":
            return report
        if report.when == "call" or report.failed:
            failure = None if error is None else error.exconly(tryshort=True)
            hint = item.get_closest_marker("hint")
            tested = Tested(
                points_of(item),
                failure and failure.removeprefix("AssertionError: ")[:LONGEST],
                "" if hint is None else str(hint.args[0]),
                item.name if self._is_hidden(item) else "",
            )
            self._tested.setdefault(name, []).append(tested)
        return report

    def _judged(self, job: Job) -> Result:
        """Runs what was handed in, and all tests of its lessons."""
        if job.refusal:
            return self._refused(job, job.refusal)
        files = job.submission.files
        warnings = list(job.submission.problems)
        if not files and not warnings:
            warnings = [
                "There is neither a notebook (.ipynb) nor a script (.py) in it."
            ]
        exercises: list[ExerciseResult] = []
        everyone: list[Student] = []
        end = time.monotonic() + self.total
        with contextlib.ExitStack() as opened:

            def student(file: Path) -> Student:
                left = max(end - time.monotonic(), 1.0)
                one = Student(file, seed=self.seed, workers=self.workers, total=left)
                everyone.append(opened.enter_context(one))
                return one

            students, problems = students_of(files, student)
            for lesson in sorted(students):
                one = students[lesson]
                left = max(end - time.monotonic(), 1.0)
                one.session.total = one.session.spent + left
                name = quoted(one.session.path.name)
                try:
                    notes = one.session.report.notes
                    prefix = f"{name}: " if len(students) > 1 else ""
                    warnings += [prefix + note for note in notes]
                except SubmissionError as problem:
                    warnings.append(str(problem))
                exercises += self._exercises(lesson, one)
                one.close()
        if time.monotonic() > end:
            name = job.submission.name
            warnings.append(
                f"{name} has used up its {self.total:g} seconds: what comes after that "
                "was not run."
            )
        sessions = [each.session for each in everyone]
        # Without a key it is not kept: the next run tries again.
        key = "" if any(each.never_started for each in sessions) else job.key
        unreadable = not files or any(each.failed for each in sessions)
        return self._result(job, exercises, warnings + problems, key, unreadable)

    def _exercises(self, lesson: str, student: Student) -> Iterator[ExerciseResult]:
        """Runs the tests of one lesson."""
        items = self._items(lesson)
        self._session.config.stash[STUDENTS] = {lesson: student}
        self._tested = {}
        # Before it has seen a number of a hidden test's, which its message could tell.
        with contextlib.suppress(SubmissionError):
            for name in _exercises_of(lesson):
                student.verdict(name)
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.user_properties.clear()  # it may have been run before
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        for name in _exercises_of(lesson):
            yield exercise_result(lesson, name, student, self._tested.get(name, []))

    def _refused(self, job: Job, sentence: str) -> Result:
        """Nothing for whatever lessons its files are named after."""
        lessons = {lesson_in(file.stem) for file in job.submission.files} - {None}
        exercises = [
            _nothing(lesson, name, self._worth(lesson, name), sentence)
            for lesson in sorted(str(each).removeprefix("lesson_") for each in lessons)
            for name in _exercises_of(lesson)
        ]
        warnings = [*job.submission.problems, sentence]
        return self._result(job, exercises, warnings, "", unreadable=True)

    def _try_hidden(self) -> None:
        """Runs hidden tests on the published solutions, before the class meets them.

        Raises:
            TestsError: One fails, so it is at fault itself.
        """
        hidden = filter(self._is_hidden, self._session.items)
        for lesson in sorted({str(lesson_tested(item)) for item in hidden}):
            solution = SOLUTIONS / f"{lesson}.ipynb"
            if not solution.exists():  # a copy of the course without them
                continue
            with Student(solution, seed=self.seed, workers=self.workers) as student:
                results = list(self._exercises(lesson, student))
            for said in itertools.chain.from_iterable(each.hidden for each in results):
                name, _, failure = said.splitlines()[0].partition(": ")
                raise TestsError(f"{name} fails on the published solution: {failure}")

    def _is_hidden(self, item: pytest.Item) -> bool:
        return self.hidden is not None and item.path.is_relative_to(self.hidden)

    def _items(self, lesson: str) -> list[pytest.Item]:
        return [each for each in self._session.items if lesson_tested(each) == lesson]

    def _worth(self, lesson: str, name: str) -> float:
        """The points of all tests of an exercise."""
        items = self._items(lesson)
        return math.fsum(points_of(i) for i in items if exercise_tested(i) == name)

    def _result(
        self,
        job: Job,
        exercises: list[ExerciseResult],
        warnings: Collection[str],
        key: str,
        unreadable: bool,
    ) -> Result:
        return Result(
            job.submission.name,
            self.workers.sandbox,
            self.seed,
            tuple(exercises),
            math.fsum(each.points for each in exercises),
            math.fsum(each.max_points for each in exercises),
            tuple(dict.fromkeys(warnings)),
            key,
            unreadable,
        )


def exercise_result(
    lesson: str, name: str, student: Student, tested: Collection[Tested]
) -> ExerciseResult:
    """Puts together what the tests and the exercise itself say of an answer."""
    most = math.fsum(each.points for each in tested)
    try:
        verdict = student.verdict(name)
    except SubmissionError as problem:
        return _nothing(lesson, name, most, str(problem))
    failed = [each for each in tested if each.failure is not None]
    outcome, message = verdict.outcome, "\n".join(verdict.message)
    report = student.session.report
    if outcome == "not_attempted" and name in report.broken:
        outcome, message = "could_not_run", report.broken[name]
    elif outcome == "not_attempted":  # what `check` says there is for the notebook
        message = (
            f"There is no answer to {name} yet. Keep the function's name: an answer is "
            "found by it."
        )
    if outcome == "passed" and failed:
        outcome = "wrong"
        told = [each.failure or "" for each in failed if not each.hidden]
        message = told[0] if told else f"A hidden test of {name} failed."
    hints = [each.hint for each in failed if each.hint and not each.hidden]
    return ExerciseResult(
        name,
        lesson,
        outcome,
        verdict.misconceptions,
        most - math.fsum(each.points for each in failed),
        most,
        message,
        tuple(case_rows(verdict)),
        tuple(dict.fromkeys(hints)),
        report.fingerprints.get(name, ""),
        tuple(f"{each.hidden}: {each.failure}" for each in failed if each.hidden),
    )


def _nothing(lesson: str, name: str, most: float, sentence: str) -> ExerciseResult:
    return ExerciseResult(name, lesson, "could_not_run", (), 0.0, most, sentence)


def _exercises_of(lesson: str) -> list[str]:
    return [name for name in EXERCISES if lesson_of(name) == f"lesson_{lesson}"]
