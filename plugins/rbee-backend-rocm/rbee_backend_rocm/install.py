"""The ROCm that is installed here, if any: its release, and what its libraries have code for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rbee_core.probing import Host, read_text

from .targets import AS_OF, OVERRIDES, elsewhere, libraries_of

_TARGET = re.compile(r"gfx[0-9]{1,3}[0-9a-f]{2}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Rocm:
    """An installation. ``targets`` is empty where its libraries are not there."""

    folder: Path
    version: str
    targets: frozenset[str]


def installed(host: Host) -> Rocm | None:
    """The ROCm that programs here would use: the one ``ROCM_PATH`` names, else the usual places, newest first."""
    for folder in _places(host):
        text = read_text(folder / ".info/version") or read_text(folder / ".info/version-rocm") or ""
        if match := re.match(r"\s*(\d{1,3}(?:\.\d{1,3}){1,2})", text):
            return Rocm(folder, match[1], _library_targets(folder))
    return None


def _places(host: Host) -> Iterator[Path]:
    if named := host.env.get("ROCM_PATH"):
        yield host.root / named.lstrip("/")
    opt = host.root / "opt"
    yield opt / "rocm"
    for base, pattern in ((opt, "rocm-*"), (opt / "rocm", "core*")):
        yield from sorted(base.glob(pattern), key=_numbers, reverse=True)


def _numbers(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", folder.name)]


def _library_targets(folder: Path) -> frozenset[str]:
    """The targets that rocBLAS, which every engine needs, has files for."""
    found: set[str] = set()
    for lib in ("lib", "lib64"):
        try:
            names = [path.name for path in (folder / lib / "rocblas/library").iterdir()]
        except OSError:
            continue
        found |= {match for name in names for match in _TARGET.findall(name)}
    return frozenset(found)


def no_code(gfx: str, rocm: Rocm | None) -> str | None:
    """Why nothing can be run on a target, with what people do about it; ``None`` when there is code for it."""
    has = (rocm.targets if rocm else None) or libraries_of(rocm.version if rocm else None)
    if gfx in has:
        return None
    where = f"ROCm has no code for {gfx} (as of release {AS_OF})."
    if rocm is not None:
        where = f"The libraries of ROCm {rocm.version} have no code for {gfx}."
    version, other = OVERRIDES.get(gfx, ("", ""))
    if other in has:
        where += f" With HSA_OVERRIDE_GFX_VERSION={version} set they run that of {other}, which is known to work."
    return where + elsewhere(gfx)
