"""Pytest fixtures of web and storage servers; register with ``pytest_plugins = ["…servers.storage_fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rbee_core.testing.servers.web import WebServer

from .moto_s3 import MotoS3
from .oracle import OracleServer
from .rclone_s3 import RcloneS3


@pytest.fixture
def web() -> Iterator[WebServer]:
    """An empty web server."""
    with WebServer() as server:
        yield server


@pytest.fixture
def other_web() -> Iterator[WebServer]:
    """Another one, on another port: another host to whoever has credentials for the first."""
    with WebServer() as server:
        yield server


@pytest.fixture
def rclone_s3(tmp_path: Path) -> Iterator[RcloneS3]:
    """An S3 server over an empty folder."""
    with RcloneS3(tmp_path / "s3") as server:
        yield server


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoS3]:
    """An S3 server as Amazon's; shared, so every test makes buckets of its own."""
    with MotoS3(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def oracle(tmp_path: Path) -> Iterator[OracleServer]:
    """Oracle Object Storage without buckets."""
    folder = tmp_path / "oracle"
    folder.mkdir()
    with OracleServer(folder) as server:
        yield server
