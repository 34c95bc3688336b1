"""Why θ′? An n-step gradient with a copy of θ, and one that others write into.

One learner plays a rollout on Catch. Between its steps other learners update the
shared θ. In Algorithm S2 it works on a copy θ′ taken before: all its action values,
and the whole backward pass, belong to the same parameters. Without the copy each
Q(s_i, a_i) is computed at another θ, and the backward pass runs through weights that
have changed since. What comes out is then the gradient of no function at all.

Both gradients are compared with the true one: that of the rollout's loss at the θ that
chose its actions. Actions and targets are the same for both, so that only the
parameters differ.

The paper gives no reason for θ′; this experiment is the course's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm.auto import tqdm

from course.actor_learner import flat_gradient, new_network
from course.algorithms import N_STEP_Q
from course.config import Config
from course.environments import environment_spec, make_environments
from course.networks import bind, flatten
from course.plots import BLUE, VERMILLION, Picture
from course.rollout import Collector, Rollout

FloatArray = npt.NDArray[np.float64]
Actions = npt.NDArray[np.int64]

T_MAX = 5
EPSILON = 0.1
WARM_UP = 300  # updates before anything is measured, so that the values mean something


@dataclass(frozen=True)
class Measured:
    """Cosines with the true gradient; 1 is the same direction, 0 a right angle.

    Attributes:
        updates: How many updates others made during the rollout, `[U]`.
        with_snapshot: Of the gradient taken at θ′, `[seeds × trials, U]`.
        without_snapshot: Of the gradient taken while θ moved, same shape.
        with_at_arrival: Of the gradient taken at θ′ with that of the same loss at
            the θ which it will be added to: θ′ is all of a piece, but old. Same shape.
        without_at_arrival: Of the gradient taken while θ moved, with the same.
        seeds: The seeds.
    """

    updates: tuple[int, ...]
    with_snapshot: FloatArray
    without_snapshot: FloatArray
    with_at_arrival: FloatArray
    without_at_arrival: FloatArray
    seeds: tuple[int, ...]


def measure(
    updates: Sequence[int] = (0, 1, 2, 4, 8, 16),
    seeds: Sequence[int] = (0, 1, 2),
    trials: int = 20,
    progress: bool = True,
) -> Measured:
    """Plays rollouts with and without a copy of θ.

    Args:
        updates: How many updates others make during a rollout, spread over its steps.
        seeds: Networks and environments.
        trials: Rollouts for each seed and number of updates.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: There is no seed, no number of updates or no trial.
    """
    if not seeds or not updates or trials < 1:
        raise ValueError(
            f"seeds is {seeds!r}, updates {updates!r} and trials {trials}; expected "
            "at least one of each."
        )
    rows = []
    with tqdm(total=len(seeds) * trials, disable=not progress, unit="trial") as bar:
        for seed in seeds:
            learners = _Learners(seed)
            for _ in range(trials):
                rows.append([learners.rollout(count) for count in updates])
                bar.update()
    cosines = np.array(rows)  # [seeds × trials, U, 4]
    return Measured(
        *(tuple(updates), cosines[..., 0], cosines[..., 1]),
        *(cosines[..., 2], cosines[..., 3], tuple(seeds)),
    )


class _Learners:
    """One learner that is watched, and another one that stands for all the others."""

    def __init__(self, seed: int) -> None:
        self.config = Config(seed=seed, gamma=0.98, learning_rate=2e-3, eps=1e-5)
        self.generator = torch.Generator().manual_seed(seed)
        spec = environment_spec("course/Catch-v0")
        environments = [make_environments(spec, 1) for _ in range(2)]
        self.mine, self.others = (
            Collector(each, 2 * seed + i) for i, each in enumerate(environments)
        )
        spaces = (
            environments[0].single_observation_space,
            environments[0].single_action_space,
        )
        self.shared, self.local, self.target = (
            new_network(N_STEP_Q, *spaces, self.config) for _ in range(3)
        )
        self.theta = flatten(self.shared)
        bind(self.shared, self.theta)
        self.local_theta, self.target_theta = self.theta.clone(), self.theta.clone()
        bind(self.local, self.local_theta)
        bind(self.target, self.target_theta)
        self.square_avg = torch.zeros_like(self.theta)
        for number in range(WARM_UP):
            self._update_by_others()
            if number % 60 == 0:
                self.target_theta.copy_(self.theta)

    def rollout(self, updates: int) -> tuple[float, float, float, float]:
        """One rollout; afterwards θ is as it was before.

        Returns:
            The cosines, in the order of `Measured`.
        """
        theta, square_avg = self.theta.clone(), self.square_avg.clone()
        self.local_theta.copy_(self.theta)
        still: list[Tensor] = []  # Q(s_i, ·; θ')
        moving: list[Tensor] = []  # Q(s_i, ·; θ), θ as it was at that step

        def act(observation: npt.NDArray[np.float32]) -> Actions:
            step = len(still)
            if step > 0:
                others_write(updates * step // T_MAX - updates * (step - 1) // T_MAX)
            state = torch.from_numpy(observation[0])
            still.append(self.local(state))
            moving.append(self.shared(state))
            return self._choose(still[-1])

        def others_write(times: int) -> None:
            for _ in range(times):
                self._update_by_others()

        rollout = self.mine.collect(act, T_MAX)
        others_write(updates - updates * (len(rollout) - 1) // T_MAX)
        with torch.no_grad():
            bootstrap = self.target(rollout.next_observations[-1])
        targets = N_STEP_Q.targets(
            *(rollout.rewards, bootstrap, rollout.terminated[-1], self.config.gamma)
        )
        with_snapshot, without_snapshot = (
            flat_gradient(
                N_STEP_Q.loss(torch.stack(q_values), rollout.actions, targets), network
            )
            for q_values, network in ((still, self.local), (moving, self.shared))
        )
        true = self._gradient(self.local, rollout)
        at_arrival = self._gradient(self.shared, rollout)
        self.theta.copy_(theta)
        self.square_avg.copy_(square_avg)
        return (
            _cosine(with_snapshot, true),
            _cosine(without_snapshot, true),
            _cosine(with_snapshot, at_arrival),
            _cosine(without_snapshot, at_arrival),
        )

    def _update_by_others(self) -> None:
        """Another learner's rollout and its update of θ."""

        def act(observation: npt.NDArray[np.float32]) -> Actions:
            return self._choose(self.shared(torch.from_numpy(observation[0])))

        gradient = self._gradient(self.shared, self.others.collect(act, T_MAX))
        config = self.config
        N_STEP_Q.update(
            *(self.theta, self.square_avg, gradient),
            *(config.learning_rate, config.alpha, config.eps),
        )

    def _choose(self, q_values: Tensor) -> Actions:
        action = N_STEP_Q.act(q_values.detach(), EPSILON, self.generator)
        return np.asarray(action, dtype=np.int64).reshape(1)

    def _gradient(self, network: torch.nn.Module, rollout: Rollout) -> Tensor:
        """The mean loss's gradient at one θ, as training takes it."""
        loss = N_STEP_Q.objective(N_STEP_Q, network, self.target, rollout, self.config)
        return flat_gradient(loss / len(rollout), network)


