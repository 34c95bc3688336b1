"""Submissions that try to cheat, to read, to harm or to stay; a catalogue.

`record` says what an attack is, the other modules hold them class by class. `arena`
is the world they are let loose in, with what they must not read, change or reach, and
finds out afterwards what they did. `naive` is a grader of the common kind: what an
attack does to it shows that the arena would notice.
"""

from __future__ import annotations

from attacks import (
    escaping,
    lasting,
    leaving,
    reaching,
    reading,
    replies,
    taking,
    tricks,
    values,
    waiting,
)

ATTACKS = [
    *values.ATTACKS,
    *tricks.ATTACKS,
    *reading.ATTACKS,
    *escaping.ATTACKS,
    *replies.ATTACKS,
    *lasting.ATTACKS,
    *leaving.ATTACKS,
    *taking.ATTACKS,
    *waiting.ATTACKS,
    *reaching.ATTACKS,
]
# They stay within the worker, or within what is told of it: who grades is all one.
_within = [values, tricks, replies, waiting]
INSIDE = [
    each
    for each in ATTACKS
    if each.aim == "text" or any(each in module.ATTACKS for module in _within)
]
ENDLESS = [*waiting.ATTACKS, *lasting.ATTACKS]  # more time shows nothing more
