"""From what was seen to a verdict: passed, or which misconception, or which case.

Only plain data comes in here (`Seen`), so the judge may sit in another process than
the student's function.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from course.exercises.exercise import Arguments, Case, Exercise, Misconception
from course.exercises.observe import SECONDS, Seen, as_array, observe_all, same

MOST_SHOWN = 20  # entries of a dict
LONGEST = 400  # characters of a value that is no array
Outcome = Literal["passed", "not_attempted", "misconception", "wrong", "could_not_run"]


@dataclass(frozen=True)
class Verdict:
    """The answer to one attempt.

    Attributes:
        exercise: Which one.
        outcome: One of the five.
        message: What to tell the student, one paragraph for each point.
        misconceptions: Names of those that were recognised.
        case: The first call that went wrong, if one did.
        returned: What the student's function showed there.
        expected: What the right function shows there.
        by_rote: Whether it is right on none of the calls drawn at random, and no
            misconception is known that it could be: then what it knows by hand is
            all that it knows.
    """

    exercise: Exercise
    outcome: Outcome
    message: tuple[str, ...]
    misconceptions: tuple[str, ...] = ()
    case: Case | None = None
    returned: Seen | None = None
    expected: Seen | None = None
    by_rote: bool = False


def try_out(
    exercise: Exercise,
    function: Callable[..., Any],
    rng: np.random.Generator,
    seconds: float = SECONDS,
) -> Verdict:
    """Calls the function in this process and judges it.

    Args:
        exercise: What the function should do.
        function: The student's.
        rng: Draws the random calls.
        seconds: Time limit of all calls together.
    """
    calls = exercise.calls(rng)
    arguments = [case.arguments for case in calls]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for a busy core cost seconds here
    try:
        seen = observe_all(exercise.driver, function, arguments, seconds)
        return judge(exercise, calls, seen)
    finally:
        torch.set_num_threads(threads)


def judge(exercise: Exercise, calls: Sequence[Case], seen: Sequence[Seen]) -> Verdict:
    """Compares what was seen with the right answer and the known misconceptions.

    Args:
        exercise: What the function should do.
        calls: From `exercise.calls`; the last repeats the first.
        seen: What the student's function showed, in the same order.
    """
    if all(each.how == "not_attempted" for each in seen):
        advice = f"Write {exercise.name} in the cell above, then run this one again."
        return Verdict(exercise, "not_attempted", (advice,))
    expected = _observed(exercise, exercise.reference, calls)
    right = [agree(exercise, *pair) for pair in zip(seen, expected, strict=True)]
    if all(right):
        return Verdict(exercise, "passed", ())

    first = right.index(False)
    shown = calls[first], seen[first], expected[first]
    by_rote = not any(
        # A detach too few or too many is a mistake, but the numbers are computed.
        agree(exercise, replace(seen[i], gradients=expected[i].gradients), expected[i])
        for i in range(len(exercise.cases), len(calls) - 1)
    )
    slow = next((each for each in seen if each.how == "too_slow"), None)
    if slow is not None:
        text = "It was still running when the time limit had passed"
        text += f", at {slow.line}." if slow.line else "."
        advice = "Does every loop come to an end? A case has a handful of steps only."
        return Verdict(exercise, "could_not_run", (text, advice), (), *shown, by_rote)
    named, exact = diagnose(exercise, calls, seen, expected, right)
    if named:
        message = tuple(each.message for each in named)
        if not exact:
            message += ("Besides, something else is wrong: see the case below.",)
        names = tuple(each.name for each in named)
        return Verdict(exercise, "misconception", message, names, *shown)
    if seen[first].how != "returned":
        text = _could_not_run(seen[first])
        return Verdict(exercise, "could_not_run", (text,), (), *shown, by_rote)
    message, where = _what_is_wrong(exercise, calls, seen, expected, first)
    shown = calls[where], seen[where], expected[where]
    return Verdict(exercise, "wrong", message, (), *shown, by_rote)


def diagnose(
    exercise: Exercise,
    calls: Sequence[Case],
    seen: Sequence[Seen],
    expected: Sequence[Seen],
    right: Sequence[bool],
) -> tuple[list[Misconception], bool]:
    """The misconceptions that show what was seen, wherever they are wrong.

    `right` says on which calls what was seen agrees with what was expected.

    Returns:
        Those that agree on every call. Or else those that agree wherever they differ
        from the right answer, on two calls at least, if on most of the others the
        answer is right. And whether it is the former.
    """
    exact, partial = [], []
    # An answer that is always the same has thought nothing of what it agrees with.
    varies = not all(agree(exercise, seen[0], each) for each in seen)
    for misconception in exercise.misconceptions:
        matches, differs = [], []
        # The last call repeats the first, so it would tell nothing more.
        for i, case in enumerate(calls[:-1]):
            [shows] = _observed(exercise, misconception.function, [case])
            matches.append(agree(exercise, seen[i], shows))
            differs.append(not agree(exercise, expected[i], shows))
            if differs[i] and not matches[i]:
                break
        else:
            others = [right[i] for i, differ in enumerate(differs) if not differ]
            if all(matches):
                exact.append(misconception)
            elif varies and sum(differs) >= 2 and 2 * sum(others) >= len(others):
                partial.append(misconception)
    return exact or partial, bool(exact)


def agree(exercise: Exercise, left: Seen, right: Seen) -> bool:
    """Whether two calls showed the same: value, gradients and changed arguments."""
    if left.how != "returned" or right.how != "returned":
        kinds = left.message.partition(":")[0], right.message.partition(":")[0]
        return left.how == right.how and kinds[0] == kinds[1]
    tolerance = exercise.rtol, exercise.atol
    return (
        same(left.value, right.value, *tolerance)
        and all(
            _same_gradient(left.gradients.get(name), right.gradients[name], tolerance)
            for name in right.gradients
        )
        and left.changed.keys() == right.changed.keys()
        and all(
            same(left.changed[name], right.changed[name], *tolerance)
            for name in right.changed
        )
    )


def _same_gradient(left: Any, right: Any, tolerance: tuple[float, float]) -> bool:
    """No gradient is as good as one of zeros."""
    if left is None or right is None:
        other = right if left is None else left
        return other is None or not np.any(other)
    return same(left, right, *tolerance)


def _observed(
    exercise: Exercise, function: Callable[..., Any], calls: Sequence[Case]
) -> list[Seen]:
    """What one of our own functions shows; what it warns of is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = [case.arguments for case in calls]
        return observe_all(exercise.driver, function, arguments, seconds=60.0)


