"""An rbee whose only further plugins are the ones that a test makes by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import PluginFolder


@pytest.fixture
def folder(rbee: RbeeHome, tmp_path: Path) -> PluginFolder:
    """A folder of plugins on the path of every command that `rbee` runs."""
    folder = PluginFolder(tmp_path / "site")
    folder.path.mkdir()
    rbee.env["PYTHONPATH"] = str(folder.path)
    return folder


@pytest.fixture
def rows(rbee: RbeeHome) -> Callable[..., dict[str, Any]]:
    """Run ``plugins list --json`` and give its rows by entry-point name (by distribution, where a name is shared)."""

    def run(*options: str, by: str = "name", env: dict[str, str] | None = None) -> dict[str, Any]:
        done = rbee("plugins", "list", "--json", *options, env=env)
        assert done.returncode == 0, done.stderr
        return {row[by]: row for row in json.loads(done.stdout)["plugins"]}

    return run
