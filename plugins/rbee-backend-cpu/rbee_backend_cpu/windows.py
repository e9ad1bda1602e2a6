"""A processor under Windows.

Source: Microsoft, "IsProcessorFeaturePresent function" and ``winnt.h`` (the numbers of the features).
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable

from rbee_core.probing import Host, tidy

from . import isa
from .processor import Processor

#: Number of a feature → Linux' names for what it stands for, with what every such processor has beside it.
_PRESENT = {
    13: "pni", 36: "ssse3", 37: "sse4_1", 38: "sse4_2 cx16 lahf_lm popcnt", 39: "avx xsave",
    40: "avx2 bmi1 bmi2 f16c fma abm movbe", 41: "avx512f", 19: "asimd", 43: "asimddp",
}  # fmt: skip


def _present(number: int) -> bool:
    if sys.platform != "win32":
        return False
    import ctypes

    return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(number))


def processor(host: Host, present: Callable[[int], bool] = _present) -> Processor:
    """What Windows tells of it."""
    import psutil

    logical = psutil.cpu_count() or 1
    physical = min(psutil.cpu_count(logical=False) or logical, logical)
    flags = {flag for number, names in _PRESENT.items() if present(number) for flag in names.split()}
    return Processor(
        name=tidy(platform.processor()) or host.architecture,
        physical=physical,
        logical=logical,
        usable=logical,
        threads=physical,
        features=isa.features(flags),
        isa_level=isa.level(host.architecture, flags),
    )
