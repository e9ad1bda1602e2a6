"""The backend is a good citizen: on a machine with an NPU, and on one without."""

from __future__ import annotations

from pathlib import Path

import pytest
from rbee_core.testing.backend_contract import BackendContract, BackendMachine
from rbee_core.testing.trees import unpack

LUNAR_LAKE = (Path(__file__).parent / "machines/lunar-lake.tree").read_text()


class TestNpu(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-backend-intel-npu"

    @pytest.fixture(scope="class", params=[LUNAR_LAKE, ""], ids=["with", "without"])
    @classmethod
    def machine(cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BackendMachine:
        root = unpack(request.param, tmp_path_factory.mktemp("machine"))
        return BackendMachine("intel-npu", env={"RBEE_NPU_ROOT": str(root)}, devices=1 if request.param else 0)
