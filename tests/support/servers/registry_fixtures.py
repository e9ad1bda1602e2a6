"""Pytest fixtures of registries; register with ``pytest_plugins = ["support.servers.registry_fixtures"]``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from . import docker_registry
from .docker_registry import DockerRegistry

Start = Callable[..., DockerRegistry]


def need_registry() -> None:
    """Skip the test where the registry is not installed; in CI it has to be."""
    if not docker_registry.is_installed() and os.environ.get("CI") != "true":
        pytest.skip(f"needs {docker_registry.PACKAGE} (apt-get install {docker_registry.PACKAGE})")


@pytest.fixture
def start_registry(tmp_path: Path) -> Iterator[Start]:
    """Starts registries, each over a folder of its own; they end with the test. Takes `DockerRegistry`'s settings."""
    need_registry()
    with ExitStack() as stack:

        def start(**settings: Any) -> DockerRegistry:
            number = len(list(tmp_path.glob("registry-*")))
            return stack.enter_context(DockerRegistry(tmp_path / f"registry-{number}", **settings))

        yield start


@pytest.fixture
def registry(start_registry: Start) -> DockerRegistry:
    """An empty registry that lets everybody in."""
    return start_registry()
