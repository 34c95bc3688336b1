"""Momentum SGD, RMSProp of each learner's own, shared RMSProp: by learning rate.

Sixteen simulated learners fit a linear model to noisy data whose features differ
twentyfold in size, as the gradients of a network's layers do. In each round all
learners take their gradient at the same θ; then they push one after the other, so
that the last one's gradient is 15 updates late. The learning rate falls to 0.

With statistics of its own, a learner's g sees only every sixteenth gradient: it starts
from 0 again for each learner, and knows nothing of the large gradients of the others.

Source: Mnih et al. (2016), section 4 and the supplement on optimisation, which
compares these three on Atari games and finds the shared one considerably more robust.
Here they are compared on a small problem that takes seconds; it is no proof for other
problems.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm.auto import tqdm

from course.optim import momentum_sgd_update, shared_rmsprop_update
from course.plots import STYLES, Picture

FloatArray = npt.NDArray[np.float64]
Rule = Callable[[Tensor, Tensor, Tensor, float, float, float], object]
"""`rule(theta, statistics, gradient, learning_rate, alpha, eps)`, in place."""

LEARNERS = 16
ALPHA = 0.99
LEARNING_RATES = tuple(10.0 ** (power / 2) for power in range(-6, 4))
UNLEARNED = 10.0  # a loss above this many times the first counts as this much
SAMPLES, SIZE, BATCH, NOISE = 500, 50, 5, 0.1


@dataclass(frozen=True)
class Optimizer:
    """One of the optimisers that are compared.

    Attributes:
        rule: The update.
        shared: Whether all learners use one vector of statistics.
        eps: Inside RMSProp's root.
    """

    rule: Rule
    shared: bool
    eps: float


def the_three(
    rmsprop: Rule = shared_rmsprop_update,
    momentum: Rule = momentum_sgd_update,
    eps: float = 1e-8,
) -> dict[str, Optimizer]:
    """The paper's three optimisers, by name; `rmsprop` and `momentum` may be yours."""
    return {
        "momentum SGD, own": Optimizer(momentum, False, eps),
        "RMSProp, own g": Optimizer(rmsprop, False, eps),
        "RMSProp, shared g": Optimizer(rmsprop, True, eps),
    }


@dataclass(frozen=True)
class Row:
    """One optimiser with one learning rate: the final loss of each seed.

    A loss is the mean squared error as a share of what θ = 0 has.
    """

    name: str
    learning_rate: float
    losses: tuple[float, ...]


def compare(
    optimizers: Mapping[str, Optimizer] | None = None,
    learning_rates: Sequence[float] = LEARNING_RATES,
    seeds: int = 5,
    rounds: int = 100,
) -> list[Row]:
    """Every optimiser with every learning rate, with a progress bar.

    Args:
        optimizers: By name; the paper's three if left out.
        learning_rates: η at the start; it falls linearly to 0.
        seeds: How many problems, each with its own data.
        rounds: Rounds of 16 updates.
    """
    optimizers = optimizers or the_three()
    problems = [_problem(seed) for seed in range(seeds)]
    plan = [(name, rate) for name in optimizers for rate in learning_rates]
    return [
        Row(
            name,
            rate,
            tuple(
                _fit(problem, optimizers[name], rate, rounds, seed)
                for seed, problem in enumerate(problems)
            ),
        )
        for name, rate in tqdm(plan, desc="optimisers", leave=False)
    ]


def _problem(seed: int) -> tuple[Tensor, Tensor]:
    """Features `[N, P]` of one sign, from size 1 down to 0.05; targets `[N]`."""
    rng = np.random.default_rng(seed)
    scale = np.geomspace(1.0, 0.05, SIZE)
    features = np.abs(rng.normal(size=(SAMPLES, SIZE)))
    features *= scale / np.linalg.norm(features, axis=1, keepdims=True)
    targets = features @ (rng.normal(size=SIZE) / scale)
    targets = targets / targets.std() + NOISE * rng.normal(size=SAMPLES)
    return (
        torch.tensor(features, dtype=torch.float32),
        torch.tensor(targets, dtype=torch.float32),
    )


