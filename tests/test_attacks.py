"""Submissions that cheat: each earns, reads, harms and leaves nothing.

`test_attacks_naive` shows that each succeeds where a grader is made as many are: so
what is looked for here would be found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks import ATTACKS, ENDLESS, INSIDE
from attacks.arena import SHARED, Arena, Graded
from attacks.grading import (
    OUR_HIDDEN_TESTS,
    Ours,
    staged,
    texts_in,
    was_cut_off,
)
from attacks.record import Attack, notebook
from processes import ROOT

from course.grading.reports import write_all
from course.grading.result import from_json
from course.grading.submissions import find

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it has no sandbox")


def each_of(attacks: list[Attack]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", attacks, ids=lambda each: each.name)


SANDBOX = "bubblewrap"  # `test_attacks_landlock` has these tests with the other one
USERS = {"somebody": 60_123, "root": 0}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Who grades: root, and somebody. To an attack from inside that is all one."""
    if "ours" in metafunc.fixturenames:
        users = sorted(USERS, reverse=metafunc.module.SANDBOX == "bubblewrap")
        if metafunc.function is test_an_attack_from_inside_fails_on_ours:
            users = users[:1]
        metafunc.parametrize("ours", users, indirect=True, scope="module")


@pytest.fixture(scope="module")
def ours(request: pytest.FixtureRequest) -> Iterator[tuple[Arena, Ours]]:
    user, sandbox = USERS[request.param], request.module.SANDBOX
    own = os.geteuid()
    if own != 0:
        if user == 0:
            pytest.skip("only root can grade as root")
        user = own
    answers = [
        ROOT / "solutions" / "00_start.py",
        ROOT / "tests" / "autograders" / "test_00_start.py",
    ]
    places = [*SHARED, Path.home(), Path("/"), Path("/etc/cron.d"), Path("/run"), ROOT]
    # Not in pytest's own folder, which is closed to others.
    with tempfile.TemporaryDirectory(prefix="arena-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        arena = Arena(folder, user, places, ROOT / "course", answers, 2**32, 1000, 5.0)
        (folder / "hidden").joinpath("test_00_start_hidden.py").write_text(
            OUR_HIDDEN_TESTS.format(secret=arena.environment_secret)
        )
        with arena, Ours(arena, sandbox) as grader:
            code = "from course.grading.sandbox import available; print(*available())"
            said = subprocess.run(
                [*staged(arena), "-c", code], cwd=ROOT, capture_output=True, text=True
            )
            if sandbox not in said.stdout.split():
                pytest.skip(f"{sandbox} does not work here: {said.stderr[-200:]}")
            yield arena, grader
        assert list(arena.temporary.iterdir()) == []


def fails(attack: Attack, arena: Arena, grader: Ours) -> None:
    """An attack does no harm: not when it is cut off, and not when it has the time."""
    for slack in (1, 3):
        grader.allow(slack)
        arena.arm(attack, [grader.judge().pid])
        graded = grader.grade()
        assert arena.harms(graded) == set(), graded
        if attack in ENDLESS or not was_cut_off(graded):
            break


@each_of([each for each in ATTACKS if each not in INSIDE])
def test_an_attack_fails_on_ours(attack: Attack, ours: tuple[Arena, Ours]) -> None:
    fails(attack, *ours)


@each_of(INSIDE)
def test_an_attack_from_inside_fails_on_ours(
    attack: Attack, ours: tuple[Arena, Ours]
) -> None:
    fails(attack, *ours)


def test_what_is_told_is_plain_in_every_report(
    ours: tuple[Arena, Ours], tmp_path: Path
) -> None:
    arena, grader = ours
    [attack] = [each for each in ATTACKS if each.name == "escapes"]
    arena.arm(attack)
    result = from_json(json.dumps(grader.patiently(arena.attack)))
    assert "<script>" in result.exercises[1].message
    write_all(lambda: iter([result]), tmp_path)
    pages = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(pages) > 5
    for page in pages:
        text = page.read_text("utf-8-sig")
        assert all(each.isprintable() or each == "\n" for each in text), page
        assert page.suffix != ".html" or "<script>alert" not in text, page


def test_a_file_s_name_steers_nothing(ours: tuple[Arena, Ours]) -> None:
    arena, grader = ours
    arena.arm(Attack("wrong", "", "points", ()))
    names = ["00_start a\x1b[2J", "00_start b\x1b[2J", "01_returns \x07\u202e"]
    paths = [arena.home / f"{name}.ipynb" for name in names]
    try:
        for path in paths:
            path.write_text("{")
        result = grader.result(*paths)
    finally:
        for path in paths:
            path.unlink()
    assert len(result["warnings"]) == 3
    assert arena.harms(Graded(0, tuple(texts_in(result)), True)) == set()


def test_an_answer_of_the_course_itself_is_none_and_is_said_to_be_one(
    ours: tuple[Arena, Ours],
) -> None:
    arena, grader = ours
    # The course lies open to whoever takes it; it is switched off while this runs.
    borrowed = """
from course import returns
theirs = returns.discounted_return

def discounted_return(rewards, gamma):
    return theirs(rewards, gamma)
"""
    arena.arm(Attack("borrowed", "", "points", (borrowed,)))
    graded = grader.grade()
    assert "uses the course's own discounted_return" in "\n".join(graded.texts)
    assert arena.harms(graded) == set()


def test_a_wrong_answer_alone_does_no_harm(ours: tuple[Arena, Ours]) -> None:
    arena, grader = ours
    arena.arm(Attack("wrong", "", "points", ()))
    assert arena.harms(grader.grade()) == set()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.ipynb"
    secret.write_text(notebook("# a secret"))
    folder = tmp_path / "submissions"
    (folder / "ada").mkdir(parents=True)
    (folder / "bob.ipynb").symlink_to(secret)
    (folder / "ada" / "00_start.ipynb").symlink_to(secret)
    (folder / "cyd").symlink_to(tmp_path)
    found = find([folder], tmp_path / "scratch")
    assert {each.name for each in found} == {"ada", "bob", "cyd"}
    assert all(each.files == () and each.problems for each in found)


def test_each_attack_has_a_name_of_its_own() -> None:
    assert len({each.name for each in ATTACKS}) == len(ATTACKS) >= 45
