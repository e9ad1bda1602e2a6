"""The matrix of faults, in front of the Hub's Xet storage."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import pytest

from rbee_core.testing.faults import FaultMatrix, Upstream
from support.hub import TOKEN, FakeHub

DATA = hashlib.shake_256(b"xet").digest(12 << 20)
OK = frozenset({"OK"})


class TestFaults(FaultMatrix):
    vendor = "huggingface (Xet)"
    #: When the storage cannot be used, the delivery network (which is well) can: the right bytes come from there.
    also: ClassVar = dict.fromkeys(("silent", "down", "wrong", "redirect loop"), OK)

    @pytest.fixture
    def upstream(self, hub: FakeHub) -> Upstream:
        hub.xet.xorb_chunks = 1000  # all in one: the matrix counts what is left of one large file
        hub.repo("org/m", {"m.gguf": DATA, "config.json": b"{}"}, private=True, xet=True)

        def env(proxy: str) -> dict[str, str]:
            hub.xet.front = proxy
            return hub.env(HF_TOKEN=TOKEN)

        sha256 = hashlib.sha256(DATA).hexdigest()
        return Upstream(hub.xorb_url, sha256, ref=lambda proxy: "org/m", env=env, secrets=(TOKEN,))
