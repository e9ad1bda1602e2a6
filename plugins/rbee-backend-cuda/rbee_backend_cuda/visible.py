"""What ``CUDA_VISIBLE_DEVICES`` leaves of the GPUs, by CUDA's own rules.

Source: CUDA Programming Guide, "CUDA Environment Variables"; MIG User Guide, "CUDA Device Enumeration".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .found import Gpu


def choose(gpus: Sequence[Gpu], env: Mapping[str, str], in_cuda_order: Callable[[], Sequence[Gpu]]) -> list[Gpu] | None:
    """The devices that the environment leaves visible, in its order; ``None`` if it leaves that open.

    A sequence of indices, UUIDs or their beginnings, and MIG UUIDs; it ends at the first that is invalid. A device
    named twice makes CUDA show none at all.

    :param gpus: all GPUs in PCI order.
    :param in_cuda_order: the GPUs as CUDA counts them, asked for only when an index has to be understood.
    """
    value = env.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return None
    chosen: list[Gpu] = []
    for item in value.split(","):
        gpu = _find(item.strip(), gpus, in_cuda_order)
        if gpu is None:
            break
        if any(gpu is other for other in chosen):
            return []
        chosen.append(gpu)
    return chosen


def _find(item: str, gpus: Sequence[Gpu], in_cuda_order: Callable[[], Sequence[Gpu]]) -> Gpu | None:
    if item.isascii() and item.isdigit():
        ordered = in_cuda_order()
        gpu = ordered[int(item)] if len(item) < 6 and int(item) < len(ordered) else None
        # Of a GPU in MIG mode CUDA shows a process the first instance.
        return gpu.parts[0] if gpu and gpu.parts else gpu
    if item.startswith("MIG-"):
        return _by_beginning(item, [part for gpu in gpus for part in gpu.parts or []])
    if item.startswith("GPU-"):
        return _by_beginning(item, gpus)
    return None


def _by_beginning(item: str, gpus: Sequence[Gpu]) -> Gpu | None:
    """The one whose UUID begins so; none if several do."""
    found = [gpu for gpu in gpus if gpu.uuid and gpu.uuid.lower().startswith(item.lower())]
    return found[0] if len(found) == 1 and len(item) > len("GPU-") else None
