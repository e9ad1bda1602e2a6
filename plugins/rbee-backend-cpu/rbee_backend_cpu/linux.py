"""A processor under Linux, in whatever container."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rbee_core.cgroups import cpu_limit
from rbee_core.probing import Host, cpu_list, read_table, read_text, tidy

from . import isa, topology
from .processor import Processor

#: Lines of ``/proc/cpuinfo`` that name the processor, or else the board, the best first.
_NAMES = ("model name", "Model", "cpu model", "Hardware")
#: Cores of Arm's that servers and boards have, by ``CPU implementer`` and ``CPU part`` (Arm, MIDR_EL1 of each core).
_ARM = {
    ("0x41", "0xd03"): "Cortex-A53", ("0x41", "0xd05"): "Cortex-A55", ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd0b"): "Cortex-A76", ("0x41", "0xd0c"): "Neoverse-N1", ("0x41", "0xd40"): "Neoverse-V1",
    ("0x41", "0xd49"): "Neoverse-N2", ("0x41", "0xd4f"): "Neoverse-V2", ("0x41", "0xd8e"): "Neoverse-N3",
    ("0xc0", "0xac3"): "Ampere-1",
}  # fmt: skip


def processor(host: Host) -> Processor:
    """What ``/proc`` and ``/sys`` tell of it."""
    blocks = _cpuinfo(host.root)
    known = [block for block in blocks if "processor" in block]
    status = read_table(host.root / "proc/self/status", ":")
    allowed = cpu_list(status.get("Cpus_allowed_list"))
    everyone = topology.online(host.root) or list(range(len(known))) or allowed or [0]
    name = next((block[key] for key in _NAMES for block in blocks if block.get(key)), "") or _arm_name(known)
    flags = {flag for block in blocks[:1] for key in ("flags", "Features") for flag in block.get(key, "").split()}
    cores = topology.cores(host.root, everyone)
    ids = {(block.get("physical id", "0"), block["core id"]) for block in known if "core id" in block}
    physical = min(len(cores) or len(ids) or len(everyone), len(everyone))
    slow = topology.efficient(host.root, everyone)
    mine = [cpu for cpu in everyone if cpu in allowed] or everyone
    usable = min(n for n in (len(mine), cpu_limit(host.root)) if n)
    efficiency = sum(core <= slow for core in cores) if slow else 0
    nodes = topology.numa_nodes(host.root)
    return Processor(
        name=tidy(name) or host.architecture,
        physical=physical,
        logical=len(everyone),
        usable=usable,
        threads=max(1, min(usable, _paying(cores, slow, mine, physical))),
        features=isa.features(flags),
        isa_level=isa.level(host.architecture, flags),
        performance=physical - efficiency if efficiency else None,
        efficiency=efficiency or None,
        numa=nodes if len(nodes) > 1 else [],
    )


def _paying(cores: list[frozenset[int]], slow: frozenset[int], mine: Iterable[int], physical: int) -> int:
    """How many threads pay off: one for each core that is ours, and only the fast ones where there are both.

    A second thread on a core adds nothing where both compute, and since all threads wait for each other, a slow core
    slows the others down (llama.cpp, ``common_cpu_get_num_math``). Bound to one NUMA node, ours are that node's.
    """
    mine = set(mine)
    if not cores:
        return physical
    held = [core & mine for core in cores if core & mine]
    fast = [core for core in held if not core <= slow]
    return len(fast or held)


def _arm_name(blocks: list[dict[str, str]]) -> str:
    """What the cores are called where no line says so, as in most Arm servers; the kinds that there are."""
    parts = dict.fromkeys((block.get("CPU implementer", ""), block.get("CPU part", "")) for block in blocks)
    return " + ".join(_ARM[part] for part in reversed(parts) if part in _ARM)


def _cpuinfo(root: Path) -> list[dict[str, str]]:
    """The blocks of ``/proc/cpuinfo``, one per logical processor and sometimes one for the board."""
    blocks = []
    for block in (read_text(root / "proc/cpuinfo") or "").split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
        if fields := {key.strip(): value.strip() for key, _, value in pairs}:
            blocks.append(fields)
    return blocks
