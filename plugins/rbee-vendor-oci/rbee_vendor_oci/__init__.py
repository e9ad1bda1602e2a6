"""In the making."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbee_core import hookimpl

if TYPE_CHECKING:
    from rbee_core import ModelRef


class OracleVendor:
    """Takes no reference yet."""

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """None."""
        return False
