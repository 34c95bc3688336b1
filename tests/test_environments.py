"""From an id to what a learner steps: spaces, episode ends, recipes, probes."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import cloudpickle
import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

from course.environments import (
    EnvSpec,
    environment_spec,
    make_environment,
    make_environments,
)
from course.environments.catch import Catch
from course.environments.probes import PROBES
from course.environments.tabular import Chain

COURSE_IDS = ["course/Chain-v0", "course/CliffWalk-v0", "course/Catch-v0"] + [
    f"course/{probe.__name__}-v0" for probe in PROBES
]


class Seen(gymnasium.Env):
    """Shows samples of a given space, and has the given actions."""

    def __init__(self, observation_space, action_space=None):
        self.observation_space = observation_space
        self.action_space = action_space or spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


# Our own environments


@pytest.mark.parametrize("environment", COURSE_IDS)
def test_gymnasiums_checker_has_nothing_to_say(environment):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(environment).unwrapped)


def test_every_id_of_the_course_is_known_here():
    registered = {name for name in gymnasium.registry if name.startswith("course/")}
    assert registered == set(COURSE_IDS)


@pytest.mark.parametrize("environment", COURSE_IDS)
def test_a_seed_fixes_what_happens(environment):
    def play(seed):
        envs = make_environments(environment_spec(environment), 2)
        history = [envs.reset(seed=seed)[0]]
        actions = np.random.default_rng(0).integers(2, size=(30, 2))
        for pair in actions:
            observations, rewards, *_ = envs.step(pair)
            history += [observations, rewards]
        return np.concatenate([np.ravel(each) for each in history])

    np.testing.assert_array_equal(play(3), play(3))


def test_environments_of_one_seed_differ_from_each_other():
    envs = make_environments(environment_spec("course/Catch-v0"), 8)
    balls = envs.reset(seed=0)[0][:, :5].argmax(axis=1)
    assert len(set(balls)) > 1


# Ends of episodes


@pytest.mark.parametrize("num_envs", [1, 3])
def test_the_last_observation_survives_the_next_episodes_beginning(num_envs):
    envs = make_environments(environment_spec("course/ProbeDelayedReward-v0"), num_envs)
    assert envs.single_observation_space.shape == (1,)
    np.testing.assert_array_equal(envs.reset(seed=0)[0], [[0.0]] * num_envs)
    actions = np.zeros(num_envs, dtype=np.int64)

    observations, rewards, terminated, truncated, info = envs.step(actions)
    np.testing.assert_array_equal(observations, [[1.0]] * num_envs)
    assert not rewards.any()
    assert not terminated.any()
    assert not truncated.any()
    assert "final_obs" not in info

    observations, rewards, terminated, truncated, info = envs.step(actions)
    np.testing.assert_array_equal(observations, [[0.0]] * num_envs)
    assert rewards.all()
    assert terminated.all()
    assert not truncated.any()
    assert info["_final_obs"].all()
    np.testing.assert_array_equal(np.stack(info["final_obs"]), [[1.0]] * num_envs)


def test_only_the_environment_that_ended_begins_anew():
    spec = EnvSpec("Short-v0", entry_point=Chain, kwargs={"length": 2})
    envs = make_environments(spec, 3)
    envs.reset(seed=0)
    envs.step(np.array([1, 0, 1]))
    observations, _, terminated, _, info = envs.step(np.array([1, 1, 0]))
    np.testing.assert_array_equal(terminated, [True, False, False])
    np.testing.assert_array_equal(info["_final_obs"], terminated)
    # Observations are one-hot: the new start, the right state, back at the left.
    np.testing.assert_array_equal(observations, [[1, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(info["final_obs"][0], [0, 1])


@pytest.mark.parametrize("num_envs", [1, 3])
def test_a_time_limit_truncates_and_does_not_terminate(num_envs):
    envs = make_environments(environment_spec("course/ProbeTruncation-v0"), num_envs)
    envs.reset(seed=0)
    for step in range(1, 11):
        *_, terminated, truncated, info = envs.step(np.zeros(num_envs, dtype=np.int64))
        assert not terminated.any()
        assert truncated.all() == truncated.any() == (step in (5, 10))
        assert ("final_obs" in info) == (step in (5, 10))


def test_a_recipe_keeps_its_arguments_and_its_time_limit():
    spec = EnvSpec(
        "Short-v0", entry_point=Chain, kwargs={"length": 3}, max_episode_steps=4
    )
    for env in (make_environments(environment_spec(spec), 1), make_environment(spec)):
        env.reset(seed=0)
        left = np.array([0]) if isinstance(env, gymnasium.vector.VectorEnv) else 0
        ends = [bool(env.step(left)[3]) for _ in range(4)]
        assert ends == [False, False, False, True]
        assert env.observation_space.shape[-1] == 3


# Observations


@pytest.mark.parametrize(
    ("space", "shape"),
    [
        (spaces.Discrete(4), (4,)),
        (spaces.Discrete(3, start=-1), (3,)),
        (spaces.MultiDiscrete([2, 3]), (5,)),
        (spaces.MultiBinary(6), (6,)),
        (spaces.Box(-1, 1, (3,), np.float64), (3,)),
        (spaces.Box(-1, 1, (1,), np.float64), (1,)),
        (spaces.Box(-1, 1, (3,), np.float32), (3,)),
        (spaces.Box(-1, 1, (), np.float32), (1,)),
        (spaces.Box(-1, 1, (2, 3), np.float32), (6,)),
        (spaces.Box(0, 255, (7,), np.uint8), (7,)),
        (spaces.Tuple([spaces.Discrete(2), spaces.Box(0, 1, (2,))]), (4,)),
        (spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(0, 1, (2, 2))}), (6,)),
    ],
    ids=str,
)
def test_observations_become_float32_vectors(space, shape):
    spec = environment_spec(lambda: Seen(space))
    one, many = make_environment(spec), make_environments(spec, 2)
    observation, _ = one.reset(seed=5)
    observations, _ = many.reset(seed=5)
    for seen in (observation, one.step(0)[0]):
        assert (seen.shape, seen.dtype) == (shape, np.float32)
    assert (observations.shape, observations.dtype) == ((2, *shape), np.float32)
    assert one.observation_space == many.single_observation_space
    np.testing.assert_array_equal(observation, observations[0])
    space.seed(5)
    np.testing.assert_allclose(observation, spaces.flatten(space, space.sample()))


@pytest.mark.parametrize(
    ("shape", "seen", "dtype"),
    [
        ((1, 84, 84), (2, 1, 84, 84), np.uint8),  # left alone
        ((96, 96, 3), (2, 3, 96, 96), np.uint8),  # channels come first
        ((8, 8, 3), (2, 192), np.float32),  # too small for convolutions
    ],
)
def test_images_come_as_networks_want_them(shape, seen, dtype):
    image = spaces.Box(0, 255, shape, np.uint8)
    envs = make_environments(environment_spec(lambda: Seen(image)), 2)
    observations, _ = envs.reset(seed=0)
    assert (observations.shape, observations.dtype) == (seen, dtype)


def test_an_observation_that_is_no_vector_is_refused():
    words = spaces.Graph(spaces.Box(0, 1, (2,)), None)
    with pytest.raises(ValueError, match=r"has the observation space Graph.*flattened"):
        environment_spec(lambda: Seen(words))


# What a student may write


def test_a_name_that_is_nearly_right_gets_a_suggestion():
    for wrong, right in [
        ("cartpole", "CartPole-v1"),
        ("CARTPOLE-V1", "CartPole-v1"),
        ("course/Cach-v0", "course/Catch-v0"),
        ("ALE/Pongg-v5", "ALE/Pong-v5"),
    ]:
        with pytest.raises(ValueError, match=f"{wrong}' is not .* did you .*'{right}'"):
            environment_spec(wrong)
    with pytest.raises(ValueError, match="'qqqq' is not registered; import the module"):
        environment_spec("qqqq")


def test_what_is_no_environment_is_refused():
    with pytest.raises(ValueError, match="environment is 3; expected an id such as"):
        environment_spec(3)
    with pytest.raises(ValueError, match="num_envs is 0; expected at least 1"):
        make_environments(environment_spec("course/Chain-v0"), 0)


def test_actions_that_are_not_numbered_from_zero_are_refused():
    with pytest.raises(ValueError, match=r"Pendulum-v1 has the action space Box\(-2.0"):
        environment_spec("Pendulum-v1")
    one_based = spaces.Discrete(2, start=1)
    with pytest.raises(ValueError, match=r"Discrete\(2, start=1\); expected Discrete"):
        environment_spec(lambda: Seen(spaces.Discrete(2), one_based))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(ValueError, match="run 'pip install ale-py'"):
        environment_spec("ALE/Pong-v5")

    def needs_box2d():
        raise gymnasium.error.DependencyNotInstalled("pip install box2d")

    with pytest.raises(ValueError, match=r"'needs_box2d-v0' needs .* install box2d"):
        environment_spec(needs_box2d)


def test_a_function_or_class_is_an_environment_too():
    for environment in (Catch, lambda: Catch(), lambda: gymnasium.make("CartPole-v1")):
        spec = environment_spec(environment)
        assert environment_spec(spec) is spec
        assert make_environment(spec).action_space.n in (2, 3)
    limited = environment_spec(lambda: gymnasium.make("course/ProbeTruncation-v0"))
    envs = make_environments(limited, 1)
    envs.reset(seed=0)
    ends = [bool(envs.step(np.array([0]))[3][0]) for _ in range(5)]
    assert ends == [False] * 4 + [True]


def test_a_recipe_of_a_notebook_works_in_a_fresh_interpreter():
    class Coin(gymnasium.Env):  # Like one of a notebook, it can be imported nowhere.
        observation_space = spaces.Discrete(2)
        action_space = spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return 0, {}

        def step(self, action):
            return 1, float(action), True, False, {}

    gymnasium.register("notebook/Coin-v0", entry_point=Coin)
    try:
        recipe = cloudpickle.dumps(environment_spec("notebook/Coin-v0"))
    finally:
        del gymnasium.registry["notebook/Coin-v0"]
    worker = """
