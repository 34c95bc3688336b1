"""Interleaved reads and writes of a counter: by hand, and every order of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from course.experiments.lost_update import (
    Access,
    all_orders,
    picture,
    simulate,
    table,
)


def test_turns_lose_nothing() -> None:
    outcome = simulate("A.read A.write B.read B.write")
    assert (outcome.final, outcome.lost) == (2, 0)
    assert outcome.accesses == (
        Access("A", "read", 0),
        Access("A", "write", 1),
        Access("B", "read", 1),
        Access("B", "write", 2),
    )


def test_reading_too_early_loses_the_other_update() -> None:
    outcome = simulate("A.read B.read A.write B.write")
    assert (outcome.final, outcome.lost) == (1, 1)
    assert [access.value for access in outcome.accesses] == [0, 0, 1, 1]


def test_one_slow_learner_undoes_many_updates() -> None:
    slow = simulate("A.read " + "B.read B.write " * 5 + "A.write")
    # B has counted to 5; A writes the 0 that it read, plus 1.
    assert (slow.final, slow.lost) == (1, 5)


def test_four_of_the_six_orders_lose() -> None:
    orders = all_orders()
    assert len(set(orders)) == 6
    for order in orders:
        words = order.split()
        reads = {words.index("A.read"), words.index("B.read")}
        # Lost exactly if both reads come first, as nobody has written then.
        assert simulate(order).lost == (reads == {0, 1})


def test_all_orders_are_all_that_can_be_simulated() -> None:
    possible = []
    for words in itertools.permutations(["A.read", "A.write", "B.read", "B.write"]):
        try:
            possible.append(simulate(" ".join(words)).schedule)
        except ValueError:
            continue
    assert sorted(possible) == sorted(all_orders())


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        ("A.pull A.push", r"has the word 'A\.pull'; expected a learner"),
        ("A.read, A.write", r"has the word 'A\.read,'"),
        ("a.read a.write", r"has the word 'a\.read'"),
        (".read .write", r"has the word '\.read'"),
        ("A.write", "A writes before it has read"),
        ("A.read A.read", "A reads twice before it writes"),
        ("A.read B.read A.write", "B reads but never writes"),
        ("", "is empty"),
        (["A.read"], "is a list; expected one string"),
    ],
)
def test_a_malformed_schedule_gets_a_sentence(schedule: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        simulate(schedule)


def test_table_names_every_schedule() -> None:
    lines = table([simulate(order) for order in all_orders()]).splitlines()
    assert lines[0].split() == ["schedule", "final", "lost"]
    assert " ".join(lines[1].split()) == "A.read A.write B.read B.write 2 0"
    assert len({len(line) for line in lines}) == 1


def test_picture_shows_who_read_and_wrote_what(tmp_path: Path) -> None:
    figure = picture(simulate("A.read B.read A.write B.write"))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert [text for text in texts if "s " in text] == [
        "reads 0",
        "reads 0",
        "writes 1",
        "writes 1",
    ]
    # The counter before the first and after each of the four accesses.
    assert sorted(text for text in texts if text.isdigit()) == ["0", "0", "0", "1", "1"]
    assert figure.description.endswith("B writes 1; it ends at 1, 1 lost.")
    figure.save(tmp_path / "lost.png")
