"""Exercises of lesson 03: one-step Q-learning, from exploring to the target network."""

from __future__ import annotations

from course.exercises.lesson_03_one_step_q.counting import (
    LINEAR_SCHEDULE,
    TARGET_IS_DUE,
)
from course.exercises.lesson_03_one_step_q.exploring import (
    EPSILON_GREEDY,
    SAMPLE_FINAL_EPSILON,
)
from course.exercises.lesson_03_one_step_q.learning import (
    ONE_STEP_Q_LOSS,
    ONE_STEP_Q_TARGETS,
)

EXERCISES = (
    EPSILON_GREEDY,
    LINEAR_SCHEDULE,
    SAMPLE_FINAL_EPSILON,
    ONE_STEP_Q_TARGETS,
    ONE_STEP_Q_LOSS,
    TARGET_IS_DUE,
)
