"""Grading: a judge that never runs a student's code, and a worker that only does that.

`protocol` is what passes between the two. `worker` and `notebook` are the worker's
side; `process` starts one, `session` keeps it going, `student` asks it and judges the
answers, and `plugin` is how pytest does.
"""