def _fit(
    problem: tuple[Tensor, Tensor],
    optimizer: Optimizer,
    learning_rate: float,
    rounds: int,
    seed: int,
) -> float:
    """The final loss after rounds in which all pull before anyone pushes."""
    features, targets = problem
    rng = np.random.default_rng([seed, 1])
    theta = torch.zeros(SIZE)
    statistics = torch.zeros(1 if optimizer.shared else LEARNERS, SIZE)
    for number in range(rounds):
        rate = learning_rate * (1 - number / rounds)
        drawn = rng.integers(SAMPLES, size=(LEARNERS, BATCH))
        x = features[drawn]  # [learners, batch, P]
        errors = x @ theta - targets[drawn]
        gradients = 2 * (errors[..., None] * x).sum(1)  # [learners, P]
        for learner, gradient in enumerate(gradients):
            row = statistics[0 if optimizer.shared else learner]
            optimizer.rule(theta, row, gradient, rate, ALPHA, optimizer.eps)
        if not torch.isfinite(theta).all():
            return float("inf")
    loss = ((features @ theta - targets) ** 2).mean() / (targets**2).mean()
    return float(loss)


def good_range(rows: Sequence[Row], name: str, good: float) -> list[float]:
    """The learning rates with which every seed ends below a loss.

    Args:
        rows: From `compare`.
        name: Of the optimiser.
        good: The loss to get below.
    """
    return [
        row.learning_rate for row in rows if row.name == name and max(row.losses) < good
    ]


def picture(rows: Sequence[Row]) -> Picture:
    """Final loss against learning rate: the median seed, and a band over all.

    Args:
        rows: From `compare`.

    Raises:
        ValueError: There is no row.
    """
    if not rows:
        raise ValueError("rows is empty; expected at least one Row.")
    figure = Picture(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.subplots()
    words = []
    for number, name in enumerate(dict.fromkeys(row.name for row in rows)):
        colour, line, marker = STYLES[number % len(STYLES)]
        mine = [row for row in rows if row.name == name]
        rates = [row.learning_rate for row in mine]
        losses = np.array([row.losses for row in mine])  # [rates, seeds]
        losses = np.minimum(np.nan_to_num(losses, nan=np.inf), UNLEARNED)
        middle = np.median(losses, axis=1)
        axes.plot(rates, middle, line, color=colour, marker=marker, label=name)
        axes.fill_between(
            rates, losses.min(1), losses.max(1), color=colour, alpha=0.1, linewidth=0
        )
        best = int(middle.argmin())
        words.append(f"{name} is best at {rates[best]:.2g} with {middle[best]:.2f}")
    axes.axhline(1.0, color="black", linewidth=0.8)
    left = axes.get_yaxis_transform()  # x as a share of the panel, y in data
    axes.text(0.01, 1.04, "nothing learned", fontsize=8, transform=left)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(
        xlabel="learning rate at the start", ylabel="loss, as a share of the first"
    )
    axes.set_title(
        f"{LEARNERS} learners, all pull before anyone pushes; "
        f"median and range of {len(rows[0].losses)} seeds",
        fontsize=10,
    )
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.description = f"Final loss against learning rate: {'; '.join(words)}."
    return figure


def step_length(update: Rule, sizes: Sequence[float], eps: float) -> FloatArray:
    """How far one parameter moves when its gradient has long had the same size.

    Then g is the square of that size. The learning rate is 1.

    Args:
        update: RMSProp, the course's or yours.
        sizes: Sizes of the gradient, `[N]`.
        eps: Inside the root.

    Returns:
        The lengths of the step, `[N]`.
    """
    gradient = torch.tensor(sizes, dtype=torch.float32)
    theta, square_avg = torch.zeros_like(gradient), gradient**2
    update(theta, square_avg, gradient, 1.0, ALPHA, eps)
    return -theta.double().numpy()


def eps_picture(
    update: Rule = shared_rmsprop_update, eps: Sequence[float] = (0.1, 1e-5, 1e-8)
) -> Picture:
    """The length of a step against the size of the gradient, for several eps.

    Args:
        update: RMSProp, the course's or yours.
        eps: One line for each, at most four.
    """
    sizes = np.geomspace(1e-5, 10.0, 61)
    figure = Picture(figsize=(6.8, 4.0), layout="constrained")
    axes = figure.subplots()
    words = []
    for each, (colour, line, marker) in zip(eps, STYLES, strict=False):
        lengths = step_length(update, sizes.tolist(), each)
        axes.plot(
            *(sizes, lengths, line),
            color=colour,
            marker=marker,
            markevery=6,
            label=f"ε = {each:g}; √ε = {each**0.5:.2g}",
        )
        words.append(f"{lengths[20]:.2g} for eps {each:g}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(xlabel="size of the gradient", ylabel="step, in units of η")
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.description = (
        "The step grows with the gradient until the gradient is about the root of "
        f"eps, and then stays 1; at a gradient of {sizes[20]:.2g} it is "
        f"{', '.join(words)}."
    )
    return figure
