"""The pinned versions: one list, in the two places that need it, with no address of an index in it."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def _constraints() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_uv_and_pip_read_the_same_pins() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert table["tool"]["uv"]["constraint-dependencies"] == _constraints()


def test_every_dependency_is_pinned_and_installed_so() -> None:
    pins = {(r := Requirement(line)).name.lower().replace("_", "-"): r for line in _constraints()}
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = table["dependency-groups"]
    wanted = [*table["project"]["dependencies"], *groups["test"], *groups["lint"]]
    for text in wanted:
        name = Requirement(text).name.lower().replace("_", "-")
        assert name in pins, f"{name} is not pinned: run .ci/pin"
        assert version(name) in pins[name].specifier


def test_no_constraint_carries_an_address() -> None:
    assert not [line for line in _constraints() if "://" in line or " @ " in line or line.startswith("-")]
