"""The lanes picture: what is drawn is what is in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from course.experiments.lanes import picture
from course.trainers.log import LogEntry


def log_of(schedule: str, seconds: float = 0.0) -> list[LogEntry]:
    """The log of a schedule; with `seconds`, as of real processes."""
    version, entries = 0, []
    pulled: dict[str, int] = {}
    for number, word in enumerate(schedule.split(), 1):
        name, kind = word.split(".")
        lag = version - pulled[name] if kind == "push" else None
        if kind == "pull":
            pulled[name] = version
        version += kind == "push"
        time = number * seconds + 0.0005 if seconds else number
        entries.append(LogEntry(time, "ABC".index(name), kind, version, lag, 0))
    return entries


def notes(figure: object) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]  # type: ignore[attr-defined]


def test_lags_stand_at_the_pushes() -> None:
    figure = picture(log_of("A.pull B.pull A.push B.push"))
    assert notes(figure) == ["lag 0", "lag 1"]
    assert [text.xy for text in figure.axes[0].texts] == [(3, 0), (4, -1)]
    assert "2 learners" in figure.description
    assert figure.description.endswith("with the lags 0, 1.")


def test_a_bar_reaches_from_pull_to_push() -> None:
    figure = picture(log_of("A.pull B.pull A.act A.compute A.push B.push"))
    bars = [
        (bar.get_x(), bar.get_x() + bar.get_width()) for bar in figure.axes[0].patches
    ]
    assert bars == [(1, 5), (2, 6)]


def test_events_are_put_in_order_of_time() -> None:
    entries = log_of("A.pull B.pull A.push B.push")
    by_learner = sorted(entries, key=lambda entry: entry.worker_id)
    assert picture(by_learner).description == picture(entries).description


def test_real_processes_begin_where_all_have_begun_in_milliseconds() -> None:
    entries = log_of("A.pull A.push A.pull A.push B.pull A.pull A.push B.push", 0.5)
    figure = picture(entries)
    axes = figure.axes[0]
    assert axes.get_xlabel() == "milliseconds"
    assert notes(figure) == ["lag 0", "lag 1"]  # not the two pushes before B began
    assert axes.texts[0].xy == (pytest.approx(1_000.0), 0)


def test_count_and_first_choose_the_window() -> None:
    entries = log_of("A.pull A.push " * 10)
    assert notes(picture(entries, count=4)) == ["lag 0"] * 2
    assert notes(picture(entries, count=2, first=18)) == ["lag 0"]
    with pytest.raises(ValueError, match="holds 20 events, of which none is left"):
        picture(entries, first=20)
    with pytest.raises(ValueError, match="holds 0 events"):
        picture([])


def test_a_push_whose_pull_is_out_of_sight_has_no_bar(tmp_path: Path) -> None:
    figure = picture(log_of("A.pull B.pull A.push B.push"), first=2)
    assert notes(figure) == ["lag 0", "lag 1"]
    assert not figure.axes[0].patches
    figure.save(tmp_path / "lanes.png")


def test_every_kind_has_a_mark_of_its_own() -> None:
    axes = picture(log_of("A.pull A.act A.compute A.push")).axes[0]
    marks = {line.get_label(): line.get_marker() for line in axes.get_lines()}
    kinds = ("pull", "act", "compute", "push")
    assert len({marks[kind] for kind in kinds}) == 4
