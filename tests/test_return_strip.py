"""The strip of rewards shows the discounted return."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course import returns
from course.experiments import return_strip


def heights(axes):
    return [bar.get_height() for bar in axes.patches]


def test_bars_are_rewards_and_their_shares():
    above, below = return_strip.picture([0.0, -2.0, 8.0], gamma=0.5).axes
    assert heights(above) == [0.0, -2.0, 8.0]
    assert heights(below) == [0.0, -1.0, 2.0]
    assert "the sum is 1" in below.get_title(loc="left")


@pytest.mark.parametrize("steps", [1, 5, 40])
def test_the_sum_is_the_return(steps):
    rewards = torch.from_numpy(np.random.default_rng(0).normal(size=steps))
    _, below = return_strip.picture(rewards, gamma=0.9).axes
    expected = returns.discounted_return(rewards, 0.9)
    np.testing.assert_allclose(sum(heights(below)), expected)


def test_a_bootstrap_value_is_one_more_bar_and_hatched():
    above, below = return_strip.picture([1.0, 1.0], 0.5, bootstrap_value=4.0).axes
    assert heights(above) == [1.0, 1.0, 4.0]
    assert [bar.get_hatch() or "" for bar in above.patches] == ["", "", "//"]
    expected = returns.n_step_returns([1.0, 1.0], 4.0, 0.5)[0]
    np.testing.assert_allclose(sum(heights(below)), expected)
    labels = [label.get_text() for label in below.get_xticklabels()]
    assert labels == ["r₀\n× 1", "r₁\n× 0.5", "V(s₂)\n× 0.25"]


def test_it_says_in_words_what_it_shows():
    assert return_strip.picture([1.0], gamma=0.5).description == (
        "Two strips of bars: above 1 reward; below the same after their weights: "
        "r₀ = 1 times 1 is 1. The sum is 1 above and 1 below."
    )
    text = return_strip.picture([1.0, 1.0], 0.5, bootstrap_value=4.0).description
    assert "2 rewards, and last, hatched, the value V; below" in text
    assert "r₁ = 1 times 0.5 is 0.5, V(s₂) = 4 times 0.25 is 1. The sum" in text
    assert text.endswith("is 6 above and 2.5 below.")
    # A long strip has no room for numbers, in the picture or in words.
    text = return_strip.picture([1.0] * 40, gamma=1.0).description
    assert "40 rewards; below the same after their weights. The sum is 40" in text


def test_zeros_alone_can_be_drawn(tmp_path):
    picture = return_strip.picture([0.0, 0.0], gamma=1.0, bootstrap_value=0.0)
    picture.save(tmp_path / "strip.png")
    assert (tmp_path / "strip.png").stat().st_size > 0


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="rewards is empty"):
        return_strip.picture([], gamma=0.5)
    with pytest.raises(ValueError, match=r"gamma is 1\.5; expected"):
        return_strip.picture([1.0], gamma=1.5)
