"""The worker is a worker as rbee wants it, with the demo model."""

from __future__ import annotations

import pytest

from rbee_core.testing.worker_contract import LanguageWorkerContract

pytestmark = pytest.mark.slow


class TestLlmWorker(LanguageWorkerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def variant(cls) -> str:
        return "llm-worker-cpu"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> str:
        return "demo:stories"
