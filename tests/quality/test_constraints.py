"""The pinned versions: one list, in the two places that need it, with no address of an index in it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def _constraints() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_uv_and_pip_read_the_same_pins() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert table["tool"]["uv"]["constraint-dependencies"] == _constraints()


def test_every_dependency_is_pinned_and_installed_so() -> None:
    pins = {canonicalize_name((r := Requirement(line)).name): r for line in _constraints()}
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = table["dependency-groups"]
    wanted = [*table["project"]["dependencies"], *groups["test"], *groups["lint"]]
    for text in wanted:
        name = canonicalize_name(Requirement(text).name)
        assert name in pins, f"{name} is not pinned: run .ci/pin"
        assert version(name) in pins[name].specifier


def test_what_distributions_require_and_are_built_with_is_pinned() -> None:
    tables = [
        tomllib.loads(path.read_text()) for path in [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    ]
    ours = {table["project"]["name"] for table in tables}
    pins = _names(_constraints())
    built = _names(tables[0]["tool"]["uv"]["build-constraint-dependencies"])
    for table in tables:
        project = table["project"]
        wanted = [*project["dependencies"], *chain(*project.get("optional-dependencies", {}).values())]
        assert _names(wanted) <= pins | ours, project["name"]
        assert _names(table["build-system"]["requires"]) <= built, project["name"]


def test_no_constraint_carries_an_address() -> None:
    assert not [line for line in _constraints() if "://" in line or " @ " in line or line.startswith("-")]
