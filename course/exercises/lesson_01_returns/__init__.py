"""Exercises of lesson 01: targets of one step, returns of many, and advantages."""

from __future__ import annotations

from course.exercises.lesson_01_returns.n_step import N_STEP_RETURNS
from course.exercises.lesson_01_returns.one_step import ONE_STEP_TARGETS
from course.exercises.lesson_01_returns.values import ADVANTAGES, BOOTSTRAP_VALUE

EXERCISES = (ONE_STEP_TARGETS, N_STEP_RETURNS, BOOTSTRAP_VALUE, ADVANTAGES)
