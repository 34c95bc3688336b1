"""The peer: stable-baselines3's A2C on CartPole-v1 until a mean return of 475.

Settings of its own tuned collection (rl-baselines3-zoo: 8 environments, no entropy
bonus, everything else default). Prints seconds since the process started as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque

import psutil
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env


class StopAtMean(BaseCallback):
    """Stops when the last 100 episodes average the goal."""

    def __init__(self, goal: float) -> None:
        super().__init__()
        self.goal = goal
        self.returns: deque[float] = deque(maxlen=100)

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "episode" in info:
                self.returns.append(info["episode"]["r"])
        full = len(self.returns) == 100
        return not (full and sum(self.returns) / 100 >= self.goal)


def main() -> None:
    """Trains with the seed on the command line."""
    seed = int(sys.argv[1])
    environments = make_vec_env("CartPole-v1", n_envs=8, seed=seed)
    model = A2C("MlpPolicy", environments, ent_coef=0.0, seed=seed, device="cpu")
    stop = StopAtMean(475)
    model.learn(500_000, callback=stop)
    seconds = time.time() - psutil.Process().create_time()
    solved = len(stop.returns) == 100 and sum(stop.returns) / 100 >= 475
    print(
        json.dumps({"seconds": seconds, "solved": solved, "steps": model.num_timesteps})
    )


if __name__ == "__main__":
    main()
