"""The backend is a good citizen, on whatever machine this is."""

from __future__ import annotations

import pytest

from rbee_core.testing.backend_contract import BackendContract, BackendMachine


class TestMetal(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-backend-metal"

    @pytest.fixture(scope="class")
    @classmethod
    def machine(cls) -> BackendMachine:
        return BackendMachine("metal")
