"""rbee as a person sees it: a command on a terminal of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from typing import Self

from rbee_core.testing.cli import RbeeHome, clean_env


class Terminal:
    """A command on a pseudo-terminal; use as a context manager.

    :param env: more environment for it.
    """

    def __init__(self, rbee: RbeeHome, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._leader, follower = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rbee_core", *arguments],
            env=clean_env({**rbee.environment, "TERM": "xterm", "COLUMNS": "100", **(env or {})}),
            stdin=follower,
            stdout=follower,
            stderr=follower,
        )
        os.close(follower)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._leader)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def read(self, until: str | None = None) -> str:
        """All that it has shown so far: until it has shown a text, or to its end."""
        while until is None or until not in self.seen:
            try:
                data = os.read(self._leader, 4096)
            except OSError:  # Linux says EIO when the last writer has gone
                break
            if not data:
                break
            self.seen += data.decode("utf-8", "replace")
        return self.seen
