"""The backend is a good citizen, on whatever machine this is."""

from __future__ import annotations

import pytest

from rbee_core.testing.backend_contract import BackendContract, BackendMachine


class TestCuda(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-backend-cuda"

    @pytest.fixture(scope="class")
    @classmethod
    def machine(cls) -> BackendMachine:
        return BackendMachine("cuda")
