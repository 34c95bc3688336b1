"""Exercises of lesson 05: n-step Q-learning, and how far back a reward is credited."""

from __future__ import annotations

from course.exercises.lesson_05_n_step_q.backward_view import TRACE_UPDATE
from course.exercises.lesson_05_n_step_q.forward_view import LAMBDA_RETURNS
from course.exercises.lesson_05_n_step_q.loss import N_STEP_Q_LOSS
from course.exercises.lesson_05_n_step_q.targets import N_STEP_Q_TARGETS

EXERCISES = (N_STEP_Q_TARGETS, N_STEP_Q_LOSS, LAMBDA_RETURNS, TRACE_UPDATE)
