"""Who touches θ, θ⁻ and T; and how far news travels for each copy of θ⁻."""

from __future__ import annotations

import numpy as np
import pytest

from course.algorithms import A3C, N_STEP_Q, ONE_STEP_Q
from course.experiments.target_period import (
    LENGTH,
    Period,
    picture,
    state_table,
    state_text,
    sweep,
    table,
)


def test_one_step_learners_read_theta_itself_and_write_it_in_the_push_alone() -> None:
    seen = state_table(ONE_STEP_Q, rounds=15)
    assert [seen[event]["θ"] for event in ("pull", "act", "compute", "push")] == [
        *("", "reads", "reads", "reads and writes"),
    ]
    assert [seen[event]["θ⁻"] for event in ("pull", "act", "compute", "push")] == [
        *("", "", "reads and writes", ""),
    ]
    assert [event for event in seen if "writes" in seen[event]["T"]] == ["act"]


def test_n_step_learners_read_theta_only_when_they_pull() -> None:
    seen = state_table(N_STEP_Q, rounds=15)
    assert seen["pull"]["θ"] == "reads"
    assert seen["act"]["θ"] == seen["compute"]["θ"] == ""
    # Algorithm S2 refreshes θ⁻ after the update.
    assert (seen["compute"]["θ⁻"], seen["push"]["θ⁻"]) == ("reads", "reads and writes")


def test_a3c_never_touches_theta_minus() -> None:
    seen = state_table(A3C, rounds=10)
    assert {parts["θ⁻"] for parts in seen.values()} == {""}


def test_the_state_table_as_text() -> None:
    lines = state_text({"push": {"θ": "writes", "θ⁻": "", "T": "reads"}}).splitlines()
    assert [line.split() for line in lines] == [
        ["event", "θ", "θ⁻", "T"],
        ["push", "writes", "-", "reads"],
    ]


def test_states_right_are_counted_from_the_reward_backwards() -> None:
    exact = np.array([0.25, 0.5, 1.0])
    values = np.array([[0.25, 0.5, 1.04], [0.25, 0.0, 1.0], [0.25, 0.5, 0.5]])
    assert Period(10, 5, values, exact).states_right == [3, 1, 0]


@pytest.mark.timeout(300)
def test_news_travels_one_state_for_each_copy() -> None:
    never, once = sweep([2_000, 1_000], seeds=[0], total_steps=1_950)
    assert (never.copies, once.copies) == (0, 1)
    # Without a copy only the rewarded state can learn; with one, the state before it.
    assert never.states_right[0] <= 1
    assert once.states_right[0] <= 2
    assert never.values[0, -1] == pytest.approx(1.0, abs=0.1)
    assert never.values[0, : LENGTH - 1].max() < 0.2
    assert once.values[0, -2] > 0.5
    assert once.values[0, : LENGTH - 2].max() < 0.2


def test_the_picture_and_the_table_say_the_same() -> None:
    exact = 0.9 ** np.arange(LENGTH - 1, -1, -1)
    results = [
        Period(250, 24, np.array([exact, exact]), exact),
        Period(1_000, 6, np.array([exact * 0, exact]), exact),
    ]
    assert "0 of 8, 8 of 8" in table(results)
    figure = picture(results)
    assert "1,000 steps (6 copies) 0 and 8 states are right" in figure.description
    assert len(figure.axes[0].get_lines()) == 3
    with pytest.raises(ValueError, match="results has 0 periods"):
        picture([])