import sys, cloudpickle, gymnasium, numpy
from course.environments import make_environments
spec = cloudpickle.load(sys.stdin.buffer)
envs = make_environments(spec, 2)
envs.reset(seed=0)
observations, rewards, *_ = envs.step(numpy.array([0, 1]))
print(spec.id, spec.id in gymnasium.registry, rewards, observations.tolist())
print([m for m in ("ale_py", "course.environments.catch") if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", worker],
        input=recipe,
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == [
        "notebook/Coin-v0 False [0. 1.] [[1.0, 0.0], [1.0, 0.0]]",
        "[]",  # What is not used is not loaded.
    ]


# Atari


def test_atari_games_step_together_and_keep_the_last_observation():
    spec = environment_spec("ALE/Pong-v5")
    assert spec.kwargs["repeat_action_probability"] == 0.0
    spec.kwargs["max_num_frames_per_episode"] = 100
    envs = make_environments(spec, 2)
    observations, _ = envs.reset(seed=2**32 - 1)  # as large as seeds are drawn
    assert (observations.shape, observations.dtype) == ((2, 4, 84, 84), np.uint8)
    assert envs.single_action_space.n == 6
    for _ in range(25):
        before = observations
        step = envs.step(np.array([0, 2]))
        observations, _, terminated, truncated, info = step
        if truncated.any():
            break
        # The newest frame is the last of the four; the others move up.
        np.testing.assert_array_equal(observations[:, :3], before[:, 1:])
    assert truncated.any()
    assert not terminated.any()
    np.testing.assert_array_equal(info["_final_obs"], truncated)
    ended = int(truncated.argmax())
    np.testing.assert_array_equal(info["final_obs"][ended][:3], before[ended, 1:])
    envs.close()


def test_one_game_shows_what_the_vector_shows_and_can_be_filmed():
    spec = environment_spec("ALE/Breakout-v5")
    plain, filmed = make_environment(spec), make_environment(spec, "rgb_array")
    assert plain.observation_space == spaces.Box(0, 255, (4, 84, 84), np.uint8)
    episodes = []
    for env in (plain, filmed, plain):  # the third time: a seed begins all anew
        history = [env.reset(seed=7)[0]]
        over = False
        while not over:
            action = len(history) * 7 % 4
            observation, _, terminated, truncated, _ = env.step(action)
            over = terminated or truncated
            history.append(observation)
        assert terminated
        assert not truncated
        episodes.append(np.stack(history))
    # The last observation is still of this episode: its frames moved up once more.
    np.testing.assert_array_equal(episodes[0][-1][:3], episodes[0][-2][1:])
    np.testing.assert_array_equal(episodes[0], episodes[1])
    np.testing.assert_array_equal(episodes[0], episodes[2])
    picture = filmed.render()
    assert (picture.shape, picture.dtype) == ((210, 160, 3), np.uint8)
    # The film shows the same moment: shrunk and grey, the picture is the last frame.
    grey = picture @ np.array([0.299, 0.587, 0.114])
    rows = np.add.reduceat(grey, np.arange(0, 210, 5)).reshape(42, 160) / 5
    blocks = np.add.reduceat(rows, np.arange(0, 160, 40), axis=1) / 40
    seen = episodes[0][-1][-1].reshape(42, 2, 4, 21).mean(axis=(1, 3))
    np.testing.assert_allclose(blocks, seen, atol=3)
    plain.close()
    filmed.close()


def test_the_score_of_a_game_is_not_clipped_but_its_reward_in_training_is():
    spec = environment_spec("ALE/SpaceInvaders-v5")  # counts in steps of 5 and more
    one, many = make_environment(spec), make_environments(spec, 1)
    one.reset(seed=0)
    many.reset(seed=0)
    scores, rewards = set(), set()
    for step in range(150):
        action = 1 + step % 3  # fire, right, left
        scores.add(one.step(action)[1])
        rewards.add(float(many.step(np.array([action]))[1][0]))
    assert max(scores) >= 5
    assert rewards == {0.0, 1.0}
    one.close()
    many.close()


# Catch


@pytest.mark.parametrize("seed", range(6))
def test_catch_rewards_the_paddle_that_meets_the_ball(seed):
    env = Catch()
    board = env.reset(seed=seed)[0].reshape(10, 5)
    ball = int(board[0].argmax())
    expected = np.zeros((10, 5))
    expected[0, ball] = expected[9, 2] = 1  # the paddle begins in the middle
    np.testing.assert_array_equal(board, expected)

    rewards = []
    terminated, paddle = False, 2
    while not terminated:
        action = 1 + int(np.sign(ball - paddle))  # 0 left, 1 stay, 2 right
        paddle += action - 1
        observation, reward, terminated, truncated, _ = env.step(action)
        rewards.append(reward)
    assert rewards == [0.0] * 8 + [1.0]
    assert not truncated
    assert observation.reshape(10, 5)[9].sum() == 1  # ball and paddle in one place

    env.reset(seed=seed)
    away = 2 if ball < 2 else 0  # to the wall that the ball does not come down at
    rewards = [env.step(away)[1] for _ in range(9)]
    assert rewards == [0.0] * 8 + [-1.0]


def test_catch_can_be_seen():
    env = Catch(rows=4, columns=3, render_mode="rgb_array")
    board = env.reset(seed=0)[0].reshape(4, 3)
    picture = env.render()
    assert (picture.shape, picture.dtype) == ((64, 48, 3), np.uint8)
    np.testing.assert_array_equal(picture[8::16, 8::16, 0], 255 * board)


# The probe ladder


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9])
def test_the_expected_answers_solve_bellmans_equation(probe, gamma):
    env = probe()
    expected = {each.observation: each for each in probe.expected(gamma)}
    for (observation,), answer in expected.items():
        q_values = []
        for action in range(2):
            reward, next_observation, terminated = env.outcome(observation, action)
            following = 0.0 if terminated else expected[(next_observation,)].value
            q_values.append(reward + gamma * following)
        assert answer.value == pytest.approx(max(q_values))
        best = None if q_values[0] == q_values[1] else int(np.argmax(q_values))
        assert answer.action == best


