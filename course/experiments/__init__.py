"""Experiments: one module for each figure or table of the paper, and the probes."""
