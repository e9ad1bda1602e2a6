"""The vendor of Oracle Object Storage is a good citizen."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from rbee_core.testing.faults import FaultProxy
from rbee_core.testing.vendor_contract import VendorContract, VendorModel
from support.servers.oracle import OracleServer


class TestOracle(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-oci"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorModel]:
        with OracleServer(tmp_path_factory.mktemp("oracle")) as server, FaultProxy(server.url) as proxy:
            server.put("models", "m.gguf", os.urandom(12 << 20))

            def publish(name: str) -> str | None:
                server.buckets.pop("named", None)
                server.put("named", f"m/{name}", b"x")
                return "oci://named@ns/m/"

            yield VendorModel(
                "oci://models@ns/m.gguf",
                "oci://models@ns/none.gguf",
                env=server.env(RBEE_OCI_ENDPOINT=proxy.url),
                others=("oci://probe.invalid/rbee:probe",),
                proxy=proxy,
                publish=publish,
            )
