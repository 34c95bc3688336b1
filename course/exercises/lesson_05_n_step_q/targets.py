"""Exercise 05.1: the targets of a whole rollout."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import returns
from course.exercises.exercise import Case, Exercise, Property


def _case(story: str, **arguments: Any) -> Case:
    # A flag of NumPy's arrives as a 0-d tensor, which is what training passes.
    return Case({**arguments, "terminated": np.bool_(arguments["terminated"])}, story)


def _draw_targets(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "rewards": rng.normal(size=rng.integers(3, 7)),
        "bootstrap_q_values": 3 * rng.normal(size=3),
        "terminated": np.bool_(rng.random() < 0.3),
        "gamma": float(rng.uniform(0.4, 0.9)),
    }


N_STEP_Q_TARGETS = Exercise(
    number="05.1",
    name="n_step_q_targets",
    title="The targets of a whole rollout",
    difficulty=2,
    minutes=10,
    lines=6,
    reference=returns.n_step_q_targets,
    cases=[
        _case(
            "the episode ended after the third step: nothing follows the 8",
            rewards=[0.0, 0.0, 8.0],
            bootstrap_q_values=[1.0, 3.0],
            terminated=True,
            gamma=0.5,
        ),
        _case(
            "the rollout was cut: the last target is 4 + 0.5 · 8",
            rewards=[1.0, 2.0, 4.0],
            bootstrap_q_values=[3.0, 8.0],
            terminated=False,
            gamma=0.5,
        ),
        _case(
            "a rollout of one step, all action values below zero",
            rewards=[1.0],
            bootstrap_q_values=[-2.0, -6.0],
            terminated=False,
            gamma=0.5,
        ),
        _case(
            "gamma = 1: plain sums",
            rewards=[1.0, 1.0],
            bootstrap_q_values=[5.0, 3.0],
            terminated=False,
            gamma=1.0,
        ),
    ],
    draw=_draw_targets,
    hints=(
        "Walk through the rollout from its last step to its first. What comes after "
        "the last step is known from θ⁻, or is nothing if the episode ended.",
        "R_T = 0 if s_T is terminal, else max_a Q(s_T, a; θ⁻);  R_i = r_i + γ R_{i+1}",
        "for i in reversed(range(len(rewards))): R = rewards[i] + gamma * R, and keep "
        "each R at its own index i.",
    ),
    properties=[
        Property(
            "each target is its reward plus gamma times the next target",
            lambda arguments, seen: np.allclose(
                np.asarray(seen.value)[:-1],
                np.asarray(arguments["rewards"])[:-1]
                + arguments["gamma"] * np.asarray(seen.value)[1:],
                rtol=1e-3,
                atol=1e-4,
            ),
            "Only the last step looks at the bootstrap; every step before it looks at "
            "the target behind it, and so gets a longer return.",
        ),
        Property(
            "after a true end the last target is the last reward",
            lambda arguments, seen: (
                not arguments["terminated"]
                or np.isclose(
                    np.asarray(seen.value)[-1], arguments["rewards"][-1], atol=1e-4
                )
            ),
            "Nothing follows a terminal state, so no value may be added behind it.",
        ),
    ],
)


# Short names: rewards r, bootstrap_q_values q, terminated end.


@N_STEP_Q_TARGETS.misconception(
    "You bootstrap although the episode ended. Behind a terminal state nothing comes, "
    "whatever the network says about it: look at where R starts."
)
def bootstraps_through_the_end(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    return returns.n_step_q_targets(r, q, False, gamma)


@N_STEP_Q_TARGETS.misconception(
    "You never bootstrap: a rollout that was only cut off counts as an ended episode "
    "in your targets. All the rewards that were still to come are lost."
)
def never_bootstraps(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    return returns.n_step_q_targets(r, q, True, gamma)


@N_STEP_Q_TARGETS.misconception(
    "You took the mean over the actions. Q-learning assumes that the best action "
    "follows, so the state behind the rollout is worth its largest action value."
)
def averages_the_actions(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    best = q.mean(-1, keepdim=True)
    return returns.n_step_q_targets(r, best, end, gamma)


@N_STEP_Q_TARGETS.misconception(
    "You run the recursion from the first step to the last, so that each step is "
    "given the rewards before it. A target looks forward: begin at the end."
)
def forgets_to_reverse(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    following = torch.tensor(0.0) if end else q.max()
    targets = []
    for reward in r:
        following = reward + gamma * following
        targets.append(following)
    return torch.stack(targets)


@N_STEP_Q_TARGETS.misconception(
    "The numbers are right, but in the order in which you found them, from the last "
    "step to the first. The target of step i belongs at index i."
)
def returns_them_backwards(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    return returns.n_step_q_targets(r, q, end, gamma).flip(0)


@N_STEP_Q_TARGETS.misconception(
    "You bootstrap at every step: r_i + γ max Q for each i. But the value behind the "
    "rollout is T − i steps away from step i, and the rewards between are known."
)
def bootstraps_everywhere(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    following = torch.tensor(0.0) if end else q.max()
    return r + gamma * following


@N_STEP_Q_TARGETS.misconception(
    "You gave every step the target of the first one. Each step has a return of its "
    "own: the later it is, the fewer rewards still follow."
)
def repeats_the_first_target(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    targets = returns.n_step_q_targets(r, q, end, gamma)
    return targets[:1].expand(len(r)).clone()


@N_STEP_Q_TARGETS.misconception(
    "You left out the discount: γ multiplies R at every step of the recursion."
)
def forgets_gamma(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    return returns.n_step_q_targets(r, q, end, 1.0)


@N_STEP_Q_TARGETS.misconception(
    "The bootstrap has one discount too few: V(s_T) stands for rewards that begin one "
    "step after the last one received, so γ multiplies it already there."
)
def forgets_the_last_gamma(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    best = torch.tensor(0.0) if end else q.max()
    last = (r[-1] + best).reshape(1)
    if len(r) == 1:
        return last
    before = returns.n_step_returns(r[:-1], last[0], gamma)
    return torch.cat([before, last])


@N_STEP_Q_TARGETS.misconception(
    "When the episode ended, you set the last target to 0. What is 0 is the value "
    "behind the last step; its reward was received and counts."
)
def loses_the_last_reward(r: Tensor, q: Tensor, end: bool, gamma: float) -> Tensor:
    kept = r.clone()
    if end:
        kept[-1] = 0.0
    return returns.n_step_q_targets(kept, q, end, gamma)
