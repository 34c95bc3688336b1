"""Measurements behind the figures in `docs/results.md`; run `make bench`."""
