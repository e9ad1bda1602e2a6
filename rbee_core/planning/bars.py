"""The memory of each device with a plan in it: what a picture of it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..contracts import Device
from .budget import Budget
from .candidates import Candidate
from .memory import Estimate, Part
from .placing import Site


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """One device's memory in bytes, by who has it.

    ``others``: what others use. ``free``: what is left, the reserve with it; below 0 if the plan does not fit.
    """

    device: Device
    part: Part = field(default_factory=Part)
    #: A GPU's part of this memory, where it computes in it.
    shared: int = 0

    @property
    def others(self) -> int:
        """Bytes that others use."""
        return Budget(self.device).others

    @property
    def free(self) -> int:
        """Bytes that are left."""
        return self.device.memory_free - self.part.total - self.shared

    def wire(self) -> dict[str, Any]:
        """For ``plan --json``."""
        return {
            "device": self.device.id,
            "name": self.device.name,
            "total": self.device.memory_total,
            "usable": Budget(self.device).usable,
            "weights": self.part.weights,
            "kv": self.part.kv,
            "compute": self.part.compute,
            "overhead": self.part.overhead,
            "shared": self.shared,
            "others": self.others,
            "free": self.free,
        }


def memory_of(
    chosen: Candidate | None, found: Sequence[Candidate], devices: Sequence[Device]
) -> Iterator[DeviceMemory]:
    """The devices that the plan uses, with their parts; of a plan that failed, all devices as they would be."""
    if chosen is not None:
        if chosen.placement is not None:
            yield from _parts(chosen.placement.site, chosen.placement.needed)
        else:
            yield from (DeviceMemory(device) for device in chosen.devices)
        return
    short = [candidate.shortage for candidate in found if candidate.shortage is not None]
    if short:
        nearest = min(short, key=lambda shortage: shortage.lacking)
        yield from _parts(nearest.site, nearest.estimate)
    else:
        yield from (DeviceMemory(device) for device in devices)


def _parts(site: Site, needed: Estimate) -> Iterator[DeviceMemory]:
    for budget, part in zip(site.gpus, needed.gpus, strict=False):
        yield DeviceMemory(budget.device, part)
    if site.host is not None:
        shared = sum(p.total for p, b in zip(needed.gpus, site.gpus, strict=False) if b.unified)
        yield DeviceMemory(site.host.device, needed.host, shared)
