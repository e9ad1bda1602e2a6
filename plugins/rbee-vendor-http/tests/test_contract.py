"""The vendor of web addresses is a good citizen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from rbee_core.testing.faults import FaultProxy
from rbee_core.testing.servers.web import WebServer
from rbee_core.testing.vendor_contract import VendorContract, VendorModel


class TestHttp(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-http"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> Iterator[VendorModel]:
        with WebServer() as web, FaultProxy(web.url) as proxy:
            web.page("/m.gguf", os.urandom(12 << 20), headers={"ETag": '"v1"'})

            def publish(name: str) -> str:
                header = f"attachment; filename=m.gguf; filename*=UTF-8''{quote(name, safe='')}"
                return web.page("/named.gguf", b"x", headers={"Content-Disposition": header})

            yield VendorModel(f"{proxy.url}/m.gguf", f"{proxy.url}/none.gguf", proxy=proxy, publish=publish)
