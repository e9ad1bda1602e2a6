"""A reverse proxy that goes wrong on purpose, and the matrix of faults that every vendor is put through.

A vendor's tests subclass `FaultMatrix` and give it one fixture:

    class TestFaults(FaultMatrix):
        @pytest.fixture
        def upstream(self, server) -> Upstream:
            return Upstream(server.url, sha256, ref=lambda proxy: f"http:{proxy}/m.gguf", env=lambda proxy: {})
"""

from .faults import FAULTS, Fault
from .matrix import FaultMatrix, Upstream
from .proxy import FaultProxy, Passed

__all__ = ["FAULTS", "Fault", "FaultMatrix", "FaultProxy", "Passed", "Upstream"]
