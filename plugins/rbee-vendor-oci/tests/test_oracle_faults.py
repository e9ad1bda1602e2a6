"""The matrix of faults, for Oracle Object Storage."""

from __future__ import annotations

import hashlib
import os

import pytest

from rbee_core.testing.faults import FaultMatrix, Upstream
from support.servers.oracle import OracleServer

DATA = os.urandom(12 << 20)


class TestFaults(FaultMatrix):
    vendor = "oci (Oracle)"

    @pytest.fixture
    def upstream(self, oracle: OracleServer) -> Upstream:
        oracle.put("models", "m.gguf", DATA)
        return Upstream(
            oracle.url,
            hashlib.sha256(DATA).hexdigest(),
            lambda proxy: "oci://models@ns/m.gguf",
            lambda proxy: oracle.env(RBEE_OCI_ENDPOINT=proxy),
        )