def _could_not_run(seen: Seen) -> str:
    if seen.how == "not_attempted":
        return "It raised NotImplementedError: part of it is still to be written."
    if "backward through the graph a second time" in seen.message:
        return (
            "It called backward, and the course does that itself: return the loss, a "
            "tensor with its graph, and leave the gradient to the caller."
        )
    where = f", at {seen.line}" if seen.line else ""
    return f"It raised {seen.message}{where}."


def _what_is_wrong(
    exercise: Exercise,
    calls: Sequence[Case],
    seen: Sequence[Seen],
    expected: Sequence[Seen],
    first: int,
) -> tuple[tuple[str, ...], int]:
    """What any function may get wrong, or the property that fails; and which call."""
    if not agree(exercise, seen[0], seen[-1]) and seen[-1].how == "returned":
        text = (
            "It answered the same call differently the second time. Random numbers "
            "must come from the generator that is passed in, if there is one, and "
            "nothing may be remembered from one call to the next."
        )
        return (text,), len(calls) - 1 if agree(exercise, seen[0], expected[0]) else 0
    general = _general_fault(seen[first], expected[first])
    if general is not None:
        return (general,), first
    for rule in exercise.properties:
        for i, (case, each) in enumerate(zip(calls, seen, strict=True)):
            if each.how == "returned" and not _holds(rule.holds, case.arguments, each):
                return (f"This does not hold: {rule.name}.", rule.why), i
    return ("On the case below the answer is not the expected one.",), first


def _holds(
    rule: Callable[[Arguments, Seen], bool], arguments: Arguments, seen: Seen
) -> bool:
    """A value of another form than the property expects does not have it."""
    try:
        return bool(rule(arguments, seen))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        return False


def _general_fault(seen: Seen, expected: Seen) -> str | None:
    """What can go wrong in any function, whatever it computes."""
    if seen.value is None and expected.value is not None:
        return "It returned nothing (None): is the return statement missing?"
    unexpected = [name for name in seen.changed if name not in expected.changed]
    if unexpected:
        names = " and ".join(unexpected)
        return (
            f"It changed its argument {names} in place. The caller still needs it: "
            "work on a copy, or compute a new tensor."
        )
    missing = [name for name in expected.changed if name not in seen.changed]
    if missing:
        names = " and ".join(missing)
        return (
            f"It left {names} as it was. The change must be made in place (add_, "
            "mul_, x[...] = ...), for the memory is shared: a new tensor that is only "
            "bound to the same name changes nothing for the others."
        )
    value, wanted = as_array(seen.value), as_array(expected.value)
    if wanted is not None:
        if value is None:
            return f"It returned {show(seen.value)}, where numbers were expected."
        if value.shape != wanted.shape and not value.size == wanted.size == 1:
            return (
                f"It returned the shape {list(value.shape)}, expected was "
                f"{list(wanted.shape)}: look at which axis you sum, index or stack, "
                "and whether two shapes have been broadcast against each other."
            )
        if np.isnan(value.astype(float)).any() > np.isnan(wanted.astype(float)).any():
            return (
                "It returned NaN, not a number: look for 0/0, log(0), or 0 times "
                "infinity."
            )
    lost = [
        name
        for name, flow in expected.gradients.items()
        if flow is not None and np.any(flow) and seen.gradients.get(name) is None
    ]
    if lost and same(seen.value, expected.value):
        return (
            f"The value is right, but no gradient flows to {' and '.join(lost)}: "
            "look for a detach, an item(), a no_grad, or a conversion to NumPy."
        )
    return None


def show(value: Any) -> str:
    """A plain value for people: four digits, no clutter."""
    if isinstance(value, dict):
        shown = (
            f"{name if name.isidentifier() else repr(name)} {show(each)}"
            for name, each in itertools.islice(value.items(), MOST_SHOWN)
        )
        text = ", ".join(shown)
        return text if len(text) <= 5 * LONGEST else f"{text[: 5 * LONGEST]} ..."
    array = as_array(value)
    if array is None:
        text = repr(value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    if array.ndim == 0:
        return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
    return np.array2string(
        array, precision=4, suppress_small=True, separator=", ", threshold=40
    )
