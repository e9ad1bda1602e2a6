"""The vendor of web addresses is a good citizen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from rbee_core.testing import FileServer, VendorContract, VendorModel


class TestHttp(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-http"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> Iterator[VendorModel]:
        with FileServer() as server:
            url = server.page("/m.gguf", os.urandom(12 << 20), headers={"ETag": '"v1"'})

            def publish(name: str) -> str:
                header = f"attachment; filename=m.gguf; filename*=UTF-8''{quote(name, safe='')}"
                return server.page("/named.gguf", b"x", headers={"Content-Disposition": header})

            yield VendorModel(url, f"{server.url}/none.gguf", proxy=server.proxy, publish=publish)
