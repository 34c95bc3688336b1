"""Exercises of lesson 02: lost updates, lag, and updates in place on shared vectors."""

from __future__ import annotations

from course.exercises.lesson_02_hogwild.clipping import CLIP_BY_GLOBAL_NORM
from course.exercises.lesson_02_hogwild.lag import LAGS
from course.exercises.lesson_02_hogwild.momentum import MOMENTUM_SGD_UPDATE
from course.exercises.lesson_02_hogwild.rmsprop import SHARED_RMSPROP_UPDATE
from course.exercises.lesson_02_hogwild.schedules import LOSING_SCHEDULE

EXERCISES = (
    LOSING_SCHEDULE,
    LAGS,
    SHARED_RMSPROP_UPDATE,
    MOMENTUM_SGD_UPDATE,
    CLIP_BY_GLOBAL_NORM,
)
