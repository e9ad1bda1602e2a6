"""Pytest fixtures; register with ``pytest_plugins = ["rbee_core.testing.fixtures"]``."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cli import RbeeHome


@pytest.fixture
def rbee(tmp_path: Path) -> RbeeHome:
    """An rbee with an empty home; call it to run a command."""
    home = tmp_path / "rbee-home"
    home.mkdir()
    return RbeeHome(home)
