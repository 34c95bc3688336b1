"""What is handed back: grades, exports and pages, whatever students have written."""

from __future__ import annotations

import base64
import csv
import dataclasses
import gc
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.exercises import EXERCISES
from course.grading.notebook import read
from course.grading.reports import SOLUTIONS, write_all
from course.grading.reports.exports import (
    CLASSROOM_MESSAGE,
    classroom,
    gradescope,
    junit,
    table,
)
from course.grading.reports.overrides import Graded, Overrides, load
from course.grading.reports.pages import WORDS, class_page, feedback_page
from course.grading.reports.summary import Summary
from course.grading.reports.text import number, printable
from course.grading.result import OUTCOMES, ExerciseResult, Result
from course.grading.similar import fingerprints

FORWARD = "You ran the recursion from the first step to the last."


def exercise(
    name: str = "n_step_returns",
    outcome: Any = "passed",
    points: float = 3,
    message: str = "",
    **others: Any,
) -> ExerciseResult:
    lesson = {"00": "00_start", "01": "01_returns"}[EXERCISES[name].number[:2]]
    others.setdefault("misconceptions", ())
    others.setdefault("max_points", 3)
    return ExerciseResult(
        name=name,
        lesson=lesson,
        outcome=outcome,
        points=points,
        message=message,
        **others,
    )


def result(
    submission: str,
    *exercises: ExerciseResult,
    warnings: tuple[str, ...] = (),
    unreadable: bool = False,
) -> Result:
    return Result(
        submission=submission,
        sandbox="bubblewrap",
        seed=7,
        exercises=exercises,
        points=sum(each.points for each in exercises),
        max_points=sum(each.max_points for each in exercises),
        warnings=warnings,
        key="",
        unreadable=unreadable,
    )


ADA = result("ada", exercise(), exercise("advantages", points=2.5, outcome="wrong"))
BOB = result(
    "bob",
    exercise(
        outcome="misconception",
        points=0,
        misconceptions=("forgets_to_reverse",),
        message=f"{FORWARD}\nBesides, something else is wrong: see the case below.",
        case=(("rewards", "[0., 8.]"), ("returned", "[0.,\n 8.]")),
        hints=("Begin at the last step.",),
    ),
    exercise("advantages", points=0, outcome="not_attempted", message="Write it."),
    exercise(
        "episode_return", points=0, outcome="could_not_run", message="It raised one."
    ),
    warnings=("Cell 3 raised NameError.",),
)
EVE = result("eve", warnings=("eve.ipynb is no notebook.",))
CLASS = [ADA, BOB, EVE]
BROKEN = "01_returns.ipynb is no notebook: it is not valid JSON."
IVO = result(
    "ivo",
    exercise(outcome="could_not_run", points=0, message=BROKEN),
    exercise("advantages", outcome="could_not_run", points=0, message=BROKEN),
    warnings=(BROKEN,),
    unreadable=True,
)


def summary_of(*results: Result, overrides: Overrides | None = None) -> Summary:
    summary = Summary()
    for each in results:
        summary.add((overrides or Overrides()).applied(each))
    return summary


def overriding(tmp_path: Path, *lines: str) -> Overrides:
    path = tmp_path / "overrides.csv"
    path.write_text("\n".join(["submission,exercise,points,reason", *lines]), "utf-8")
    return load(path)


class Page(HTMLParser):
    """A page taken apart: its elements, their attributes, and its text."""

    ALONE = frozenset(["meta", "br", "rect"])

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.ALONE:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str | None]:
        return [value for attribute, value in self.attributes if attribute == name]


# Other programs


def test_the_table_of_grades() -> None:
    overrides = Overrides()
    rows = table(map(overrides.applied, CLASS), ["episode_return", "n_step_returns"])
    assert rows == (
        '\ufeff"submission","points","max_points","percent","warnings","overridden",'
        '"sandbox","episode_return","n_step_returns","episode_return outcome",'
        '"n_step_returns outcome"\r\n'
        '"ada",5.5,6,91.7,0,"no","bubblewrap","",3,"","passed"\r\n'
        '"bob",0,9,0,1,"no","bubblewrap",0,0,"could_not_run","misconception"\r\n'
        '"eve",0,0,0,1,"no","bubblewrap","","","",""\r\n'
    )


