"""The commands: what they print, what they leave, and the status they end with."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import psutil
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from course import __version__
from course.cli import main
from course.cli.errors import learner_failure
from course.cli.options import parse_settings
from course.cli.training import _process_start
from course.config import Config

ROOT = Path(__file__).parent.parent
COURSE = [sys.executable, "-m", "course"]


def run(*arguments: str | Path) -> Result:
    """A command inside this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    """A command as a process of its own."""
    return subprocess.Popen(
        [*COURSE, *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


CATCH = ("train", "a3c", "course/Catch-v0", "--backend", "sequential", "--quiet")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sequential run; copy it before changing it."""
    folder = tmp_path_factory.mktemp("runs") / "catch"
    told = run(*CATCH, "--steps", "1000", "--output", folder)
    assert told.exit_code == 0, told.output
    return folder


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


# The face


def test_help_is_light() -> None:
    heavy = "{'torch', 'matplotlib', 'gymnasium', 'numpy'} & set(sys.modules)"
    script = (
        "import sys; from course.cli import main\n"
        "main(['train', '--help'], standalone_mode=False)\n"
        f"print({heavy} or 'light')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.stdout.endswith("light\n"), answer


def test_version() -> None:
    assert run("--version").stdout == f"course, version {__version__}\n"


def documented_rows(section: str) -> dict[str, str]:
    """From the option to its meaning, of a table in docs/commands.md."""
    return dict(re.findall(r"^\| `(--[\w-]+)[^|]*` \| (.*) \|$", section, re.MULTILINE))


def test_the_documentation_holds_every_command_and_option() -> None:
    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    sections = dict(
        re.findall(r"^## course (\w+)\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    )
    assert list(sections) == list(main.commands)
    for name, command in main.commands.items():
        shown = run(name, "--help").stdout
        usage = re.search(r"Usage: main (.*)", shown)
        assert usage is not None
        assert f"\n    course {usage[1]}\n" in sections[name]
        assert command.help is not None
        assert f"\n{command.help.splitlines()[0]}\n" in sections[name]
        # What --help shows: the name, the help and the default of each option.
        options = [one for one in command.params if isinstance(one, click.Option)]
        wanted = {}
        for option in options:
            default = f" [default: {option.default}]" if option.show_default else ""
            meaning = f"{option.help}{default}".replace("  [", " [")
            wanted[option.opts[0]] = meaning
            assert option.opts[0] in shown
        assert documented_rows(sections[name]) == wanted


def test_the_help_names_every_algorithm() -> None:
    from course.algorithms import ALGORITHMS

    *others, last = ALGORITHMS
    sentence = f"ALGORITHM is {', '.join(others)} or {last};"
    assert sentence in " ".join(run("train", "--help").stdout.split())


# Settings


def test_a_setting_takes_the_type_of_its_field() -> None:
    pairs = ("t_max=20", "gamma=0.9", "mean_loss=True", "final_epsilon=none")
    settings = parse_settings(None, None, (*pairs, "eps=1e-3", "total_steps=1_000"))
    assert settings == {
        "t_max": 20,
        "gamma": 0.9,
        "mean_loss": True,
        "final_epsilon": None,
        "eps": 0.001,
        "total_steps": 1000,
    }
    assert parse_settings(None, None, ("final_epsilon=0.1",)) == {"final_epsilon": 0.1}
    Config().replace(**settings)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("gama=0.9", "There is no setting 'gama'; did you mean 'gamma'?"),
        ("gamma", "'gamma' has no '='; write it as in gamma=0.9."),
        ("t_max=2.5", "t_max must be of type int, but is '2.5'."),
        ("gamma=none", "gamma must be of type float, but is 'none'."),
        ("mean_loss=yes", "mean_loss must be of type bool, but is 'yes'."),
        ("gamma=7", "gamma must be a number, in [0, 1], but is 7.0."),
    ],
)
def test_a_wrong_setting_is_one_sentence(setting: str, sentence: str) -> None:
    told = run("train", "a3c", "CartPole-v1", "--backend=sequential", "--set", setting)
    assert told.exit_code == 2
    assert told.stderr.splitlines()[-1].endswith(sentence)


# Training


def test_train_leaves_a_folder_and_names_its_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("train", "one-step-q", "course/Catch-v0", "--backend=sequential")
    settings = ("--steps=300", "--workers=3", "--set", "gamma=0.5", "--lag=2")
    told = run(*arguments, *settings, "--seed=7", "--environments-per-worker=2")
    assert told.exit_code == 0
    folder = Path("runs/one_step_q-course-Catch-v0-1")
    assert told.stdout.startswith("TrainResult: one_step_q on course/Catch-v0, seq")
    assert f"\nlearning curve: {folder / 'learning_curve.png'}\n" in told.stdout
    assert {path.name for path in folder.iterdir()} == {
        *("config.json", "result.json", "checkpoint.pt", "learning_curve.png")
    }
    config = json.loads((folder / "config.json").read_text())
    asked = {"gamma": 0.5, "workers": 3, "seed": 7, "environments_per_worker": 2}
    assert asked.items() <= config.items()
    result = json.loads((folder / "result.json").read_text())
    assert result["lag"]["max"] == 2
    # The next run takes the next number.
    assert run(*arguments, "--steps=50").exit_code == 0
    assert Path("runs/one_step_q-course-Catch-v0-2/result.json").exists()


def test_json_is_the_result_and_nothing_else(tmp_path: Path) -> None:
    told = run(*CATCH, "--json", "--steps=200", "--output", tmp_path / "run")
    assert json.loads(told.stdout) == json.loads(
        (tmp_path / "run" / "result.json").read_text()
    )
    assert told.stderr == ""


def test_a_schedule_reaches_the_simulation(tmp_path: Path) -> None:
    schedule = "A.pull B.pull A.push B.push"
    arguments = ("--workers=2", "--schedule", schedule, "--steps=200", "--json")
    told = run(*CATCH, *arguments, "--output", tmp_path)
    # A pushes with lag 0, and B, which pulled before that, with lag 1.
    assert {"0", "1"} == {*json.loads(told.stdout)["lag"]["histogram"]}


def test_a_folder_with_a_run_is_refused_unless_overwritten(copied: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    before = (copied / "result.json").read_text()
    again = (*CATCH, "--steps=100", "--output", copied)
    told = run(*again)
    assert told.exit_code == 2
    assert "already holds a run" in told.stderr
    assert len(told.stderr.splitlines()) == 1
    # A mistake beside --overwrite costs nothing.
    told = run("train", "a3", "course/Catch-v0", *again[3:], "--overwrite")
    assert told.exit_code == 2
    assert told.stderr == "Error: There is no algorithm 'a3'; did you mean 'a3c'?\n"
    assert run(*again, "--overwrite", "--set=gamma=7").exit_code == 2
    assert (copied / "result.json").read_text() == before
    assert run(*again, "--overwrite").exit_code == 0
    assert json.loads((copied / "result.json").read_text())["global_step"] < 200
    assert (copied / "notes.txt").read_text() == "mine"


def test_resume_goes_on(copied: Path) -> None:
    before = json.loads((copied / "result.json").read_text())
    told = run("train", "--resume", copied, "--steps=1500", "--json", "--quiet")
    assert told.exit_code == 0, told.output
    after = json.loads(told.stdout)
    assert after["global_step"] >= 1500
    # The earlier episodes are still there, and so are algorithm and backend.
    assert len(after["episode_returns"]) > len(before["episode_returns"])
    shared = ("algorithm", "environment", "backend", "workers", "seed")
    assert [after[name] for name in shared] == [before[name] for name in shared]


def test_resume_of_another_algorithm_is_refused(copied: Path) -> None:
    told = run("train", "n-step-q", "course/Catch-v0", "--resume", copied, "--quiet")
    assert told.exit_code == 2
    assert "The checkpoint is of a3c on course/Catch-v0" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a3c"], "Give an ALGORITHM and an ENVIRONMENT, or --resume DIR."),
        (["--resume=x", "--overwrite"], "--resume writes to its own folder"),
        (["a3c", "CartPole-v1", "--lag=1"], "--lag need --backend sequential"),
        (["--resume=nowhere", "--backend=sequential"], "holds no checkpoint.pt"),
        (["a3c", "CartPole", "--backend=sequential"], "did you mean 'CartPole-v1'"),
    ],
)
def test_a_mistake_ends_with_2_and_a_sentence(
    arguments: list[str], sentence: str
) -> None:
    told = run("train", *arguments)
    assert told.exit_code == 2
    assert sentence in told.stderr.splitlines()[-1]
    assert told.stdout == ""


def test_a_folder_that_cannot_be_written_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = run(*CATCH, "--output", tmp_path / "file" / "run")
    assert told.exit_code == 1
    assert told.stderr == f"Error: Not a directory: {tmp_path / 'file' / 'run'}.\n"


def test_hogwild_that_misses_its_goal_ends_with_1_and_keeps_the_run(
    tmp_path: Path,
) -> None:
    goal = ("--until-return=475", "--steps=1500", "--output", tmp_path / "run")
    process = start("train", "a3c", "CartPole-v1", *goal)
    begun = time.time()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "did not reach 475 in 1,5" in errors.splitlines()[-1]
    assert "return of last 100" in errors  # the progress bar
    assert "hogwild with 2 learners" in output
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    # Time counts from the start of the process, the import of torch included.
    last = result["episode_returns"][-1]["seconds"]
    assert last < result["seconds"] < time.time() - begun


def test_time_counts_from_the_start_of_the_process() -> None:
    # Boot time in whole seconds would be wrong by up to one second.
    script = (
        "import time; from course.cli.training import _process_start\n"
        "time.sleep(0.3); print(_process_start())"
    )
    before = time.time()
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    # The clock of processes ticks a hundred times a second.
    assert before - 0.02 <= float(answer.stdout) <= time.time() - 0.3
    assert _process_start() < before


def test_ctrl_c_keeps_what_was_learned(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(
        *("train", "a3c", "CartPole-v1", "--output", folder), start_new_session=True
    )
    assert process.stderr is not None
    seen = ""
    while "return of last 100" not in seen:  # training has begun
        character = process.stderr.read(1)
        assert character, seen
        seen += character
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to all of them
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == (
        f"Error: Interrupted; go on with: course train --resume {folder}"
    )
    assert "Traceback" not in seen + errors
    result = json.loads((folder / "result.json").read_text())
    assert result["stopped"] == "interrupted"
    assert result["global_step"] > 0
    assert f"learning curve: {folder / 'learning_curve.png'}" in output
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_a_learner_that_fails_is_one_sentence_with_its_line(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "import gymnasium\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "from course.cli import main\n"
        "class Broken(CartPoleEnv):\n"
        "    steps = 0\n"
        "    def step(self, action):\n"
        "        self.steps += 1\n"
        "        if self.steps > 200:\n"
        "            return [][self.steps]\n"
        "        return super().step(action)\n"
        "gymnasium.register('Broken-v0', entry_point=Broken)\n"
        "main()\n"
    )
    arguments = ("train", "a3c", "Broken-v0", "--quiet", "--output", "run")
    answer = subprocess.run(
        [sys.executable, script, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 1
    (sentence,) = answer.stderr.splitlines()
    assert re.match(r"Error: Learner [01] failed at ", sentence)
    assert f"{script}:9, in `return [][self.steps]`" in sentence
    assert "IndexError: list index out of range" in sentence
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["stopped"] == "failed"


def test_the_failing_line_is_not_one_of_an_installed_package() -> None:
    traceback = (
        "Learner 1 failed:\nTraceback (most recent call last):\n"
        '  File "/lib/site-packages/course/loop.py", line 5, in loop\n    go()\n'
        '  File "mine.py", line 3, in go\n    torch.zeros(-1)\n'
        '  File "/lib/site-packages/torch/x.py", line 8, in zeros\n    raise E\n'
        "E: too small"
    )
    failure = learner_failure(traceback, Path("runs/x"))
    assert failure.message.startswith(
        "Learner 1 failed at mine.py:3, in `torch.zeros(-1)`: E: too small (what was "
        "learned until then is in runs/x;"
    )
    # In a process started by other means, no line may be known.
    assert learner_failure("Learner 0 failed:\nE: no", Path("x")).message.startswith(
        "Learner 0 failed: E: no (what"
    )


@pytest.fixture
def fake_train(made: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets `train` return the made run with some fields changed, or raise."""
    from course.trainers import train as trainer

    result = trainer.load_result(made)

    def fake(error: BaseException | None = None, **changes: Any) -> None:
        def train(*_: Any, **__: Any) -> Any:
            if error is not None:
                raise error
            return dataclasses.replace(result, **changes)

        monkeypatch.setattr(trainer, "train", train)

    return fake


def test_losing_all_learners_ends_with_1(fake_train: Any, tmp_path: Path) -> None:
    fake_train(stopped="workers_lost", workers_lost=1)
    told = run(*CATCH, "--output", tmp_path)
    assert told.exit_code == 1
    assert "Training ended early, since learners died (1 so far)" in told.stderr


def test_reaching_the_goal_ends_with_0(fake_train: Any, tmp_path: Path) -> None:
    arguments = (*CATCH, "--until-return=1", "--output", tmp_path)
    goal = {"until_return": 1.0}
    fake_train(**goal, stopped="solved", solved_at={"step": 5, "seconds": 1.0})
    assert run(*arguments).exit_code == 0
    fake_train(**goal, best_mean_return_100=None)
    told = run(*arguments)
    assert told.exit_code == 1
    assert "(fewer than 100 episodes ended)" in told.stderr


def test_debug_shows_the_traceback(fake_train: Any, tmp_path: Path) -> None:
    from course.trainers.train import WorkerError

    arguments = (*CATCH, "--output", tmp_path)
    fake_train(error=KeyError("surprise"))
    told = run(*arguments)
    assert told.exit_code == 1
    assert told.stderr.startswith("Error: KeyError: 'surprise' (this was not expected")
    fake_train(error=WorkerError("Learner 0 failed:\nE: no"))
    assert isinstance(run(*arguments).exception, SystemExit)
    assert isinstance(run("--debug", *arguments).exception, WorkerError)
    fake_train(error=KeyboardInterrupt())
    told = run(*arguments)
    assert (told.exit_code, told.stderr) == (130, "Error: Interrupted.\n")


def test_a_warning_is_shown_without_our_line_of_code() -> None:
    script = (
        "import sys, warnings, click; from course.cli import main\n"
        "main.add_command(click.command('w')(lambda: warnings.warn('look out')))\n"
        "main(['w'])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.stderr == "Warning: look out\n"


# Looking at a run


def test_evaluate(made: Path) -> None:
    told = run("evaluate", made, "--episodes=20", "--json")
    summary = json.loads(told.stdout)
    assert list(summary) == ["mean", "std", "min", "max", "n"]
    assert summary["n"] == 20
    # Catch ends with 1 or −1, so mean and deviation know each other: 1 = m² + s².
    assert summary["mean"] ** 2 + summary["std"] ** 2 == pytest.approx(1)
    assert {summary["min"], summary["max"]} <= {-1.0, 1.0}
    assert (
        json.loads(run("evaluate", made, "--episodes=20", "--json").stdout) == summary
    )
    line = "a3c on course/Catch-v0, greedy episodes: mean "
    assert run("evaluate", made).stdout.startswith(line)


def test_watch(made: Path, tmp_path: Path) -> None:
    told = run("watch", made, "--output", tmp_path / "films" / "film.gif")
    assert told.stdout == f"{tmp_path / 'films' / 'film.gif'}\n"
    with Image.open(tmp_path / "films" / "film.gif") as film:
        assert film.n_frames > 3
    told = run("watch", made, "--output", "film.mp4")
    assert told.exit_code == 2
    assert "--output must end in .gif, but is film.mp4." in told.stderr


def test_a_folder_without_a_run_has_nothing_to_show(tmp_path: Path) -> None:
    for command in ("evaluate", "watch"):
        told = run(command, tmp_path)
        assert told.exit_code == 2
        assert "holds no checkpoint.pt" in told.stderr


# Several runs


COMPARE = (
    *("compare", "course/Catch-v0", "--backend=sequential", "--steps=300"),
    *("--algorithms=a3c,n-step-q", "--seeds=2"),
)


def test_compare_draws_counts_and_keeps_finished_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from course.experiments import figure1

    told = run(*COMPARE, "--json", "--output", tmp_path)
    assert told.exit_code == 0, told.output
    assert "Run 4 of 4: n_step_q, seed 1 (about 0.0 min left)" in told.stderr
    summary = json.loads(told.stdout)
    assert summary == json.loads((tmp_path / "compare.json").read_text())
    numbers = summary["algorithms"]["n_step_q"]
    assert numbers["seeds"] == [0, 1]
    written = json.loads((tmp_path / "n_step_q" / "seed-1" / "result.json").read_text())
    assert numbers["best_mean_return_100"][1] == written["best_mean_return_100"]
    assert (tmp_path / "compare.png").stat().st_size > 10_000

    trained = []

    def spy(algorithm: str, *_: Any, seed: int, **__: Any) -> Any:
        trained.append((algorithm, seed))
        raise ValueError("enough")

    monkeypatch.setattr(figure1, "train", spy)
    told = run(*COMPARE, "--output", tmp_path)
    assert told.exit_code == 0
    assert told.stdout.splitlines()[0].split() == (
        ["algorithm", "final", "return", "solved", "steps", "to", "solve", "seconds"]
    )
    assert trained == []
    # More seeds are added; other settings do not replace what is there.
    run(*COMPARE, "--output", tmp_path, "--seeds=3")
    assert trained == [("a3c", 2)]
    for other in ("--until-return=1", "--set=gamma=0.5", "--steps=301"):
        told = run(*COMPARE, "--output", tmp_path, other)
        assert told.exit_code == 2
        assert "seed-0 holds a finished run with other settings" in told.stderr
    assert trained == [("a3c", 2)]


def test_compare_interrupted_ends_with_130(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from course.experiments import figure1
    from course.trainers.train import load_result

    interrupted = dataclasses.replace(load_result(made), stopped="interrupted")
    monkeypatch.setattr(figure1, "train", lambda *_, **__: interrupted)
    told = run(*COMPARE, "--output", tmp_path)
    assert told.exit_code == 130
    assert "the same command goes on" in told.stderr
    lost = dataclasses.replace(interrupted, stopped="workers_lost")
    monkeypatch.setattr(figure1, "train", lambda *_, **__: lost)
    assert run(*COMPARE, "--output", tmp_path).exit_code == 1


def test_compare_uses_real_processes_and_all_algorithms_unless_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from course.algorithms import ALGORITHMS
    from course.experiments import figure1
    from course.trainers import start

    calls: list[Any] = []
    monkeypatch.setattr(start, "start_early", lambda: calls.append("early"))
    monkeypatch.setattr(figure1, "compare", lambda *a, **k: calls.append((a, k)))
    run("compare", "ALE/Pong-v5", "--workers=4", "--json")
    early, (positional, named) = calls
    assert early == "early"
    assert positional == ("ALE/Pong-v5", list(ALGORITHMS), range(3))
    assert named == {
        "backend": "hogwild",
        "output": Path("runs/compare-ALE-Pong-v5"),
        "until_return": None,
        "workers": 4,
    }


def test_compare_finds_mistakes_before_the_first_run(tmp_path: Path) -> None:
    for mistake in ("--algorithms=a3c,a4c", "--set=seed=3", "--workers=0"):
        assert run(*COMPARE, mistake, "--output", tmp_path / "runs").exit_code == 2
    assert not (tmp_path / "runs").exists()


def test_the_table_of_a_comparison_by_hand() -> None:
    from course.experiments.figure1 import summarise, table

    def solved(seed: int, step: int | None) -> dict[str, Any]:
        when = None if step is None else {"step": step, "seconds": step / 1000}
        ends = [{"return": 1.0 + seed}, {"return": 3.0 + seed}]
        shared = {"environment": "E", "backend": "hogwild", "workers": 2, "seed": seed}
        run = {"algorithm": "a3c", "solved_at": when, "best_mean_return_100": None}
        return {**shared, **run, "episode_returns": ends}

    summary = summarise([solved(0, 2000), solved(1, 3000), solved(2, None)], 5.0)
    assert summary["algorithms"]["a3c"] == {
        "seeds": [0, 1, 2],
        "best_mean_return_100": [None, None, None],
        "final_mean_return": [2.0, 3.0, 4.0],
        "solved": 2,
        "steps_to_solve": {"median": 2500, "min": 2000, "max": 3000},
        "seconds_to_solve": {"median": 2.5, "min": 2.0, "max": 3.0},
    }
    assert table(summary) == (
        "algorithm  final return    solved  steps to solve        seconds\n"
        "a3c        3.0 [2.0, 4.0]  2/3     2,500 [2,000, 3,000]  2.5 [2.0, 3.0]"
    )


# The ladder


def test_probe_fails_with_the_rung_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from course.experiments import probe_ladder
    from course.experiments.probe_ladder import Rung

    good = Rung("First", "Is it?", True, "1 is 1", "nowhere", 0.5)
    bad = Rung("Second", "Is it?", False, "1 is 2", "look here", 0.5)
    monkeypatch.setattr(probe_ladder, "run_ladder", lambda name: iter([good, bad]))
    told = run("probe", "one-step-q")
    assert told.exit_code == 1
    assert [line.split() for line in told.stdout.splitlines()] == [
        ["passed", "one_step_q", "First", "0.5", "s"],
        ["FAILED", "one_step_q", "Second", "0.5", "s"],
        ["Is", "it?"],
        ["1", "is", "2"],
        ["look", "here"],
    ]
    assert told.stderr == "Error: 1 of the rungs failed.\n"
    monkeypatch.setattr(probe_ladder, "run_ladder", lambda name: iter([good]))
    told = run("probe", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout)["a3c"] == [dataclasses.asdict(good)]
    assert len(json.loads(told.stdout)) == 4


def test_probe_of_an_unknown_algorithm() -> None:
    told = run("probe", "a4c")
    assert told.exit_code == 2
    assert "did you mean 'a3c'?" in told.stderr