@pytest.mark.parametrize("probe", PROBES)
def test_the_expected_answers_cover_all_that_is_seen(probe):
    envs = make_environments(environment_spec(f"course/{probe.__name__}-v0"), 4)
    seen = [envs.reset(seed=0)[0]]
    seen += [envs.step(np.zeros(4, dtype=np.int64))[0] for _ in range(10)]
    assert {tuple(row) for row in np.concatenate(seen).tolist()} == {
        each.observation for each in probe.expected(0.9)
    }


def test_answers_by_hand():
    by_name = {probe.__name__: probe.expected(0.9) for probe in PROBES}
    values = {name: [e.value for e in answers] for name, answers in by_name.items()}
    assert values == {
        "ProbeConstantReward": [1.0],
        "ProbeObservationReward": [-1.0, 1.0],
        "ProbeDelayedReward": [0.9, 1.0],
        "ProbeActionReward": [1.0],
        "ProbeActionAndObservation": [1.0, 1.0],
        "ProbeTruncation": [pytest.approx(10.0)],  # 1 / (1 - 0.9)
    }


@pytest.mark.parametrize("probe", PROBES)
def test_every_rung_says_what_it_asks_and_where_to_look(probe):
    assert probe.question.endswith("?")
    assert "\n" not in probe.question
    assert probe.look_at.startswith("Look at ")
    assert probe.look_at.endswith(".")
