"""The GPUs that the kernel's KFD driver has for computing.

Source: the kernel, ``drivers/gpu/drm/amd/amdkfd/kfd_topology.c`` (what is in these files) and ``kfd_crat.h`` (the kinds
of memory); ROCr's ``libhsakmt/src/topology.c`` (which nodes the runtime then counts, and in which order).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rbee_core.probing import read_count, read_table, read_text, to_count

_NODES = "sys/class/kfd/kfd/topology/nodes"
#: Kinds of memory that are the GPU's own: visible to the CPU, and not.
_LOCAL_HEAPS = (1, 2)


@dataclass(frozen=True, slots=True)
class Node:
    """One GPU. ``memory`` is what the kernel lets it allocate, in bytes; ``used`` is ``None`` where that is not told.

    ``gfx`` is its instruction set (``gfx1100``), ``minor`` the number of its ``/dev/dri/renderD…``, ``address`` its
    place on the PCI bus, ``unique_id`` 0 where it has none.
    """

    index: int
    gfx: str
    minor: int
    address: str
    device_id: int
    memory: int
    used: int | None
    compute_units: int
    unique_id: int

    @property
    def uuid(self) -> str | None:
        """As the runtime calls it; some, such as most APUs, have none."""
        return f"GPU-{self.unique_id:016x}" if self.unique_id else None

    @property
    def render(self) -> str:
        """The name of its device file."""
        return f"renderD{self.minor}"


def gpu_nodes(root: Path) -> list[Node]:
    """The GPUs in the kernel's order, without those that a container or control group hides."""
    found = []
    for folder in _folders(root / _NODES):
        # In a container that was not given this GPU, these files cannot be read: it does not count, as for ROCr.
        if read_count(folder / "gpu_id") and (node := _node(folder)) is not None:
            found.append(node)
    return found


def has_topology(root: Path) -> bool:
    """Whether the kernel has KFD at all."""
    return (root / _NODES).is_dir()


def _folders(nodes: Path) -> list[Path]:
    try:
        names = [name for folder in nodes.iterdir() if (name := to_count(folder.name)) is not None]
    except OSError:
        return []
    return [nodes / str(name) for name in sorted(names)]


def _node(folder: Path) -> Node | None:
    table = read_table(folder / "properties")

    def number(key: str) -> int:
        return to_count(table.get(key)) or 0

    gfx = gfx_name(number("gfx_target_version"))
    if gfx is None or number("simd_count") == 0:
        return None
    banks = [read_table(bank / "properties") for bank in _folders(folder / "mem_banks")]
    local = [bank for bank in banks if to_count(bank.get("heap_type")) in _LOCAL_HEAPS]
    return Node(
        index=int(folder.name),
        gfx=gfx,
        minor=number("drm_render_minor"),
        address=_pci_address(number("domain"), number("location_id")),
        device_id=number("device_id"),
        memory=sum(to_count(bank.get("size_in_bytes")) or 0 for bank in local),
        used=to_count(read_text(folder / "mem_banks/0/used_memory")),
        compute_units=number("simd_count") // (number("simd_per_cu") or 1),
        unique_id=number("unique_id"),
    )


def gfx_name(version: int) -> str | None:
    """``gfx90a`` for 90010: two decimal digits each for minor and step, which the name has in hexadecimal."""
    major, minor, step = version // 10000, version // 100 % 100, version % 100
    if not 0 < major < 100 or minor > 15 or step > 15:
        return None
    return f"gfx{major}{minor:x}{step:x}"


def _pci_address(domain: int, location: int) -> str:
    return f"{domain & 0xFFFF:04x}:{location >> 8 & 0xFF:02x}:{location >> 3 & 0x1F:02x}.{location & 7}"
