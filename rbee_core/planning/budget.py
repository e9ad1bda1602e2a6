"""How much of a device's memory a plan may use."""

from __future__ import annotations

from dataclasses import dataclass

from ..contracts import Device

#: What is left free on each device: a fiftieth of its memory, within these bounds (bytes). Others ask for more while a
#: model loads, and an estimate is one.
RESERVE_SHARE = 0.02
RESERVE_LEAST = 256 << 20
RESERVE_MOST = 1 << 30


@dataclass(frozen=True, slots=True)
class Budget:
    """A device and the bytes of its memory that a plan may use: what is free, less a reserve."""

    device: Device

    @property
    def reserve(self) -> int:
        """Bytes that are left free."""
        return int(min(max(RESERVE_LEAST, self.device.memory_total * RESERVE_SHARE), RESERVE_MOST))

    @property
    def usable(self) -> int:
        """Bytes that a plan may use."""
        return max(0, self.device.memory_free - self.reserve)

    @property
    def others(self) -> int:
        """Bytes that others use."""
        return max(0, self.device.memory_total - self.device.memory_free)

    @property
    def unified(self) -> bool:
        """Whether it computes in the machine's own memory."""
        return bool(self.device.unified_memory) and self.device.backend != "cpu"
