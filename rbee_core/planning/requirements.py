"""What a variant requires of a device: the properties that its recipe names, and what its wheels are made for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..workers.properties import lacking, runtime_too_old, version

if TYPE_CHECKING:
    from ..contracts import Device, WorkerRecipe

_WHEELS = re.compile(r"(?:^|[/+])cu(\d{2,3})(?=$|[/+])")


def unmet(recipe: WorkerRecipe, feature: str, device: Device) -> str | None:
    """Why a variant does not run on a device; ``None`` if nothing speaks against it."""
    section = recipe.backend.get(feature)
    return lacking(section.requires if section is not None else (), device) or _wheels(recipe, feature, device)


def _wheels(recipe: WorkerRecipe, feature: str, device: Device) -> str | None:
    """The CUDA that prebuilt wheels are for, as their index is called (``…/cu128``): its major version must fit.

    Within a major version a newer runtime works with an older driver (CUDA minor version compatibility). ROCm's wheels
    bring their own libraries, and the kernel's driver is not bound to a version of them.
    """
    if device.runtime is None or device.backend != "cuda":
        return None
    section = recipe.backend.get(feature)
    pip = (section.pip if section is not None else None) or recipe.build.pip
    for text in (pip.torch_backend, pip.index_url) if pip is not None else ():
        match = _WHEELS.search(text or "")
        if match is not None and int(match[1][:-1]) > version(device.runtime)[0]:
            return runtime_too_old(f"{match[1][:-1]}.{match[1][-1]}", device)
    return None
