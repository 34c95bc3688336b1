"""The judge: it has the tests and the answers, and runs no line of a student's.

    python -m course.grading.judge

This process reads one JSON object a line from its standard input, first the settings
and then the jobs, and answers each with one line. It ends with its input, also in the
middle of a submission.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import psutil
import pytest
import torch

from course.grading.judging import Job, Judge, TestsError
from course.grading.process import Workers
from course.grading.result import Result, to_json
from course.grading.session import TOTAL_SECONDS
from course.grading.submissions import Submission
from course.grading.worker import separate_channels

ROOT = Path(__file__).parents[2]
# Neither this project's settings for pytest nor a conftest's: those are for its tests.
OPTIONS = (
    *("-c", os.devnull, f"--rootdir={ROOT}", "--noconftest", "--import-mode=append"),
    *("-p", "course.grading.plugin", "-qq", "--tb=no", "--capture=no"),
    *("-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:warnings"),
    *("-p", "no:threadexception", "-p", "no:unraisableexception", "-p", "no:logging"),
)


def judge_all(
    jobs: Iterable[Job],
    answer: Callable[[Result], object],
    workers: Workers,
    seed: int,
    tests: Path,
    hidden: Path | None = None,
    total: float = TOTAL_SECONDS,
) -> None:
    """Judges one submission after another.

    Args:
        jobs: The submissions.
        answer: Takes the result of each.
        workers: The sandbox; it stays open.
        seed: Of what the tests draw.
        tests: The folder of the tests.
        hidden: A folder with more of them, whose texts are told to nobody.
        total: Time limit of one submission, in seconds.

    Raises:
        TestsError: The tests cannot be used.
    """
    hidden = hidden and hidden.resolve()
    judging = Judge(jobs, answer, workers, seed, hidden, total)
    folders = [str(each) for each in (tests, hidden) if each is not None]
    said = io.StringIO()
    modules = set(sys.modules)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        pytest.main([*OPTIONS, f"--seed={seed}", *folders], plugins=[judging])
    # Another folder may have tests of the same names.
    for name in [each for each in sys.modules if each not in modules]:
        if name.startswith("test_"):
            del sys.modules[name]
    if not judging.began:
        lines = [line for line in said.getvalue().splitlines() if line.strip()]
        reasons = judging.problems or lines[-1:] or ["pytest does not begin"]
        raise TestsError(reasons[0].removeprefix("ERROR: "))


def listen(requests: BinaryIO, waiting: queue.Queue[bytes], workers: Workers) -> None:
    """Passes lines on; after the last this process ends, in mid-submission at once."""
    for line in requests:
        waiting.put(line)
    if waiting.unfinished_tasks:
        end_all(workers)
        os._exit(0)
    waiting.put(b"")


def end_all(workers: Workers) -> None:
    """Ends the sandbox, and what is left of one whose host was killed."""
    workers.close()
    if workers.sandbox == "none":
        return  # each worker has a guard, which has to outlive us
    # What is killed may have started something else meanwhile.
    while left := psutil.Process().children(recursive=True):
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=0.1)


def main() -> None:
    """Judges for one `course grade` until that has no more to ask."""
    requests, replies = separate_channels()
    torch.set_num_threads(1)
    settings = json.loads(requests.readline() or b"null")
    if settings is None:
        return
    waiting: queue.Queue[bytes] = queue.Queue()

    def tell(text: str) -> None:
        replies.write(text.encode())
        replies.flush()

    def jobs() -> Iterator[Job]:
        tell("{}\n")  # the tests can be used
        while line := waiting.get():
            yield _job(json.loads(line))
            waiting.task_done()

    hidden = settings["hidden"]
    if settings["sandbox"] != "none":
        from course.grading.confine import PR_SET_CHILD_SUBREAPER, prctl  # Linux only

        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what a dead host leaves becomes ours
    with contextlib.ExitStack() as ending:
        workers = Workers(settings["sandbox"])
        ending.callback(end_all, workers)
        listening = requests, waiting, workers
        threading.Thread(target=listen, args=listening, daemon=True).start()
        try:
            judge_all(
                jobs(),
                lambda result: tell(to_json(result, indent=None)),
                workers,
                settings["seed"],
                Path(settings["tests"]),
                hidden and Path(hidden),
                settings["total"],
            )
        except TestsError as problem:
            tell(json.dumps({"problem": str(problem)}) + "\n")


def _job(told: dict[str, Any]) -> Job:
    files = tuple(map(Path, told["files"]))
    submission = Submission(told["name"], files, tuple(told["problems"]))
    return Job(submission, told["key"], told["refusal"])


if __name__ == "__main__":
    main()
