"""Calling a function and writing down what can be seen: the side of the worker.

The result is plain data, arrays, numbers and strings, so that it can be compared
anywhere: in the same process for `check`, or in a judge that must never run a
student's code. What a value claims about itself (`__eq__`, `__float__`) is not asked.
"""

from __future__ import annotations

import contextlib
import linecache
import signal
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

SECONDS = 5.0
"""How long all the calls of one check may take together."""

ARRAY_KINDS = "fiub"  # floats, integers, unsigned integers, booleans
LARGEST = 100_000  # entries of an array that are kept
DEEPEST = 8  # lists in lists
NO_MESSAGE = "(without a message)"

Driver = Callable[[Callable[..., Any], Mapping[str, Any]], "Seen"]


class TimeIsUp(BaseException):
    """The time limit has passed; not an `Exception`, so that few handlers catch it."""


@dataclass(frozen=True)
class Seen:
    """What one call showed.

    Attributes:
        how: "returned", "not_attempted" (the stub), "raised" or "too_slow".
        value: What was returned, as plain data; for a random function, frequencies.
        gradients: d(sum of the value)/d(argument) by name, None where nothing flows.
        changed: Arguments that the call has changed, as they are after it.
        message: The exception, in words.
        line: The student's own line that raised it.
    """

    how: Literal["returned", "not_attempted", "raised", "too_slow"] = "returned"
    value: Any = None
    gradients: Mapping[str, Any] = field(default_factory=dict)
    changed: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    line: str = ""


def calling(gradients: Sequence[str] = ()) -> Driver:
    """The usual driver: one call, its value, gradients and changed arguments.

    Args:
        gradients: Arguments whose gradient is observed.
    """

    def call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Seen:
        given = as_arguments(arguments, gradients)
        before = {name: as_plain(value) for name, value in given.items()}
        output = function(*given.values())
        after = {name: as_plain(value) for name, value in given.items()}
        changed = {
            name: value
            for name, value in after.items()
            if not same(value, before[name], rtol=0.0, atol=0.0)
        }
        wanted = {name: given[name] for name in gradients}
        return Seen("returned", as_plain(output), gradients_of(output, wanted), changed)

    return call


def as_arguments(
    arguments: Mapping[str, Any], gradients: Sequence[str] = ()
) -> dict[str, Any]:
    """What the student's function is given: tensors, numbers, a fresh generator."""
    given: dict[str, Any] = {}
    for name, value in arguments.items():
        if name == "generator":
            given[name] = torch.Generator().manual_seed(int(value))
        elif isinstance(value, list | np.ndarray | np.generic):
            tensor = torch.as_tensor(np.array(value))
            if tensor.is_floating_point():
                tensor = tensor.to(torch.float32)
            given[name] = tensor.requires_grad_(name in gradients)
        else:
            given[name] = value
    return given


