"""Showing things where the student is: as HTML in a notebook, as text in a terminal.

Everything that comes from the student's function or notebook is escaped. Nothing is
told by colour alone: each box begins with a word.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from course.exercises.exercise import Arguments
from course.exercises.judge import Verdict, show
from course.exercises.observe import Seen

WIDTH = 88  # columns of text

HEADS = {
    "passed": ("✔", "Passed", "#2e7d32"),
    "not_attempted": ("○", "Not attempted yet", "#757575"),
    "misconception": ("✘", "Not yet: a known misconception", "#c62828"),
    "wrong": ("✘", "Not yet: wrong on this case", "#c62828"),
    "could_not_run": ("⚠", "Could not run", "#b26a00"),
}
NOTE = "#0b62a4"


class Box:
    """A piece of feedback that shows itself as HTML or as text.

    Attributes:
        head: The first line.
        colour: Of the bar at its left.
        paragraphs: Below the first line.
        rows: Label and value, shown in a fixed-width font.
    """

    def __init__(
        self,
        head: str,
        paragraphs: Iterable[str] = (),
        rows: Sequence[tuple[str, str]] = (),
        colour: str = NOTE,
    ) -> None:
        self.head = head
        self.paragraphs = [text for text in paragraphs if text]
        self.rows = rows
        self.colour = colour

    def __repr__(self) -> str:
        """Text for a terminal; continued lines stand below their label's text."""
        lines = [self.head]
        for text in self.paragraphs:
            lines += textwrap.wrap(
                text, WIDTH, initial_indent="  ", subsequent_indent="  "
            )
        width = max((len(label) for label, _ in self.rows), default=0)
        for label, value in self.rows:
            first, *others = value.splitlines() or [""]
            lines.append(f"    {label:<{width}}  {first}")
            lines += [" " * (width + 6) + other for other in others]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        paragraphs = "".join(
            f'<p style="margin:.4em 0 0">{html.escape(text)}</p>'
            for text in self.paragraphs
        )
        return (
            f'<div role="note" style="border-left:5px solid {self.colour};'
            'padding:.3em .8em;margin:.3em 0;max-width:52em">'
            f"<strong>{html.escape(self.head)}</strong>{paragraphs}"
            f"{table_html(self.rows)}</div>"
        )


def table_html(rows: Sequence[tuple[str, str]]) -> str:
    """Labels and fixed-width values as an HTML table."""
    if not rows:
        return ""
    cells = "".join(
        '<tr style="background:none"><th scope="row" style="text-align:left;'
        f'vertical-align:top;padding:.1em 1em .1em 0">{html.escape(label)}</th>'
        '<td style="text-align:left;padding:.1em 0"><pre style="margin:0;'
        f'background:none;padding:0">{html.escape(value)}</pre></td></tr>'
        for label, value in rows
    )
    return f'<table style="margin:.4em 0 0;border:none">{cells}</table>'


def verdict_box(verdict: Verdict, extra: Iterable[str] = ()) -> Box:
    """A verdict with its case: inputs, what was returned, what was expected."""
    mark, words, colour = HEADS[verdict.outcome]
    exercise = verdict.exercise
    head = f"{mark} {words} · {exercise.number} {exercise.name}"
    return Box(head, [*verdict.message, *extra], case_rows(verdict), colour)


def verdict_text(verdict: Verdict) -> str:
    """The same as plain text."""
    return repr(verdict_box(verdict))


def case_rows(verdict: Verdict) -> list[tuple[str, str]]:
    """The call that went wrong, as label and value."""
    if verdict.case is None or verdict.returned is None or verdict.expected is None:
        return []
    rows = [("case", verdict.case.story)] if verdict.case.story else []
    rows += _arguments(verdict.case.arguments)
    returned, expected = verdict.returned, verdict.expected
    if returned.how == "returned":
        # A loss is the same with and without a detach: there the gradient tells.
        wanted = dict(_what_was_seen(expected))
        got = dict(_what_was_seen(returned))
        for name in wanted | got:
            mine, right = got.get(name, "unchanged"), wanted.get(name, "unchanged")
            if mine != right or name == "value":
                what = "" if name == "value" else f", {name}"
                rows += [(f"returned{what}", mine), (f"expected{what}", right)]
    else:
        rows += [(f"expected, {name}", text) for name, text in _what_was_seen(expected)]
    return rows


def _arguments(arguments: Arguments) -> list[tuple[str, str]]:
    return [
        (name, f"seed {value}" if name == "generator" else show(value))
        for name, value in arguments.items()
    ]


def _what_was_seen(seen: Seen) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if seen.value is not None or not seen.changed:
        rows.append(("value", show(seen.value)))
    for name, flow in seen.gradients.items():
        text = "none flows" if flow is None else show(flow)
        rows.append((f"gradient of {name}", text))
    rows += [
        (f"{name} afterwards", show(value)) for name, value in seen.changed.items()
    ]
    return rows


def put(shown: object) -> None:
    """Shows something: in a notebook as rich as it can be, else as text."""
    if in_notebook():
        put_live(shown)
    else:
        print(shown)


def put_live(shown: object) -> Any:
    """Shows something in a notebook that `.update(other)` of the handle replaces."""
    from IPython.display import display

    return display(shown, display_id=True)  # type: ignore[no-untyped-call]  # IPython's


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, in JupyterLab, VS Code or elsewhere."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")
