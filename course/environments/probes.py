"""The probe ladder: tiny environments, each of which isolates one fault.

A learner that fails in a large environment tells nothing about the reason. Each
rung of this ladder asks for something that those below it did not, and the right
answer is known exactly; the lowest rung that fails says where to look. Climb from
the bottom: `PROBES` stands in order.

Source: the idea is from Andy Jones, "Debugging RL, Without the Agonizing Pain".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Expectation:
    """What a correct learner comes to at one observation.

    Attributes:
        observation: The observation.
        value: Its value under the optimal policy: V, or max_a Q(s,a).
        action: The best action; None where all are equal or the rung asks no such
            thing.
    """

    observation: tuple[float, ...]
    value: float
    action: int | None = None


class Probe(gymnasium.Env[FloatArray, np.int64]):
    """Two actions and an observation of one number; each rung fills in the rest.

    An episode ends at an observation that a learner also acts at. So bootstrapping
    past a termination is never harmless here: it shows in the value.

    Attributes:
        question: What the rung asks, in one line.
        look_at: Where to look when it fails.
    """

    question: ClassVar[str]
    look_at: ClassVar[str]

    def __init__(self) -> None:
        self.observation_space = Box(-1.0, 1.0, (1,), np.float32)
        self.action_space = Discrete(2)

    @staticmethod
    def expected(gamma: float) -> tuple[Expectation, ...]:
        """The right answers for a discount of `gamma`."""
        raise NotImplementedError

    def first(self) -> float:
        """The first observation of an episode."""
        return 1.0

    def outcome(self, observation: float, action: int) -> tuple[float, float, bool]:
        """What an action leads to: reward, next observation, terminated."""
        raise NotImplementedError

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        self._observation = self.first()
        return np.array([self._observation], np.float32), {}

    def step(
        self, action: np.int64
    ) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        """Take one step."""
        reward, self._observation, terminated = self.outcome(
            self._observation, int(action)
        )
        next_observation = np.array([self._observation], np.float32)
        return next_observation, reward, terminated, False, {}


class ProbeConstantReward(Probe):
    """One step, one observation, reward 1: isolates the value head.

    The value must be 1. If it fails, nothing else can work: look at the loss of
    the value, the optimiser, and whether the gradient reaches the parameters.
    """

    question = "Does the value learn a constant?"
    look_at = (
        "Look at the value loss, at the optimiser's step, and (if the value grows far "
        "above 1) at bootstrapping past a termination."
    )

    @staticmethod
    def expected(gamma: float) -> tuple[Expectation, ...]:
        """Value 1."""
        return (Expectation((1.0,), 1.0),)

    def outcome(self, observation: float, action: int) -> tuple[float, float, bool]:
        """Reward 1, whatever the action."""
        return 1.0, observation, True


class ProbeObservationReward(Probe):
    """One step, rewarded with the random observation: isolates the network.

    The value must equal the observation. If it fails while the rung below passes,
    the value does not depend on what the learner sees.
    """

    question = "Does the value depend on the observation?"
    look_at = (
        "Look at the network and its inputs: each observation must stand beside its "
        "own reward, and the gradient must reach the layers below the head."
    )

    @staticmethod
    def expected(gamma: float) -> tuple[Expectation, ...]:
        """Value -1 at -1, and 1 at 1."""
        return (Expectation((-1.0,), -1.0), Expectation((1.0,), 1.0))

    def first(self) -> float:
        """Either -1 or 1."""
        return float(self.np_random.choice([-1.0, 1.0]))

    def outcome(self, observation: float, action: int) -> tuple[float, float, bool]:
        """The observation as reward."""
        return observation, observation, True


class ProbeDelayedReward(Probe):
    """Two steps, rewarded at the second: isolates discount and bootstrap.

    The value must be gamma at the first observation (0) and 1 at the second (1).
    If only the first is wrong, the return is.
    """

    question = "Does a reward reach the step before it, discounted once?"
    look_at = (
        "Look at the returns: the power of gamma, the bootstrap value, and the order "
        "of the rewards in the rollout."
    )

    @staticmethod
    def expected(gamma: float) -> tuple[Expectation, ...]:
        """Value gamma, then 1."""
        return (Expectation((0.0,), gamma), Expectation((1.0,), 1.0))

    def first(self) -> float:
        """Observation 0."""
        return 0.0

    def outcome(self, observation: float, action: int) -> tuple[float, float, bool]:
        """From 0 on to 1 for nothing; from 1 to the end for reward 1."""
        return observation, 1.0, observation == 1.0


class ProbeActionReward(Probe):
    """One step; action 1 gives 1, action 0 gives -1: isolates the choice of action.

    The best action is 1 and the value 1. If it fails, a sign is wrong in the policy
    loss, or exploration never tries both actions.
    """

    question = "Does the learner come to prefer the better action?"
    look_at = (
        "Look at the sign of the policy loss and of the advantage, or, in methods of "
        "values, at epsilon-greedy and at which action's value is updated."
    )

    @staticmethod
    def expected(gamma: float) -> tuple[Expectation, ...]:
        """Action 1, value 1."""
        return (Expectation((1.0,), 1.0, action=1),)

    def outcome(self, observation: float, action: int) -> tuple[float, float, bool]:
        """1 for action 1, and -1 for action 0."""
        return 2.0 * action - 1.0, observation, True


class ProbeActionAndObservation(Probe):
    """One step; the right action depends on the random observation.

    At 1 it is action 1, at -1 action 0; right gives 1 and wrong -1. If it fails
    while all below pass, actions and observations are paired wrongly.
    """

    question = "Does the choice of action depend on the observation?"
    look_at = (
        "Look at how rollouts are put together: the action, the advantage and the "
        "observation of one step must stand in one row."
    )

    @staticmethod
    def expected(gamma: float) -> tuple[Expectation, ...]:
        """Action 0 at -1 and action 1 at 1, each of value 1."""
        return (Expectation((-1.0,), 1.0, action=0), Expectation((1.0,), 1.0, action=1))

    def first(self) -> float:
        """Either -1 or 1."""
        return float(self.np_random.choice([-1.0, 1.0]))

    def outcome(self, observation: float, action: int) -> tuple[float, float, bool]:
        """1 if the action has the sign of the observation, else -1."""
        return observation * (2.0 * action - 1.0), observation, True


class ProbeTruncation(Probe):
    """Reward 1 at every step, and cut off after 5: isolates truncation.

    Nothing terminates, so the value must be 1 + gamma + gamma^2 + ... =
    1 / (1 - gamma). A learner that takes the cut-off for an end comes to less.
    """

    question = "Is an episode that was cut off told from one that ended?"
    look_at = (
        "Look at the bootstrap value where truncated is true: it is the value of the "
        "last observation, not 0 and not that of the next episode's first one."
    )

    @staticmethod
    def expected(gamma: float) -> tuple[Expectation, ...]:
        """Value 1 / (1 - gamma), for gamma below 1."""
        return (Expectation((1.0,), 1.0 / (1.0 - gamma)),)

    def outcome(self, observation: float, action: int) -> tuple[float, float, bool]:
        """Reward 1, and on."""
        return 1.0, observation, False


PROBES: tuple[type[Probe], ...] = (
    ProbeConstantReward,
    ProbeObservationReward,
    ProbeDelayedReward,
    ProbeActionReward,
    ProbeActionAndObservation,
    ProbeTruncation,
)
"""The rungs, lowest first; the id of each is `course/<class name>-v0`."""
