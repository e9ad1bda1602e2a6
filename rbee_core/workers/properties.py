"""Properties of devices, as PEP 825 writes them, and which of them a device lacks.

``nvidia :: cuda_version_lower_bound :: 12.4`` (the driver's), ``nvidia :: sm_arch :: 75_virtual`` (this or newer) or
``90_real`` (just this), ``amd :: rocm_version :: 6.3`` (the runtime's, or newer), ``amd :: gfx_arch :: gfx1100``,
``x86_64 :: level :: v3`` (x86-64 psABI), ``x86_64 :: avx512f :: on``, ``aarch64 :: sve :: on``. Of several values of
one feature one is enough; all features have to be met. Those of another kind of device do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..contracts import Device

#: What tells a level of x86-64 from the one below, of the instruction sets that backends list.
_LEVELS = {
    "v1": set[str](),
    "v2": {"sse4_2", "ssse3"},
    "v3": {"sse4_2", "ssse3", "avx", "avx2", "bmi2", "f16c", "fma"},
}
_LEVELS["v4"] = _LEVELS["v3"] | {"avx512f", "avx512bw", "avx512dq", "avx512vl"}
_BACKENDS = {"nvidia": "cuda", "amd": "rocm"}


def lacking(properties: Iterable[str], device: Device, *, known: bool = False) -> str | None:
    """What a device lacks of what is required; ``None`` if nothing speaks against it.

    :param known: what the device does not tell of itself counts as lacking.
    """
    wanted: dict[tuple[str, str], list[str]] = {}
    for triple in properties:
        namespace, name, value = (part.strip() for part in triple.split("::"))
        if _BACKENDS.get(namespace, "cpu") == device.backend and (
            device.backend != "cpu" or _is_cpu(namespace, device)
        ):
            wanted.setdefault((namespace, name), []).append(value)
    for (_namespace, name), values in wanted.items():
        if known and (untold := _untold(name, device)):
            return untold
        reasons = [_one(name, value, device) for value in values]
        if all(reasons):
            return reasons[-1]
    return None


def _untold(name: str, device: Device) -> str | None:
    fact = {
        "cuda_version_lower_bound": device.runtime,
        "rocm_version": device.runtime,
        "sm_arch": device.compute_capability,
    }.get(name, "told")
    return None if fact else f"{device.name} does not tell its {name}"


def _is_cpu(namespace: str, device: Device) -> bool:
    return namespace == device.architecture


def _one(name: str, value: str, device: Device) -> str | None:
    if name in ("cuda_version_lower_bound", "rocm_version"):
        return runtime_too_old(value, device)
    if name == "sm_arch":
        return _sm(value, device)
    if name == "gfx_arch":
        fits = device.architecture == value
        return None if fits else f"is built for {value}, and {device.name} is {device.architecture}"
    if name == "level":
        return _features(_LEVELS.get(value, set()), f"x86-64-{value}", device)
    return _features({name}, name, device) if value in ("on", "1", "true") else None


def runtime_too_old(least: str, device: Device) -> str | None:
    """Why the driver, or the runtime, of a device is too old for a version; ``None`` if it is not."""
    if device.runtime is None or version(device.runtime) >= version(least):
        return None
    what = {"cuda": "CUDA", "rocm": "ROCm"}.get(device.backend, device.backend)
    driver = f" {device.driver}" if device.driver else ""
    return (
        f"the driver{driver} is too old: it supports {what} {device.runtime}, and {least} is needed; update the driver"
    )


def _sm(value: str, device: Device) -> str | None:
    number, _, kind = value.partition("_")
    if not number.isdigit() or device.compute_capability is None:
        return None
    needed, own = (int(number[:-1]), int(number[-1])), version(device.compute_capability)
    fits = own >= needed if kind == "virtual" else own == needed
    if fits:
        return None
    return f"{device.name} has compute capability {device.compute_capability}, and {number[:-1]}.{number[-1]} is needed"


def _features(needed: set[str], what: str, device: Device) -> str | None:
    if not device.features or not (missing := sorted(needed - set(device.features))):
        return None
    return f"it needs a processor with {what}; this one lacks {', '.join(missing)}"


def version(text: str) -> tuple[int, ...]:
    """A version to compare: ``12.4`` is ``(12, 4)``."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3]) or (0,)
