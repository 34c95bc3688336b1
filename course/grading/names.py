"""Names that came from other people's computers: in files, sentences and tables."""

from __future__ import annotations

import os
import re
import unicodedata

from course.grading.notebook import quoted, well_formed

LONGEST_NAME = 100  # characters
LONGEST_ENDING = 10  # of those characters; a longer one is none
MOST_NAME_BYTES = 200  # file systems take 255, and more may be added to it
BAD = frozenset('<>:"/\\|?*')  # Windows has other uses for these

FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # what makes a spreadsheet calculate

MOST_PROBLEMS = 20  # sentences about one thing

JUNK = frozenset(["__MACOSX", "__pycache__", "node_modules", "site-packages"])
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)")
"""What Windows takes for a device, whatever the ending."""


def is_junk(name: str) -> bool:
    """Whether nobody has handed in what lies under this name: hidden, or made."""
    return name.startswith(".") or name in JUNK


def safe_name(text: str) -> str:
    """The text as the name of a file or folder that every operating system takes."""
    text = unicodedata.normalize("NFC", well_formed(text)).strip()
    text = "".join(c if c.isprintable() and c not in BAD else "_" for c in text)
    stem, ending = os.path.splitext(text.lstrip("."))
    if len(ending) > LONGEST_ENDING:
        stem, ending = stem + ending, ""
    stem = stem[: LONGEST_NAME - len(ending)]
    room = MOST_NAME_BYTES - len(ending.encode())
    stem = stem.encode()[:room].decode(errors="ignore")
    text = f"{stem}{ending}".strip(" ").rstrip(". ")  # Windows drops those at the end
    if RESERVED.match(text.casefold()):
        text = f"_{text}"[:LONGEST_NAME]
    return text or "unnamed"


def shown(text: str) -> str:
    """The text as a sentence can quote it: printable, in one line, not too long."""
    printable = quoted(text[:500])
    return printable if len(printable) <= 80 else f"{printable[:79]}…"


def few(problems: list[str], name: str) -> list[str]:
    """The first of the sentences about something, and how many more there are."""
    more = len(problems) - MOST_PROBLEMS
    if more <= 0:
        return problems
    return [*problems[:MOST_PROBLEMS], f"{shown(name)}: {more} more such problems."]


def cell(text: str) -> str:
    """The text as a spreadsheet may have it: never as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
