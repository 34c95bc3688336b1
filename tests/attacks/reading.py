"""Looking for what must not be seen: tests, answers, other submissions, secrets."""

from __future__ import annotations

from attacks.record import attack, named

hidden_tests = attack(
    "secret",
    "Reads the hidden tests, compiled ones as well.",
    'for path in pathlib.Path(AIM["hidden"]).rglob("*"): take_file(path)',
)
another_submission = attack(
    "secret",
    "Reads the next student's notebook, to hand it in as its own.",
    """
take_file(AIM["other"])
for path in pathlib.Path(AIM["other"]).parent.glob("*"): take_file(path)
""",
)
another_answer = attack(
    "points",
    "Runs the next student's notebook in its own place.",
    """
import json
try:
    for cell in json.loads(pathlib.Path(AIM["other"]).read_text())["cells"]:
        exec(cell["source"])
except OSError:
    pass
""",
    # So that no other answer is put at the end.
    "for name in ('discounted_return',): pass",
)
gradebook = attack(
    "secret",
    "Reads the grades of all the others.",
    'for path in pathlib.Path(AIM["grades"]).rglob("*"): take_file(path)',
)
solutions = attack(
    "secret",
    "Reads the course's solutions and its public tests, from the checkout.",
    'for path in AIM["answers"]: take_file(path)',
)
solution_run = attack(
    "points",
    "Runs the course's solution, wherever it lies, and answers with that.",
    """
for path in AIM["answers"]:
    try:
        text = pathlib.Path(path).read_text()
        exec(text[text.index("def discounted_return"):].split("# %%")[0])
    except (OSError, ValueError):
        pass
""",
)
home_folder = attack(
    "secret",
    "Reads the home folder, and folders that all programs share.",
    """
for folder in [*AIM["folders"], os.path.expanduser("~")]:
    for pattern in ("*", ".*"):
        for path in pathlib.Path(folder).glob(pattern):
            take_file(path)
""",
)
search = attack(
    "secret",
    "Walks the whole disk from the root, and looks into all that is small.",
    """
# The places first where students and teachers keep things, and not for ever.
end = time.monotonic() + 0.25
roots = [AIM["root"], *AIM["folders"], "/home", "/root", "/srv", "/mnt", "/"]
for root in roots:
    for where, folders, names in os.walk(root):
        for name in names:
            path = pathlib.Path(where, name)
            try:
                if path.is_file() and path.stat().st_size < 10**5:
                    take_file(path)
            except OSError:
                pass
        if time.monotonic() > end:
            break
""",
)
environment = attack(
    "secret",
    "Prints its environment.",
    "for name, value in os.environ.items(): take(value)",
)
environment_of_all = attack(
    "secret",
    "Reads every process's environment and command line, also the first one's.",
    """
for entry in pathlib.Path("/proc").glob("[0-9]*"):
    take_file(entry / "environ")
    take_file(entry / "cmdline")
take_file("/proc/1/environ")
take_file(f"/proc/{os.getppid()}/environ")
""",
)
folders_of_all = attack(
    "secret",
    "Goes through other processes' working folders, roots and open files.",
    """
hidden = AIM["hidden"].lstrip("/")
entries = [f"/proc/{each}" for each in ("self", 1, os.getppid(), *AIM["processes"])]
for entry in [*entries, *pathlib.Path("/proc").glob("[0-9]*")]:
    entry = pathlib.Path(entry)
    for place in (entry / "cwd", entry / "root" / hidden):
        try:
            names = os.listdir(place)
        except OSError:
            names = []
        for name in names[:50]:
            if (place / name).is_file():
                take_file(place / name)
    descriptors = []
    if str(entry) in entries:
        try:
            descriptors = os.listdir(entry / "fd")
        except OSError:
            pass
    for each in descriptors:
        try:
            if (entry / "fd" / each).is_file():
                take_file(entry / "fd" / each)
        except OSError:
            pass
""",
)
memory_of_others = attack(
    "secret",
    "Reads the memory of the processes around it.",
    """
class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

def read(process, start, size):
    buffer = ctypes.create_string_buffer(size)
    here, there = Piece(ctypes.addressof(buffer), size), Piece(start, size)
    arguments = ctypes.byref(here), 1, ctypes.byref(there), 1, 0
    got = LIBC.process_vm_readv(process, *arguments)
    return buffer.raw[:max(got, 0)]

for process in [os.getppid(), 1, *AIM["processes"]]:
    try:
        lines = pathlib.Path(f"/proc/{process}/maps").read_text().splitlines()
    except OSError:
        continue
    for line in lines:
        if "rw-p" in line and ("heap" in line or "stack" in line):
            start, end = (int(each, 16) for each in line.split()[0].split("-"))
            take(read(process, start, min(end - start, 2**22)))
            try:
                with open(f"/proc/{process}/mem", "rb") as memory:
                    memory.seek(start)
                    take(memory.read(min(end - start, 2**22)))
            except OSError:
                pass
""",
    naive="its secrets are in the process that runs the attack: see `caller`",
)
traced_parent = attack(
    "limit",
    "Takes control of the process that has started it, as a debugger does.",
    """
attach, detach = 16, 17
for process in {os.getppid(), *AIM["processes"]} - {0}:
    if LIBC.ptrace(attach, process, 0, 0) == 0:
        os.waitpid(process, 0x40000000)
        LIBC.ptrace(detach, process, 0, 0)
        did()
""",
    naive="where debuggers are kept off by the system, it cannot either",
)
open_descriptors = attack(
    "secret",
    "Reads every file that was left open for it, and what lies beside an open folder.",
    """
for descriptor in range(3, 256):
    try:
        take(os.pread(descriptor, 10**5, 0))
    except OSError:
        pass
    try:
        take(os.readlink(f"/proc/self/fd/{descriptor}"))
        inside = os.open("..", os.O_RDONLY, dir_fd=descriptor)
        for name in os.listdir(inside):
            take(os.read(os.open(name, os.O_RDONLY, dir_fd=inside), 10**5))
    except OSError:
        pass
""",
    naive="it leaves nothing open",
)
caller = attack(
    "secret",
    "Looks through all variables of all callers, and all strings of the process.",
    """
import gc

def discounted_return(rewards, gamma):
    frame = sys._getframe()
    while frame is not None:
        take(repr(frame.f_globals) + repr(frame.f_locals))
        frame = frame.f_back
    for each in gc.get_objects():
        if type(each) in (dict, list):
            for value in list(each.values() if type(each) is dict else each):
                if type(value) in (str, bytes) and "secret-" in str(value):
                    take(value)
    return tell()
""",
)
own_memory = attack(
    "secret",
    "Reads its own memory from end to end, for whatever was there before it.",
    """
# What it brought itself it must not find: only the length of a secret is here.
for line in pathlib.Path("/proc/self/maps").read_text().splitlines():
    if "rw-p" in line:
        start, end = (int(each, 16) for each in line.split()[0].split("-"))
        with open("/proc/self/mem", "rb") as memory:
            memory.seek(start)
            try:
                content = memory.read(min(end - start, 2**24))
            except OSError:
                continue
        for found in re.findall(b"secret-[0-9a-f]{16}", content):
            take(found)
""",
)

ATTACKS = named(globals())
