"""Pytest fixtures; register with ``pytest_plugins = ["rbee_core.testing.fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import orphans
from .cli import RbeeHome


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Whatever the test started with `RbeeHome.start` ends with the test, however that ends."""
    before = orphans.count()
    yield
    orphans.end_since(before)


@pytest.fixture
def rbee(tmp_path: Path) -> RbeeHome:
    """An rbee with an empty home; call it to run a command."""
    home = tmp_path / "rbee-home"
    home.mkdir()
    return RbeeHome(home)
