"""The matrix of faults, in front of the delivery network."""

from __future__ import annotations

import hashlib

import pytest

from rbee_core.testing.faults import FaultMatrix, Upstream
from support.hub import TOKEN, FakeHub

DATA = hashlib.shake_256(b"hf").digest(12 << 20)


class TestFaults(FaultMatrix):
    vendor = "huggingface"

    @pytest.fixture
    def upstream(self, hub: FakeHub) -> Upstream:
        hub.repo("org/m", {"m.gguf": DATA, "config.json": b"{}"}, private=True)

        def env(proxy: str) -> dict[str, str]:
            hub.cdn_front = proxy
            return hub.env(HF_TOKEN=TOKEN)

        sha256 = hashlib.sha256(DATA).hexdigest()
        return Upstream(hub.cdn_url, sha256, ref=lambda proxy: "org/m", env=env, secrets=(TOKEN,))
