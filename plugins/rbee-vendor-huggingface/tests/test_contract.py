"""The vendor of the Hugging Face Hub is a good citizen."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from rbee_core.testing.faults import FaultProxy
from rbee_core.testing.vendor_contract import VendorContract, VendorModel
from support.hub import FakeHub


class TestHuggingFace(VendorContract):
    # The Hub answers for a model that is not there as for one that is private.
    missing_codes = frozenset({"MODEL_NOT_FOUND", "AUTH_REQUIRED"})

    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-huggingface"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorModel]:
        with FakeHub() as hub, FaultProxy(hub.cdn_url) as proxy:
            hub.cdn_front = proxy.url
            hub.repo("org/m", {"m.gguf": os.urandom(12 << 20), "config.json": b"{}"})

            def publish(name: str) -> str:
                hub.repo("org/named", {name: b"x"})
                return "hf:org/named"

            yield VendorModel("hf:org/m", "hf:org/none", env=hub.env(), proxy=proxy, publish=publish)
