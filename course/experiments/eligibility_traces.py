"""Forward view and backward view on a chain: two ways to hand out the same credit.

The forward view waits for the end of an episode and gives each state visited its
λ-return. The backward view goes along: every step spreads its TD error over the states
visited before, by their eligibility traces. While the values hold still, both add up to
the same change of every state's value, to the last digit that the machine has. When
values change at once, as online learners do it, the two differ by a little.

Source: Sutton and Barto (2018), chapter 12. The paper (Mnih et al., 2016, section 4)
takes the forward view, with n-step returns, and no traces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from course.environments.tabular import Chain
from course.plots import BLUE, VERMILLION, Picture

FloatArray = npt.NDArray[np.float64]
LambdaReturns = Callable[[Tensor, Tensor, Tensor, float, float], Tensor]
TraceUpdate = Callable[[Tensor, Tensor, int, float, float, float, float], object]

LENGTH = 6
SLIP = 0.3  # so that the walk goes back at times, and states are visited again
RIGHT = 1


@dataclass(frozen=True)
class Episode:
    """One walk along the chain.

    Attributes:
        states: s_0 to s_{T-1}.
        rewards: r_0 to r_{T-1}.
        next_states: s_1 to s_T; what follows the last one is worth 0.
    """

    states: list[int]
    rewards: list[float]
    next_states: list[int]


@dataclass(frozen=True)
class TwoViews:
    """What one episode changes, seen in both ways.

    Attributes:
        lam: λ.
        visits: How often the episode was in each state, `[S]`.
        forward: Change of each state's value by λ-returns, `[S]`.
        backward: The same by traces, values held still, `[S]`.
        online: The same by traces, values changed at once, `[S]`.
    """

    lam: float
    visits: FloatArray
    forward: FloatArray
    backward: FloatArray
    online: FloatArray

    @property
    def offline_gap(self) -> float:
        """Largest difference between the views while the values hold still."""
        return float(np.abs(self.forward - self.backward).max())

    @property
    def online_gap(self) -> float:
        """Largest difference when the backward view changes the values at once."""
        return float(np.abs(self.forward - self.online).max())


def walk(seed: int = 3) -> Episode:
    """One walk to the right on a chain of six states that slips back at times.

    Args:
        seed: Of the slips; with 3 the walk is short and comes to two states twice.
    """
    environment = Chain(LENGTH, SLIP)
    episode = Episode([], [], [])
    state, terminated = int(environment.reset(seed=seed)[0]), False
    while not terminated:
        after, reward, terminated, _, _ = environment.step(np.int64(RIGHT))
        episode.states.append(state)
        episode.rewards.append(reward)
        episode.next_states.append(int(after))
        state = int(after)
    return episode


def compare(
    lam: float,
    lambda_returns: LambdaReturns,
    trace_update: TraceUpdate,
    step_size: float = 0.1,
    gamma: float = 0.9,
    seed: int = 3,
) -> TwoViews:
    """Adds up one episode's changes by the forward and by the backward view.

    All values before it are 0.5.

    Args:
        lam: λ, from 0 to 1.
        lambda_returns: `lambda_returns(rewards, next_values, terminated, gamma, lam)`,
            tensors `[T]` and a 0-d flag; the returns `[T]`.
        trace_update: `trace_update(values, traces, state, td_error, step_size, gamma,
            lam)`, which changes both tables in place.
        step_size: α.
        gamma: Discount, 0 to 1.
        seed: Of the walk.
    """
    episode = walk(seed)
    # Double precision: what is left of a difference is then the method's own.
    values = torch.full((LENGTH,), 0.5, dtype=torch.float64)
    next_values = values[episode.next_states]
    next_values[-1] = 0.0
    rewards = torch.tensor(episode.rewards, dtype=torch.float64)

    targets = lambda_returns(rewards, next_values, torch.tensor(True), gamma, lam)
    forward = torch.zeros_like(values)
    errors = torch.as_tensor(targets, dtype=torch.float64) - values[episode.states]
    forward.index_add_(0, torch.tensor(episode.states), step_size * errors)

    def backward(learned: Tensor, believed: Tensor) -> Tensor:
        """Adds the changes to `learned`; the TD errors are those of `believed`."""
        before, traces = learned.clone(), torch.zeros_like(learned)
        for i, (state, after) in enumerate(
            zip(episode.states, episode.next_states, strict=True)
        ):
            is_last = i == len(episode.states) - 1
            following = 0.0 if is_last else believed[after].item()
            td_error = episode.rewards[i] + gamma * following - believed[state].item()
            trace_update(learned, traces, state, td_error, step_size, gamma, lam)
        return learned - before

    changes = backward(torch.zeros_like(values), values)
    at_once = values.clone()
    return TwoViews(
        lam,
        np.bincount(episode.states, minlength=LENGTH).astype(float),
        forward.numpy(),
        changes.numpy(),
        backward(at_once, at_once).numpy(),
    )


def picture(views: Sequence[TwoViews]) -> Picture:
    """The change of each state's value by both views, one panel for each λ.

    Args:
        views: From `compare`.

    Raises:
        ValueError: There is none.
    """
    if not views:
        raise ValueError("views is empty; expected at least one TwoViews.")
    figure = Picture(figsize=(1.2 + 3.2 * len(views), 3.6), layout="constrained")
    figure.suptitle("One episode's change of each state's value", fontsize=11)
    agree = max(each.offline_gap for each in views) < 1e-6
    figure.description = (
        "Bars of the forward view and diamonds of the backward view, "
        + ("on their tips, " if agree else "not all on their tips, ")
        + "for each state of a chain: "
        + "; ".join(
            f"with λ = {each.lam:g} the state that changes most is "
            f"{int(np.abs(each.forward).argmax())}, and the views differ by "
            f"{each.offline_gap:.0e} at most"
            for each in views
        )
        + "."
    )
    panels = figure.subplots(1, len(views), sharey=True, squeeze=False)[0]
    for axes, each in zip(panels, views, strict=True):
        states = np.arange(len(each.forward))
        axes.bar(
            states, each.forward, color=BLUE, alpha=0.45, label="forward: λ-returns"
        )
        axes.plot(
            states,
            each.backward,
            "D",
            color=VERMILLION,
            markersize=7,
            markeredgecolor="white",
            label="backward: traces",
        )
        axes.axhline(0.0, color="black", linewidth=0.8)
        axes.set_title(f"λ = {each.lam:g}", fontsize=10)
        axes.set_xlabel("state (visits)")
        axes.set_xticks(
            states,
            [f"{s}\n({n:.0f})" for s, n in zip(states, each.visits, strict=True)],
        )
        axes.grid(axis="y", color="#E5E5E5", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("change of V(s)")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    return figure
