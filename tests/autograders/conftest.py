"""The fixtures `student` and `rng`, and `--submission`: `course/grading/plugin.py`.

`tests/conftest.py` loads it. A conftest here would be too late for an option, and the
plugin serves hidden tests in an instructor's own folder as well.
"""
