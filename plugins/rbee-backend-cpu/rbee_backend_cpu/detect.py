"""The CPU as a `Device`."""

from __future__ import annotations

from rbee_core.contracts import Device
from rbee_core.probing import Host

from .memory import memory
from .processor import Processor


def detect(host: Host) -> Device:
    """This machine's processor and the memory that a new process could really use.

    With it go ``coresPhysical``, ``coresLogical``, ``coresUsable`` (logical, with affinity and CPU quotas counted),
    ``threadsRecommended``, and where they are known ``isaLevel``, ``coresPerformance`` and ``coresEfficiency``, and
    ``numaNodes`` where there are several.
    """
    cpu = _processor(host)
    total, free = memory(host)
    cores = f"{cpu.physical} core{'s' if cpu.physical != 1 else ''}"
    threads = f"{cpu.logical} thread{'s' if cpu.logical != 1 else ''}"
    extra = {
        "isaLevel": cpu.isa_level,
        "coresPerformance": cpu.performance,
        "coresEfficiency": cpu.efficiency,
        "numaNodes": [{"id": node.id, "processors": node.processors, "memoryTotal": node.memory} for node in cpu.numa]
        or None,
    }
    return Device.model_validate(
        {
            "id": "CPU-0",
            "backend": "cpu",
            "name": f"{cpu.name} ({cores}, {threads})",
            "memoryTotal": total,
            "memoryFree": free,
            "architecture": host.architecture,
            "features": cpu.features,
            "coresPhysical": cpu.physical,
            "coresLogical": cpu.logical,
            "coresUsable": cpu.usable,
            "threadsRecommended": cpu.threads,
            **{key: value for key, value in extra.items() if value is not None},
        }
    )


def _processor(host: Host) -> Processor:
    if host.system == "linux":
        from .linux import processor
    elif host.system == "darwin":
        from .macos import processor
    else:
        from .windows import processor
    return processor(host)
