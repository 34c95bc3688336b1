"""The files that describe the project agree with each other and with what is here."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import rattler
import rattler.exceptions
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import course

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = {
    extra: [Requirement(line) for line in lines]
    for extra, lines in PROJECT["optional-dependencies"].items()
}
PINS = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.M
    )
}
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
CONDA_SPECS = [spec for spec in CONDA["dependencies"] if isinstance(spec, str)]
[PIP_LINES] = [spec["pip"] for spec in CONDA["dependencies"] if isinstance(spec, dict)]
# The packages that have another name on conda-forge.
PYPI_NAME = {"pytorch": "torch", "msgpack-python": "msgpack"}


def test_version() -> None:
    assert course.__version__ == PROJECT["version"]
    assert importlib.metadata.version(PROJECT["name"]) == PROJECT["version"]


@pytest.mark.parametrize(
    "name", ["LICENSE", "CONTRIBUTING.md", "README.md", "CHANGELOG.md"]
)
def test_project_papers_are_there(name: str) -> None:
    assert (ROOT / name).read_text("utf-8").strip()


def test_every_make_target_says_what_it_does() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    answer = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True
    )
    listed = re.findall(r"^  make (\w+) +\S", answer.stdout, re.M)
    assert listed == targets
    assert {"train", "test", "check", "lab"} <= set(listed)


def test_ci_script_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)


def test_environment_yml_repeats_the_core_dependencies() -> None:
    assert "-e ." in PIP_LINES  # this project itself
    lines = [*CONDA_SPECS, *PIP_LINES]
    requirements = [
        Requirement(line)
        for line in lines
        if line not in ("python=3.11", "pip", "-e .")
    ]
    assert {PYPI_NAME.get(r.name, r.name): r.specifier for r in requirements} == {
        r.name: r.specifier for r in CORE
    }
    assert Version("3.11") in SpecifierSet(PROJECT["requires-python"])


def solve_conda(channel: Path, versions: dict[str, list[str]]) -> dict[str, str]:
    """What the solver of conda's specs takes from a channel of our own making."""
    packages = {
        f"{name}-{version}-0.conda": {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": [],
            "subdir": "noarch",
        }
        for name, offered in versions.items()
        for version in offered
    }
    (channel / "noarch").mkdir()
    (channel / "noarch" / "repodata.json").write_text(
        json.dumps({"info": {"subdir": "noarch"}, "packages.conda": packages})
    )
    solution = rattler.solve(
        [rattler.Channel(channel.as_uri())], CONDA_SPECS, platforms=["noarch"]
    )
    return {
        record.name.normalized: str(record.version) for record in asyncio.run(solution)
    }


def conda_versions_tested() -> dict[str, str]:
    names = [rattler.MatchSpec(spec).name.normalized for spec in CONDA_SPECS]
    others = {"python": "3.11.9", "pip": "24.0"}
    return {
        name: others.get(name)
        or str(PINS[canonicalize_name(PYPI_NAME.get(name, name))])
        for name in names
    }


def test_conda_specs_take_the_tested_versions(tmp_path: Path) -> None:
    # conda itself is not at hand, a solver of its specs is: offered also a Python and
    # a pytorch too new, it must take what was tested here.
    tested = conda_versions_tested()
    offered = {name: [version] for name, version in tested.items()}
    offered["python"].append("3.12.1")
    offered["pytorch"].append("2.14.0")
    assert solve_conda(tmp_path, offered) == tested


@pytest.mark.parametrize("name", sorted(conda_versions_tested().keys() - {"pip"}))
def test_conda_specs_refuse_an_old_version(name: str, tmp_path: Path) -> None:
    offered = {name: [version] for name, version in conda_versions_tested().items()}
    with pytest.raises(rattler.exceptions.SolverError, match=f"found for {name} "):
        solve_conda(tmp_path, offered | {name: ["0.1"]})


@pytest.mark.parametrize(
    "requirement", CORE + [line for lines in EXTRAS.values() for line in lines], ids=str
)
def test_pins_are_within_the_ranges(requirement: Requirement) -> None:
    assert PINS[canonicalize_name(requirement.name)] in requirement.specifier


def test_everything_installed_on_our_behalf_is_pinned() -> None:
    # From this project along `Requires-Dist`, as far as it is installed here (the
    # extra `bench` need not be). What only one platform needs is left out: the pins
    # were made on one platform.
    waiting = [(PROJECT["name"], ("", *EXTRAS))]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        try:
            lines = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            seen.remove((name, extras))
            continue
        for requirement in map(Requirement, lines):
            marker = requirement.marker
            wanted = marker is None or (
                "platform" not in str(marker)
                and any(marker.evaluate({"extra": extra}) for extra in extras)
            )
            found = canonicalize_name(requirement.name), ("", *requirement.extras)
            if wanted and found not in seen:
                seen.add(found)
                waiting.append(found)
    names = {name for name, _ in seen}
    assert {canonicalize_name(requirement.name) for requirement in CORE} <= names
    assert names - set(PINS) == {PROJECT["name"]}