def gradients_of(output: Any, wanted: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """d(sum of output)/d(each tensor), as arrays; None where no gradient flows.

    The output may be a list of tensors as well, one for each step.
    """
    parts = output if type(output) in (list, tuple) else [output]
    sums = [
        part.sum()
        for part in parts
        if isinstance(part, torch.Tensor) and part.requires_grad
    ]
    if not wanted or not sums:
        return dict.fromkeys(wanted)
    flows = torch.autograd.grad(
        torch.stack(sums).sum(), list(wanted.values()), allow_unused=True
    )
    return {
        name: None if flow is None else as_plain(flow)
        for name, flow in zip(wanted, flows, strict=True)
    }


def as_plain(value: Any, depth: int = 0) -> Any:
    """The value as arrays, numbers, strings, lists and dicts of these, or None.

    Anything else becomes the string "<an object of type ...>". Exact types are asked
    for: a subclass could claim to be equal to everything.
    """
    if type(value) in (type(None), bool, int, float):
        return value
    if type(value) is str:
        return value[:LARGEST]
    if isinstance(value, torch.Tensor):
        # Called on the class: a subclass may have other ideas of these methods.
        plain = torch.Tensor.detach(value).as_subclass(torch.Tensor)
        value = torch.Tensor.numpy(plain.cpu().resolve_conj().resolve_neg())
    if isinstance(value, np.ndarray | np.generic):
        array = np.array(value, copy=True, subok=False)
        if array.dtype.kind in ARRAY_KINDS and array.size <= LARGEST:
            # A long double is another thing on every machine: it cannot be sent.
            return array.astype(np.float64) if array.dtype.itemsize > 8 else array
    elif type(value) in (list, tuple) and len(value) <= LARGEST and depth < DEEPEST:
        return [as_plain(each, depth + 1) for each in value]
    elif type(value) is dict and depth < DEEPEST:
        return {str(key): as_plain(each, depth + 1) for key, each in value.items()}
    elif isinstance(value, tuple) and depth < DEEPEST:  # a named one
        return [as_plain(each, depth + 1) for each in tuple.__iter__(value)]
    return f"<an object of type {type(value).__name__}>"


def as_array(value: Any) -> np.ndarray[Any, Any] | None:
    """Plain data as one numeric array, or None if it is not numbers of one shape."""
    if value is None or isinstance(value, str | dict):
        return None
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in ARRAY_KINDS else None


def same(left: Any, right: Any, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    """Whether two plain values agree: in shape, and in every number.

    One number is one number, whether its shape is [] or [1]; a list is as good as an
    array, and True as good as 1. NaN agrees with nothing but NaN.
    """
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            same(left[key], right[key], rtol, atol) for key in left
        )
    one, other = as_array(left), as_array(right)
    if one is None or other is None:
        if isinstance(left, list) and isinstance(right, list):
            return len(left) == len(right) and all(
                same(*pair, rtol, atol) for pair in zip(left, right, strict=True)
            )
        return bool(type(left) is type(right) and left == right)
    if one.size == other.size == 1:
        one, other = one.reshape(()), other.reshape(())
    return one.shape == other.shape and np.allclose(
        one.astype(float), other.astype(float), rtol, atol, equal_nan=True
    )


def observe(
    driver: Driver, function: Callable[..., Any], arguments: Mapping[str, Any]
) -> Seen:
    """Calls the function, and turns whatever happens into plain data."""
    try:
        return _call(driver, function, arguments)
    except TimeIsUp:
        return Seen("too_slow", line=own_line(sys.exc_info()[2]))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit: nothing may end the grader
        if _is_stub(error):
            return Seen("not_attempted")
        return Seen(
            "raised",
            message=f"{type(error).__name__}: {_first_line(error)}",
            line=own_line(error.__traceback__),
        )


def _call(
    driver: Driver, function: Callable[..., Any], arguments: Mapping[str, Any]
) -> Seen:
    """Calls the driver; the time limit strikes only below this frame."""
    with np.errstate(all="ignore"):  # a NaN is reported as such
        return driver(function, arguments)


def observe_all(
    driver: Driver,
    function: Callable[..., Any],
    calls: Sequence[Mapping[str, Any]],
    seconds: float = SECONDS,
) -> list[Seen]:
    """One `Seen` for each call, together within the time limit.

    After a call that was too slow the rest is not tried.
    """
    results: list[Seen] = []
    with time_limit(seconds):
        for arguments in calls:
            results.append(observe(driver, function, arguments))
            if results[-1].how == "too_slow":
                break
    return results + [Seen("too_slow")] * (len(calls) - len(results))


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TimeIsUp` in the calls below once the time is up, again every 10 ms.

    Again, because a handler in the student's loop may catch it once. Only the main
    thread can be interrupted so; in another one there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(number: int, frame: types.FrameType | None) -> None:
        # Never in our own code around the call, which has to put things back in order.
        while frame is not None:
            if frame.f_code is _call.__code__:
                raise TimeIsUp
            frame = frame.f_back

    if hasattr(signal, "setitimer"):
        began = time.monotonic()
        before = signal.signal(signal.SIGALRM, give_up)
        left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 0.01)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before or signal.SIG_DFL)
            if left:  # somebody else's alarm goes on
                left = max(left - (time.monotonic() - began), 0.001)
                signal.setitimer(signal.ITIMER_REAL, left, interval)
    else:  # Windows has no alarm: a thread interrupts the main one
        before = signal.signal(signal.SIGINT, give_up)
        done = threading.Event()

        def watch() -> None:
            end = time.monotonic() + seconds
            while not done.wait(max(end - time.monotonic(), 0.01)):
                signal.raise_signal(signal.SIGINT)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            signal.signal(signal.SIGINT, before)


def own_line(trace: types.TracebackType | None) -> str:
    """The last line of the student's own in a traceback, as "line 4: R = ..."."""
    installed = Path(__file__).parent.parent, Path(sys.base_prefix) / "lib"
    found = ""
    for frame in traceback.extract_tb(trace):
        path = Path(frame.filename)
        foreign = "site-packages" in path.parts or frame.filename.startswith("<frozen")
        if not foreign and not any(path.is_relative_to(home) for home in installed):
            text = frame.line or linecache.getline(frame.filename, frame.lineno or 0)
            found = f"line {frame.lineno} in {frame.name}: {text.strip()}"
    return found


def _is_stub(error: BaseException) -> bool:
    """Whether a stub raised this; torch raises NotImplementedError as well."""
    stub = type(error) is NotImplementedError
    return stub and _first_line(error).startswith(("Exercise ", NO_MESSAGE))


def _first_line(error: BaseException) -> str:
    try:
        text = str(error).strip()
    except Exception:
        text = ""  # an exception of the student's own may fail at this, too
    return text.splitlines()[0][:500] if text else NO_MESSAGE
