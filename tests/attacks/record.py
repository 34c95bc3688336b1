"""What an attack is, and the notebook that carries it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Harm = Literal[
    "points",  # a wrong answer earned some
    "secret",  # something was read and told
    "file",  # one was changed, removed, or made outside
    "process",  # one was left running, or one of ours was ended
    "network",  # one of our sockets heard something
    "limit",  # more was taken or opened than is allowed; the attack says so itself
    "text",  # what is printed could steer a terminal, or has no end
    "batch",  # the next, honest submission lost points
]

# What every attack begins with. It knows all the places: the worst case.
HELPERS = """
import ctypes, hashlib, itertools, os, pathlib, re, signal, socket, struct, subprocess
import sys, threading, time

TOKEN = AIM["token"]
LIBC = ctypes.CDLL(None, use_errno=True)
LOOT = []

def take(content):
    '''Keeps what is worth telling: secrets, and the hash of the whole.'''
    content = content.encode() if isinstance(content, str) else content
    LOOT.extend(re.findall("secret-[0-9a-f]{16}", content.decode("latin-1")))
    LOOT.append(hashlib.sha256(content).hexdigest()[:16])

def take_file(path):
    try:
        with open(path, 'rb') as file:
            take(file.read(10**6))
    except (OSError, ValueError):
        pass

def did():
    '''Says that something worked.'''
    LOOT.append("did-" + TOKEN)

def tell():
    # The newest first: a message is cut somewhere.
    found = [each for each in reversed(LOOT) if "-" in each] + LOOT[::-1]
    if found:
        raise ValueError(" ".join(dict.fromkeys(found)))
    return 0.0

# Children inherit it; who finds a process of this name knows where it came from.
LIBC.prctl(15, TOKEN.encode())
"""
ANSWER = """
def discounted_return(rewards, gamma):
    return tell()
"""
# Right, and nothing but right.
HONEST = """
def episode_return(rewards):
    return sum(rewards)

def discounted_return(rewards, gamma):
    total = 0.0
    for reward in reversed(rewards):
        total = reward + gamma * total
    return total
"""


@dataclass(frozen=True)
class Attack:
    """A submission with a wrong answer, and what it is after.

    Attributes:
        name: Of the attack.
        tries: What it tries, in a sentence.
        aim: What it would have done if it had succeeded.
        cells: The notebook's cells, after `HELPERS`. If none of them defines
            `discounted_return`, that function tells what was found, or is wrong.
        naive: Why it is not shown on the naive grader; "" if it is.
        accomplice: Cells of a second wrong submission, graded right after it.
    """

    name: str
    tries: str
    aim: Harm
    cells: tuple[str, ...]
    naive: str = ""
    accomplice: tuple[str, ...] = ()


def attack(
    aim: Harm,
    tries: str,
    *cells: str,
    naive: str = "",
    accomplice: tuple[str, ...] = (),
) -> Attack:
    """An attack that has yet to be named."""
    return Attack("", tries, aim, cells, naive, accomplice)


def named(module: Mapping[str, Any]) -> list[Attack]:
    """The attacks among the names of a module, each called after its name."""
    return [
        Attack(name, each.tries, each.aim, each.cells, each.naive, each.accomplice)
        for name, each in module.items()
        if isinstance(each, Attack)
    ]


def notebook(*cells: str) -> str:
    """A notebook of lesson 00 with these code cells."""
    made = [
        {"cell_type": "code", "source": cell, "metadata": {}, "outputs": []}
        for cell in cells
    ]
    metadata = {"course": {"lesson": "00_start"}}
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4})


def armed(cells: tuple[str, ...], aim: Mapping[str, Any]) -> str:
    """The notebook of an attack that knows where everything is."""
    answers = any("discounted_return" in cell for cell in cells)
    last = () if answers else (ANSWER,)
    # As JSON in a string, so that True and None need no translation.
    first = f"import json\nAIM = json.loads({json.dumps(dict(aim))!r})"
    return notebook(first, HELPERS, *cells, *last)
