"""Calls and cells that do not come to an end."""

from __future__ import annotations

from attacks.record import Attack, attack, named


def endless(tries: str, *body: str, naive: str = "") -> Attack:
    """A call that does not come to its end."""
    lines = "\n    ".join(body)
    source = f"def discounted_return(rewards, gamma):\n    {lines}\n"
    return attack("batch", tries, source, naive=naive)


LIKE_THE_OTHERS = "it blocks as `counts_in_c` does, and each block takes its time"

loop = endless("Loops for ever.", "while True: pass", naive="its alarm ends this one")
catches_everything = endless(
    "Loops for ever, and catches whatever would end that.",
    "while True:",
    "    try:",
    "        while True: pass",
    "    except BaseException: pass",
)
ignores_signals = endless(
    "Has all signals ignored, and then loops.",
    "for number in range(1, 65):",
    "    try: signal.signal(number, signal.SIG_IGN)",
    "    except (OSError, ValueError): pass",
    "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
    "while True: time.sleep(600)",
)
counts_in_c = endless(
    "Counts in C, where no interrupt gets in.", "return sum(itertools.repeat(0))"
)
slow_pattern = endless(
    "Searches for a pattern that takes ages.",
    "return re.match(r'(a|a)*b', 'a' * 60)",
    naive=LIKE_THE_OTHERS,
)
huge_power = endless(
    "Computes a number of a billion digits.", "return 9**9**9", naive=LIKE_THE_OTHERS
)
locked = endless(
    "Waits for a lock that nobody opens.",
    "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
    "lock = threading.Lock()",
    "lock.acquire()",
    "lock.acquire()",
    naive=LIKE_THE_OTHERS,
)
stopped_clock = attack(
    "batch",
    "Stops the clock, and turns the alarm off, so that no limit is ever reached.",
    """
def discounted_return(rewards, gamma):
    time.monotonic = time.time = time.perf_counter = lambda: 0.0
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.alarm(0)
    signal.setitimer = lambda *_: (0.0, 0.0)
    while True: time.sleep(600)
""",
    naive=LIKE_THE_OTHERS,
)
cell_without_end = attack(
    "batch",
    "Blocks in a cell, in C, where no interrupt gets in.",
    "sum(itertools.repeat(0))",
    naive=LIKE_THE_OTHERS,
)

ATTACKS = named(globals())
