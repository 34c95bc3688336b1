"""The record that makes an algorithm: plain functions, each of which can be replaced.

An algorithm is its file read from top to bottom: which network, how to act, and the
objective whose gradient goes into θ. The objective calls the smaller functions
(targets, losses) through the record, so that a student's own takes its place:

    my_algorithm = N_STEP_Q.replace(targets=my_n_step_q_targets)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from course.config import Config, require_known
from course.rollout import Rollout


@dataclass(frozen=True)
class Algorithm:
    """One of the four algorithms, as data.

    Attributes:
        name: As on the command line, for instance `n_step_q`.
        objective: `objective(algorithm, network, target_network, rollout, config)`,
            the scalar loss to be minimised, summed over the rollout (the loop divides
            it by the number of steps if `mean_loss`).
        functions: The replaceable functions: `make_network`, `act`, `update` and
            those that the objective calls.
        snapshot: Whether a learner acts and differentiates at a copy θ′ taken when
            the rollout begins (Algorithms S2 and S3), or at the shared θ itself
            (Algorithm 1).
        target_network: Whether the targets come from θ⁻.
        look_ahead: Whether a_{i+1} is chosen before the update, as Sarsa must.
        defaults: Settings that learn the small tasks of this course.
        replaced: Names of the functions that are not the course's own.
    """

    name: str
    objective: Callable[
        [Algorithm, nn.Module, nn.Module | None, Rollout, Config], Tensor
    ]
    functions: Mapping[str, Callable[..., Any]]
    snapshot: bool
    target_network: bool
    look_ahead: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    replaced: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """`algorithm.targets` is `algorithm.functions["targets"]`."""
        # Guards `functions` itself, which does not exist yet while unpickling.
        if name != "functions" and name in self.functions:
            return self.functions[name]
        raise AttributeError(f"{type(self).__name__} has no function {name!r}.")

    def replace(self, **functions: Callable[..., Any]) -> Algorithm:
        """The algorithm with your own functions in the named places.

        `objective` can be replaced as well: then your loss is the whole algorithm.

        Raises:
            ValueError: No such place (the closest is suggested), or not a function.
        """
        places = ["objective", *sorted(self.functions)]
        for name, function in functions.items():
            require_known(name, places, f"function of {self.name}")
            if not callable(function):
                raise ValueError(
                    f"{name} must be a function, but is {function!r}: pass the "
                    "function itself, without calling it."
                )
        replaced = tuple(sorted({*self.replaced, *functions}))
        objective = functions.pop("objective", self.objective)
        return replace(
            self,
            objective=objective,
            functions={**self.functions, **functions},
            replaced=replaced,
        )