def _cosine(left: Tensor, right: Tensor) -> float:
    """Cosine of the angle between two gradients `[P]`; 0 if one of them vanishes."""
    return torch.nn.functional.cosine_similarity(left, right, dim=0).item()


def table(measured: Measured) -> str:
    """Medians as text; in brackets the value that a tenth of the rollouts is below.

    The first two columns are against the gradient at the θ that chose the actions, the
    last two against the one at the θ that the update is added to.
    """
    columns = (
        ("with θ′", measured.with_snapshot),
        ("without θ′", measured.without_snapshot),
        ("on arrival: with", measured.with_at_arrival),
        ("without", measured.without_at_arrival),
    )
    heads = [f"{name:>18}" for name, _ in columns]
    lines = ["updates by others" + "".join(heads)]
    for i, count in enumerate(measured.updates):
        cells = []
        for _, values in columns:
            low, median = np.quantile(values[:, i], [0.1, 0.5])
            cells.append(f"{median:.3f} [{low:6.3f}]".rjust(18))
        lines.append(f"{count:>17}" + "".join(cells))
    return "\n".join(lines)


def picture(measured: Measured) -> Picture:
    """The cosines with the true gradient, with and without a copy of θ."""
    figure = Picture(figsize=(7.2, 4.0), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(measured.updates))
    words = []
    for name, values, color, line, marker, shift in (
        ("with θ′", measured.with_snapshot, BLUE, "-", "o", -0.06),
        ("without θ′", measured.without_snapshot, VERMILLION, "--", "s", 0.06),
    ):
        low, median, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)
        axes.errorbar(
            places + shift,
            median,
            yerr=[median - low, high - median],
            color=color,
            linestyle=line,
            marker=marker,
            capsize=4,
            label=f"{name}: median, and the middle 80 % of rollouts",
        )
        words.append(
            f"{name} the median is {median[0]:.2f} with {measured.updates[0]} updates "
            f"by others and {median[-1]:.2f} with {measured.updates[-1]}, where a "
            f"tenth of the rollouts is below {low[-1]:.2f}"
        )
    figure.description = "Cosine with the true gradient: " + "; ".join(words) + "."
    axes.set_xticks(places, [str(count) for count in measured.updates])
    axes.set_xlabel("updates by others during the rollout")
    axes.set_ylabel("cosine with the true gradient")
    axes.grid(axis="y", color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left", fontsize=9)
    return figure
