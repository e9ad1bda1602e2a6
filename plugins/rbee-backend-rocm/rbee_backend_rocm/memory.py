"""How much memory a GPU has to give, and how much of it is free.

A card has its own. A processor's graphics have a small part of the machine's memory for themselves (the carve-out,
"VRAM") and may use more of it through a table (GTT). Since Linux 6.10 the kernel lets computing use the latter where
it is the larger of the two, and then only that; what KFD says it may allocate tells which it is.

Sources: the kernel's amdgpu documentation (``mem_info_vram_total`` and its siblings); ``amdgpu_ttm.c``
(``apu_prefer_gtt``) and ``amdgpu_amdkfd.c`` (``amdgpu_amdkfd_get_local_mem_info``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rbee_core.probing import read_count, read_kibibytes

from .kfd import Node


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes. ``shared``: it is the machine's own memory, which the CPU uses too."""

    total: int
    free: int
    shared: bool


def memory_of(root: Path, node: Node, *, integrated: bool) -> Memory:
    """A GPU's memory, as a new process could use it now."""
    device = root / f"sys/class/drm/{node.render}/device"

    def count(name: str) -> int | None:
        return read_count(device / f"mem_info_{name}")

    vram, used = count("vram_total"), count("vram_used")
    if integrated and node.memory > (vram or 0):
        gtt, gtt_used = count("gtt_total"), count("gtt_used")
        free = [node.memory, read_kibibytes(root / "proc/meminfo", "MemAvailable")]
        free.append(None if gtt is None else gtt - min(gtt_used or 0, gtt))
        return Memory(node.memory, min(n for n in free if n is not None), True)
    # Of a partitioned GPU the driver tells the whole card's memory, KFD the partition's.
    total = min(n for n in (node.memory, vram) if n) if node.memory or vram else 0
    if total == vram and used is not None:
        return Memory(total, total - min(used, total), False)
    return Memory(total, total - min(node.used or 0, total), False)
