"""The matrix of faults, for rclone's S3 server: MD5 of the ETag, signed addresses, ranges that come with status 200."""

from __future__ import annotations

import hashlib
import os

import pytest

from rbee_core.testing.faults import FaultMatrix, Upstream
from support.servers.rclone_s3 import RcloneS3

DATA = os.urandom(12 << 20)


class TestFaults(FaultMatrix):
    vendor = "s3"

    @pytest.fixture
    def upstream(self, rclone_s3: RcloneS3) -> Upstream:
        rclone_s3.put("models", "m.gguf", DATA)
        return Upstream(
            rclone_s3.url,
            hashlib.sha256(DATA).hexdigest(),
            lambda proxy: "s3://models/m.gguf",
            lambda proxy: rclone_s3.env(AWS_ENDPOINT_URL=proxy),
            secrets=(rclone_s3.secret,),
        )
