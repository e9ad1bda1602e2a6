"""The matrix of faults, for a plain web server with a checksum beside the file."""

from __future__ import annotations

import hashlib
import os

import pytest

from rbee_core.testing.faults import FaultMatrix, Upstream
from rbee_core.testing.servers.web import WebServer

DATA = os.urandom(12 << 20)
SHA256 = hashlib.sha256(DATA).hexdigest()
TOKEN = "a-token-for-the-matrix"


class TestFaults(FaultMatrix):
    vendor = "http"

    @pytest.fixture
    def upstream(self, web: WebServer) -> Upstream:
        headers = {"ETag": '"v1"'}
        web.page("/m.gguf", DATA, headers=headers, authorization=f"Bearer {TOKEN}")
        web.page("/m.gguf.sha256", SHA256.encode())
        env = {"RBEE_HTTP_TOKEN_127_0_0_1": TOKEN}
        return Upstream(web.url, SHA256, lambda proxy: f"{proxy}/m.gguf", lambda proxy: env, secrets=(TOKEN,))
