"""Exercises of lesson 04: Sarsa's target, the policy that acts, the whole loss."""

from __future__ import annotations

from course.exercises.lesson_04_one_step_sarsa.loss import SARSA_LOSS
from course.exercises.lesson_04_one_step_sarsa.policy import (
    EXPECTED,
    PROBABILITIES,
)
from course.exercises.lesson_04_one_step_sarsa.targets import SARSA_TARGETS

EXERCISES = (SARSA_TARGETS, PROBABILITIES, EXPECTED, SARSA_LOSS)
