"""What the tests of planning share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for models that tests only look at; see `models.make_model`."""
    return tmp_path_factory.mktemp("shelf")
