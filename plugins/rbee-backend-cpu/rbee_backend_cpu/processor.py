"""The processor: its name, its cores, its instruction sets."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from rbee_core.probing import cpu_list, read_table, read_text, tidy

from .cgroups import cpu_limit

#: Instruction sets that decide how fast a model runs, by the kernel's name for them; the value is what we call it.
_FLAGS = {
    **{flag: flag for flag in (
        "sse3", "ssse3", "sse4_1", "sse4_2", "f16c", "fma", "avx", "avx2", "bmi2", "avx_vnni", "avx512f", "avx512bw",
        "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "sve",
        "sve2", "i8mm", "bf16", "sme", "sme2",
    )},
    "pni": "sse3", "neon": "neon", "asimd": "neon", "asimddp": "dotprod", "asimdhp": "fp16",
}  # fmt: skip

_ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "armv8l": "aarch64"}


@dataclass(frozen=True, slots=True)
class Processor:
    """What was found; ``usable`` is the number of processors this process may really use."""

    name: str
    physical: int
    logical: int
    usable: int
    architecture: str
    features: list[str] = field(default_factory=list)


def processor(root: Path = Path("/")) -> Processor:
    """This machine's processor.

    :param root: where ``/proc`` and ``/sys`` are looked for, on Linux.
    """
    machine = platform.machine().lower() or "unknown"
    architecture = _ARCHITECTURES.get(machine, machine)
    if sys.platform == "linux":
        return _linux(root, architecture)
    return _elsewhere(architecture)


def _linux(root: Path, architecture: str) -> Processor:
    blocks = _cpuinfo(root)
    known = [block for block in blocks if "processor" in block]
    logical = len(known) or os.cpu_count() or 1
    cores = {(b.get("physical id", "0"), b["core id"]) for b in known if "core id" in b}
    allowed = len(cpu_list(read_table(root / "proc/self/status", ":").get("Cpus_allowed_list")))
    usable = min(n for n in (logical, allowed, cpu_limit(root)) if n)
    name = next((b[key] for key in ("model name", "Model", "cpu model", "Hardware") for b in blocks if b.get(key)), "")
    flags = {flag for b in blocks[:1] for key in ("flags", "Features") for flag in b.get(key, "").split()}
    physical = min(len(cores) or logical, logical)
    return Processor(tidy(name) or architecture, physical, logical, usable, architecture, _features(flags))


def _cpuinfo(root: Path) -> list[dict[str, str]]:
    """The blocks of ``/proc/cpuinfo``, one per logical processor and sometimes one for the board."""
    blocks = []
    for block in (read_text(root / "proc/cpuinfo") or "").split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
        if fields := {key.strip(): value.strip() for key, _, value in pairs}:
            blocks.append(fields)
    return blocks


def _features(flags: set[str]) -> list[str]:
    return sorted({_FLAGS[flag] for flag in flags if flag in _FLAGS})


def _elsewhere(architecture: str) -> Processor:
    import psutil

    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    features: list[str] = []
    name = platform.processor()
    if sys.platform == "darwin":
        name = _sysctl("machdep.cpu.brand_string") or name
        words = _sysctl("machdep.cpu.features", "machdep.cpu.leaf7_features").lower().replace(".", "_").split()
        features = _features({"avx" if word == "avx1_0" else word for word in words})
        if architecture == "aarch64":
            features = ["dotprod", "fp16", "neon"]  # every Apple processor of this architecture has them
    return Processor(tidy(name) or architecture, physical, logical, logical, architecture, features)


def _sysctl(*names: str) -> str:
    try:
        done = subprocess.run(["sysctl", "-n", *names], capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
