"""Pytest fixtures of the hub; register with ``pytest_plugins = ["support.hub.fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import FakeHub


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """An empty Hub of its own for each test."""
    with FakeHub() as server:
        yield server
