"""From REINFORCE to A3C: how noisy, and how wrong, is the policy gradient?

One policy that never changes plays many episodes on a slippery chain. From the same
episodes the policy gradient is estimated in four ways, which differ only in the number
that multiplies ∇ log π(a_t|s_t):

    REINFORCE           R_t, all rewards to the episode's end
    baseline            R_t − V(s_t)
    A3C                 rewards to the rollout's end, then V: 1 to t_max steps
    one step            r_t + γ V(s_{t+1}) − V(s_t)

All four estimate g = E Σ_t ∇ log π(a_t|s_t) (Q(s_t, a_t) − V(s_t)), one vector for each
episode (like A3C's updates, without a factor γ^t), so their errors have one unit: ‖g‖².
The chain is a table, so g and every estimator's mean are computed exactly; only the
noise is measured.

Source: Mnih et al. (2016), section 4, leads from REINFORCE to the actor-critic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tqdm.auto import tqdm

from course import losses
from course.environments.tabular import Chain, dynamics, exact_values
from course.plots import BLUE, VERMILLION, Picture
from course.returns import n_step_returns

FloatArray = npt.NDArray[np.float64]
Loss = Callable[..., torch.Tensor]

GAMMA = 0.95
T_MAX = 5
RIGHT = 0.6  # π(right) in every state

METHODS = ("REINFORCE", "baseline", "A3C", "one step")


@dataclass(frozen=True)
class Episode:
    """One episode: states `[T]`, actions `[T]`, rewards `[T]`; it terminated."""

    states: Sequence[int]
    actions: Sequence[int]
    rewards: Sequence[float]


@dataclass(frozen=True)
class Estimate:
    """How good one way of estimating the gradient is.

    Attributes:
        method: One of `METHODS`.
        critic: "exact", or "half": V/2, a critic that has learned half of it.
        noise: Trace of the covariance of one episode's estimate, divided by ‖g‖²:
            about so many episodes must be averaged until what is random in the mean
            is no longer than the gradient itself.
        bias: ‖mean − g‖² / ‖g‖², exact: what no number of episodes averages away.
        mean: Mean of the estimates, `[S, A]`.
    """

    method: str
    critic: str
    noise: float
    bias: float
    mean: FloatArray


def make_chain() -> tuple[Chain, FloatArray]:
    """The environment, and the policy π(a|s) `[S, A]` that plays in it."""
    environment = Chain(length=6, slip=0.1)
    policy = np.tile([1 - RIGHT, RIGHT], (len(environment.transitions), 1))
    return environment, policy


def play(episodes: int, seed: int) -> list[Episode]:
    """Lets the policy play whole episodes.

    Args:
        episodes: How many.
        seed: Of the environment and of the actions.
    """
    environment, policy = make_chain()
    # Not default_rng(seed): the environment draws from that very stream, and actions
    # that know how the environment will slip are another policy.
    rng = np.random.default_rng([seed, 1])
    played = []
    for number in range(episodes):
        state, _ = environment.reset(seed=seed if number == 0 else None)
        steps: list[tuple[int, int, float]] = []
        ended = False
        while not ended:
            action = int(rng.random() < policy[state, 1])
            following, reward, ended, _, _ = environment.step(np.int64(action))
            steps.append((int(state), action, reward))
            state = following
        played.append(Episode(*zip(*steps, strict=True)))
    return played


def multipliers(method: str, episode: Episode, values: FloatArray) -> torch.Tensor:
    """What stands beside ∇ log π(a_t|s_t) in each step, `[T]`.

    Args:
        method: One of `METHODS`.
        episode: It ended by a termination.
        values: V of each state as the critic has it, `[S]`.

    Raises:
        ValueError: There is no such method.
    """
    lengths = {"REINFORCE": None, "baseline": None, "A3C": T_MAX, "one step": 1}
    if method not in lengths:
        raise ValueError(f"method is {method!r}; expected one of {METHODS}.")
    rewards = torch.tensor(episode.rewards)
    critic = torch.tensor(values, dtype=torch.float32)[list(episode.states)]
    length = lengths[method] or len(rewards)
    returns = []
    for start in range(0, len(rewards), length):
        stop = start + length
        last_value = critic[stop] if stop < len(rewards) else 0.0
        returns.append(n_step_returns(rewards[start:stop], last_value, GAMMA))
    baseline = 0.0 if method == "REINFORCE" else critic
    return torch.cat(returns) - baseline


def measure(
    episodes: int = 500,
    seed: int = 0,
    *,
    log_probabilities: Loss = losses.log_probabilities,
    policy_loss: Loss = losses.policy_loss,
    progress: bool = True,
) -> list[Estimate]:
    """Estimates the gradient of each episode in four ways, with two critics.

    Args:
        episodes: How many are played.
        seed: Of the episodes.
        log_probabilities: `(logits [T, A], actions [T]) -> [T]`; may be your own.
        policy_loss: `(log_probs [T], multipliers [T]) -> 0-d`; may be your own. Minus
            its gradient by the table of logits is the estimate.
        progress: Whether to show a progress bar.

    Returns:
        One `Estimate` for each method and critic.
    """
    environment, policy = make_chain()
    values = exact_values(environment, policy, GAMMA)
    truth = expected_gradient("REINFORCE", values)
    length = float(np.square(truth).sum())
    logits = torch.tensor(np.log(policy), dtype=torch.float32, requires_grad=True)
    critics = {"exact": values, "half": values / 2}
    pairs = [(method, critic) for method in METHODS for critic in critics]
    found: dict[tuple[str, str], list[Any]] = {pair: [] for pair in pairs}
    for episode in tqdm(play(episodes, seed), disable=not progress, desc="episodes"):
        log_probs = log_probabilities(
            logits[list(episode.states)], torch.tensor(episode.actions)
        )
        for method, critic in pairs:
            numbers = multipliers(method, episode, critics[critic])
            loss = policy_loss(log_probs, numbers)
            (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
            found[method, critic].append(-gradient.numpy())
    estimates = []
    for method, critic in pairs:
        samples = np.stack(found[method, critic]).astype(float)
        noise = float(samples.var(axis=0, ddof=1).sum()) / length
        error = expected_gradient(method, critics[critic]) - truth
        bias = float(np.square(error).sum()) / length
        estimates.append(Estimate(method, critic, noise, bias, samples.mean(axis=0)))
    return estimates


def expected_gradient(method: str, values: FloatArray) -> FloatArray:
    """The exact mean of a method's estimate, `[S, A]`.

    A step with k steps to the end of its rollout is given Q_k: k rewards and then the
    critic, Q_k(s, a) = r(s, a) + γ Σ p(s'|s, a) Σ π(a'|s') Q_{k−1}(s', a'), where Q_0
    stands for V. The baseline V(s) has no part in the mean: Σ_a ∇ π(a|s) = 0.

    Args:
        method: One of `METHODS`.
        values: V of each state as the critic has it, `[S]`.
    """
    environment, policy = make_chain()
    continuation, rewards = dynamics(environment)
    transition = np.einsum("sa,sat->st", policy, continuation)
    if method in ("REINFORCE", "baseline"):  # no critic in the return
        values = exact_values(environment, policy, GAMMA)
    length = 1 if method == "one step" else T_MAX
    q_values = [rewards + GAMMA * continuation @ values]
    for _ in range(length - 1):
        following = (policy * q_values[-1]).sum(axis=1)
        q_values.append(rewards + GAMMA * continuation @ following)
    gradient = np.zeros_like(policy)
    visits = np.eye(len(values))[environment.start]  # at step t of an episode
    step = 0
    while visits.sum() > 1e-12:
        q = q_values[length - 1 - step % length]
        centred = q - (policy * q).sum(axis=1, keepdims=True)
        gradient += visits[:, None] * policy * centred
        visits = visits @ transition
        step += 1
    return gradient


def table(estimates: Sequence[Estimate]) -> str:
    """The numbers as aligned text, a line for each method."""
    lines = [
        f"{'':<10}  {'critic: exact V':^19}  {'critic: V / 2':^19}",
        f"{'method':<10}  {'noise':>9} {'bias²':>9}  {'noise':>9} {'bias²':>9}",
    ]
    for method in dict.fromkeys(each.method for each in estimates):
        both = [each for each in estimates if each.method == method]
        cells = "  ".join(f"{each.noise:9.2f} {each.bias:9.3f}" for each in both)
        lines.append(f"{method:<10}  {cells}")
    return "\n".join(lines)


def variance_picture(estimates: Sequence[Estimate]) -> Picture:
    """Noise on the left, bias² on the right, a pair of bars for each method.

    Args:
        estimates: From `measure`.
    """
    picture = Picture(figsize=(9.6, 3.8), layout="constrained")
    panels = picture.subplots(1, 2)
    methods = list(dict.fromkeys(each.method for each in estimates))
    looks = {"exact": (BLUE, "", "exact V"), "half": (VERMILLION, "//", "V / 2")}
    for axes, quantity in zip(panels, ("noise", "bias"), strict=True):
        for place, (critic, (colour, hatch, label)) in enumerate(looks.items()):
            group = [each for each in estimates if each.critic == critic]
            bars = axes.bar(
                np.arange(len(group)) + 0.4 * (place - 0.5),
                [getattr(each, quantity) for each in group],
                0.38, color=colour, hatch=hatch, edgecolor="white", label=label,
            )  # fmt: skip
            axes.bar_label(bars, fmt="%.2f", fontsize=8)
        axes.set_xticks(range(len(methods)), methods)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_title("noise of one episode's gradient", fontsize=10)
    panels[0].set_ylabel("in units of ‖g‖²")
    panels[1].set_title("bias², which no averaging removes", fontsize=10)
    panels[0].legend(title="critic", fontsize=9)
    picture.description = (
        "Bars of the noise and the squared bias of four estimates of one policy "
        "gradient, in units of its squared length. "
        + "; ".join(
            f"{each.method} with critic {each.critic}: noise {each.noise:.1f}, "
            f"bias {each.bias:.2f}"
            for each in estimates
        )
        + "."
    )
    return picture
