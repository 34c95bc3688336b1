"""Judges as processes of their own: started, asked, and replaced when they end."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from typing import Any

from course.grading.process import own_group
from course.grading.result import Result, from_json
from course.grading.sandbox import COURSE
from course.grading.submissions import Submission

SERVED = 50
"""Submissions that a judge has before a fresh one takes its place."""

GRACE = 120.0
"""Seconds a judge may take besides the time limit of its submission's notebooks."""

PATIENCE = 20.0  # seconds for a judge to end when it has no more to do
NO_JUDGE = (
    "No judge can be started. Is there memory left? If so, the command `python -m "
    "pytest tests/autograders` in the course's folder may say more."
)


class StoppedError(Exception):
    """Grading cannot go on; the sentence says why."""


class JudgeEndedError(Exception):
    """The judge has ended without an answer."""


class JudgeLateError(Exception):
    """The judge did not answer in time; it was killed."""


class JudgeProcess:
    """A running judge.

    Args:
        settings: As `course.grading.judge` reads them.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        # pytest heeds these, and what a shell has set for other tests is not for ours.
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYTEST_")
        }
        environment |= {
            "OMP_NUM_THREADS": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(COURSE.parent),
        }
        # Never anything from the working folder (-P): a submission may lie there that
        # is called like a module of ours. A group of its own: Ctrl-C is for us.
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "course.grading.judge"],
                cwd=COURSE.parent,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                **own_group(),
            )
        except OSError as error:
            raise StoppedError(NO_JUDGE) from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._requests, self._replies = self.process.stdin, self.process.stdout
        self._tell(settings)

    def reply(self, seconds: float) -> bytes:
        """Waits for the next line.

        Raises:
            JudgeLateError: It has not come in time.
            JudgeEndedError: It will not come.
        """
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self.process.kill()

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            line: bytes = self._replies.readline()
        finally:
            timer.cancel()
        if line.endswith(b"\n"):
            return line
        raise JudgeLateError if late.is_set() else JudgeEndedError

    def ask(self, job: dict[str, Any], seconds: float) -> Result:
        """The result of a job.

        Raises:
            JudgeLateError: It has not come in time.
            JudgeEndedError: It will not come.
        """
        self._tell(job)
        return from_json(self.reply(seconds))

    def end(self) -> None:
        """Tells it to end, in the middle of a submission as well."""
        with contextlib.suppress(OSError):
            self._requests.close()

    def close(self) -> None:
        """Ends it, and waits until it has ended."""
        self.end()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._replies.close()

    def _tell(self, message: dict[str, Any]) -> None:
        # That nobody reads it shows when the reply is waited for.
        with contextlib.suppress(OSError, ValueError):
            self._requests.write(json.dumps(message).encode() + b"\n")
            self._requests.flush()


class Seat:
    """Has a judge in it: when one ends, or has served long enough, the next comes.

    The first one begins to start at once, while others are still being made.

    Args:
        settings: As `course.grading.judge` reads them.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._stopped = False
        self._changing = threading.Lock()
        self._served = 0
        self._ready = False
        self._judge = JudgeProcess(settings)

    def judged(self, submission: Submission, key: str, total: float) -> Result:
        """The judge's result; if judges end over this submission, one that says so.

        Args:
            submission: What was handed in.
            key: Of the result. One that tells of the grader's own failure has none.
            total: Time limit of one submission, in seconds.

        Raises:
            StoppedError: The tests cannot be used, or judges do not start.
        """
        limit = total + GRACE
        job = {
            "name": submission.name,
            "files": [str(path.absolute()) for path in submission.files],
            "problems": list(submission.problems),
            "key": key,
            "refusal": "",
        }
        for _ in range(2):  # the first one may have been killed by chance
            try:
                return self._answer(job, limit)
            except JudgeLateError:
                reason = f"The grader itself was still busy after {limit:g} seconds."
                break
            except JudgeEndedError:
                reason = "The grader itself ended over this submission, twice."
        try:
            return self._answer(job | {"refusal": reason}, GRACE)
        except (JudgeLateError, JudgeEndedError) as error:
            raise StoppedError(NO_JUDGE) from error

    def stop(self) -> None:
        """Tells the judge to end; no other one comes."""
        with self._changing:
            self._stopped = True
            self._judge.end()

    def close(self) -> None:
        """Ends the judge, and waits until it has ended."""
        self.stop()
        self._judge.close()

    def _answer(self, job: dict[str, Any], limit: float) -> Result:
        if self._served == SERVED:
            self._replace()
        try:
            if not self._ready:
                self._wait_until_ready()
            self._served += 1
            result = self._judge.ask(job, limit)
        except (JudgeLateError, JudgeEndedError):
            self._replace()
            raise
        if not result.key:  # something failed in it that was not to fail
            self._replace()
        return result

    def _wait_until_ready(self) -> None:
        try:
            told = json.loads(self._judge.reply(GRACE))
        except JudgeLateError as error:  # no submission is to blame for this
            raise JudgeEndedError from error
        if "problem" in told:
            raise StoppedError(f"The tests cannot be used: {told['problem']}")
        self._ready = True

    def _replace(self) -> None:
        self._judge.close()
        with self._changing:
            if self._stopped:
                raise StoppedError("Grading was stopped.")
            self._judge = JudgeProcess(self._settings)
            self._served, self._ready = 0, False
