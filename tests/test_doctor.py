"""`course doctor`: what it finds on this machine, and what it says of a broken one."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from course import doctor
from course.cli import main


@pytest.fixture(scope="module")
def findings() -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine()}


def test_this_machine_can_run_the_course(findings: dict[str, doctor.Finding]) -> None:
    broken = [finding for finding in findings.values() if finding.ok is False]
    assert broken == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Python", "3."),
        ("gymnasium", "1."),
        ("worker process", "memory is shared"),
        ("Atari", "[4, 84, 84]"),
        ("film", "600 × 400"),
    ],
)
def test_it_really_tries(
    findings: dict[str, doctor.Finding], name: str, found: str
) -> None:
    assert findings[name].ok
    assert found in findings[name].found


def test_every_finding_can_be_mended(findings: dict[str, doctor.Finding]) -> None:
    assert all(finding.mend for finding in findings.values())
    assert {"cores", "memory", "disk", "Jupyter kernel", "sandbox"} <= {*findings}


def test_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKS", ())
    asked = (
        ">=99",
        ["numpy>=99", "no-such-package", "pytest>=99; extra == 'dev'", "click"],
    )
    monkeypatch.setattr(doctor, "_asked_for", lambda: asked)
    python, numpy, missing, click = doctor.examine()
    assert not python.ok
    assert python.found.endswith("but >=99 is needed")
    assert (numpy.name, numpy.ok) == ("numpy", False)
    assert numpy.mend == "run: pip install 'numpy>=99'"
    assert (missing.name, missing.ok) == ("no-such-package", False)
    assert (click.name, click.ok) == ("click", True)


def test_without_installation_pyproject_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def not_installed(name: str) -> Any:
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.importlib.metadata, "metadata", not_installed)
    python, requirements = doctor._asked_for()
    assert python == ">=3.11"
    assert any(requirement.startswith("torch") for requirement in requirements)


def test_little_memory_little_disk_and_one_core_are_only_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    little = namedtuple("little", "available free")(1e8, 1e8)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: little)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: little)
    monkeypatch.setattr(doctor, "available_cores", lambda: 1)
    monkeypatch.setattr(doctor, "_versions", lambda: iter(()))
    monkeypatch.setattr(doctor, "CHECKS", doctor.CHECKS[:3])
    assert [(finding.ok, finding.found) for finding in doctor.examine()] == [
        (None, "only 1: the learners take turns on it"),
        (None, "only 0.1 GiB free"),
        (None, "only 0.1 GiB free here"),
    ]


def test_a_worker_that_cannot_write_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_write", len)  # reads the tensor, and writes nothing
    with pytest.raises(doctor.LackError, match="did not arrive"):
        doctor._worker_process()
    monkeypatch.setattr(doctor, "_write", ord)  # raises: a tensor is no character
    with pytest.raises(doctor.LackError, match="ended with 1"):
        doctor._worker_process()


def broken() -> str:
    raise RuntimeError("it is broken\nin many lines")


def test_the_command_fails_only_for_what_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "_versions", lambda: iter(()))
    checks = [("thing", False, broken, "mend it"), ("good", True, lambda: "fine", "-")]
    monkeypatch.setattr(doctor, "CHECKS", checks)
    told = CliRunner().invoke(main, ["doctor"])
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        "optional  thing                 RuntimeError: it is broken",
        "                                to mend it: mend it",
        "ok        good                  fine",
    ]
    monkeypatch.setattr(doctor, "CHECKS", [("thing", True, *checks[0][2:])])
    told = CliRunner().invoke(main, ["doctor", "--json"])
    assert told.exit_code == 1
    assert told.stderr == "Error: The course cannot run here yet; look at: thing.\n"
    assert json.loads(told.stdout) == [
        {
            "name": "thing",
            "ok": False,
            "found": "RuntimeError: it is broken",
            "mend": "mend it",
        }
    ]
