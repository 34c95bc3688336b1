"""The figures: what is drawn is what was measured, and can be read by everybody."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib._pylab_helpers import Gcf
from PIL import Image

from course.plots import alt_text, comparison, learning_curve, window_means


def make_result(
    returns: list[float], algorithm: str = "a3c", step: int = 10, **fields: Any
) -> dict[str, Any]:
    """A run whose episodes last `step` steps, one second each."""
    return {
        "algorithm": algorithm,
        "environment": "CartPole-v1",
        "backend": "hogwild",
        "workers": 2,
        "global_step": step * len(returns),
        "seconds": float(len(returns)),
        "solved_at": None,
        "episode_returns": [
            {"return": value, "length": step, "step": step * n, "seconds": float(n)}
            for n, value in enumerate(returns, 1)
        ],
        **fields,
    }


def labelled(axes: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in axes.get_lines()}


def test_window_means_by_hand() -> None:
    # Windows of two: 1; (1 + 3) / 2 = 2; (3 + 8) / 2 = 5.5.
    assert window_means([1.0, 3.0, 8.0], window=2).tolist() == [1.0, 2.0, 5.5]


@given(st.lists(st.floats(-1e3, 1e3), max_size=30), st.integers(1, 12))
def test_window_means_against_slices(returns: list[float], window: int) -> None:
    slow = [
        np.mean(returns[max(0, n - window) : n]) for n in range(1, len(returns) + 1)
    ]
    np.testing.assert_allclose(window_means(returns, window), slow, atol=1e-9)


def test_learning_curve_shows_episodes_and_mean_against_steps_and_seconds() -> None:
    figure = learning_curve(make_result([1.0, 3.0, 8.0]))
    steps, seconds = figure.axes
    dots, mean = labelled(steps)["one episode"], labelled(steps)["mean of the last 100"]
    assert dots.get_xydata().tolist() == [[10, 1], [20, 3], [30, 8]]
    # Means of all so far: 1, 4/2, 12/3.
    assert mean.get_xydata().tolist() == [[10, 1], [20, 2], [30, 4]]
    assert labelled(seconds)["one episode"].get_xdata().tolist() == [1, 2, 3]
    assert mean.get_linewidth() > 2
    assert figure.get_suptitle() == "a3c on CartPole-v1, hogwild with 2 learners"
    assert {"goal", "solved"}.isdisjoint(labelled(steps))


def test_learning_curve_orders_what_learners_reported_out_of_order() -> None:
    result = make_result([1.0, 3.0, 8.0])
    result["episode_returns"].reverse()
    mean = labelled(learning_curve(result).axes[0])["mean of the last 100"]
    assert mean.get_xydata().tolist() == [[10, 1], [20, 2], [30, 4]]


def test_learning_curve_marks_the_goal_and_where_it_was_reached() -> None:
    solved = {"step": 20, "seconds": 2.0}
    result = make_result([1.0, 3.0, 8.0], solved_at=solved, until_return=2)
    steps, seconds = learning_curve(result).axes
    assert labelled(steps)["solved"].get_xydata().tolist() == [[20, 2]]
    assert labelled(seconds)["solved"].get_xydata().tolist() == [[2, 2]]
    assert labelled(steps)["goal"].get_ydata() == [2, 2]
    assert [text.get_text() for text in steps.texts] == ["20 steps"]
    assert [text.get_text() for text in seconds.texts] == ["2.0 s"]


def test_learning_curve_thins_many_episodes_but_averages_all() -> None:
    returns = np.random.default_rng(0).normal(size=12_000).tolist()
    axes = learning_curve(make_result(returns)).axes[0]
    # 12,000 / 5,000 is more than 2: one in 3 is drawn, 4,000 dots.
    assert len(labelled(axes)["one episode in 3"].get_xdata()) == 4_000
    mean = labelled(axes)["mean of the last 100"]
    np.testing.assert_allclose(mean.get_ydata(), window_means(returns)[::3])


def test_learning_curve_of_no_episode(tmp_path: Path) -> None:
    figure = learning_curve(make_result([]))
    assert figure.description.endswith("no episode has ended.")
    assert [axes.get_title() for axes in figure.axes] == ["no episode has ended"] * 2
    figure.save(tmp_path / "curve.png")


def test_steps_are_written_short_and_seconds_plainly() -> None:
    steps, seconds = learning_curve(make_result([1.0, 3.0], step=50_000)).axes
    assert steps.xaxis.get_major_formatter()(50_000) == "50 k"
    assert [axes.get_xlabel() for axes in (steps, seconds)] == [
        "agent steps, all learners",
        "seconds",
    ]
    seconds.xaxis.get_major_formatter().set_locs([0, 0.5, 1])
    assert seconds.xaxis.get_major_formatter()(0.5) == "0.5"


def test_alt_text_says_it_in_words() -> None:
    result = make_result([1.0] * 150 + [4.0] * 100)
    assert alt_text(result) == (
        "Learning curve, a3c on CartPole-v1, hogwild with 2 learners: over 250 "
        "episodes, 2,500 steps and 250 seconds the mean return of the last 100 "
        "episodes goes from 1.0 to 4.0."
    )
    result["solved_at"] = {"step": 2_000, "seconds": 200.0}
    assert alt_text(result).endswith("to 4.0, and reaches the goal at step 2,000.")


def test_a_saved_picture_carries_its_description(tmp_path: Path) -> None:
    figure = learning_curve(make_result([1.0, 3.0]))
    figure.save(tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.info["Description"] == figure.description
        assert picture.width > 1_000
        assert len(picture.getcolors(1_000_000) or []) > 20  # something is drawn


def test_a_picture_shows_itself_in_a_notebook() -> None:
    figure = learning_curve(make_result([1.0, 3.0]))
    figure.description = 'A "curve" & more'
    bundle = figure._repr_mimebundle_(include=None, exclude=None)
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["image/png"] in bundle["text/html"]
    assert 'alt="A &quot;curve&quot; &amp; more"' in bundle["text/html"]
    assert bundle["text/plain"] == figure.description


def test_comparison_averages_seeds_and_keeps_the_last_value() -> None:
    # One seed stays at 10 for 30 steps; the other at 20 for 50.
    runs = [make_result([10.0] * 3), make_result([20.0] * 5)]
    figure = comparison(runs, goal=25)
    steps, seconds = figure.axes
    line = labelled(steps)["a3c (2 seeds)"]
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (10, 50)
    assert set(line.get_ydata()) == {15.0}
    band = steps.collections[0].get_datalim(steps.transData)
    assert (band.y0, band.y1) == (10, 20)
    assert labelled(seconds)["a3c (2 seeds)"].get_xdata()[-1] == 5
    assert labelled(steps)["goal"].get_ydata() == [25, 25]
    assert figure.description == (
        "Mean return of the last 100 episodes on CartPole-v1 against steps and "
        "seconds. At the end of training: a3c 15.0 (from 10.0 to 20.0 over the seeds)."
    )


def test_comparison_interpolates_between_episodes() -> None:
    # Means 0 at step 10 and (0 + 8) / 2 = 4 at step 20, on a line between.
    line = comparison([make_result([0.0, 8.0])]).axes[0].get_lines()[0]
    np.testing.assert_allclose(line.get_ydata(), np.linspace(0, 4, 200))
    np.testing.assert_allclose(line.get_xdata(), np.linspace(10, 20, 200))


def test_comparison_can_be_read_without_colour() -> None:
    names = ["one_step_q", "one_step_sarsa", "n_step_q", "a3c"]
    runs = [make_result([1.0, 2.0], name) for name in names]
    lines = comparison(runs).axes[0].get_lines()
    assert len({line.get_linestyle() for line in lines}) == 4
    assert len({line.get_marker() for line in lines}) == 4
    # And in grey tones, by the weights of Rec. 601, no two are the same.
    rgb = np.array([matplotlib.colors.to_rgb(line.get_color()) for line in lines])
    tones = np.sort(rgb @ [0.299, 0.587, 0.114])
    assert np.diff(tones).min() > 0.02


def test_comparison_leaves_out_runs_without_an_episode() -> None:
    runs = [make_result([1.0, 2.0]), make_result([], "n_step_q")]
    assert [*labelled(comparison(runs).axes[0])] == ["a3c (1 seed)"]
    with pytest.raises(ValueError, match=r"^runs holds 1 results and none"):
        comparison(runs[1:])


def test_nothing_is_registered_globally() -> None:
    learning_curve(make_result([1.0, 3.0]))
    assert Gcf.get_all_fig_managers() == []
