"""What a ``pip`` build installs, put together from the recipe's shared section and its feature's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..config import Config
from ..contracts.recipe import PipBuild, PrebuiltIndex, WorkerRecipe, WorkerVariant
from .properties import lacking

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from ..contracts import Device

#: What the setting ``engine_wheels`` says where nothing prebuilt is to be taken.
OFF = "off"


class MergedPip(PipBuild):
    """The sections of one variant as one."""

    @property
    def made_for_devices(self) -> bool:
        """Whether what is built depends on which devices the machine has."""
        return bool(self.from_source) or self.torch_backend == "auto"

    @property
    def wheels(self) -> str | None:
        """The person's own place of prebuilt wheels of what else is compiled here: an index, or a folder."""
        place: str | None = Config()["engine_wheels"] if self.from_source else None
        return None if place == OFF else place

    def offered(self, devices: Sequence[Device]) -> list[PrebuiltIndex]:
        """The publisher's indexes whose wheels run on all of these devices, the best first.

        None where the person named a place, or wants it compiled (``RBEE_ENGINE_WHEELS=off``).
        """
        if not self.from_source or not devices or Config()["engine_wheels"]:
            return []
        return [
            offer
            for offer in self.prebuilt
            if not any(lacking(offer.requires, device, known=True) for device in devices)
        ]

    def compiled(self) -> tuple[list[str], list[str]]:
        """The requirements without those that are compiled here, and those.

        The names that `from_source` lists are the requirements' own: `recipe_checks` sees to it.
        """
        from packaging.requirements import Requirement
        from packaging.utils import canonicalize_name

        names = {canonicalize_name(name) for name in self.from_source}
        ready: list[str] = []
        here: list[str] = []
        for text in self.requirements:
            (here if canonicalize_name(Requirement(text).name) in names else ready).append(text)
        return ready, here


def merged_pip(recipe: WorkerRecipe, variant: WorkerVariant) -> MergedPip:
    """What is installed for a variant: the lists of both sections, and the feature's word before the shared one."""
    own_section = recipe.backend.get(variant.feature)
    shared = recipe.build.pip or PipBuild()
    own = (own_section.pip if own_section else None) or PipBuild()
    return MergedPip(
        requirements=[*shared.requirements, *own.requirements],
        index_url=own.index_url or shared.index_url,
        include_self=own.include_self or shared.include_self,
        include_packages=list(dict.fromkeys([*shared.include_packages, *own.include_packages])),
        from_source=list(dict.fromkeys([*shared.from_source, *own.from_source])),
        prebuilt=[*own.prebuilt, *shared.prebuilt],
        torch_backend=own.torch_backend or shared.torch_backend,
    )


def torch_at_hand(requirements: list[str], backend: str, env: Mapping[str, str] = os.environ) -> Path | None:
    """The user's own wheel of PyTorch that would do: in a folder of ``UV_FIND_LINKS`` or ``PIP_FIND_LINKS``.

    A wheel that says what it is for (``2.13.0+cpu``) does for that backend only.

    :param backend: which of PyTorch's builds is wanted, in uv's words.
    """
    wanted = _torch(requirements)
    if wanted is None:
        return None
    return next((wheel for folder in _folders(env) for wheel in _wheels(folder, wanted, backend)), None)


def _torch(requirements: list[str]) -> Requirement | None:
    from packaging.requirements import Requirement

    found = [requirement for text in requirements if (requirement := Requirement(text)).name.lower() == "torch"]
    return next((one for one in found if one.marker is None or one.marker.evaluate()), None)


def _folders(env: Mapping[str, str]) -> Iterator[Path]:
    for text in [*env.get("UV_FIND_LINKS", "").split(","), *env.get("PIP_FIND_LINKS", "").split()]:
        place = text.strip()
        if place.startswith("file://"):
            place = unquote(urlsplit(place).path)
        if place and "://" not in place:
            yield Path(place).expanduser()


def _wheels(folder: Path, wanted: Requirement, backend: str) -> Iterator[Path]:
    from packaging.tags import sys_tags
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        files = sorted(folder.glob("torch-*.whl"))
    except OSError:
        return
    supported = set(sys_tags()) if files else set()
    for file in files:
        try:
            _, version, _, tags = parse_wheel_filename(file.name)
        except InvalidWheelFilename:
            continue
        if (
            wanted.specifier.contains(version, prereleases=True)
            and version.local in (None, backend)
            and not supported.isdisjoint(tags)
        ):
            yield file
