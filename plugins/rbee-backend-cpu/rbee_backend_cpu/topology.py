"""Which logical processors share a core, which cores are fast, which memory is near: from Linux' ``/sys``.

Sources: the kernel's documentation, "How CPU topology info is exported via sysfs", "sysfs-devices-system-cpu"
(``cpu_capacity``), "sysfs-devices-node"; perf's ``/sys/devices/cpu_core`` and ``cpu_atom`` on Intel's hybrids.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from pathlib import Path

from rbee_core.probing import cpu_list, read_count, read_text, to_count

from .processor import NumaNode

_CPUS = "sys/devices/system/cpu"
#: A core with less than this share of the largest core's capacity is one that saves power.
_SLOW = 0.7


def online(root: Path) -> list[int]:
    """The logical processors that run."""
    return cpu_list(read_text(root / _CPUS / "online"))


def cores(root: Path, cpus: Iterable[int]) -> list[frozenset[int]]:
    """The physical cores, each as its logical processors; those that tell nothing are left out."""
    found = {
        frozenset(siblings)
        for cpu in cpus
        if (siblings := cpu_list(read_text(root / _CPUS / f"cpu{cpu}/topology/thread_siblings_list")))
    }
    return sorted(found, key=min)


def efficient(root: Path, cpus: Iterable[int]) -> frozenset[int]:
    """The logical processors on cores that save power, where there are cores of both kinds."""
    cpus = list(cpus)
    named = {
        cpu for kind in ("cpu_atom", "cpu_lowpower") for cpu in cpu_list(read_text(root / f"sys/devices/{kind}/cpus"))
    }
    if not named:
        capacity = {cpu: read_count(root / _CPUS / f"cpu{cpu}/cpu_capacity") or 0 for cpu in cpus}
        most = max(capacity.values(), default=0)
        named = {cpu for cpu in cpus if 0 < capacity[cpu] < _SLOW * most}
    slow = frozenset(cpu for cpu in cpus if cpu in named)
    return slow if len(slow) < len(cpus) else frozenset()


def numa_nodes(root: Path, allowed: Set[int] | None = None) -> list[NumaNode]:
    """The nodes that have memory, all or those allowed."""
    nodes = []
    for number in cpu_list(read_text(root / "sys/devices/system/node/online")):
        folder = root / f"sys/devices/system/node/node{number}"
        memory = node_bytes(folder, "MemTotal")
        if memory and (allowed is None or number in allowed):
            nodes.append(NumaNode(number, len(cpu_list(read_text(folder / "cpulist"))), memory))
    return nodes


def node_bytes(folder: Path, key: str) -> int:
    """A value of a node's ``meminfo``, whose lines are ``Node 0 MemTotal:  65843 kB``."""
    for line in (read_text(folder / "meminfo") or "").splitlines():
        words = line.replace(":", " ").split()
        if len(words) >= 4 and words[2] == key:
            return (to_count(words[3]) or 0) * 1024
    return 0
