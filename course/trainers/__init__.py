"""Backends that train: the sequential simulation and Hogwild processes."""
