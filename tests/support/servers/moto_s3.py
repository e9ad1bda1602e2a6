"""moto's S3 server: what rclone's has not, as Amazon does it: versions, checksums, public buckets, any key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .processes import Program

_KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"}


class MotoS3(Program):
    """The server on 127.0.0.1; use as a context manager.

    :param folder: for its log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, port: int) -> list[str]:
        """What runs it, on this port."""
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

    @property
    def log(self) -> Path:
        """Takes what it says."""
        return self.folder / "moto.log"

    def client(self) -> Any:
        """A client of botocore's, to fill it."""
        from botocore.session import Session

        key, secret = _KEYS.values()
        return Session().create_client(
            "s3", "us-east-1", endpoint_url=self.url, aws_access_key_id=key, aws_secret_access_key=secret
        )

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a client of this server."""
        return {"AWS_ENDPOINT_URL": self.url, **_KEYS, **more}
