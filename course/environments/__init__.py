"""Environments: from an id to what a learner can step.

Everything that a learner sees goes through this module, so the algorithms may
rely on three things: actions are the integers 0 to A - 1, an observation is
either a float32 vector or a uint8 image, and the true last observation of an
episode is never lost when the next episode begins.

Importing it registers the small environments of the course with Gymnasium:
`course/Chain-v0`, `course/CliffWalk-v0`, `course/Catch-v0` and the probes.
"""

from __future__ import annotations

import copy
import difflib
import functools
from collections.abc import Callable
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvCreator, EnvSpec
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import FlattenObservation, TransformObservation

from course.environments.atari import AtariGame, AtariGames

__all__ = ["EnvSpec", "environment_spec", "make_environment", "make_environments"]

Env = gymnasium.Env[Any, Any]

SMALLEST_IMAGE = 20  # pixels a side for the paper's convolutions; less is flattened

for _module, _name, _max_episode_steps in (
    ("tabular", "Chain", 100),
    ("tabular", "CliffWalk", 200),
    ("catch", "Catch", None),
    ("probes", "ProbeConstantReward", None),
    ("probes", "ProbeObservationReward", None),
    ("probes", "ProbeDelayedReward", None),
    ("probes", "ProbeActionReward", None),
    ("probes", "ProbeActionAndObservation", None),
    ("probes", "ProbeTruncation", 5),
):
    gymnasium.register(
        f"course/{_name}-v0",
        # As text: the module is loaded when one is made, and not here.
        entry_point=f"course.environments.{_module}:{_name}",
        max_episode_steps=_max_episode_steps,
    )


def environment_spec(environment: str | EnvSpec | Callable[[], Env]) -> EnvSpec:
    """Resolve what a student wrote into a recipe that can be sent to a worker.

    A worker process started by spawn knows only the ids that its own imports
    register. It is therefore sent the recipe (by cloudpickle) and not the id.
    The environment is made once here, so that every mistake shows up at once.

    Args:
        environment: An id such as `"CartPole-v1"` or `"ALE/Pong-v5"`, a function
            or class that makes an environment, or a recipe, returned as it is.

    Raises:
        ValueError: The id is unknown, a package that it needs is missing, or
            the environment has spaces that the course cannot learn in.
    """
    if isinstance(environment, EnvSpec):
        spec = environment
    elif isinstance(environment, str):
        spec = _registered_spec(environment)
    elif callable(environment):
        name = getattr(environment, "__name__", type(environment).__name__)
        creator = cast(EnvCreator, environment)
        spec = EnvSpec(f"{name.strip('<>')}-v0", entry_point=creator)
    else:
        raise ValueError(
            f"environment is {environment!r}; expected an id such as 'CartPole-v1', "
            "a function that makes an environment, or an EnvSpec."
        )
    try:
        make_environment(spec).close()
    except (ImportError, gymnasium.error.DependencyNotInstalled) as problem:
        raise ValueError(
            f"environment {spec.id!r} needs a package that is missing ({problem})."
        ) from problem
    return spec


def make_environments(spec: EnvSpec, num_envs: int) -> VectorEnv[Any, Any, Any]:
    """Make K environments that one process steps together.

    When an episode ends, the same step starts the next one: the observation
    returned is the first of the new episode, and the last of the old one is
    `info["final_obs"][k]` for the k with `info["_final_obs"][k]`. A learner needs
    it to bootstrap at a truncation.

    Observations have shape [K, features] and dtype float32, or for images
    [K, ...] and uint8; Atari games give four stacked frames, [K, 4, 84, 84], and
    rewards clipped to [-1, 1].

    Args:
        spec: A recipe from `environment_spec`.
        num_envs: K, at least 1.

    Raises:
        ValueError: `num_envs` is below 1, or a space does not fit the course.
    """
    if num_envs < 1:
        raise ValueError(f"num_envs is {num_envs}; expected at least 1.")
    if _is_atari(spec):
        return AtariGames(spec, num_envs)
    return SyncVectorEnv(
        [functools.partial(make_environment, spec)] * num_envs,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )


def make_environment(spec: EnvSpec, render_mode: str | None = None) -> Env:
    """Make one plain environment, to evaluate in or to film.

    Its observations are those of `make_environments`, without the axis K. The
    rewards of an Atari game are not clipped here: its score is what counts.

    Args:
        spec: A recipe from `environment_spec`.
        render_mode: `"rgb_array"` for films; None when nobody watches.

    Raises:
        ValueError: The environment has a space that does not fit the course.
    """
    # A plain function as entry point may not know the argument render_mode.
    render: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    if _is_atari(spec):
        return AtariGame(spec, **render)
    return _fit_to_course(gymnasium.make(spec, **render))


def _registered_spec(environment: str) -> EnvSpec:
    """Look an id up; an Atari id needs its package to register it first."""
    if environment.startswith("ALE/"):
        try:
            import ale_py
        except ImportError as problem:
            raise ValueError(
                f"environment {environment!r} needs a package that is missing: "
                "run 'pip install ale-py'."
            ) from problem
        gymnasium.register_envs(ale_py)
    if environment not in gymnasium.registry:
        ids = {registered.lower(): registered for registered in gymnasium.registry}
        close = difflib.get_close_matches(environment.lower(), ids, n=3)
        hint = (
            "did you mean " + " or ".join(repr(ids[match]) for match in close) + "?"
            if close
            else "import the module that registers it first, or pass a function."
        )
        raise ValueError(f"environment {environment!r} is not registered; {hint}")
    spec = copy.deepcopy(gymnasium.registry[environment])
    if _is_atari(spec):
        # The paper is older than sticky actions, the default of these ids.
        spec.kwargs["repeat_action_probability"] = 0.0
    return spec


def _is_atari(spec: EnvSpec) -> bool:
    return spec.namespace == "ALE"


def _channels_first(env: Env, space: Box) -> Env:
    """From [height, width, channels] to the order in which networks want images."""
    low, high = np.moveaxis(space.low, 2, 0), np.moveaxis(space.high, 2, 0)
    return TransformObservation(
        env,
        lambda observation: np.moveaxis(observation, 2, 0),
        Box(low, high, dtype=np.uint8),
    )


def _fit_to_course(env: Env) -> Env:
    """Check the actions and turn observations into float32 vectors or images."""
    name = env.spec.id if env.spec else repr(env)
    actions = env.action_space
    if not isinstance(actions, Discrete) or actions.start != 0:
        raise ValueError(
            f"environment {name} has the action space {actions}; expected Discrete "
            "actions numbered from 0."
        )
    space = env.observation_space
    if isinstance(space, Box) and len(space.shape) == 3 and space.dtype == np.uint8:
        channels, *sides = space.shape
        if space.shape[2] in (1, 3) and channels not in (1, 3):
            env, sides = _channels_first(env, space), [*space.shape[:2]]
        if min(sides) >= SMALLEST_IMAGE:
            return env  # The network turns it into floats, on fewer bytes.
    if not isinstance(space, Box) or len(space.shape) != 1:
        env = FlattenObservation(env)  # Discrete becomes one-hot.
    if not isinstance(env.observation_space, Box):
        raise ValueError(
            f"environment {name} has the observation space {space}; expected one "
            "that can be flattened to a vector of numbers."
        )
    space = env.observation_space
    if space.dtype == np.float32:
        return env
    low, high = space.low.astype(np.float32), space.high.astype(np.float32)
    return TransformObservation(
        env,
        lambda observation: observation.astype(np.float32),
        Box(low, high, dtype=np.float32),
    )
