"""A reverse proxy that goes wrong on purpose, and the matrix of faults that every vendor is put through.

A vendor's tests subclass `FaultMatrix` and give it one fixture:

    class TestFaults(FaultMatrix):
        @pytest.fixture
        def upstream(self, server) -> Upstream:
            return Upstream(server.url, sha256, ref=lambda proxy: f"http:{proxy}/m.gguf", env=lambda proxy: {})
"""

from typing import TYPE_CHECKING

from .faults import FAULTS, Fault
from .proxy import ON_THE_WAY, FaultProxy, Passed

if TYPE_CHECKING:
    from .matrix import FaultMatrix, Upstream

__all__ = ["FAULTS", "ON_THE_WAY", "Fault", "FaultMatrix", "FaultProxy", "Passed", "Upstream"]


def __getattr__(name: str) -> object:
    """The matrix when it is wanted: its tests carry the mark ``slow``, which not every pytest knows."""
    if name not in ("FaultMatrix", "Upstream"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import matrix

    value: object = getattr(matrix, name)
    return value
