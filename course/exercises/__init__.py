"""The graded exercises, lesson by lesson, each with its catalogue of misconceptions.

`EXERCISES` has all of them by the name of the function, in the order of the lessons.
"""

from __future__ import annotations

import importlib
import pkgutil

from course.exercises.exercise import Case, Exercise, Misconception, Property

LESSONS = sorted(
    module.name
    for module in pkgutil.iter_modules(__path__)
    if module.name.startswith("lesson_")
)

EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for lesson in LESSONS
    for exercise in importlib.import_module(f"{__name__}.{lesson}").EXERCISES
}

__all__ = ["EXERCISES", "LESSONS", "Case", "Exercise", "Misconception", "Property"]
