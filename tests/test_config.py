"""Tests of `course.config`: every range, the closest name, and no way to change one."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.config import Config, require_known

FIELDS = {setting.name: setting for setting in dataclasses.fields(Config)}

COUNTS = (  # whole numbers from 1
    *("total_steps", "workers", "environments_per_worker", "t_max"),
    *("update_period", "target_period", "hidden_size"),
)
COUNTS_FROM_ZERO = ("seed", "epsilon_anneal_steps")
NOT_NEGATIVE = ("learning_rate", "entropy_coef", "value_coef")
POSITIVE = ("eps", "max_grad_norm", "reward_scale")
SWITCHES = ("shared_statistics", "mean_loss")
NUMBERS = (*NOT_NEGATIVE, *POSITIVE, "gamma", "alpha", "final_epsilon")

OUT_OF_RANGE: list[tuple[str, Any]] = [
    *((name, 0) for name in COUNTS),
    *((name, -1) for name in COUNTS_FROM_ZERO),
    *((name, -1e-9) for name in NOT_NEGATIVE),
    *((name, 0.0) for name in POSITIVE),
    *(("gamma", -0.01), ("gamma", 1.01), ("alpha", -0.01), ("alpha", 1.0)),
    *(("final_epsilon", -0.01), ("final_epsilon", 1.01)),
]
WRONG_KIND: list[tuple[str, Any]] = [
    *((name, value) for name in COUNTS + COUNTS_FROM_ZERO for value in (2.0, "2")),
    # True is an int to Python, but nobody means "one worker" by it.
    *((name, True) for name in COUNTS + COUNTS_FROM_ZERO + NUMBERS),
    *((name, None) for name in FIELDS if name != "final_epsilon"),
    *((name, value) for name in NUMBERS for value in ("0.5", math.nan, math.inf)),
    *((name, value) for name in SWITCHES for value in (1, "yes")),
]


def test_every_setting_stands_in_one_of_these_lists() -> None:
    known = {*COUNTS, *COUNTS_FROM_ZERO, *NUMBERS, *SWITCHES}
    assert known == set(FIELDS)


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE + WRONG_KIND)
def test_a_bad_setting_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be .*\.$") as caught:
        Config(**{name: value})
    assert repr(value) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 1) for name in COUNTS),
        *((name, 0) for name in COUNTS_FROM_ZERO + NOT_NEGATIVE),
        *((name, 1e-9) for name in POSITIVE),
        *(("gamma", 0), ("gamma", 1), ("alpha", 0.0), ("alpha", 0.999)),
        *(("final_epsilon", 0), ("final_epsilon", 1.0), ("final_epsilon", None)),
    ],
)
def test_the_ends_of_each_range_are_taken(name: str, value: Any) -> None:
    assert getattr(Config(**{name: value}), name) == value


def test_numpys_numbers_become_pythons() -> None:
    # As in `for seed in np.arange(3)` and `for rate in np.logspace(-4, -2, 50)`.
    config = Config(
        seed=np.int64(3), learning_rate=np.float64(0.5), final_epsilon=np.float32(0.25)
    )
    numbers = (config.seed, config.learning_rate, config.final_epsilon)
    assert numbers == (3, 0.5, 0.25)
    assert [type(number) for number in numbers] == [int, float, float]


def test_the_defaults_are_the_papers() -> None:
    # Section 4, the supplement, and the first author's e-mail (learning rate, eps,
    # clipping).
    config = Config()
    assert (config.gamma, config.alpha, config.t_max) == (0.99, 0.99, 5)
    assert (config.update_period, config.target_period) == (5, 10_000)
    assert (config.learning_rate, config.eps, config.max_grad_norm) == (7e-4, 0.1, 40)
    assert (config.entropy_coef, config.final_epsilon) == (0.01, None)
    assert config.epsilon_anneal_steps == 1_000_000  # 4 million frames
    assert config.shared_statistics
    assert not config.mean_loss  # the paper accumulates


def test_every_setting_explains_itself() -> None:
    assert all(setting.metadata["meaning"] for setting in FIELDS.values())
    assert FIELDS["t_max"].metadata["symbol"] == "t_max"
    assert FIELDS["gamma"].metadata["symbol"] == "γ"


def test_it_cannot_be_changed() -> None:
    config = Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.gamma = 0.5  # type: ignore[misc]


def test_replace_makes_a_changed_copy() -> None:
    config = Config(workers=3)
    changed = config.replace(gamma=0.5)
    assert (changed.gamma, changed.workers, config.gamma) == (0.5, 3, 0.99)


def test_replace_checks_the_range() -> None:
    with pytest.raises(ValueError, match=r"^gamma must be a number, in"):
        Config().replace(gamma=2)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("gama", "gamma"),
        ("learning_rates", "learning_rate"),
        ("num_workers", "workers"),
        ("tmax", "t_max"),
    ],
)
def test_replace_suggests_the_closest_name(wrong: str, meant: str) -> None:
    message = f"^There is no setting '{wrong}'; did you mean '{meant}'"
    with pytest.raises(ValueError, match=message):
        Config().replace(**{wrong: 1})


def test_replace_lists_the_names_when_none_is_close() -> None:
    with pytest.raises(ValueError, match=r"^There is no setting 'x'; known: ") as error:
        Config().replace(x=1)
    assert all(name in str(error.value) for name in FIELDS)


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=4))
def test_require_known_refuses_exactly_the_unknown(name: str, known: list[str]) -> None:
    if name in known:
        require_known(name, known, "thing")
    else:
        with pytest.raises(ValueError, match=r"^There is no thing "):
            require_known(name, known, "thing")
