"""Machines with AMD GPUs, out of `states`: each is a text of the files that detection reads."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from rbee_core.probing import Host
from rbee_core.testing.trees import unpack

STATES = Path(__file__).parent / "states"


def no_tool(argv: Sequence[str]) -> None:
    """No tool is installed."""


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Host]:
    """Make the machine of a state, with these environment variables and more or other files."""

    def make(
        state: str | None,
        env: Mapping[str, str] | None = None,
        *,
        files: str = "",
        without: Sequence[str] = (),
        tool: Callable[[Sequence[str]], str | None] = no_tool,
        may_use: Callable[[Path], bool] = lambda path: True,
    ) -> Host:
        if state is not None:
            unpack((STATES / f"{state}.tree").read_text("utf-8"), tmp_path)
        unpack(files, tmp_path)
        for name in without:
            shutil.rmtree(tmp_path / name)
        return Host(tmp_path, "linux", "x86_64", env or {}, tool, may_use)

    return make
