"""What was found of NVIDIA's GPUs, in the words that all three ways of asking share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: CUDA as (major, minor): a compute capability, or a version of the runtime.
Version = tuple[int, int]


class NoAnswerError(Exception):
    """A way of asking that gave no answer.

    :param reason: why, and what to do about it: a sentence for the user.
    :param final: the driver itself is at fault: asking it in another way would give nothing else.
    :param missing: merely not installed, which tells nothing about the GPUs.
    """

    def __init__(self, reason: str, *, final: bool = False, missing: bool = False) -> None:
        self.reason = reason
        self.missing = missing
        self.final = final
        super().__init__(reason)


@dataclass(slots=True)
class Gpu:
    """One GPU, or one MIG instance of a GPU.

    ``index`` is its place in PCI order, which NVML and nvidia-smi count by. Memory is in bytes; ``None`` is unknown.
    ``bandwidth`` is its memory's, in bytes per second. ``parts`` are its MIG instances, ``None`` while MIG mode is off.
    ``problem`` says why nothing can be run on it.
    """

    index: int
    name: str
    uuid: str | None = None
    pci: str | None = None
    total: int | None = None
    free: int | None = None
    capability: Version | None = None
    bandwidth: int | None = None
    unified: bool = False
    nvlink: bool = False
    mig: bool = False
    parts: list[Gpu] | None = None
    problem: str | None = None


@dataclass(slots=True)
class System:
    """All GPUs, in PCI order, and the driver: its version, and the newest CUDA runtime that it supports."""

    gpus: list[Gpu] = field(default_factory=list)
    driver: str | None = None
    runtime: Version | None = None


def bandwidth(clock_hz: int, bus_bits: int) -> int | None:
    """A memory's peak bandwidth in bytes per second: two transfers per clock of the whole bus (CUDA's deviceQuery)."""
    return 2 * clock_hz * bus_bits // 8 or None


def cuda_version(number: int) -> Version | None:
    """CUDA's way of writing a version as one number: 12040 is 12.4."""
    return (number // 1000, number % 1000 // 10) if number >= 1000 else None


#: Driver branch -> the newest CUDA runtime it supports (CUDA toolkit release notes, table of driver versions).
_RUNTIMES: dict[int, Version] = {
    384: (9, 0), 390: (9, 1), 396: (9, 2), 410: (10, 0), 418: (10, 1), 440: (10, 2), 450: (11, 0), 455: (11, 1),
    460: (11, 2), 465: (11, 3), 470: (11, 4), 495: (11, 5), 510: (11, 6), 515: (11, 7), 520: (11, 8), 525: (12, 0),
    530: (12, 1), 535: (12, 2), 545: (12, 3), 550: (12, 4), 555: (12, 5), 560: (12, 6), 565: (12, 7), 570: (12, 8),
    575: (12, 9), 580: (13, 0), 590: (13, 1),
}  # fmt: skip


def runtime_of(driver: str) -> Version | None:
    """The newest CUDA runtime that a driver supports, by its own version: for those that do not say."""
    match = re.fullmatch(r"(\d{3})(\.\d+)+", driver)
    branch = max((known for known in _RUNTIMES if match and known <= int(match[1])), default=None)
    return _RUNTIMES[branch] if branch else None
