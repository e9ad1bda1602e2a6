"""Instruction sets: the names we use for them, and the level they add up to.

Sources: the System V ABI for x86-64, "Low Level System Information" (the levels ``x86-64-v2`` to ``v4``); the Arm
architecture's feature list (what each ``armv8.n`` makes mandatory) and the kernel's "ARM64 ELF hwcaps" (how Linux
calls it). Features that only systems use, or that a kernel may be built without, are left out of the levels.
"""

from __future__ import annotations

from collections.abc import Set

#: Instruction sets that decide how fast a model runs, by the kernel's name for them; the value is what we call it.
_FLAGS = {
    **{flag: flag for flag in (
        "sse3", "ssse3", "sse4_1", "sse4_2", "f16c", "fma", "avx", "avx2", "bmi2", "avx_vnni", "avx512f", "avx512bw",
        "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "sve",
        "sve2", "i8mm", "bf16", "sme", "sme2",
    )},
    "pni": "sse3", "neon": "neon", "asimd": "neon", "asimddp": "dotprod", "asimdhp": "fp16",
}  # fmt: skip

_X86 = {
    "x86-64-v2": "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
    "x86-64-v3": "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
    "x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
}
_ARM = {
    "armv8.1-a": "atomics asimdrdm",
    "armv8.2-a": "dcpop",
    "armv8.3-a": "jscvt fcma lrcpc",
    "armv8.4-a": "asimddp dit flagm ilrcpc uscat",
    "armv8.5-a": "flagm2 frint sb bti",
    "armv8.6-a": "i8mm bf16",
}


def features(flags: Set[str]) -> list[str]:
    """Our names for the kernel's flags."""
    return sorted({_FLAGS[flag] for flag in flags if flag in _FLAGS})


def level(architecture: str, flags: Set[str]) -> str | None:
    """The highest level whose features are all there, and those of all levels below it.

    ``armv9-a`` is armv8.5-a with SVE2. ``None`` for architectures without levels, and where no flags are known.
    """
    steps, name = {"x86_64": (_X86, "x86-64-v1"), "aarch64": (_ARM, "armv8-a")}.get(architecture, ({}, ""))
    if not flags or not name:
        return None
    reached = []
    for step, needed in steps.items():
        if not set(needed.split()) <= flags:
            break
        reached.append(step)
    if "armv8.5-a" in reached and "sve2" in flags:
        return "armv9-a"
    return reached[-1] if reached else name
