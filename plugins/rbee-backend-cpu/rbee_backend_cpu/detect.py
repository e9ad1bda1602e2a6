"""The CPU as a `Device`."""

from __future__ import annotations

import sys
from pathlib import Path

from rbee_core.contracts import Device
from rbee_core.probing import read_kibibytes

from .cgroups import memory_limits
from .processor import processor


def detect(root: Path = Path("/")) -> Device:
    """This machine's processor and the memory that a new process could really use.

    ``coresPhysical``, ``coresLogical`` and ``coresUsable`` go with it; the last counts affinity and CPU quotas.

    :param root: where ``/proc`` and ``/sys`` are looked for, on Linux.
    """
    cpu = processor(root)
    total, free = memory(root)
    cores = f"{cpu.physical} core{'s' if cpu.physical != 1 else ''}"
    threads = f"{cpu.logical} thread{'s' if cpu.logical != 1 else ''}"
    return Device.model_validate(
        {
            "id": "CPU-0",
            "backend": "cpu",
            "name": f"{cpu.name} ({cores}, {threads})",
            "memoryTotal": total,
            "memoryFree": free,
            "architecture": cpu.architecture,
            "features": cpu.features,
            "coresPhysical": cpu.physical,
            "coresLogical": cpu.logical,
            "coresUsable": cpu.usable,
        }
    )


def memory(root: Path = Path("/")) -> tuple[int, int]:
    """Bytes of memory in all, and free for a new process; the strictest of machine and control groups."""
    if sys.platform == "linux":
        total = read_kibibytes(root / "proc/meminfo", "MemTotal")
        free = read_kibibytes(root / "proc/meminfo", "MemAvailable")
    else:
        total = free = None
    if total is None or free is None:
        import psutil

        found = psutil.virtual_memory()
        total, free = total or int(found.total), free or int(found.available)
    if sys.platform == "linux":
        for group in memory_limits(root):
            total, free = min(total, group.limit), min(free, group.free)
    return total, min(free, total)
