"""What other programs read: spreadsheets, Gradescope, GitHub Classroom, JUnit's XML.

Each is a text made from results alone, so the same results give the same bytes.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from course.grading.names import cell
from course.grading.reports.overrides import Change, Graded
from course.grading.reports.text import (
    exercise_number,
    full_name,
    is_full,
    judged,
    number,
    percent,
)
from course.grading.result import ExerciseResult, Result

# GitHub hands the result over in an environment variable, and Linux allows 128 KiB.
CLASSROOM_MESSAGE = 300  # characters


def table(everybody: Iterable[Graded], exercises: Sequence[str]) -> str:
    """`grades.csv`: a row for each submission.

    It begins with a byte order mark, without which Excel takes UTF-8 for something
    else; LibreOffice, pandas and the learning platforms pass over it. Every text is in
    quotes, so that it stays whole wherever the list separator is not the comma, and
    what would be a formula has an apostrophe before it.

    Args:
        everybody: The submissions.
        exercises: The columns, in this order.
    """
    content = io.StringIO()
    writer = csv.writer(content, quoting=csv.QUOTE_NONNUMERIC)  # rows end in \r\n
    head = ["submission", "points", "max_points", "percent", "warnings", "overridden"]
    writer.writerow(
        [*head, "sandbox", *exercises, *map("{} outcome".format, exercises)]
    )
    for graded in everybody:
        result = graded.result
        found = {each.name: each for each in result.exercises}
        row: list[str | float] = [
            result.submission,
            *map(_plain, (result.points, result.max_points, percent(result))),
            len(result.warnings),
            "yes" if graded.changes else "no",
            result.sandbox,
        ]
        row += [
            _plain(found[name].points) if name in found else "" for name in exercises
        ]
        row += [found[name].outcome if name in found else "" for name in exercises]
        writer.writerow([cell(each) if isinstance(each, str) else each for each in row])
    return "\ufeff" + content.getvalue()


def gradescope(graded: Graded) -> str:
    """Gradescope's `results.json`: a test for each exercise, all visible."""
    result = graded.result
    blocks = ["\n".join(result.warnings), _conditions(result)]
    return _json(
        {
            "score": _plain(result.points),
            "output": "\n\n".join(filter(None, blocks)),
            "output_format": "text",
            "visibility": "visible",
            "stdout_visibility": "hidden",  # our own progress says nothing to students
            "tests": [
                {
                    "score": _plain(each.points),
                    "max_score": _plain(each.max_points),
                    "status": "passed" if is_full(each) else "failed",
                    "name": full_name(each),
                    "number": exercise_number(each.name),
                    "output": _output(each, graded.changes.get(each.name)),
                    "output_format": "text",
                    "tags": [each.lesson, each.outcome],
                    "visibility": "visible",
                }
                for each in result.exercises
            ],
        }
    )


def classroom(graded: Graded) -> str:
    """What GitHub Classroom's reporter reads: base64 of JSON, a test an exercise."""
    result = graded.result
    tests = [
        {
            "name": full_name(each),
            "status": "pass" if is_full(each) else "fail",
            "score": _plain(each.points),
            "message": _one_line(each, graded.changes.get(each.name)),
        }
        for each in result.exercises
    ]
    if not result.exercises:
        sentence = " ".join(result.warnings)[:CLASSROOM_MESSAGE]
        tests = [{"name": "submission", "status": "error", "score": 0}]
        tests[0]["message"] = sentence
    states = {test["status"] for test in tests}
    status = next(each for each in ("error", "fail", "pass") if each in states)
    whole = {
        "version": 3,
        "status": status,
        "max_score": _plain(result.max_points),
        "tests": tests,
    }
    return base64.b64encode(_json(whole).encode()).decode() + "\n"


def junit(everybody: Iterable[Graded]) -> str:
    """`junit.xml`: a suite for each submission, a case for each exercise.

    A wrong answer is a failure, one that could not run an error, a missing one is
    skipped. A submission that could not be graded has one case, an error.
    """
    root = Element("testsuites", name="course grade")
    for graded in everybody:
        root.append(_suite(graded))
    indent(root)
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return head + tostring(root, encoding="unicode") + "\n"


def _suite(graded: Graded) -> Element:
    result = graded.result
    suite = Element("testsuite", name=result.submission)
    properties = SubElement(suite, "properties")
    for name, value in (
        ("sandbox", result.sandbox),
        ("seed", str(result.seed)),
        ("points", number(result.points)),
        ("max_points", number(result.max_points)),
    ):
        SubElement(properties, "property", name=name, value=value)
    for each in result.exercises if judged(result) else ():
        case = SubElement(suite, "testcase", classname=each.lesson, name=each.name)
        first = each.message.partition("\n")[0]
        if each.outcome == "not_attempted":
            SubElement(case, "skipped", message=first)
        elif each.outcome != "passed":
            kind = "error" if each.outcome == "could_not_run" else "failure"
            sub = SubElement(case, kind, type=each.outcome, message=first)
            sub.text = each.message
        points = [_points(each), _by_hand(graded.changes.get(each.name))]
        SubElement(case, "system-out").text = "\n".join(filter(None, points))
    if not judged(result):
        case = SubElement(suite, "testcase", classname="submission", name="readable")
        sentence = " ".join(result.warnings)
        SubElement(case, "error", type="not_graded", message=sentence)
        given = [f"{name}: {_by_hand(it)}" for name, it in graded.changes.items()]
        if given:
            SubElement(case, "system-out").text = "\n".join(given)
    suite.set("tests", str(len(suite.findall("testcase"))))
    for kind, plural in (("failure", "failures"), ("error", "errors")):
        suite.set(plural, str(len(suite.findall(f"testcase/{kind}"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    if result.warnings:
        SubElement(suite, "system-err").text = "\n".join(result.warnings)
    return suite


def _output(exercise: ExerciseResult, change: Change | None) -> str:
    """What a student reads, as plain text."""
    parts = [_by_hand(change), *exercise.message.split("\n")]
    width = max((len(label) for label, _ in exercise.case), default=0)
    for label, value in exercise.case:
        first, *others = value.splitlines() or [""]
        parts.append(f"    {label:<{width}}  {first}")
        parts += [" " * (width + 6) + other for other in others]
    parts += [f"Hint: {hint}" for hint in exercise.hints]
    return "\n".join(filter(None, parts))


def _one_line(exercise: ExerciseResult, change: Change | None) -> str:
    """Short, and without a line of the student's: GitHub takes some for commands."""
    parts = [_points(exercise), _by_hand(change), exercise.message]
    return " ".join(" ".join(filter(None, parts)).split())[:CLASSROOM_MESSAGE]


def _points(exercise: ExerciseResult) -> str:
    return f"{number(exercise.points)} of {number(exercise.max_points)} points."


def _by_hand(change: Change | None) -> str:
    if change is None:
        return ""
    before, after = number(change.before), number(change.after)
    return f"Changed by hand from {before} to {after} points: {change.reason}"


def _conditions(result: Result) -> str:
    return f"Graded in the sandbox {result.sandbox!r} with seed {result.seed}."


def _plain(points: float) -> float:
    """An int where it can be, so that files say 3, not 3.0."""
    return int(points) if points == int(points) else round(points, 4)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
