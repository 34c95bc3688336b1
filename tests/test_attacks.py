"""Submissions that cheat: each earns, reads, harms and leaves nothing.

And each is first shown to succeed where a grader is made as many are: so what is looked
for afterwards would be found.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks import ATTACKS
from attacks.arena import SHARED, Arena
from attacks.grading import (
    HIDDEN_TESTS,
    OUR_HIDDEN_TESTS,
    Ours,
    graded_naively,
    staged,
)
from attacks.record import Attack
from processes import ROOT

from course.grading.sandbox import SANDBOXES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it has no sandbox")

each_attack = pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.name)
SOLUTION = """
def discounted_return(rewards, gamma):
    return sum(gamma**i * reward for i, reward in enumerate(rewards))
# %%
"""


@pytest.mark.parametrize(
    "attack", [each for each in ATTACKS if not each.naive], ids=lambda each: each.name
)
def test_an_attack_succeeds_on_a_naive_grader(attack: Attack, tmp_path: Path) -> None:
    package, shared = tmp_path / "package", tmp_path / "shared"
    package.mkdir()
    shared.mkdir()
    (package / "grader.py").write_text("# the grader")
    answer = tmp_path / "solution.py"
    answer.write_text(SOLUTION)
    arena = Arena(tmp_path, os.geteuid(), [shared], package, [answer], 2**26, 20, 0.5)
    with arena:
        (arena.hidden / "hidden_tests.py").write_text(
            HIDDEN_TESTS.format(secret=arena.environment_secret)
        )
        arena.arm(attack)
        graded = graded_naively(arena, 20 if "torch" in str(attack.cells) else 3)
        assert attack.aim in arena.harms(graded)


# Who grades, and in which sandbox; as root both


ROOT_USER, SOMEBODY = 0, 60_123
WAYS = [
    # One process asks each judge, so that it is started once.
    pytest.param(
        (user, sandbox),
        id=f"{sandbox}_as_{name}",
        marks=pytest.mark.xdist_group(f"attacks_{sandbox}_{name}"),
    )
    for user, name in ((ROOT_USER, "root"), (SOMEBODY, "somebody"))
    for sandbox in SANDBOXES
]


@pytest.fixture(scope="module", params=WAYS)
def ours(request: pytest.FixtureRequest) -> Iterator[tuple[Arena, Ours]]:
    user, sandbox = request.param
    own = os.geteuid()
    if own != 0:
        if user == ROOT_USER:
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


@each_attack
def test_an_attack_fails_on_ours(attack: Attack, ours: tuple[Arena, Ours]) -> None:
    arena, grader = ours
    arena.arm(attack, [grader.judge().pid])
    graded = grader.grade()
    assert arena.harms(graded) == set(), graded
