"""How much memory there is for a new process, and how much of it is free."""

from __future__ import annotations

from rbee_core.cgroups import memory_limits
from rbee_core.probing import Host, cpu_list, mac_memory_free, read_kibibytes, read_table, sysctl, to_count

from . import topology


def memory(host: Host) -> tuple[int, int]:
    """Bytes in all, and free; the strictest of the machine, its control groups and the NUMA nodes allowed."""
    if host.system == "linux":
        total = read_kibibytes(host.root / "proc/meminfo", "MemTotal")
        free = read_kibibytes(host.root / "proc/meminfo", "MemAvailable")
    elif host.system == "darwin":
        total, free = to_count(sysctl(host, "hw.memsize").get("hw.memsize")), mac_memory_free(host)
    else:
        total = free = None
    if total is None or free is None:
        import psutil

        found = psutil.virtual_memory()
        total, free = total or int(found.total), free or int(found.available)
    if host.system == "linux":
        for limit, left in [*((group.limit, group.free) for group in memory_limits(host.root)), *_bound(host)]:
            total, free = min(total, limit), min(free, left)
    return total, min(free, total)


def _bound(host: Host) -> list[tuple[int, int]]:
    """The memory of the NUMA nodes that this process is bound to, in all and free; nothing when it may use all."""
    allowed = set(cpu_list(read_table(host.root / "proc/self/status", ":").get("Mems_allowed_list")))
    nodes = topology.numa_nodes(host.root)
    mine = [node for node in nodes if node.id in allowed]
    if not mine or len(mine) == len(nodes):
        return []
    folders = [host.root / f"sys/devices/system/node/node{node.id}" for node in mine]
    free = sum(topology.node_bytes(folder, key) for folder in folders for key in ("MemFree", "Inactive(file)"))
    return [(sum(node.memory for node in mine), free)]
