"""A share: the WebDAV server of rclone, over a folder."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Server:
    """It runs; ``root`` is its folder."""

    url: str
    root: Path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serves until the tests are done, on a port that the system chooses."""
    root = tmp_path_factory.mktemp("share")
    command = [
        "rclone",
        "serve",
        "webdav",
        str(root),
        "--addr",
        "127.0.0.1:0",
        "--user",
        "ada",
        "--pass",
        "secret",
    ]
    command += ["--dir-cache-time", "0s", "--poll-interval", "0", "--config", ""]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = ""
        while not (found := re.search(r"started on \[?(http://127\.0\.0\.1:\d+)", told)):
            line = process.stderr.readline()
            assert line, f"rclone ended: {told}"
            told += line
        yield Server(found[1], root)
        process.kill()
