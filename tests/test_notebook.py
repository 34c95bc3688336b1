"""In a real Jupyter kernel: cells' own functions, tracebacks, interrupts, a restart."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from jupyter_client.manager import KernelManager, start_new_kernel
from processes import wait_until

OWN_TARGETS = """
import course, torch

def zero_targets(rewards, bootstrap_q_values, terminated, gamma):
    return torch.zeros_like(rewards)

def broken_targets(rewards, bootstrap_q_values, terminated, gamma):
    nonsense = rewards.no_such_thing  # the student's own line
    return nonsense

tiny = dict(workers=2, total_steps=400)
"""


class Kernel:
    """A kernel with the few calls that the tests need."""

    def __init__(self, manager: KernelManager, client: Any) -> None:
        self.manager = manager
        self.client = client

    def run(self, code: str) -> tuple[str, str, list[dict[str, Any]]]:
        """What a cell printed, its error without colours, and what it displayed."""
        printed, error, shown = "", "", []

        def hook(message: dict[str, Any]) -> None:
            nonlocal printed, error
            content = message["content"]
            if message["msg_type"] == "stream":
                printed += content["text"]
            elif message["msg_type"] == "error":
                error = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(content["traceback"]))
            elif "data" in content:
                shown.append(content["data"])

        self.client.execute_interactive(code, output_hook=hook, timeout=60)
        return printed, error, shown

    def learners(self) -> list[psutil.Process]:
        """The worker processes below this kernel."""
        kernel = psutil.Process(self.manager.provisioner.pid)
        return [
            process
            for process in kernel.children(recursive=True)
            if process.status() != psutil.STATUS_ZOMBIE and process.num_threads() > 1
        ]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("lessons")  # for runs/ and progress.json
    manager, client = start_new_kernel(cwd=str(folder))
    wrapped = Kernel(manager, client)
    _, error, _ = wrapped.run(OWN_TARGETS)
    assert error == ""
    yield wrapped
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.timeout(120)
def test_a_function_written_in_a_cell_trains_in_real_processes(kernel: Kernel) -> None:
    printed, error, shown = kernel.run(
        "mine = course.N_STEP_Q.replace(targets=zero_targets)\n"
        "result = course.train(mine, 'course/Catch-v0', reward_scale=1.0, **tiny)\n"
        "print(result.num_updates > 0, result.stopped)\n"
        "result"
    )
    assert error == ""
    assert "True total_steps" in printed
    texts = [data.get("text/plain", "") for data in shown]
    assert any("TrainResult: n_step_q" in text for text in texts)
    # The live progress bar is a widget here, not text.
    widget = "application/vnd.jupyter.widget-view+json"
    assert any(widget in data for data in shown)


def test_the_learning_curve_shows_itself_with_alternative_text(kernel: Kernel) -> None:
    _, error, shown = kernel.run("result.plot()")
    assert error == ""
    assert any("image/png" in data for data in shown)


def test_a_check_answers_in_html_and_in_text(kernel: Kernel) -> None:
    _, error, shown = kernel.run(
        "from course import check\n"
        "def discounted_return(rewards, gamma):\n"
        "    return gamma * rewards.sum()\n"
        "check(discounted_return)"
    )
    assert error == ""
    [data] = shown
    assert "Not yet" in data["text/plain"]
    assert "discounted_return" in data["text/html"]


def test_a_check_shows_the_line_of_the_cell(kernel: Kernel) -> None:
    _, error, shown = kernel.run(
        "def discounted_return(rewards, gamma):\n"
        "    total = rewards.no_such_thing\n"
        "    return total\n"
        "check(discounted_return)"
    )
    assert error == ""
    assert "line 2 in discounted_return: total = rewards.no_such_thing" in " ".join(
        shown[0]["text/plain"].split()
    )


def test_a_never_ending_function_gives_the_kernel_back(kernel: Kernel) -> None:
    _, error, shown = kernel.run(
        "def discounted_return(rewards, gamma):\n"
        "    while True:\n"
        "        try:\n"
        "            rewards.sum()\n"
        "        except BaseException:\n"
        "            pass\n"
        "check(discounted_return)"
    )
    assert error == ""
    assert "Could not run" in shown[0]["text/plain"]
    assert kernel.run("print(1 + 1)")[0] == "2\n"


@pytest.mark.timeout(120)
def test_the_ladder_is_a_table_that_fills(kernel: Kernel) -> None:
    printed, error, shown = kernel.run(
        "from course.notebook import climb, train_live\nprint(climb('n_step_q'))"
    )
    assert error == ""
    assert printed == "True\n"
    tables = [data["text/html"] for data in shown]
    assert len(tables) > 7  # one more for each rung
    assert tables[-1].count("✔ passed") == len(tables) - 2
    assert "Climbing" in tables[-2]
    assert "Climbing" not in tables[-1]


@pytest.mark.timeout(120)
def test_a_live_curve_grows_and_an_interrupted_run_goes_on(kernel: Kernel) -> None:
    cell = (
        "result = train_live('a3c', 'course/Catch-v0', name='live', workers=2, "
        "progress=False, total_steps={})"
    )
    kernel.client.execute(cell.format(10**9))
    assert wait_until(lambda: len(kernel.learners()) == 2)
    time.sleep(3.0)  # some steps and pictures
    kernel.manager.interrupt_kernel()
    kernel.client.get_shell_msg(timeout=30)
    printed, error, shown = kernel.run("print(result.stopped)\nresult")
    assert (printed, error) == ("interrupted\n", "")
    steps = int(kernel.run("print(result.global_step)")[0])
    printed, error, shown = kernel.run(cell.format(steps + 20_000))
    assert error == ""
    assert "Going on with the run" in printed
    assert sum("image/png" in data for data in shown) >= 2
    assert int(kernel.run("print(result.global_step)")[0]) >= steps + 20_000
    printed, _, _ = kernel.run(cell.format(2_000))
    assert "Going on" not in printed  # that one came to its end


@pytest.mark.timeout(120)
def test_an_error_in_a_worker_shows_the_line_of_the_cell(kernel: Kernel) -> None:
    _, error, _ = kernel.run(
        "course.train(course.N_STEP_Q.replace(targets=broken_targets), "
        "'course/Catch-v0', progress=False, **tiny)"
    )
    assert "WorkerError" in error
    assert "nonsense = rewards.no_such_thing  # the student's own line" in error


@pytest.mark.timeout(120)
def test_an_interrupt_returns_what_was_learned(kernel: Kernel) -> None:
    request = kernel.client.execute(
        "result = course.train('a3c', 'CartPole-v1', workers=2, progress=False, "
        "total_steps=10**9)"
    )
    assert wait_until(lambda: len(kernel.learners()) == 2)
    time.sleep(0.5)  # some steps
    kernel.manager.interrupt_kernel()
    reply = kernel.client.get_shell_msg(timeout=30)
    assert reply["parent_header"]["msg_id"] == request
    assert reply["content"]["status"] == "ok"
    printed, _, _ = kernel.run("print(result.stopped, result.global_step > 0)")
    assert "interrupted True" in printed
    assert kernel.learners() == []


@pytest.mark.timeout(120)
def test_a_restart_in_mid_training_leaves_no_worker(kernel: Kernel) -> None:
    kernel.client.execute(
        "course.train('a3c', 'CartPole-v1', workers=2, progress=False, "
        "total_steps=10**9)"
    )
    assert wait_until(lambda: len(kernel.learners()) == 2)
    learners = kernel.learners()
    kernel.manager.restart_kernel(now=True)
    assert wait_until(lambda: not any(process.is_running() for process in learners))
