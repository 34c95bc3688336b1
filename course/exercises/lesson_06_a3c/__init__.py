"""Exercises of lesson 06: the losses of A3C, and its whole objective."""

from __future__ import annotations

from course.exercises.lesson_06_a3c.actor import LOG_PROBABILITIES, POLICY_LOSS
from course.exercises.lesson_06_a3c.critic import ENTROPY, VALUE_LOSS
from course.exercises.lesson_06_a3c.objective import A3C_LOSS

EXERCISES = (LOG_PROBABILITIES, POLICY_LOSS, VALUE_LOSS, ENTROPY, A3C_LOSS)
