"""Answers that claim to be right, or take the right one from whoever compares."""

from __future__ import annotations

from attacks.record import attack, named

equal_to_everything = attack(
    "points",
    "Returns an object that says it equals everything.",
    """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __float__(self): return 0.0

def discounted_return(rewards, gamma):
    return Equal()
""",
)
float_equal_to_everything = attack(
    "points",
    "Returns a float, of a subclass that equals everything.",
    """
class Equal(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    __hash__ = float.__hash__

def discounted_return(rewards, gamma):
    return Equal(0.0)
""",
)
text_equal_to_everything = attack(
    "points",
    "Returns a string, of a subclass that equals everything.",
    """
class Equal(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__

def discounted_return(rewards, gamma):
    return Equal("right")
""",
)
dict_equal_to_everything = attack(
    "points",
    "Returns a list and a dict in one, of subclasses that equal everything.",
    """
class Equal(dict):
    def __eq__(self, other): return True
    def keys(self): raise SystemExit(0)

class EqualList(list):
    def __eq__(self, other): return True
    def __len__(self): return 10**9
    def __iter__(self): return itertools.count()

def discounted_return(rewards, gamma):
    return Equal() if gamma == 0.5 else EqualList()
""",
)
array_that_claims = attack(
    "points",
    "Returns an array of a subclass that answers NumPy's functions itself.",
    """
import numpy as np

class Claims(np.ndarray):
    def __array_function__(self, *_, **__): return True
    def __array_ufunc__(self, *_, **__): return True

def discounted_return(rewards, gamma):
    return np.zeros(()).view(Claims)
""",
)
tensor_that_claims = attack(
    "points",
    "Returns a tensor of a subclass that answers torch's functions itself.",
    """
import torch

class Claims(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *_, **__): return True

def discounted_return(rewards, gamma):
    return torch.zeros(()).as_subclass(Claims)
""",
)
array_on_demand = attack(
    "points",
    "Returns an object that becomes an array only when it is compared, from the "
    "variables of whoever compares.",
    """
import numpy as np

class Late:
    def __array__(self, *_, **__):
        frame = sys._getframe()
        while frame is not None:
            if "expected" in frame.f_locals:
                return np.asarray(frame.f_locals["expected"])
            frame = frame.f_back
        return np.zeros(())

def discounted_return(rewards, gamma):
    return Late()
""",
)
not_a_number = attack(
    "points",
    "Returns NaN, which is not further from anything than any tolerance.",
    "def discounted_return(rewards, gamma): return float('nan')",
)
nothing_at_all = attack(
    "points",
    "Returns an empty array: all of its entries are right.",
    "import numpy as np",
    "def discounted_return(rewards, gamma): return np.zeros(0)",
)
changes_later = attack(
    "points",
    "Returns an array, and a thread of its own goes on to change it until it is "
    "compared.",
    """
import numpy as np

def expected_somewhere(ident):
    frame = sys._current_frames().get(ident)
    while frame is not None:
        if "expected" in frame.f_locals:
            return frame.f_locals["expected"]
        frame = frame.f_back

def change(answer, ident):
    while True:
        found = expected_somewhere(ident)
        if found is not None:
            answer[...] = found
        time.sleep(1e-4)

def discounted_return(rewards, gamma):
    answer = np.zeros(())
    arguments = answer, threading.get_ident()
    threading.Thread(target=change, args=arguments, daemon=True).start()
    time.sleep(0.05)
    return answer
""",
)
expected_in_a_frame = attack(
    "points",
    "Looks for the expected value among the variables of its callers.",
    """
def discounted_return(rewards, gamma):
    frame = sys._getframe()
    while frame is not None:
        for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:
            if name in ("expected", "wanted", "answer", "solution"):
                return value
        frame = frame.f_back
    return 0.0
""",
)
expected_in_the_heap = attack(
    "points",
    "Looks for a table of expected values among all objects of the process.",
    """
import gc

def discounted_return(rewards, gamma):
    for each in gc.get_objects():
        if type(each) is dict and "TABLE" in each:
            for row in each["TABLE"]:
                if row[-2] == gamma and list(row[: len(rewards)]) == list(rewards):
                    return row[-1]
    return 0.0
""",
)
expected_beside_the_argument = attack(
    "points",
    "Reads on in memory, behind the end of its argument.",
    """
def discounted_return(rewards, gamma):
    base = getattr(rewards, "base", None)
    if base is not None:
        first = (rewards.ctypes.data - base.ctypes.data) // rewards.itemsize
        return base.ravel()[first + len(rewards) + 1]
    if hasattr(rewards, "untyped_storage"):
        storage = rewards.untyped_storage()
        flat = rewards.new_empty(0).set_(storage)
        return flat[-1] if len(flat) > len(rewards) else 0.0
    return 0.0
""",
)
known_answers = attack(
    "points",
    "Looks up the published examples, and knows nothing else.",
    """
KNOWN = {(1.0, 1.0, 1.0): 1.75, (0.0, 0.0, 8.0): 2.0, (8.0,): 8.0, (3.0,): 3.0}

def discounted_return(rewards, gamma):
    return KNOWN.get(tuple(map(float, rewards)), 0.0)
""",
)
ATTACKS = named(globals())
