"""The progress bar: in a terminal and in a notebook."""

from __future__ import annotations

import sys
import time

from tqdm.auto import tqdm

from course.trainers.result import WINDOW
from course.trainers.run import Run


class ProgressBar:
    """Steps done, rate, estimate, and the mean return of the last 100 episodes."""

    def __init__(self, run: Run, shown: bool) -> None:
        self.run = run
        self.next_refresh = 0.0
        self.bar = tqdm(
            total=run.config.total_steps,
            initial=run.shared.start_step,
            desc=f"{run.algorithm.name} on {run.spec.id}",
            unit=" steps",
            unit_scale=True,
            dynamic_ncols=True,
            disable=not shown,
        )

    def update(self) -> None:
        """Redraws five times a second, in a log file every ten seconds."""
        if time.time() < self.next_refresh:
            return
        watched = sys.stderr.isatty() or "ipykernel" in sys.modules
        self.next_refresh = time.time() + (0.2 if watched else 10.0)
        self._draw()

    def _draw(self) -> None:
        mean = self.run.history.mean_return
        if mean is not None:
            self.bar.set_postfix_str(f"return of last {WINDOW}: {mean:.1f}", False)
        self.bar.update(self.run.shared.global_step - self.bar.n)

    def close(self) -> None:
        """Leaves the final figures on the screen."""
        self._draw()
        if self.run.is_solved:
            self.bar.total = self.bar.n  # done: a notebook's bar would turn red
        self.bar.close()
