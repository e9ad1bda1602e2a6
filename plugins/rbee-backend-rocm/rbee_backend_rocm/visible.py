"""Which GPUs the visible-devices variables leave, and the number that HIP has for each.

Sources: ROCr, ``amd_filter_device.h`` (``ROCR_VISIBLE_DEVICES``); ROCclr, ``rocdevice.cpp``, ``Device::init``
(``HIP_VISIBLE_DEVICES``, ``CUDA_VISIBLE_DEVICES``, which count within what the former left). ``GPU_DEVICE_ORDINAL`` is
read there for OpenCL alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .kfd import Node

ROCR, HIP, CUDA = "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"


def visible(nodes: list[Node], env: Mapping[str, str]) -> tuple[list[tuple[int, Node]], str]:
    """The GPUs left, each with HIP's number for it, and the variable that hid the others (empty if none did).

    HIP's number counts within what ``ROCR_VISIBLE_DEVICES`` leaves, so that a process that inherits this variable
    finds the right GPU when ``HIP_VISIBLE_DEVICES`` is set to it.
    """
    hidden = ""
    left = nodes
    if (text := env.get(ROCR)) is not None:
        # Empty hides all of them; an odd word ends the list.
        words = [word.strip().upper() for word in text.split(",")] if text else []
        left = [left[n] for n in _take(words, left, _by_prefix, repeats=False)]
        hidden = ROCR if len(left) < len(nodes) else ""
    numbered = list(enumerate(left))
    name = HIP if env.get(HIP) else CUDA
    if text := env.get(name):
        words = text.split(",")
        chosen = [numbered[n] for n in _take(words, left, _by_part, repeats=True)]
        hidden = name if len(chosen) < len(numbered) else hidden
        numbered = chosen
    return numbered, hidden


def _take(
    words: list[str], nodes: list[Node], by_uuid: Callable[[str, list[Node]], int | None], *, repeats: bool
) -> list[int]:
    """Positions, in the order named, up to the first word that names none."""
    taken: list[int] = []
    for word in words:
        index = by_uuid(word, nodes) if word.startswith("GPU-") else _index(word)
        if index is None or index >= len(nodes) or (index in taken and not repeats):
            break
        if index not in taken:
            taken.append(index)
    return taken


def _index(word: str) -> int | None:
    # As the runtime: written in full, without signs, spaces or leading zeros.
    return int(word) if word.isascii() and word.isdigit() and len(word) < 6 and word == str(int(word)) else None


def _by_prefix(word: str, nodes: list[Node]) -> int | None:
    found = [n for n, node in enumerate(nodes) if node.uuid and node.uuid.upper().startswith(word)]
    return found[0] if len(found) == 1 else None


def _by_part(word: str, nodes: list[Node]) -> int | None:
    return next((n for n, node in enumerate(nodes) if node.uuid and word in node.uuid), None)
