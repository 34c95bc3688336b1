"""Forged replies: what comes over the pipe is not what the worker wanted to say."""

from __future__ import annotations

from attacks.record import Attack, attack, named

NO_PIPE = "it has no worker, and so no replies"

# Writes to whatever can be written to: it need not know which is the pipe.
WRITER = """
import msgpack

def pipes():
    import stat
    for descriptor in range(3, 256):
        try:
            kind = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
            yield descriptor

def write(content):
    for descriptor in pipes():
        try:
            os.write(descriptor, content)
        except OSError:
            pass

def say(message):
    body = msgpack.packb(message, strict_types=True)
    write(len(body).to_bytes(4, "big") + body)

def array(dtype, shape, data):
    return msgpack.ExtType(1, msgpack.packb([dtype, shape, data]))

def seen(request, call, **other):
    shown = {"how": "returned", "value": 1.75, "gradients": {}, "changed": {},
             "message": "", "line": ""}
    say({"request": request, "call": call, "seen": shown | other})
"""
IN_CALL = """
def discounted_return(rewards, gamma):
    forge()
    return 0.0
"""

answers_before_questions = attack(
    "points",
    "Answers all calls that may come, before they are asked, as it sees fit.",
    WRITER,
    """
say({"ready": {"functions": ["episode_return", "discounted_return"],
               "lesson": "00_start", "notes": []}})
for request in range(1, 30):
    for call in range(12):
        seen(request, call, outcome="passed", points=100)
""",
    naive=NO_PIPE,
)
answers_for_others = attack(
    "points",
    "Answers the calls to come with the arguments of this one, and claims to have "
    "passed.",
    WRITER,
    """
asked = itertools.count(1)

def forge():
    number = next(asked)
    for call in range(12):
        seen(number, call, value=True, passed=True)
        seen(number + 1, call, how="passed")
""",
    IN_CALL,
    naive=NO_PIPE,
)


def forging(tries: str, content: str) -> Attack:
    """An attack that sends this in the middle of a call, and lets the call go on."""
    body = f"def forge():\n    {content}"
    return attack("batch", tries, WRITER, body, IN_CALL, naive=NO_PIPE)


huge_length = forging(
    "Announces a message of four gigabytes.", 'write(b"\\xff" * 4 + b"x")'
)
half_a_message = forging(
    "Begins a message, and then stops for ever.",
    'write(b"\\0\\0\\1\\0" + b"\\x93"); os.kill(os.getpid(), signal.SIGSTOP)',
)
no_message = forging("Sends what is no message.", "write(bytes(range(256)) * 200)")
deep_nesting = forging(
    "Sends a million lists in lists.",
    'write((10**6).to_bytes(4, "big") + b"\\x91" * 10**6)',
)
many_lists = forging(
    "Sends as many empty dicts as a message can hold, small here and large there.",
    "body = b'\\xdd' + (8 * 10**6).to_bytes(4, 'big') + b'\\x80' * 8 * 10**6\n"
    "    view = memoryview(len(body).to_bytes(4, 'big') + body)\n"
    "    while view:\n"
    "        view = view[os.write(4, view):]",
)
object_array = forging(
    "Sends arrays of Python objects, of a wrong size, and of none.",
    "seen(1, 0, value=array('|O', [1], b'x' * 8)); "
    "seen(1, 1, value=array('<f8', [2**40, 2**40], b'')); "
    "seen(1, 2, value=array('<f8', [-1], b''))",
)
unknown_extension = forging(
    "Sends extension types, such as a date or a pickle.",
    "say({'seen': msgpack.ExtType(-1, b'0' * 12)}); "
    "say({'seen': msgpack.ExtType(7, b'cos')})",
)
array_for_a_word = forging(
    "Sends an array wherever a word or a number is expected.",
    "two = array('<i8', [2], bytes(16))\n"
    "    for request in range(1, 9):\n"
    "        say({'request': two, 'call': two, 'seen': {}})\n"
    "        seen(request, 0, how=two)\n"
    "        seen(request, 0, message=two, line=two)",
)
strange_values = forging(
    "Answers with values of forms that no call has.",
    "for request in range(1, 9):\n"
    "        seen(request, 0, value={'a': [{'b': [None, 'x' * 10**6]}]})\n"
    "        seen(request, 1, value=array('<f8', [0, 10**9], b''))\n"
    "        seen(request, 2, value=array('|b1', [1] * 32, b'\\1'))\n"
    "        seen(request, 3, value=[[1, 2], [3], 'x', {}])\n"
    "        seen(request, 4, gradients={'rewards': 'x'}, changed={'gamma': {}})",
)
endless_cells = attack(
    "batch",
    "Reports new cells without an end.",
    WRITER,
    "while True: say({'cell': 1})",
    naive=NO_PIPE,
)
flood = forging(
    "Sends messages without an end, each of them allowed.",
    "while True: seen(1, 0)",
)
closed_pipe = forging("Closes everything that is open.", "os.closerange(0, 256)")
second_voice = attack(
    "points",
    "Forks; parent and child both answer from then on.",
    """
def discounted_return(rewards, gamma):
    os.fork()
    return 1.75
""",
    "def discounted_return(rewards, gamma, first=discounted_return):\n"
    "    first(rewards, gamma)\n"
    "    return 0.0",
    naive=NO_PIPE,
)
requests_stolen = attack(
    "batch",
    "Reads the judge's requests before the worker can.",
    WRITER,
    """
def steal():
    while True:
        for descriptor in pipes():
            try:
                take(os.read(descriptor, 10**6))
            except OSError:
                pass

threading.Thread(target=steal, daemon=True).start()
""",
    naive=NO_PIPE,
)
host_deceived = attack(
    "batch",
    "Says to the sandbox's own process, by any socket it finds, that all is over.",
    WRITER,
    """
for path in (f"/proc/{os.getppid()}/fd", "/proc/1/fd"):
    try:
        for each in os.listdir(path):
            with open(f"{path}/{each}", "wb", buffering=0) as channel:
                channel.write(b"over")
    except OSError:
        pass
for word in (b"over", b"start", b"ready", b"clean", b""):
    write(word)
""",
    naive=NO_PIPE,
)
worker_rewritten = attack(
    "points",
    "Changes the program that runs it: what it observes, and what it sends.",
    """
import course.exercises.observe, course.grading.protocol

class Seen(course.exercises.observe.Seen):
    passed = True
    outcome = "passed"

for module in list(sys.modules.values()):
    name = getattr(module, "__name__", "")
    if name == "course.grading.worker" or hasattr(module, "observed"):
        module.observed = lambda *_: Seen("returned", 1.0)
        module.answer = lambda *_: None
""",
    naive=NO_PIPE,
)

ATTACKS = named(globals())
