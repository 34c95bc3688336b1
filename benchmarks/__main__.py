"""Runs every benchmark, the shortest first: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import importlib
import sys

NAMES = ("check", "grade", "step", "against_sb3", "workers", "learning")

for name in sys.argv[1:] or NAMES:
    importlib.import_module(f"benchmarks.{name}").main()
