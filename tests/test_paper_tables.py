"""The paper's tables: typed once, looked at twice, drawn as they stand."""

from __future__ import annotations

import math
from pathlib import Path

from course.experiments.paper_tables import (
    TABLE_1,
    TABLE_2,
    THREADS,
    speed_up_picture,
)


def test_table_1() -> None:
    assert len(TABLE_1) == 8
    # Sums of the printed columns, added up by hand.
    assert math.isclose(sum(row.mean for row in TABLE_1), 2941.3)
    assert math.isclose(sum(row.median for row in TABLE_1), 771.8)
    best = max(TABLE_1, key=lambda row: row.mean)
    assert best == ("A3C, LSTM", "4 days on CPU", 623.0, 112.6)
    assert max(TABLE_1, key=lambda row: row.median).method == "Prioritized DQN"


def test_table_2() -> None:
    assert THREADS == (1, 2, 4, 8, 16)
    assert {name: speeds[-1] for name, speeds in TABLE_2.items()} == {
        "one-step Q": 24.1,
        "one-step Sarsa": 22.1,
        "n-step Q": 17.2,
        "A3C": 12.5,
    }
    for speeds in TABLE_2.values():
        assert len(speeds) == len(THREADS)
        assert speeds[0] == 1.0
        assert list(speeds) == sorted(speeds)
    # A3C alone is slower than linear, from four threads on.
    slower = {
        name: [n for n, speed in zip(THREADS, speeds, strict=True) if speed < n]
        for name, speeds in TABLE_2.items()
    }
    assert slower == {
        "one-step Q": [],
        "one-step Sarsa": [],
        "n-step Q": [],
        "A3C": [4, 8, 16],
    }


def test_picture_draws_the_table(tmp_path: Path) -> None:
    figure = speed_up_picture()
    lines = figure.axes[0].get_lines()
    linear, *methods = lines
    assert list(linear.get_ydata()) == list(THREADS)
    for line, (name, speeds) in zip(methods, TABLE_2.items(), strict=True):
        assert line.get_label() == f"{name}: {speeds[-1]:g}"
        assert list(line.get_xdata()) == list(THREADS)
        assert list(line.get_ydata()) == list(speeds)
    assert len({line.get_linestyle() for line in methods}) == 4
    assert "A3C 12.5 times with 16 threads" in figure.description
    figure.save(tmp_path / "table_2.png")
