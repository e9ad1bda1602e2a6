"""The vendor of S3 is a good citizen."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from rbee_core.testing.faults import FaultProxy
from rbee_core.testing.vendor_contract import VendorContract, VendorModel
from support.servers.rclone_s3 import RcloneS3


class TestS3(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-s3"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorModel]:
        with RcloneS3(tmp_path_factory.mktemp("s3")) as server, FaultProxy(server.url) as proxy:
            server.put("models", "m.gguf", os.urandom(12 << 20))
            env = server.env(AWS_ENDPOINT_URL=proxy.url)
            yield VendorModel("s3://models/m.gguf", "s3://models/none.gguf", env=env, proxy=proxy)
