"""The GPUs of a Mac as `Device` objects."""

from __future__ import annotations

import re

from rbee_core.contracts import Device
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.probing import Host, mac_memory_free, sysctl, tidy, to_count

from .facts import Adapter, Answer, adapters, ask_metal

#: The first macOS that the engines' wheels are for (their tags on the package index: ``macosx_13_0``).
_OLDEST = 13
#: The first family of GPUs with matrix multiplication, which llama.cpp's kernels need: the M1's.
_MATRIX = "apple7"


def detect(host: Host) -> list[Device]:
    """This Mac's GPU, or GPUs, if one can be used the first.

    ``memoryTotal`` is what one process may use of the machine's memory (Metal's ``recommendedMaxWorkingSetSize``, which
    ``sysctl iogpu.wired_limit_mb`` can raise), ``memoryFree`` what of that is free now. ``memoryInstalled`` and
    ``gpuCores`` go with it.

    :raises RbeeError: ``BACKEND_UNAVAILABLE`` with why there is none.
    """
    if host.system != "darwin":
        raise _unavailable("Metal is a part of macOS.")
    values = sysctl(host, "hw.memsize", "sysctl.proc_translated", "kern.hv_vmm_present", "machdep.cpu.brand_string")
    version = tidy(host.tool(["sw_vers", "-productVersion"]), 40)
    answer = ask_metal(host)
    found = adapters(host) or ([_from_metal(answer, values)] if answer else [])
    if not found:
        if values.get("kern.hv_vmm_present") == "1":
            raise _unavailable("This virtual machine has no GPU: give it one, or use the CPU.")
        raise _unavailable("macOS lists no GPU (`system_profiler SPDisplaysDataType`).")
    devices = [_device(host, adapter, answer, values, version) for adapter in found]
    devices.sort(key=lambda device: (device.problem is not None, -device.memory_total))
    return [device.model_copy(update={"id": f"GPU-{index}"}) for index, device in enumerate(devices)]


def _unavailable(message: str) -> RbeeError:
    return RbeeError(ErrorCode.BACKEND_UNAVAILABLE, message)


def _from_metal(answer: Answer, values: dict[str, str]) -> Adapter:
    """What can be said of a GPU that only Metal knows."""
    metal = next((family[-1] for family in ("metal4", "metal3") if family in answer.families), None)
    name = answer.name or values.get("machdep.cpu.brand_string", "GPU")
    return Adapter(name, "apple" if name.startswith("Apple") else "", None, metal, None, answer.unified)


def _device(host: Host, adapter: Adapter, answer: Answer | None, values: dict[str, str], version: str) -> Device:
    installed = to_count(values.get("hw.memsize")) or 0
    mine = answer if answer is not None and _same(answer, adapter) else None
    unified = mine.unified if mine else adapter.is_apple or (adapter.shared and adapter.memory is not None)
    total = _share(host, adapter, mine, installed)
    available = mac_memory_free(host) if unified else None
    cores = f" ({adapter.cores} GPU cores)" if adapter.cores else ""
    return Device.model_validate(
        {
            "id": "GPU-0",
            "backend": "metal",
            "name": f"{adapter.name}{cores}",
            "memoryTotal": total,
            "memoryFree": total if available is None else min(total, available),
            "driver": f"macOS {version}" if version else None,
            "architecture": re.sub(r"[^a-z0-9]+", "-", adapter.name.lower()).strip("-")[:60] or "gpu",
            "features": _features(adapter, mine),
            "runtime": adapter.metal,
            "unifiedMemory": unified,
            "problem": _problem(host, adapter, mine, values, version),
            **({"gpuCores": adapter.cores} if adapter.cores else {}),
            **({"memoryInstalled": installed} if installed else {}),
        }
    )


def _same(answer: Answer, adapter: Adapter) -> bool:
    return answer.name == adapter.name or (adapter.is_apple and answer.name.startswith("Apple"))


def _share(host: Host, adapter: Adapter, answer: Answer | None, installed: int) -> int:
    """What a process may use, in bytes.

    Where Metal could not be asked: the limit that was set by hand, else two thirds of the memory, or three quarters
    above 36 GB, which is what macOS allows at least (newer ones allow more).
    """
    if answer is not None:
        return answer.limit
    if not adapter.is_apple:
        return adapter.memory or 0
    by_hand = to_count(sysctl(host, "iogpu.wired_limit_mb").get("iogpu.wired_limit_mb"))
    if by_hand:
        return min(by_hand << 20, installed or by_hand << 20)
    return installed * 3 // 4 if installed > 36 << 30 else installed * 2 // 3


def _features(adapter: Adapter, answer: Answer | None) -> list[str]:
    families = answer.families if answer else frozenset({_MATRIX} if adapter.is_apple else ())
    found = {family for family in families if family.startswith("metal")}
    found |= {f"metal{adapter.metal}"} if adapter.metal and int(adapter.metal) >= 3 else set()
    if adapter.is_apple and _MATRIX in families:
        found |= {"fp16", "bf16", "simdgroup-matrix"}
    apple = [family for family in families if re.fullmatch(r"apple\d+", family)]
    newest = max(apple, key=lambda family: int(family[5:]), default=None) if answer else None
    return sorted(found | ({newest} if newest else set()))


def _problem(host: Host, adapter: Adapter, answer: Answer | None, values: dict[str, str], version: str) -> str | None:
    """Why nothing can be run on it although it is there."""
    if values.get("sysctl.proc_translated") == "1":
        return "This Python is an Intel one, run through Rosetta: install rbee with a Python for Apple silicon (arm64)."
    if not adapter.is_apple or host.architecture != "aarch64":
        return "The engines have no Metal for Intel Macs and their GPUs: use the CPU."
    major = to_count(version.partition(".")[0])
    if major is not None and major < _OLDEST:
        return f"The engines need macOS {_OLDEST} or newer; this is {version}."
    if answer is not None and _MATRIX not in answer.families:
        return (
            f"This GPU ({answer.name}) lacks what the engines need (family {_MATRIX}), as those of virtual machines do."
        )
    return None
