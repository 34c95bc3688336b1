"""The probe ladder as a table that fills while it is climbed."""

from __future__ import annotations

import html

from course.algorithms import Algorithm
from course.experiments.probe_ladder import Rung, run_ladder
from course.notebook.display import in_notebook, put_live


class Ladder:
    """The rungs climbed so far."""

    def __init__(self, rungs: list[Rung], done: bool) -> None:
        self.rungs = rungs
        self.done = done

    def __repr__(self) -> str:
        return "\n".join(line for rung in self.rungs for line in _lines(rung))

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>"
            f"<td>{'✔ passed' if rung.passed else '✘ FAILED'}</td>"
            f'<td style="text-align:left">{html.escape(rung.question)}</td>'
            f'<td style="text-align:left">{html.escape(rung.got)}'
            + ("" if rung.passed else f"<br><b>{html.escape(rung.look_at)}</b>")
            + f"</td><td>{rung.seconds:.1f} s</td></tr>"
            for rung in self.rungs
        )
        climbing = "" if self.done else "<p>Climbing …</p>"
        return (
            "<table><caption>The probe ladder</caption><thead><tr><th>rung</th>"
            '<th style="text-align:left">what it asks</th>'
            '<th style="text-align:left">what was learned</th><th>time</th></tr>'
            f"</thead><tbody>{rows}</tbody></table>{climbing}"
        )


def climb(algorithm: str | Algorithm, seed: int = 0) -> bool:
    """Climbs the probe ladder, about ten seconds; shows each rung as it is done.

    Returns:
        Whether every rung was passed.
    """
    rungs: list[Rung] = []
    if not in_notebook():
        for rung in run_ladder(algorithm, seed):
            rungs.append(rung)
            print("\n".join(_lines(rung)))
        return all(rung.passed for rung in rungs)
    handle = put_live(Ladder(rungs, False))
    for rung in run_ladder(algorithm, seed):
        rungs.append(rung)
        handle.update(Ladder(rungs, False))
    handle.update(Ladder(rungs, True))
    return all(rung.passed for rung in rungs)


def _lines(rung: Rung) -> list[str]:
    mark = "passed" if rung.passed else "FAILED"
    lines = [f"{mark}  {rung.name:<40}  {rung.seconds:5.1f} s"]
    if not rung.passed:
        lines += [f"        {text}" for text in (rung.question, rung.got, rung.look_at)]
    return lines
