"""What is said of answers without running them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from answers import RETURNS as ANSWER
from processes import ROOT

from course.exercises import EXERCISES
from course.grading import similar
from course.grading.notebook import Cell, read
from course.grading.similar import course_answers, fingerprints, glances

NOTEBOOKS = sorted([*ROOT.glob("lessons/*.ipynb"), *ROOT.glob("solutions/*.ipynb")])
OWN = {name: each.reference.__name__ for name, each in EXERCISES.items()}


def cells(*sources: str) -> list[Cell]:
    return [Cell(number, source) for number, source in enumerate(sources, start=1)]


def fingerprint(*sources: str) -> str:
    return fingerprints(cells(*sources), ["n_step_returns"]).get("n_step_returns", "")


@pytest.mark.parametrize(
    "same",
    [
        ANSWER.replace("reward ", "r ").replace("reward\n", "r\n"),
        ANSWER.replace("returns.", "outs.")
        .replace("(returns)", "(outs)")
        .replace("R, returns =", "R, outs ="),
        ANSWER.replace("gamma", "γ").replace("R", "following"),
        ANSWER.replace("    R,", '    """From the end."""\n    # Go back.\n    R,', 1),
        ANSWER.replace("gamma)", "gamma: float) -> torch.Tensor"),
        ANSWER.replace("        R = ", "        R: float = "),
        ANSWER.replace("    R, returns", "    returns: list\n    R, returns"),
        ANSWER.replace("reward + gamma * R", "(reward + (gamma * R))"),
        f"if True:{ANSWER}".replace("\n", "\n    "),
        f"try:\n    raise ImportError\nexcept ImportError:{ANSWER}".replace(
            "\n", "\n    "
        ).replace("    except", "except"),
        f"%matplotlib inline\n!ls\n{ANSWER}",
    ],
)
def test_names_and_comments_make_no_difference(same: str) -> None:
    assert same != ANSWER
    assert fingerprint(same) == fingerprint(ANSWER)
    assert len(fingerprint(ANSWER)) == similar.DIGITS


@pytest.mark.parametrize(
    "other",
    [
        ANSWER.replace("0, R", "1, R"),
        ANSWER.replace("reversed", "list"),
        ANSWER.replace("stack", "tensor"),
        ANSWER.replace("reward + gamma * R", "reward + R * gamma"),
        ANSWER.replace("reward + gamma * R", "reward - gamma * R"),
        ANSWER.replace("torch.stack(returns)", "torch.stack(rewards)"),
        ANSWER.replace("R = reward + gamma * R", "R *= gamma\n        R += reward"),
        ANSWER.replace("gamma)", "gamma=0.9)"),
        f"@torch.no_grad(){ANSWER}",
    ],
)
def test_what_is_done_makes_a_difference(other: str) -> None:
    assert fingerprint(other) not in ("", fingerprint(ANSWER))


def test_a_fingerprint_stays_the_same() -> None:
    # In every version of Python, or no archive of gradings could be compared.
    assert fingerprint(ANSWER) == "88ec9eb06c092ab3"


def test_the_last_definition_counts() -> None:
    other = ANSWER.replace("reversed", "list")
    assert fingerprint(other, ANSWER) == fingerprint(ANSWER)
    assert fingerprint(ANSWER, other) == fingerprint(other)
    assert fingerprint(ANSWER, "def n_step_returns(r, b, g): pass") == ""


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def n_step_returns(",
        ANSWER.replace("n_step", "one_step"),
        "n_step_returns = 7",
        f"class Mine:{ANSWER}".replace("\n", "\n    "),
        "def n_step_returns(r, b, g):\n    return " + "-" * 3000 + "1",
        "def n_step_returns(r, b, g):\n    return " + "1+" * 20_000 + "1",
        "x = '" + "x" * similar.LONGEST + "'\n" + ANSWER,
        "\0" + ANSWER,
        "!" * 50 + "\udcff" + ANSWER,
        "def n_step_returns(r, b, g):\n    return " + "1+" * 1200 + "1",
    ],
)
def test_what_has_no_fingerprint(source: str) -> None:
    assert fingerprint(source) == ""


def test_what_everybody_must_write_has_no_fingerprint() -> None:
    solved = {
        path.stem: fingerprints(read(path).cells, EXERCISES)
        for path in NOTEBOOKS
        if path.parent.name == "solutions"
    }
    assert set(solved["01_returns"]) == {"n_step_returns"}
    assert set(solved["06_a3c"]) == {"a3c_loss"}
    assert not solved["00_start"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.stem}")
def test_no_notebook_of_the_course_leans_on_the_course(path: Path) -> None:
    submission = read(path)
    assert course_answers(submission.cells, OWN) == {}
    assert glances(submission.cells) == []
    if path.parent.name == "lessons":
        assert fingerprints(submission.cells, EXERCISES) == {}


WRAPPED = "def n_step_returns(r, b, g):\n    return {}(r, b, g)"


@pytest.mark.parametrize(
    "sources",
    [
        ["import course.returns", WRAPPED.format("course.returns.n_step_returns")],
        ["import course.returns as cr", WRAPPED.format("cr.n_step_returns")],
        ["from course import returns", WRAPPED.format("returns.n_step_returns")],
        [
            "from course.returns import n_step_returns as theirs",
            WRAPPED.format("theirs"),
        ],
        [
            "def n_step_returns(r, b, g):\n"
            "    from course.returns import n_step_returns as theirs\n"
            "    return theirs(r, b, g)"
        ],
        [
            "def n_step_returns(r, b, g):\n"
            "    import course.returns\n"
            "    return course.returns.n_step_returns(r, b, g)"
        ],
        [
            "from course.returns import *\ntheirs = n_step_returns",
            WRAPPED.format("theirs"),
        ],
        [
            "from course.returns import n_step_returns\nx, theirs = 1, n_step_returns",
            "theirs = n_step_returns",
            WRAPPED.format("theirs"),
        ],
        [
            "from course.exercises import EXERCISES",
            WRAPPED.format("EXERCISES['n_step_returns'].reference"),
        ],
        [
            "from course.exercises import lesson_01_returns as l",
            WRAPPED.format("l.n_step_returns.reference"),
        ],
        [
            "from course import returns as cr\nimport functools",
            "n_step_returns = functools.partial(cr.n_step_returns)",
        ],
        [
            "from course import returns",
            "class Helper:\n    def help(self, *all):\n"
            "        return returns.n_step_returns(*all)",
            "def helped(*all):\n    return Helper().help(*all)",
            WRAPPED.format("helped"),
        ],
        [
            "try:\n    from course.returns import n_step_returns as t\n"
            "except ImportError:\n    pass",
            "n_step_returns: object = lambda r, b, g: t(r, b, g)",
        ],
    ],
)
def test_an_answer_of_the_courses_is_seen(sources: list[str]) -> None:
    expected = "n_step_returns uses the course's own n_step_returns (cell {}).".format
    told = course_answers(cells(*sources), OWN)
    assert told == {"n_step_returns": expected(len(sources))}


def test_the_courses_function_may_have_another_name() -> None:
    told = course_answers(
        cells(
            "from course.losses import td_loss",
            "def one_step_q_loss(q, a, t): return td_loss(q, a, t)",
        ),
        OWN,
    )
    assert list(told) == ["one_step_q_loss"]
    assert "the course's own td_loss (cell 2)" in told["one_step_q_loss"]


@pytest.mark.parametrize(
    "sources",
    [
        # To compare, or to go on with: no answer of the notebook's
        ["from course.returns import n_step_returns"],
        [ANSWER, "from course.returns import n_step_returns as theirs", "theirs()"],
        ["from course.returns import n_step_returns", ANSWER],
        # It calls itself
        [
            "from course.returns import n_step_returns",
            "def n_step_returns(r, b, g):\n"
            "    return [r[0] + g * n_step_returns(r[1:], b, g)[0]] if len(r) else [b]",
        ],
        # What an earlier lesson taught
        ["from course.returns import bootstrap_value", WRAPPED.format("print")],
        # Its own of that name
        ["import mine", WRAPPED.format("mine.n_step_returns")],
        [
            "from course import returns",
            "def n_step_returns(returns, b, g):\n    return returns.n_step_returns()",
        ],
        ["import course.returns", "n_step_returns.x = 3", "def (", "%%bash\nls"],
    ],
)
def test_an_answer_of_ones_own_is_left_in_peace(sources: list[str]) -> None:
    assert course_answers(cells(*sources), OWN) == {}


# Looking for them


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("import sys\nall = sys.modules['course.exercises']", "course.exercises"),
        ("found = EXERCISES['n_step_returns']", "EXERCISES"),
        ("from course.exercises import EXERCISES as e", "EXERCISES"),
        ("from course import exercises as e", "course.exercises"),
        ("import course.exercises as e", "course.exercises"),
        ("getattr(e, 'EXERCISES')", "EXERCISES"),
        ("def f(e):\n    return e['n_step_returns'].reference", "reference"),
        ("g = types.FunctionType(f.__code__, {})", "__code__"),
        ("text = inspect.getsource(e)", "getsource"),
        ("from inspect import getsourcefile as where", "getsourcefile"),
        ("exec(open('/usr/course/returns.py').read())", "course/returns.py"),
        (
            "import importlib\nimportlib.import_module('course.returns')",
            "course.returns",
        ),
        ("%matplotlib inline\nexec('import course.exercises')", "course.exercises"),
    ],
)
def test_a_cell_that_looks_at_the_courses_answers_is_named(
    source: str, word: str
) -> None:
    assert glances(cells("x = 1", source, "def (")) == [
        f"Cell 2 seems to look at the course's own answers ({word})."
    ]


@pytest.mark.parametrize(
    "source",
    [
        "reference = 3",
        "plot(x, label='reference')",
        "print('Of course.', 'the course. Exercises')",
        "from course import check, returns\nfrom course.returns import advantages",
        "from course.exercises.networks import tiny_q_network",
        "'What the course.returns of lesson 01 are.'",
        "# EXERCISES",
    ],
)
def test_a_cell_that_does_not_is_left_in_peace(source: str) -> None:
    assert glances(cells(source, ANSWER)) == []


# However it is written, it takes no longer than so much


def test_the_steps_from_name_to_name_have_an_end() -> None:
    uses = {"a": {f"=m{number}" for number in range(100)}}
    names = [f"a.b{number}" for number in range(100)]
    assert len(similar._behind(names, uses, iter(range(10**5)))) == 10**4
    assert len(similar._behind(names, uses, iter(range(500)))) == 500


def test_all_answers_share_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = ["from course.returns import n_step_returns as t", WRAPPED.format("t")]
    assert course_answers(cells(*sources), OWN)
    monkeypatch.setattr(similar, "MOST_STEPS", 0)
    assert course_answers(cells(*sources), OWN) == {}


def test_the_meanings_of_a_line_have_an_end() -> None:
    asked = []

    class Uses(dict[str, set[str]]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.append(name)
            return super().get(name, default)

    uses = Uses(z={f"=m{number}" for number in range(50)})
    found = similar._meanings([f"z.b{number}" for number in range(1000)], uses)
    assert len(found) == similar.MOST_MEANINGS
    assert len(asked) == 2  # after fifty meanings of each