@pytest.mark.parametrize(
    "name",
    ['=HYPERLINK("http://x")', "+1", "-1+2", "@SUM(A1)", "\t=1", "＝1", "=1;=2", '="'],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_no_cell_is_a_formula(name: str, separator: str) -> None:
    text = table([Graded(result(name))], [])
    # With the other separator a row is in the wrong cells, and still no formula.
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        assert not any(cell.lstrip('"').startswith(tuple("=+-@＝\t")) for cell in row)
    [_, row] = csv.reader(io.StringIO(text, newline=""))
    assert row[0] == f"'{name}"


def test_what_gradescope_reads() -> None:
    found = json.loads(gradescope(Graded(BOB)))
    tests = found.pop("tests")
    assert found == {
        "score": 0,
        "output": "Cell 3 raised NameError.\n\n"
        "Graded in the sandbox 'bubblewrap' with seed 7.",
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
    }
    assert tests[0] == {
        "score": 0,
        "max_score": 3,
        "status": "failed",
        "name": "01.2 n_step_returns",
        "number": "01.2",
        "output": f"{FORWARD}\n"
        "Besides, something else is wrong: see the case below.\n"
        "    rewards   [0., 8.]\n"
        "    returned  [0.,\n"
        "               8.]\n"
        "Hint: Begin at the last step.",
        "output_format": "text",
        "tags": ["01_returns", "misconception"],
        "visibility": "visible",
    }
    half = json.loads(gradescope(Graded(ADA)))
    assert [test["status"] for test in half["tests"]] == ["passed", "failed"]
    assert [test["score"] for test in half["tests"]] == [3, 2.5]
    assert json.loads(gradescope(Graded(ADA)))["output"].startswith("Graded in")
    # Without a test there must be a score of the whole.
    assert json.loads(gradescope(Graded(EVE)))["score"] == 0


def test_what_github_classroom_reads() -> None:
    def decoded(graded: Result) -> Any:
        return json.loads(base64.b64decode(classroom(Graded(graded)), validate=False))

    assert decoded(ADA) == {
        "version": 3,
        "status": "fail",
        "max_score": 6,
        "tests": [
            {
                "name": "01.2 n_step_returns",
                "status": "pass",
                "score": 3,
                "message": "3 of 3 points.",
            },
            {
                "name": "01.4 advantages",
                "status": "fail",
                "score": 2.5,
                "message": "2.5 of 3 points.",
            },
        ],
    }
    assert decoded(result("full", exercise()))["status"] == "pass"
    assert decoded(EVE)["status"] == "error"
    assert decoded(EVE)["tests"][0]["message"] == "eve.ipynb is no notebook."


def test_a_classroom_result_fits_into_a_variable_and_holds_no_command() -> None:
    message = "x\n::stop-commands::\n" + "😀" * 10_000
    all_wrong = [
        exercise("n_step_returns", "wrong", 0, message, max_points=3)
        for _ in range(len(EXERCISES))
    ]
    text = classroom(Graded(result("ada", *all_wrong)))
    assert len(text) < 128 * 1024 - len("RUNNER_RESULTS=")
    for test in json.loads(base64.b64decode(text))["tests"]:
        assert len(test["message"]) <= CLASSROOM_MESSAGE
        assert "\n" not in test["message"]


def test_what_reads_junit_reads() -> None:
    root = ElementTree.fromstring(junit(map(Graded, CLASS)))
    assert root.tag == "testsuites"
    counts = ("name", "tests", "failures", "errors", "skipped")
    assert [[suite.get(name) for name in counts] for suite in root] == [
        ["ada", "2", "1", "0", "0"],
        ["bob", "3", "1", "1", "1"],
        ["eve", "1", "0", "1", "0"],
    ]
    [failure] = root.iterfind("testsuite[@name='bob']/testcase/failure")
    assert failure.attrib == {"type": "misconception", "message": FORWARD}
    assert failure.text == BOB.exercises[0].message
    [error] = root.iterfind("testsuite[@name='eve']/testcase/error")
    assert error.get("message") == "eve.ipynb is no notebook."
    [sandbox, *_] = root.iterfind("testsuite/properties/property[@name='sandbox']")
    assert sandbox.get("value") == "bubblewrap"


def test_what_could_not_be_read_is_one_error(tmp_path: Path) -> None:
    overrides = overriding(tmp_path, "ivo,advantages,2,Shown on paper.")
    [suite] = ElementTree.fromstring(junit([overrides.applied(IVO)]))
    assert [suite.get(name) for name in ("tests", "errors")] == ["1", "1"]
    [case] = suite.iterfind("testcase")
    assert [each.get("message") for each in case.iterfind("error")] == [BROKEN]
    assert "advantages: Changed by hand from 0 to 2 points: Shown" in str(
        case.findtext("system-out")
    )


@pytest.mark.parametrize(
    ("points", "text"),
    [(3.0, "3"), (2.5, "2.5"), (10, "10"), (0, "0"), (1 / 3, "0.33")],
)
def test_points_are_written_short(points: float, text: str) -> None:
    assert number(points) == text


# By hand


def test_an_override_is_in_every_export(tmp_path: Path) -> None:
    overrides = overriding(tmp_path, 'bob,n_step_returns,3,"Shown on paper, & right."')
    told = "Changed by hand from 0 to 3 points: Shown on paper, & right."
    write_all(lambda: iter(CLASS), tmp_path, overrides)
    [_, ada, bob, _] = csv.reader(
        io.StringIO((tmp_path / "grades.csv").read_text("utf-8"))
    )
    assert ada[:6] == ["ada", "5.5", "6", "91.7", "0", "no"]
    assert bob[:6] == ["bob", "3", "9", "33.3", "1", "yes"]
    scope = json.loads((tmp_path / "gradescope" / "bob.json").read_text("utf-8"))
    assert scope["score"] == 3
    assert scope["tests"][0]["status"] == "passed"
    assert scope["tests"][0]["output"].startswith(f"{told}\n")
    encoded = (tmp_path / "classroom" / "bob.txt").read_text("utf-8")
    first = json.loads(base64.b64decode(encoded))["tests"][0]
    assert first["status"] == "pass"
    assert told in first["message"]
    cases = ElementTree.parse(tmp_path / "junit.xml").iterfind(".//system-out")
    assert f"3 of 3 points.\n{told}" in [case.text for case in cases]
    page = Page((tmp_path / "feedback" / "bob.html").read_text("utf-8"))
    assert "Shown on paper, & right." in page.text
    report = Page((tmp_path / "report.html").read_text("utf-8"))
    assert "Shown on paper, & right." in report.text
    # What the judge found is left alone, and so is everybody else.
    assert BOB.points == 0
    assert not overrides.applied(ADA).changes
    assert overrides.applied(ADA).result == ADA


def test_overrides_that_do_not_fit_are_named(tmp_path: Path) -> None:
    overrides = overriding(
        tmp_path,
        "bob,n_step_returns,4,a bonus",
        "",
        "bbo,n_step_returns,3,a slip",
        "ada,episode_return,3,not in this lesson",
    )
    problems = write_all(lambda: iter(CLASS), tmp_path, overrides)
    assert problems == [
        "overrides.csv, line 2: n_step_returns has 3 points; it was given 4 all the "
        "same.",
        "overrides.csv, line 4: there is no submission 'bbo'.",
        "overrides.csv, line 5: the submission 'ada' has no exercise 'episode_return'.",
    ]
    report = Page((tmp_path / "report.html").read_text("utf-8"))
    assert all(problem in report.text for problem in problems)


def test_overrides_as_spreadsheets_save_them(tmp_path: Path) -> None:
    path = tmp_path / "overrides.csv"
    text = "Submission;exercise;points;reason\r\n'=bob;advantages;2.5;schön, gut\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("S", "s").encode())
    # Copied from grades.csv, where the name has an apostrophe.
    graded = load(path).applied(result("=bob", exercise("advantages", points=0)))
    assert graded.result.points == 2.5
    assert graded.changes["advantages"].reason == "schön, gut"


@pytest.mark.parametrize(("points", "read"), [("2,5", 2.5), ("2.5", 2.5), ("3", 3)])
def test_decimal_commas_beside_semicolons(
    points: str, read: float, tmp_path: Path
) -> None:
    path = tmp_path / "overrides.csv"
    path.write_text(f"submission;exercise;points;reason\nada;advantages;{points};why\n")
    assert load(path).applied(ADA).changes["advantages"].after == read


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "line 1: the columns must be submission,exercise,points,reason, but are"),
        (b"submission,exercise,points\n", "but are submission,exercise,points."),
        (b"submission,exercise,points,reason,x\n", "reason,x."),
        (b"HEAD\nada,x,1\n", "line 2: there must be 4 entries, but there are 3"),
        (b"HEAD\nada,x,1,so, for instance\n", "4 entries, but there are 5"),
        (b"HEAD\nada,x,-1,why\n", "points must be a number from 0 to 10,000"),
        (b"HEAD\nada,x,nan,why\n", "but is 'nan'."),
        (b"HEAD\nada,x,inf,why\n", "but is 'inf'."),
        (b"HEAD\nada,x,1e300,why\n", "but is '1e300'."),
        (b"HEAD\nada,x,two,why\n", "but is 'two'."),
        (b'HEAD\nada,x,"2,5",why\n', "but is '2,5'."),
        (b"HEAD\nada,x,1,\n", "line 2: reason must not be empty."),
        (b"HEAD\n\n,x,1,why\n", "line 3: submission must not be empty."),
        (
            b"HEAD\nada,x,1,why\nada,y,1,why\nada,x,2,why\n",
            "line 4: x of 'ada' was given points already, in overrides.csv, line 2",
        ),
        (b'HEAD\nada,x,1,"why\n', "line 2: this is no CSV"),
        (b"HEAD\nada,x,1,f\xfcr\n", "must be UTF-8, but byte"),
    ],
)
def test_a_broken_file_of_overrides_is_refused(
    content: bytes, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "overrides.csv"
    path.write_bytes(content.replace(b"HEAD", b"submission,exercise,points,reason"))
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        load(path)
    assert str(caught.value).startswith("overrides.csv")
    assert "\n" not in str(caught.value)


# The class


def test_the_class_is_counted() -> None:
    summary = summary_of(*CLASS, result("dan", exercise()))
    assert summary.names == ["episode_return", "n_step_returns", "advantages"]
    assert [row.name for row in summary.hardest_first()] == [
        "episode_return",  # nobody of 1
        "advantages",  # nobody of 2
        "n_step_returns",  # 2 of 3
    ]
    hardest = summary.exercises["n_step_returns"]
    assert hardest.outcomes == {"passed": 2, "misconception": 1}
    assert hardest.passed == pytest.approx(200 / 3)
    assert hardest.mean_points == 2
    # 91.7 %, 0 %, nothing at all, 100 %
    assert [count for _, count in summary.histogram()] == [2, *[0] * 8, 2]
    assert summary.mean == pytest.approx((91.7 + 100) / 4)
    assert summary.median == pytest.approx(91.7 / 2)
    [row] = summary.misconceptions()
    known = {each.name: each for each in EXERCISES["n_step_returns"].misconceptions}
    assert row.count == 1
    assert row.message == known["forgets_to_reverse"].message


def test_what_could_not_be_read_makes_no_exercise_look_hard() -> None:
    # Of two lessons, one could be read.
    half = result(
        "uma",
        exercise("episode_return", points=0, outcome="could_not_run", message=BROKEN),
        exercise(),
        warnings=(BROKEN,),
        unreadable=True,
    )
    summary = summary_of(ADA, IVO, half)
    assert summary.exercises["n_step_returns"].outcomes == {"passed": 2}
    assert summary.exercises["advantages"].outcomes == {"wrong": 1}
    assert "episode_return" not in summary.exercises
    assert "episode_return" in summary.names  # grades.csv has a column of it
    assert summary.mean == pytest.approx((91.7 + 0 + 50) / 3)
    page = Page(class_page(summary, [], ()))
    tiles = re.sub(r"\s+", " ", page.text)
    assert "Could not be graded 2" in tiles or "Could not be graded2" in tiles
    assert tiles.count("⚠ Could not be graded") == 2


def test_hidden_tests_are_counted_and_told_to_no_student(tmp_path: Path) -> None:
    def failing(name: str, *said: str) -> Result:
        return result(name, exercise(points=1, outcome="wrong", hidden=said))

    secret = "test_a_long_one: 17.25 is not 18.5"
    results = [
        failing("ada", secret, f"{secret} again", "test_b"),
        failing("bob", secret),
        failing("cem"),
    ]
    assert summary_of(*results).hidden_tests() == [
        ("n_step_returns", "test_a_long_one", 2),
        ("n_step_returns", "test_b", 1),
    ]
    write_all(lambda: iter(results), tmp_path)
    for name, content in contents(tmp_path).items():
        text = content.decode()
        if name.startswith("classroom"):
            text = base64.b64decode(text).decode()
        assert "17.25" not in text, name
        assert ("test_a_long_one" in text) == (name == "report.html"), name
    assert "Hidden tests" not in class_page(summary_of(*CLASS), [], ())


def test_points_beyond_all_points_are_in_the_last_bar(tmp_path: Path) -> None:
    overrides = overriding(tmp_path, "ada,advantages,9,a bonus")
    histogram = summary_of(ADA, overrides=overrides).histogram()
    assert histogram[-1] == ("90 to 100 %", 1)


def test_answers_that_are_the_same_are_listed() -> None:
    def answer(submission: str, fingerprint: str, outcome: str = "passed") -> Result:
        return result(submission, exercise(outcome=outcome, fingerprint=fingerprint))

    summary = summary_of(
        answer("ada", "1f"),
        answer("bob", "2f"),
        answer("cem", "1f"),
        answer("dan", ""),
        answer("eve", ""),
        answer("fay", "3f", "not_attempted"),
        answer("gil", "3f", "not_attempted"),
        answer("hal", "4f"),
        answer("ida", "4f"),
    )
    assert summary.same_answers(solutions={"4f"}) == [
        ("n_step_returns", ["ada", "cem"])
    ]


def test_the_published_solution_is_no_news(tmp_path: Path) -> None:
    cells = read(SOLUTIONS / "01_returns.py").cells
    published = fingerprints(cells, EXERCISES)["n_step_returns"]
    for fingerprint, listed in ((published, False), ("0123", True)):
        pair = [
            result(name, exercise(fingerprint=fingerprint)) for name in ("adam", "beth")
        ]
        write_all(lambda pair=pair: iter(pair), tmp_path)
        report = Page((tmp_path / "report.html").read_text("utf-8"))
        assert ("adam, beth" in report.text) is listed


def test_the_report_says_how_it_was_graded() -> None:
    safe, unsafe = result("ada"), Result("ada", "none", 8, (), 0, 0, (), "")
    pages = [Page(class_page(summary_of(each), [], ())) for each in (safe, unsafe)]
    assert ["without a sandbox" in page.text for page in pages] == [False, True]
    assert "Sandbox: bubblewrap. Seed: 7." in pages[0].text
    student = Page(feedback_page(Graded(safe))).text
    assert "(seed 7)" in student
    assert "sandbox" not in student


# Pages


def pages(*results: Result) -> Iterator[str]:
    overrides = Overrides()
    for each in results:
        yield feedback_page(overrides.applied(each))
    yield class_page(summary_of(*results), ["A <problem>."], ())


def test_a_student_reads_everything() -> None:
    page = Page(feedback_page(Graded(BOB)))
    for text in (
        *("bob", "0 of 9 points", "0 of 3 answers are right", FORWARD),
        *("Besides, something else", "returned", "[0.,\n 8.]", "Begin at the last"),
        *("Lesson 00: start", "Lesson 01: returns", "Cell 3 raised NameError."),
        *(WORDS["misconception"], WORDS["not_attempted"], WORDS["could_not_run"]),
    ):
        assert text in page.text
    assert "Well done" in feedback_page(Graded(result("ada", exercise())))
    assert "of the others" in feedback_page(Graded(ADA))
    assert "of the others" not in page.text
    assert page.text.count("Cells are counted from the top, text included.") == 1
    assert "Cells are counted" not in feedback_page(Graded(EVE))


def test_a_student_reads_once_what_could_not_be_read(tmp_path: Path) -> None:
    assert "No exercise could be graded" in feedback_page(Graded(EVE))
    overrides = overriding(tmp_path, "ivo,advantages,2,Shown on paper.")
    page = Page(feedback_page(overrides.applied(IVO)))
    assert "No exercise could be graded" in page.text
    assert "open your notebook in Jupyter" in page.text
    assert page.text.count(BROKEN) == 1
    assert "Shown on paper." in page.text
    assert {"article", "table"}.isdisjoint(page.tags)


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    for text in pages(*CLASS):
        page = Page(text)
        assert {"script", "link", "img", "iframe", "form"}.isdisjoint(page.tags)
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert all("//" not in (value or "") for _, value in page.attributes)
        assert "url(" not in text
        assert "@import" not in text
        [policy] = [value for value in page.values("content") if "src" in (value or "")]
        assert policy is not None
        assert policy.startswith("default-src 'none'; ")


def test_a_page_can_be_read_aloud() -> None:
    for text in pages(*CLASS):
        page = Page(text)
        assert page.values("lang") == ["en"]
        assert page.tags.count("title") == page.tags.count("h1") == 1
        assert page.tags.count("main") == 1
        levels = [int(tag[1]) for tag in page.tags if re.fullmatch(r"h[1-6]", tag)]
        assert all(below <= above + 1 for above, below in pairwise(levels))
        ids = page.values("id")
        assert len(ids) == len(set(ids))
        targets = [link[1:] for link in page.values("href") if link and link[0] == "#"]
        assert set(targets) | set(page.values("aria-labelledby")) <= set(ids)
        assert page.tags.count("th") == len(page.values("scope"))
        # A bar repeats a number that stands beside it.
        assert page.tags.count("svg") == page.values("aria-hidden").count("true") - len(
            re.findall('<span aria-hidden="true">', text)
        )


def test_each_outcome_has_words_and_a_mark() -> None:
    assert set(WORDS) == set(OUTCOMES)
    for outcome, words in WORDS.items():
        page = feedback_page(Graded(result("ada", exercise(outcome=outcome))))
        assert re.search(rf'<span aria-hidden="true">[^<\s]</span> {words}<', page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(scheme: str) -> None:
    style = feedback_page(Graded(ADA))
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    block = light if scheme == "light" else dark
    colours = dict(re.findall(r"--(\w+): #([0-9a-f]{6});", block))
    grounds = {name: colours.pop(name) for name in ("page", "card")}
    assert colours.pop("line")
    assert set(colours) == {"text", "muted", "link", "note", *OUTCOMES}
    for name, colour in colours.items():
        for ground in grounds.values():
            assert contrast(colour, ground) >= 4.5, name
    # Every colour is one of these, or nothing would follow the scheme.
    assert len(re.findall(r"#[0-9a-f]{6}", style)) == len(
        re.findall(r"--\w+: #[0-9a-f]{6}", style)
    )


def contrast(one: str, other: str) -> float:
    """The ratio that WCAG 2 defines."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [
            each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
            for each in channels
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_by_hand() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)


# Whatever students may write

HOSTILE = [
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    "\"' onmouseover=alert(1) x='",
    "&lt;b&gt; &amp; {{ 7 * 7 }} {% raw %}",
    "]]> <!-- -->",
    "\0\x01\x1b[31m\x7f\x85",
    "\ud800 half a character",
    "\u202egnp.exe\u2066",
    '=HYPERLINK("http://x";"y")',
    "x" * 10_000,
    "../../../etc/passwd",
]


def spoken(text: str) -> Result:
    """The text wherever a text can stand."""
    return result(
        text,
        exercise(
            outcome="wrong",
            points=1,
            message=text,
            misconceptions=(text,),
            case=((text, text),),
            hints=(text,),
            fingerprint=text,
            hidden=(text,),
        ),
        exercise("advantages", outcome="could_not_run", points=0, message=text),
        warnings=(text,),
    )


def check_all_formats(text: str) -> None:
    cleaned = printable(text)
    assert cleaned.encode()
    applied = Overrides().applied(spoken(text))
    plain = Overrides().applied(spoken("plain"))
    page, expected = Page(feedback_page(applied)), Page(feedback_page(plain))
    assert page.tags == expected.tags
    assert [name for name, _ in page.attributes] == [
        name for name, _ in expected.attributes
    ]
    assert page.text.count(cleaned) >= expected.text.count("plain")
    report = Page(class_page(summary_of(spoken(text)), [cleaned], ()))
    assert report.tags == Page(class_page(summary_of(spoken("plain")), ["x"], ())).tags
    scope = json.loads(gradescope(applied))
    assert "\0" not in scope["output"]
    assert cleaned in scope["output"]
    json.loads(base64.b64decode(classroom(applied)))
    [suite] = ElementTree.fromstring(junit([applied]))
    assert len(suite.findall("testcase")) == 2
    [head, row] = csv.reader(
        io.StringIO(table([applied], ["advantages"]), newline=""), strict=True
    )
    assert len(head) == len(row)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_stay_texts(text: str) -> None:
    check_all_formats(text)


# A line's end begins a new paragraph, so it is left to the tests above.
@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_characters="\r\n"), min_size=1))
def test_any_text_stays_a_text(text: str) -> None:
    check_all_formats(text)


EXERCISE_RESULTS = st.builds(
    ExerciseResult,
    name=st.sampled_from(list(EXERCISES)),
    lesson=st.sampled_from(["00_start", "01_returns"]),
    outcome=st.sampled_from(OUTCOMES),
    misconceptions=st.lists(st.text(), max_size=2).map(tuple),
    points=st.floats(0, 10_000),
    max_points=st.just(0.0) | st.floats(0.01, 9),
    message=st.text(),
    case=st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
    hints=st.lists(st.text(), max_size=2).map(tuple),
    fingerprint=st.sampled_from(["", "1f"]),
    hidden=st.lists(st.text(), max_size=2).map(tuple),
)
RESULTS = st.builds(
    result,
    st.text(min_size=1),
    warnings=st.lists(st.text(), max_size=2).map(tuple),
    unreadable=st.booleans(),
).flatmap(
    lambda made: st.lists(
        EXERCISE_RESULTS, max_size=3, unique_by=lambda each: each.name
    ).map(lambda found: dataclasses.replace(made, exercises=tuple(found)))
)


@settings(max_examples=40, deadline=None)
@given(st.lists(RESULTS, max_size=3))
def test_any_results_can_be_reported(results: list[Result]) -> None:
    everybody = [Overrides().applied(each) for each in results]
    summary = summary_of(*results)
    assert sum(count for _, count in summary.histogram()) == len(results)
    for text in pages(*results):
        Page(text)
    assert len(ElementTree.fromstring(junit(everybody))) == len(results)
    rows = list(csv.reader(io.StringIO(table(everybody, summary.names), newline="")))
    assert len(rows) == len(results) + 1
    for graded in everybody:
        json.loads(gradescope(graded))
        json.loads(base64.b64decode(classroom(graded)))


# The folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_all_files_are_there_and_the_same_again(tmp_path: Path) -> None:
    awkward = result("=1 &%#é 'x'", exercise())
    for folder in ("one", "two"):
        write_all(lambda: iter([*CLASS, awkward]), tmp_path / folder)
    found = contents(tmp_path / "one")
    assert found == contents(tmp_path / "two")
    names = ["ada", "bob", "eve", awkward.submission]
    assert set(found) == {
        *("grades.csv", "junit.xml", "report.html"),
        *(f"feedback/{name}.html" for name in names),
        *(f"gradescope/{name}.json" for name in names),
        *(f"classroom/{name}.txt" for name in names),
    }
    assert b"\r" not in b"".join(found[name] for name in found if name[-3:] != "csv")
    report = Page(found["report.html"].decode())
    assert "feedback/%3D1%20%26%25%23%C3%A9%20%27x%27.html" in report.values("href")


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    write_all(lambda: iter(CLASS), tmp_path)
    pages = tmp_path / "feedback"
    (pages / "bob.html").write_text("broken")
    before = {path.name: path.stat().st_ino for path in pages.iterdir()}
    changed = result("ada", exercise(points=1, outcome="wrong"))
    write_all(lambda: iter([changed, BOB, EVE]), tmp_path)
    after = {path.name: path.stat().st_ino for path in pages.iterdir()}
    assert [name for name in sorted(before) if before[name] != after[name]] == [
        "ada.html",
        "bob.html",
    ]
    assert (pages / "bob.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_pages_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    write_all(lambda: iter(CLASS), tmp_path)
    others = [tmp_path / "feedback" / "note.txt", tmp_path / "results" / "eve.json"]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_text("kept")
    assert any("eve" in name for name in contents(tmp_path / "feedback"))
    write_all(lambda: iter([ADA, BOB]), tmp_path)
    left = [name for name in contents(tmp_path) if "eve" in name]
    assert left == [str(Path("results", "eve.json"))]
    assert all(path.exists() for path in others)
    assert (tmp_path / "feedback" / "ada.html").exists()


def test_an_empty_class_is_reported(tmp_path: Path) -> None:
    assert write_all(lambda: iter([]), tmp_path) == []
    assert set(contents(tmp_path)) == {"grades.csv", "junit.xml", "report.html"}


def test_results_are_taken_one_by_one(tmp_path: Path) -> None:
    kept = []

    def count() -> int:
        return sum(type(each) is Result for each in gc.get_objects())

    def many() -> Iterator[Result]:
        for i in range(30):
            yield result(f"student {i}", exercise())
        kept.append(count() - before)

    before = count()
    write_all(many, tmp_path)
    assert kept
    assert max(kept) < 10
