"""The demo vendor is a good citizen."""

from __future__ import annotations

import pytest
from rbee_core.testing.vendor_contract import VendorContract, VendorModel


class TestDemo(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-demo"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> VendorModel:
        return VendorModel(ref="demo:stories", missing="demo:novels")
