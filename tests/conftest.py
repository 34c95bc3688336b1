"""What every test needs before the first import of torch, matplotlib or pygame."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Tests run side by side: each keeps to one core, as each learner does.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# There may be no screen.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

# `tests.autograders.support`, however pytest was started.
if (root := str(Path(__file__).parent.parent)) not in sys.path:
    sys.path.append(root)

# The fixtures `student` and `rng`, and `--submission`; and pytest's own for testing it.
pytest_plugins = ["course.grading.plugin", "pytester"]

# A shared machine may stall for longer than any sensible limit on one example. In
# CI the examples are the same each time, so that a red build can be repeated.
settings.register_profile("course", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("course")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lessons take longest, so one process begins with them (`make test`)."""
    items.sort(key=lambda item: item.path.name != "test_lessons.py")
