"""Staying, ending others, and leaving things behind."""

from __future__ import annotations

from attacks.record import attack, named

daemon = attack(
    "process",
    "Leaves a process that has cut all ties: forked twice, in a session of its own.",
    """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.closerange(0, 256)
        time.sleep(600)
    os._exit(0)
""",
)
program_left = attack(
    "process",
    "Starts a program that does not end.",
    "subprocess.Popen(['sh', '-c', f'sleep 600; : {TOKEN}'], start_new_session=True)",
)
daemon_and_exit = attack(
    "process",
    "Leaves a process behind, and ends itself at once.",
    """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os._exit(0)
""",
)
always_another = attack(
    "process",
    "Forks so quickly that whoever looks for it finds its parent only.",
    """
if os.fork() == 0:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        os.setsid()
""",
    naive="what forks so fast cannot be found there either, to be ended afterwards",
)
deep_folders_and_a_daemon = attack(
    "process",
    "Makes folders in folders until nobody can remove them, and leaves a process.",
    """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
start = os.getcwd()
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
pathlib.Path(TOKEN).write_text(TOKEN)
os.chmod(start, 0)
os.chmod(".", 0)
os.chdir(start)
""",
    naive="the tests would have to remove its folder: `daemon` shows as much",
)
unreadable_names = attack(
    "file",
    "Fills its folder with names and rights that a clean-up may stumble over.",
    """
for name in (b"\\xff\\xfe", b"-rf", b"a\\nb", b"x" * 255, b" "):
    os.mkdir(name)
    open(name + b"/" + TOKEN.encode(), "w").close()
    os.chmod(name, 0)
os.symlink(AIM["grades"], "grades")
os.symlink("/", "root")
os.mkfifo("pipe")
os.symlink("loop", "loop")
""",
    naive="it has no folder of its own that would be removed",
)
parent_ended = attack(
    "batch",
    "Ends the process that has started it, and that one's group.",
    """
for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
    for target in (os.getppid(), 0):
        try:
            if target:
                os.kill(target, number)
        except OSError:
            pass
""",
    naive="a grader's parent is the shell, or here the tests themselves",
)
everything_ended = attack(
    "process",
    "Ends every process that it may signal.",
    """
for process in AIM["processes"]:
    try:
        os.kill(process, signal.SIGKILL)
        safe = False
    except OSError:
        safe = True
# Not where it would end the machine that tests this.
if safe:
    os.kill(-1, signal.SIGKILL)
""",
)
limits_of_others = attack(
    "process",
    "Sets another process's limits so low that it cannot go on.",
    """
import resource
for process in [*AIM["processes"], os.getppid()]:
    for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS):
        try:
            resource.prlimit(process, kind, (0, 0))
        except (OSError, ValueError):
            pass
    try:
        os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, process, 19)
    except OSError:
        pass
""",
)
no_end = attack(
    "batch",
    "Ends the process, as if everything had been in order.",
    "os._exit(0)",
    "def discounted_return(rewards, gamma): os._exit(0)",
)
system_exit = attack(
    "batch",
    "Raises SystemExit(0) in a cell and in the function.",
    "def discounted_return(rewards, gamma): sys.exit(0)",
    "sys.exit(0)",
)
crash = attack(
    "batch",
    "Crashes outside of Python.",
    "def discounted_return(rewards, gamma): ctypes.string_at(0)",
)
stack_overflow = attack(
    "batch",
    "Recurses without an end, and has Python's own limit removed.",
    """
def discounted_return(rewards, gamma):
    sys.setrecursionlimit(10**9)
    return [discounted_return(rewards, gamma)]
""",
    "def discounted_return(rewards, gamma, inner=discounted_return):\n"
    "    sys.setrecursionlimit(10**9)\n"
    "    return max(map(inner, [rewards] * 2, map(inner, [rewards], [gamma])))",
    naive="newer Pythons raise RecursionError here, others end",
)
stops_itself = attack(
    "batch",
    "Stops itself with a signal that nothing can handle.",
    "def discounted_return(rewards, gamma): os.kill(os.getpid(), signal.SIGSTOP)",
)
files_outside = attack(
    "file",
    "Makes files wherever it can: home, shared folders, gradebook, tests.",
    """
for folder in (*AIM["folders"], AIM["grades"], AIM["hidden"], AIM["package"]):
    for path in (pathlib.Path(folder, TOKEN), pathlib.Path(folder, TOKEN + ".pth")):
        try:
            path.write_text("import os  # " + TOKEN)
        except OSError:
            pass
""",
)
others_changed = attack(
    "file",
    "Overwrites, renames, links and deletes what belongs to others.",
    """
paths = [pathlib.Path(AIM["other"])]
for folder in (AIM["grades"], AIM["hidden"]):
    paths += pathlib.Path(folder).glob("*.*")
for path in paths:
    for harm in (
        lambda: path.write_text("0"), lambda: path.chmod(0), path.unlink,
        lambda: path.with_name(TOKEN).symlink_to("/etc/passwd"),
        lambda: os.truncate(path, 0), lambda: os.utime(path, (0, 0)),
    ):
        try:
            harm()
        except OSError:
            pass
""",
    naive="what it would delete are its own tests: `files_outside` shows as much",
)
poisoned_bytecode = attack(
    "file",
    "Puts compiled code of its own in the place of the grader's.",
    """
import importlib.util, marshal
code = marshal.dumps(compile("TOKEN = " + repr(TOKEN), "x", "exec"))
places = [pathlib.Path(AIM["package"]), pathlib.Path(AIM["hidden"])]
for place in places:
    for path in [*place.glob("*.py"), *place.glob("grading/*.py")][:30]:
        try:
            cached = path.parent / "__pycache__" / (path.stem + "." + TOKEN + ".pyc")
            cached.parent.mkdir(exist_ok=True)
            cached.write_bytes(importlib.util.MAGIC_NUMBER + bytes(12) + code)
        except OSError:
            pass
""",
)
package_from_within = attack(
    "file",
    "Edits the course's own files, by the paths under which it has loaded them.",
    """
import course
for path in (course.__file__, sys.executable, os.__file__, sys.prefix + "/pyvenv.cfg"):
    beside = pathlib.Path(path).parent / TOKEN
    try:
        beside.write_text(TOKEN)
    except OSError:
        pass
""",
    naive="it would leave files in the real package; `files_outside` shows as much",
)
submission_replaced = attack(
    "file",
    "Puts a link to the gradebook in the place of its own notebook, and ends itself: "
    "whoever writes it again follows the link.",
    """
for path in [*pathlib.Path().iterdir(), pathlib.Path("submission.ipynb")]:
    try:
        path.unlink(missing_ok=True)
        path.symlink_to(AIM["grades"] + "/earlier.csv")
    except OSError:
        pass
os._exit(0)
""",
    naive="it never writes a submission",
)

ATTACKS = named(globals())
