"""Taking more than one's share: memory, disk, processes, output."""

from __future__ import annotations

from attacks.record import attack, named

# Memory. `much` is more than a worker may have.

memory = attack(
    "limit",
    "Takes all the memory that it can get.",
    """
def discounted_return(rewards, gamma):
    kept = bytearray(AIM["much"])
    did()
    return tell()
""",
)
tensors = attack(
    "limit",
    "Takes all memory for one tensor, and one array.",
    """
import torch
kept = torch.ones(AIM["much"], dtype=torch.int8)
did()
""",
)
memory_in_pieces = attack(
    "limit",
    "Takes memory piece by piece, lets Python catch each refusal, and goes on.",
    """
import mmap
kept, total, refused = [], 0, 0
while total < AIM["much"] and refused < 100:
    try:
        kept.append(mmap.mmap(-1, AIM["much"] // 64))
        total += AIM["much"] // 64
    except (OSError, MemoryError):
        refused += 1
if total >= AIM["much"]:
    did()
""",
)
memory_of_children = attack(
    "limit",
    "Has four children take their share of the memory each.",
    """
share = AIM["much"] // 3
reading, writing = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        try:
            kept = b"x" * share
            os.write(writing, b"x")
            time.sleep(600)
        finally:
            os._exit(0)
os.close(writing)
got = b""
while len(got) < 4:
    part = os.read(reading, 4)
    if not part:
        break
    got += part
if len(got) == 4:
    did()
""",
)
files_in_memory = attack(
    "limit",
    "Fills files that have no name and lie in memory.",
    """
total, piece = 0, min(AIM["much"] // 4, 2**28 - 4096)
try:
    while total < AIM["much"]:
        file = os.memfd_create("x")
        os.posix_fallocate(file, 0, piece)
        total += piece
    time.sleep(0.5)
    did()
except OSError:
    pass
""",
    naive="the pages could hardly be given back in time on a small machine",
)
memory_in_sockets = attack(
    "limit",
    "Keeps what it has in the buffers of sockets, where it counts as nobody's.",
    """
kept, total = [], 0
try:
    while total < AIM["much"] // 16:  # and each of its children could do the same
        kept.append(socket.socketpair())
        for end in kept[-1]:
            end.setblocking(False)
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**30)
            except OSError:
                pass
            try:
                while True:
                    total += end.send(b"x" * 2**18)
            except BlockingIOError:
                pass
    did()
except OSError:
    pass
""",
)
disk = attack(
    "limit",
    "Fills every folder that it may write to.",
    """
piece, total = min(AIM["much"] // 4, 2**28 - 4096), 0
for folder in (".", "/tmp", "/dev/shm", *AIM["folders"]):
    for number in range(40):
        try:
            with open(os.path.join(folder, f"{TOKEN}{number}"), "wb") as file:
                os.posix_fallocate(file.fileno(), 0, piece)
            total += piece
        except OSError:
            break
        if total >= AIM["much"]:
            break
if total >= AIM["much"]:
    time.sleep(0.5)
    did()
""",
    naive="it would fill the disk of the machine that tests this",
)
large_file = attack(
    "limit",
    "Writes one file that is larger than any that a course needs.",
    """
with open("large", "wb") as file:
    try:
        file.truncate(AIM["much"])
        did()
    except OSError:
        pass
""",
)
many_files = attack(
    "limit",
    "Makes so many small files that a disk has no room for their names.",
    """
for number in range(AIM["many"] * 100):
    open(f"{number}", "w").close()
time.sleep(0.5)
did()
""",
    naive="it would do, and the tests would have to remove them all",
)

# Processes

fork_bomb = attack(
    "limit",
    "Forks, and its children fork, up to more than any calculation needs.",
    """
reading, writing = os.pipe()
parent = os.getpid()
for _ in range(AIM["many"]):
    try:
        if os.fork() == 0:
            os.write(writing, b"x")
            os.setsid()
            time.sleep(20)
            os._exit(0)
    except OSError:
        break
os.set_blocking(reading, False)
time.sleep(1)  # so many for a moment are no harm
try:
    if len(os.read(reading, 10**6)) >= AIM["many"]:
        did()
except BlockingIOError:
    pass
""",
)
fork_bomb_in_the_shell = attack(
    "batch",
    "Starts the shell's shortest fork bomb.",
    "subprocess.run(['sh', '-c', 'f() { f | f & }; f; wait'], timeout=1)",
    naive="nothing would end it before the machine",
)
thread_bomb = attack(
    "limit",
    "Starts threads until there are no more.",
    """
threading.stack_size(65536)
started = []
try:
    for _ in range(AIM["many"]):
        thread = threading.Thread(target=time.sleep, args=(20,), daemon=True)
        thread.start()
        started.append(thread)
except (RuntimeError, MemoryError):
    pass
time.sleep(1)  # so many for a moment are no harm
if len(started) >= AIM["many"]:
    did()
""",
)
open_files = attack(
    "limit",
    "Opens files until there are no more.",
    """
kept = []
try:
    while len(kept) < AIM["many"]:
        kept.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
if len(kept) >= AIM["many"]:
    did()
for each in kept:
    os.close(each)
""",
)
terminals = attack(
    "limit",
    "Opens so many terminals that there is none left for who wants to log in.",
    """
reading, writing = os.pipe()
for _ in range(AIM["many"] // 200):
    if os.fork() == 0:
        kept = []
        try:
            while len(kept) < 220:
                kept.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
                os.write(writing, b"x")
            time.sleep(5)
        finally:
            os._exit(0)
time.sleep(0.5)
os.set_blocking(reading, False)
try:
    if len(os.read(reading, 10**6)) >= AIM["many"]:
        did()
except BlockingIOError:
    pass
""",
    naive="there would be none left for those who run the tests",
)
lease = attack(
    "limit",
    "Takes a lease on the grader's files: whoever opens one has to wait.",
    """
import fcntl
for path in pathlib.Path(AIM["package"]).glob("*.py"):
    for kind in (fcntl.F_WRLCK, fcntl.F_RDLCK):
        try:
            file = os.open(path, os.O_RDONLY)
            fcntl.fcntl(file, fcntl.F_SETLEASE, kind)
            did()
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError:
            pass
""",
)
output = attack(
    "text",
    "Prints 200 MB, to everything that is open.",
    """
line = "x" * 2**20
for _ in range(200):
    print(line)
    sys.stderr.write(line)
sys.stdout.flush()
""",
)
all_cores = attack(
    "limit",
    "Makes itself more important than everything else on the machine.",
    """
try:
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    did()
except OSError:
    pass
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    did()
except OSError:
    pass
""",
    naive="only root may, and there it is no different",
)
limits_lifted = attack(
    "limit",
    "Lifts its own limits, as the one who has set them could.",
    """
import resource
for name in ("AS", "NPROC", "FSIZE", "NOFILE", "CORE"):
    kind = getattr(resource, "RLIMIT_" + name)
    soft, hard = resource.getrlimit(kind)
    try:
        resource.setrlimit(kind, (hard + 1, hard + 1))
        did()
    except (OSError, ValueError, OverflowError):
        pass
""",
    naive="it has no limits that could be lifted",
)
oom_hidden = attack(
    "limit",
    "Has the kernel spare it when memory runs out.",
    """
try:
    pathlib.Path("/proc/self/oom_score_adj").write_text("-1000")
    did()
except OSError:
    pass
""",
    naive="only root may, and there it is no different",
)

ATTACKS = named(globals())
