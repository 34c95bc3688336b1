"""Every number a training run depends on, in one frozen dataclass.

Each field names its symbol in the paper. The defaults here are the paper's where it
gives a value, else what its authors told others, else our own (`workers`, of which the
paper has 16, `total_steps`, `hidden_size`, `value_coef`). What learns the small tasks
of this course stands in the `defaults` of each algorithm; `docs/deviations.md` lists
all of it.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
from dataclasses import dataclass, field
from typing import Any


def _setting(default: Any, symbol: str, meaning: str) -> Any:
    """A dataclass field that carries its symbol in the paper and one line of help."""
    return field(default=default, metadata={"symbol": symbol, "meaning": meaning})


@dataclass(frozen=True)
class Config:
    """The settings of one training run.

    Raises:
        ValueError: A setting is out of its range; the sentence names it.
    """

    total_steps: int = _setting(
        500_000, "T_max", "agent steps over all learners until training ends"
    )
    workers: int = _setting(2, "", "actor-learners that train at once")
    environments_per_worker: int = _setting(
        1, "K", "environments that each actor-learner steps together (the paper: 1)"
    )
    seed: int = _setting(0, "", "seed of the networks, environments and exploration")

    gamma: float = _setting(0.99, "γ", "discount of future rewards")
    t_max: int = _setting(
        5, "t_max", "longest rollout of n-step Q-learning and A3C, in steps"
    )
    update_period: int = _setting(
        5, "I_AsyncUpdate", "steps that a one-step method accumulates into one update"
    )
    target_period: int = _setting(
        10_000, "I_target", "agent steps over all learners between copies θ⁻ ← θ"
    )

    learning_rate: float = _setting(7e-4, "η", "initial learning rate, annealed to 0")
    alpha: float = _setting(0.99, "α", "decay of RMSProp's squares, or momentum")
    eps: float = _setting(0.1, "ε", "inside RMSProp's root: η Δθ / √(g + ε)")
    shared_statistics: bool = _setting(
        True, "", "one RMSProp g for all learners (shared), or one g each"
    )
    max_grad_norm: float = _setting(
        40.0, "", "longer gradients are scaled down to this global norm"
    )
    mean_loss: bool = _setting(
        False, "", "average the loss over the rollout; the paper accumulates (sums)"
    )

    entropy_coef: float = _setting(0.01, "β", "weight of the entropy bonus of A3C")
    value_coef: float = _setting(0.5, "", "weight of A3C's value loss")
    final_epsilon: float | None = _setting(
        None, "ε", "final exploration; None draws the paper's mix for each learner"
    )
    epsilon_anneal_steps: int = _setting(
        1_000_000, "", "agent steps in which ε falls from 1 to its final value"
    )

    hidden_size: int = _setting(64, "", "units in each of the two hidden layers")
    reward_scale: float = _setting(1.0, "", "factor on rewards in training, not scores")

    def __post_init__(self) -> None:
        """Checks every range once, so that no process ever sees a bad setting."""
        for name in (
            *("total_steps", "workers", "environments_per_worker", "t_max"),
            *("update_period", "target_period", "hidden_size"),
        ):
            self._require(name, int, lambda value: value >= 1, "at least 1")
        for name in ("seed", "epsilon_anneal_steps"):
            self._require(name, int, lambda value: value >= 0, "0 or more")
        for name in ("learning_rate", "entropy_coef", "value_coef"):
            self._require(name, float, lambda value: value >= 0, "0 or more")
        for name in ("eps", "max_grad_norm", "reward_scale"):
            self._require(name, float, lambda value: value > 0, "more than 0")
        self._require("gamma", float, lambda value: 0 <= value <= 1, "in [0, 1]")
        self._require("alpha", float, lambda value: 0 <= value < 1, "in [0, 1)")
        if self.final_epsilon is not None:
            self._require(
                "final_epsilon", float, lambda value: 0 <= value <= 1, "in [0, 1]"
            )
        for name in ("shared_statistics", "mean_loss"):
            self._require(name, bool, lambda value: True, "True or False")

    def _require(self, name: str, kind: type, holds: Any, expected: str) -> None:
        value = getattr(self, name)
        accepted = {int: numbers.Integral, float: numbers.Real, bool: bool}[kind]
        right_kind = isinstance(value, accepted) and (
            kind is bool or not isinstance(value, bool)
        )
        if not right_kind or not math.isfinite(value) or not holds(value):
            article = {int: "a whole number", float: "a number", bool: "a switch"}
            raise ValueError(
                f"{name} must be {article[kind]}, {expected}, but is {value!r}."
            )
        # A sweep hands in NumPy's numbers, which neither JSON nor a checkpoint holds.
        object.__setattr__(self, name, kind(value))

    def replace(self, **settings: Any) -> Config:
        """A copy with some settings changed.

        Raises:
            ValueError: A name is not a setting (the closest one is suggested), or a
                value is out of range.
        """
        for name in settings:
            require_known(name, [f.name for f in dataclasses.fields(self)], "setting")
        return dataclasses.replace(self, **settings)


def require_known(name: str, known: list[str], kind: str) -> None:
    """Raises a sentence that suggests the closest known name.

    Raises:
        ValueError: `name` is not one of `known`.
    """
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}."
        raise ValueError(f"There is no {kind} {name!r}; {hint}")
