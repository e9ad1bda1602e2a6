"""Which GPU architectures ROCm's libraries have code for, and what each can do. All such tables are in this file.

Sources, looked up on 2026-11-20:

- ``LIBRARIES`` up to 7.1: rocBLAS, the target lists by ROCm release in its CMake files (``TARGET_LIST_ROCM_5.7`` to
  ``7.1``). From 7.13 on, where ROCm is built by TheRock: TheRock's SUPPORTED_GPUS.md (Linux, "Release Ready") and the
  targets of llama.cpp's own release for ROCm 10.0.0 (``release.yml``, ubuntu-24-rocm).
- ``OVERRIDES``: llama.cpp, docs/build.md, "HIP": 10.3.0 on RDNA 2. RDNA 3's integrated gfx1103 is left out on purpose:
  with 11.0.0 it faults (pytorch/pytorch#179653).
- ``TORCH``: PyTorch, ``.ci/docker/manywheel/build.sh`` (``PYTORCH_ROCM_ARCH``); ``TORCH_BACKEND``: the newest that uv
  has a name for (``uv pip install --help``, uv 0.13).
- ``INTEGRATED`` and the features: LLVM, "User Guide for AMDGPU Backend", table of processors; llama.cpp,
  ``ggml-cuda/vendors/hip.h``.
"""

from __future__ import annotations

_SIX = "gfx900 gfx906 gfx908 gfx90a gfx942 gfx1010 gfx1012 gfx1030 gfx1100 gfx1101 gfx1102"
_SIX_THREE = f"{_SIX} gfx1151 gfx1200 gfx1201"
_SEVEN = f"{_SIX_THREE} gfx950 gfx1150"
_SEVEN_ONE = f"{_SEVEN} gfx1103"
_THEROCK = (
    "gfx908 gfx90a gfx942 gfx950 gfx1010 gfx1011 gfx1012 gfx1030 gfx1031 gfx1032 gfx1033 gfx1034 gfx1035 gfx1036 "
    "gfx1100 gfx1101 gfx1102 gfx1103 gfx1150 gfx1151 gfx1152 gfx1200 gfx1201"
)
#: The ROCm release (major, minor) from which a list holds, until the next one → the targets with code; oldest first.
LIBRARIES: dict[tuple[int, int], frozenset[str]] = {
    (5, 7): frozenset(f"gfx803 {_SIX}".split()),
    (6, 0): frozenset(_SIX.split()),
    (6, 3): frozenset(_SIX_THREE.split()),
    (7, 0): frozenset(_SEVEN.split()),
    (7, 1): frozenset(_SEVEN_ONE.split()),
    (7, 13): frozenset(_THEROCK.split()),
}

#: The newest release that the last of these lists was checked against.
AS_OF = "10.0"

#: A target without code of its own → the version to put into ``HSA_OVERRIDE_GFX_VERSION``, and whose code then runs.
OVERRIDES = {f"gfx103{step}": ("10.3.0", "gfx1030") for step in "123456"}

#: What PyTorch's wheels for ROCm are compiled for, and which of them to take, in uv's words.
TORCH = frozenset(
    "gfx900 gfx906 gfx908 gfx90a gfx942 gfx950 gfx1030 gfx1100 gfx1101 gfx1102 gfx1103 gfx1150 gfx1151 gfx1200 "
    "gfx1201".split()
)
TORCH_BACKEND = "rocm7.2"

#: Targets that only exist in processors with graphics: their memory is the machine's.
INTEGRATED = frozenset(
    "gfx902 gfx909 gfx90c gfx1013 gfx1033 gfx1035 gfx1036 gfx1037 gfx1103 gfx1150 gfx1151 gfx1152 gfx1153".split()
)
#: The one chip that is both: as MI300A it is part of a processor. By PCI device.
_INTEGRATED_DEVICES = frozenset({0x74A0})

_MFMA = frozenset("gfx908 gfx90a gfx942 gfx950".split())
_DOT = frozenset("gfx906 gfx1011 gfx1012".split()) | _MFMA
_FP8 = frozenset("gfx942 gfx950".split())


def libraries_of(version: str | None) -> frozenset[str]:
    """What a release's libraries have code for; of the newest release known here where none is named."""
    parts = (version or "").split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        return list(LIBRARIES.values())[-1]
    wanted = (int(parts[0]), int(parts[1]))
    held = [targets for since, targets in LIBRARIES.items() if since <= wanted]
    return held[-1] if held else next(iter(LIBRARIES.values()))


def elsewhere(gfx: str) -> str:
    """Which releases have code for a target, as a sentence; empty when none of those known here does."""
    holding = [since for since, targets in LIBRARIES.items() if gfx in targets]
    if not holding:
        return ""
    releases = list(LIBRARIES)
    if holding[-1] == releases[-1]:
        return f" ROCm {'.'.join(map(str, holding[0]))} and newer have it."
    end = releases[releases.index(holding[-1]) + 1]
    return f" Only ROCm before {'.'.join(map(str, end))} has it."


def is_integrated(gfx: str, device_id: int) -> bool:
    """Whether it is part of a processor."""
    return gfx in INTEGRATED or device_id in _INTEGRATED_DEVICES


def features_of(gfx: str) -> list[str]:
    """What counts for inference: number formats it computes in, and its matrix units."""
    rdna = gfx.startswith(("gfx11", "gfx12"))
    found = {"fp16"}
    if gfx in _MFMA:
        found |= {"mfma", "bf16"}
    if rdna:
        found |= {"wmma", "bf16"}
    if gfx in _FP8 or gfx.startswith("gfx12"):
        found.add("fp8")
    if gfx in _DOT or rdna or gfx.startswith("gfx103"):
        found.add("int8")
    return sorted(found)
