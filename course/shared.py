"""What all actor-learners share: θ, θ⁻, the optimiser's statistics and the counters.

θ holds all weights of the network. θ⁻ is an older copy of θ from which the targets of
the Q methods are computed, so that they hold still for a while. T counts the steps of
all learners.

Everything lies in a few flat tensors. In the sequential simulation they are ordinary
memory; for Hogwild they are moved to shared memory and every process maps the same
bytes. Nothing here takes a lock. Counters lose nothing all the same: each learner
writes only its own row, and T is the sum over the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course.config import Config
from course.exploration import linear_schedule
from course.optim import clip_by_global_norm

# Columns of the counters, one row for each learner.
_STEPS, _UPDATES, _NAN_UPDATES = range(3)


@dataclass(frozen=True)
class Update:
    """One gradient on its way into θ.

    Attributes:
        gradient: dθ, `[P]`, of the loss to be minimised.
        worker_id: The learner that computed it.
        snapshot_version: How many updates the θ had seen at which the gradient was
            taken: the snapshot θ', or for the one-step methods θ itself.
        refreshes_target: Whether θ⁻ ← θ is due after it, if T has crossed a multiple.
    """

    gradient: Tensor
    worker_id: int
    snapshot_version: int
    refreshes_target: bool = False


class Shared:
    """The shared parameters and counters, and the lock-free update.

    Args:
        tensors: As made by `allocate`; in a worker process, the very same memory.
        config: Settings of the run.
        rule: In-place rule `rule(theta, statistics, gradient, learning_rate, alpha,
            eps)`, for instance `shared_rmsprop_update`.
    """

    def __init__(
        self, tensors: dict[str, Tensor], config: Config, rule: Callable[..., object]
    ) -> None:
        self.tensors = tensors
        self.config = config
        self.rule = rule
        self.theta = tensors["theta"]
        self.target_theta = tensors["target_theta"]
        self.statistics = tensors["statistics"]
        self.counters: NDArray[np.int64] = tensors["counters"].numpy()
        self.target_refreshes = tensors["target_refreshes"]
        self.stop_flag = tensors["stop_flag"]

    @classmethod
    def allocate(
        cls, theta: Tensor, config: Config, rule: Callable[..., object]
    ) -> Shared:
        """Fresh memory around the initial parameters `theta` `[P]`."""
        rows = 1 if config.shared_statistics else config.workers
        tensors = {
            "theta": theta.clone(),
            "target_theta": theta.clone(),
            "statistics": torch.zeros(rows, len(theta)),
            "counters": torch.zeros(config.workers, 3, dtype=torch.int64),
            "target_refreshes": torch.zeros(1, dtype=torch.int64),
            "start_step": torch.zeros(1, dtype=torch.int64),
            "stop_flag": torch.zeros(1, dtype=torch.int64),
        }
        return cls(tensors, config, rule)

    def share_memory(self) -> None:
        """Moves everything to shared memory; other processes then map the same."""
        for tensor in self.tensors.values():
            tensor.share_memory_()  # type: ignore[no-untyped-call]  # torch's own
        self.counters = self.tensors["counters"].numpy()

    def state(self) -> dict[str, Tensor]:
        """A copy of everything that a checkpoint must hold."""
        return {
            name: tensor.clone()
            for name, tensor in self.tensors.items()
            if name not in ("start_step", "stop_flag")
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Goes on from a checkpoint's state.

        Raises:
            ValueError: The state has other shapes: another network or, without
                shared statistics, another number of learners.
        """
        # Of the counters only the sums matter, so the number of learners may change.
        self.counters[0] = state["counters"].sum(0).numpy()
        self.tensors["start_step"].fill_(self.global_step)
        # This run's period may be another than the checkpoint's; a refresh that was due
        # when it was written is made up for.
        crossed = self.global_step // self.config.target_period
        refreshed = int(state["target_refreshes"].item())
        self.target_refreshes.fill_(min(refreshed, crossed))
        for name in ("theta", "target_theta", "statistics"):
            mine, saved = self.tensors[name], state[name]
            if saved.shape != mine.shape:
                raise ValueError(
                    f"The checkpoint's {name} has shape {list(saved.shape)}, but this "
                    f"run needs {list(mine.shape)}: resume with the same network and, "
                    "without shared statistics, the same number of workers."
                )
            mine.copy_(saved)

    @property
    def global_step(self) -> int:
        """T: agent steps of all learners together."""
        return int(self.counters[:, _STEPS].sum())

    @property
    def start_step(self) -> int:
        """T when this run began: 0, or where a resumed run goes on."""
        return int(self.tensors["start_step"].item())

    @property
    def num_updates(self) -> int:
        """Updates applied so far; also the version of θ."""
        return int(self.counters[:, _UPDATES].sum())

    @property
    def nan_updates(self) -> int:
        """Updates refused because their gradient was not finite."""
        return int(self.counters[:, _NAN_UPDATES].sum())

    @property
    def learning_rate(self) -> float:
        """η, annealed linearly to 0 at T_max."""
        config = self.config
        return linear_schedule(
            config.learning_rate, 0.0, self.global_step, config.total_steps
        )

    def count_steps(self, worker_id: int, steps: int) -> None:
        """T ← T + steps, in the learner's own row."""
        self.counters[worker_id, _STEPS] += steps

    def apply(self, update: Update) -> int:
        """Updates θ without a lock, and returns the update's lag.

        The lag is the number of updates that θ has had since the version at which the
        gradient was taken: those of other learners, and in the simulation the learner's
        own that waited in the queue. A gradient
        with NaN or infinity is counted and never applied.
        """
        config, own = self.config, self.counters[update.worker_id]
        lag = self.num_updates - update.snapshot_version
        gradient, norm = clip_by_global_norm(update.gradient, config.max_grad_norm)
        if math.isfinite(norm):
            row = 0 if config.shared_statistics else update.worker_id
            self.rule(
                *(self.theta, self.statistics[row], gradient),
                *(self.learning_rate, config.alpha, config.eps),
            )
            own[_UPDATES] += 1
        else:
            own[_NAN_UPDATES] += 1
        if update.refreshes_target:
            self.refresh_target_if_due()
        return lag

    def refresh_target_if_due(self) -> None:
        """θ⁻ ← θ whenever T has crossed a multiple of `target_period`.

        Not `T mod I_target == 0`: others count too, so T may jump over the multiple.
        Two learners that both see the crossing copy θ twice, a moment apart: no harm.
        """
        crossed = self.global_step // self.config.target_period
        if crossed > self.target_refreshes.item():
            self.target_refreshes.fill_(crossed)
            self.target_theta.copy_(self.theta)

    def stop(self) -> None:
        """Asks every learner to end after its present update."""
        self.stop_flag.fill_(1)

    @property
    def finished(self) -> bool:
        """Whether to end: stopped, or T has reached T_max."""
        return bool(self.stop_flag.item()) or (
            self.global_step >= self.config.total_steps
        )
