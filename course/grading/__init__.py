"""Grading: judges that never run a student's code, and workers that do only that.

    course grade ── judge ── host ── worker
    (bulk)          (pytest)  (sandbox)

`bulk` goes through a class, with a `judge` for each core (`judges` starts them,
`judging` is what pytest does in them, through `plugin`). A judge has the tests and the
right answers. It asks a `student`, whose `session` keeps a worker going (`process`).
The worker was forked by a `host` inside a `sandbox` (`hosting` is the judge's end of
it), has confined itself (`confine`, `seccomp`), runs the cells (`worker`, `cells`) and
says what calls of the functions show. Between judge and worker pass plain data
(`protocol`), and none of it is believed (`heard`).

What was handed in is found by `submissions` (`archives`, `names`), sorted by `collect`
(`downloads`), and read by `notebook`; `similar` compares it without running it. A
`result` is one submission's record, `reports` make pages and tables of all of them.
`release` makes what is given away, `autograder` is what Gradescope runs, `nbgrader`
fills its gradebook.
"""
