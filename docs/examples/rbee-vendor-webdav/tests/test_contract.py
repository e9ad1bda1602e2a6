"""The vendor is a good citizen: with a real server, and a line that is slow, silent and cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from rbee_core.testing.faults import FaultProxy
from rbee_core.testing.vendor_contract import VendorContract, VendorModel


class TestWebdav(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-webdav"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, server: Any) -> Iterator[VendorModel]:
        (server.root / "big").mkdir()
        (server.root / "big/model.gguf").write_bytes(os.urandom(12 << 20))

        def publish(name: str) -> str | None:
            if "/" in name or "\0" in name or len(name) > 255:
                return None  # no file can be called so; tests/test_names.py has a server that says it is
            (server.root / name).write_bytes(b"x")
            return f"webdav:{name}" if name.isprintable() else None

        with FaultProxy(server.url) as proxy:
            login = {"WEBDAV_URL": proxy.url, "WEBDAV_USER": "ada", "WEBDAV_PASSWORD": "secret"}
            yield VendorModel("webdav:big/model.gguf", "webdav:none.gguf", env=login, proxy=proxy, publish=publish)
