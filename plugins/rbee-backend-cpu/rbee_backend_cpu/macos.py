"""A processor under macOS, by ``sysctl``.

Source: Apple, "Determining system capabilities" (``hw.perflevel``, ``hw.optional.arm``); ``man 3 sysctl``.
"""

from __future__ import annotations

import os

from rbee_core.probing import Host, sysctl, tidy, to_count

from . import isa
from .processor import Processor

#: Apple's name of a feature → Linux' name for it.
_ARM = {
    "LSE": "atomics", "RDM": "asimdrdm", "DPB": "dcpop", "JSCVT": "jscvt", "FCMA": "fcma", "LRCPC": "lrcpc",
    "DotProd": "asimddp", "DIT": "dit", "FlagM": "flagm", "LRCPC2": "ilrcpc", "LSE2": "uscat", "FlagM2": "flagm2",
    "FRINTTS": "frint", "SB": "sb", "BTI": "bti", "I8MM": "i8mm", "BF16": "bf16", "FP16": "asimdhp", "SME": "sme",
    "SME2": "sme2",
}  # fmt: skip
#: Apple's name of a flag of Intel's → Linux'.
_X86 = {"sse3": "pni", "avx1_0": "avx", "lahf": "lahf_lm", "lzcnt": "abm"}


def processor(host: Host) -> Processor:
    """What ``sysctl`` tells of it."""
    values = sysctl(host, "hw", "machdep.cpu")

    def number(key: str) -> int | None:
        return to_count(values.get(key)) or None

    logical = number("hw.logicalcpu") or number("hw.ncpu") or os.cpu_count() or 1
    physical = min(number("hw.physicalcpu") or logical, logical)
    flags = _arm_flags(values) if host.architecture == "aarch64" else _x86_flags(values)
    fast, slow = number("hw.perflevel0.physicalcpu"), number("hw.perflevel1.physicalcpu")
    return Processor(
        name=tidy(values.get("machdep.cpu.brand_string")) or host.architecture,
        physical=physical,
        logical=logical,
        usable=logical,
        # The fast cores alone, as llama.cpp counts them.
        threads=min(fast or physical, logical),
        features=isa.features(flags),
        isa_level=isa.level(host.architecture, flags),
        performance=fast if fast and slow else None,
        efficiency=slow if fast and slow else None,
    )


def _arm_flags(values: dict[str, str]) -> set[str]:
    named = {flag for name, flag in _ARM.items() if values.get(f"hw.optional.arm.FEAT_{name}") == "1"}
    # Older systems name these two otherwise; every Apple processor of this architecture has them.
    return named | {"asimd", "asimdhp", "asimddp"}


def _x86_flags(values: dict[str, str]) -> set[str]:
    text = " ".join(values.get(f"machdep.cpu.{key}", "") for key in ("features", "leaf7_features", "extfeatures"))
    return {_X86.get(word, word) for word in text.lower().replace(".", "_").split()}
