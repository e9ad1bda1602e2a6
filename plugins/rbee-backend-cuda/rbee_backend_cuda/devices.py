"""What was found, as `Device` objects: features by compute capability, selectors, and what is wrong with each."""

from __future__ import annotations

import re
from typing import Any

from rbee_core.contracts import Device

from .found import Gpu, System, Version

#: The oldest runtime and the oldest GPUs that anything rbee builds supports: llama.cpp is C++17, which CUDA compiles
#: since 11.0, and needs Maxwell.
OLDEST_RUNTIME: Version = (11, 0)
OLDEST_CAPABILITY: Version = (5, 0)

#: The Turing chips that have no tensor cores although they have Turing's compute capability (TU116, TU117).
_WITHOUT_TENSOR_CORES = re.compile(r"\b(GTX 16\d\d|MX[45]\d0|T[456]\d\d|T1[02]00)\b")


def device(number: int, gpu: Gpu, system: System) -> Device:
    """One GPU as the device ``GPU-<number>``."""
    total = gpu.total or 0
    data: dict[str, Any] = {
        "id": f"GPU-{number}",
        "backend": "cuda",
        "name": gpu.name,
        "memoryTotal": total,
        "memoryFree": min(gpu.free or 0, total),
        "architecture": "sm_{}{}".format(*gpu.capability) if gpu.capability else "unknown",
        "features": features(gpu),
        "computeCapability": _dotted(gpu.capability),
        "driver": system.driver,
        "runtime": _dotted(system.runtime),
        "unifiedMemory": gpu.unified,
        "selector": {"CUDA_VISIBLE_DEVICES": gpu.uuid or str(gpu.index)},
        "uuid": gpu.uuid,
        "pciBusId": gpu.pci,
        "memoryBandwidth": gpu.bandwidth,
        "problem": gpu.problem or _problem(gpu, system),
    }
    return Device.model_validate({name: value for name, value in data.items() if value is not None})


def features(gpu: Gpu) -> list[str]:
    """What it computes with at full speed (CUDA Programming Guide, "Compute Capabilities")."""
    found = {name for name, has in (("mig", gpu.mig), ("nvlink", gpu.nvlink)) if has}
    if (capability := gpu.capability) is not None:
        found |= {
            name
            for name, since in (("int8", (6, 1)), ("bf16", (8, 0)), ("fp8", (8, 9)), ("tensor-cores", (7, 0)))
            if capability >= since
        }
        # 6.1 (GTX 10xx) knows half precision, at a sixty-fourth of the speed.
        if capability >= (5, 3) and capability != (6, 1):
            found.add("fp16")
        if _WITHOUT_TENSOR_CORES.search(gpu.name):
            found.discard("tensor-cores")
    return sorted(found)


def _problem(gpu: Gpu, system: System) -> str | None:
    if not gpu.total or gpu.free is None:
        return "The driver does not tell its memory."
    if gpu.capability is not None and gpu.capability < OLDEST_CAPABILITY:
        return (
            f"Its compute capability is {_dotted(gpu.capability)}; workers need {_dotted(OLDEST_CAPABILITY)} or newer: "
            "use the CPU."
        )
    if system.runtime is not None and system.runtime < OLDEST_RUNTIME:
        return (
            f"The driver {system.driver or ''} supports CUDA {_dotted(system.runtime)} at most; workers need CUDA "
            f"{_dotted(OLDEST_RUNTIME)} or newer: update the driver (450 or newer)."
        )
    return None


def _dotted(version: Version | None) -> str | None:
    return "{}.{}".format(*version) if version else None
