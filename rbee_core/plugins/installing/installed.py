"""What is installed in this environment, and why: asked for, or needed by something else."""

from __future__ import annotations

import json
import site
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import importlib_metadata
from packaging.requirements import InvalidRequirement, Requirement

from ..records import GROUPS, normalise
from .addresses import without_secrets
from .record import INDEX, SOURCE, WHEEL


@dataclass(frozen=True, slots=True)
class Installed:
    """One distribution.

    ``location`` is its metadata folder, ``here`` whether that lies in this environment (and not on some other folder
    of the path), ``direct`` what ``direct_url.json`` says (PEP 610), ``requires`` the names that it needs here.
    """

    name: str
    version: str
    location: Path
    here: bool
    direct: dict[str, Any]
    requires: frozenset[str]
    plugins: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether the list of its files is there (PEP 376's RECORD), which an installer writes last."""
        return self.location.suffix != ".dist-info" or (self.location / "RECORD").is_file()

    @property
    def origin(self) -> str:
        """Whether it is from an index, a wheel of its own, or was built from source."""
        if not self.direct:
            return INDEX
        return WHEEL if "archive_info" in self.direct and self.direct["url"].endswith(".whl") else SOURCE

    @property
    def editable(self) -> bool:
        """Whether it is a checkout that is worked on."""
        return self.direct.get("dir_info", {}).get("editable") is True

    @property
    def restore(self) -> str:
        """The requirement that brings just this back: its version, its wheel's address, its repository at a commit."""
        if not self.direct:
            return f"{self.name}=={self.version}"
        url = without_secrets(self.direct["url"])
        if vcs := self.direct.get("vcs_info"):
            url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
        part = self.direct.get("subdirectory")
        return f"{self.name} @ {url}" + (f"#subdirectory={part}" if part else "")


def installed() -> dict[str, Installed]:
    """Every distribution on the path by its normalised name; of two with one name the one that Python imports."""
    own = {Path(place).resolve() for place in _own_folders()}
    found: dict[str, Installed] = {}
    for folder in dict.fromkeys(sys.path):
        if not Path(folder or ".").is_dir():
            continue
        here = Path(folder or ".").resolve() in own
        for dist in importlib_metadata.distributions(path=[folder]):
            try:
                one = _read(dist, here=here)
            except Exception:  # noqa: BLE001, S112 — anything may lie in site-packages
                continue
            found.setdefault(normalise(one.name), one)
    return found


def needed_by(name: str, among: Iterable[Installed]) -> list[Installed]:
    """Those of ``among`` that require a distribution."""
    return [one for one in among if normalise(name) in one.requires and normalise(one.name) != normalise(name)]


def _own_folders() -> list[str]:
    paths = sysconfig.get_paths()
    return [paths["purelib"], paths["platlib"], *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]


def _read(dist: Any, *, here: bool) -> Installed:
    name, version = dist.metadata["Name"], dist.version
    if not (isinstance(name, str) and name.isprintable() and isinstance(version, str) and version.isprintable()):
        raise ValueError("its name or version is no text")
    plugins = tuple(f"{GROUPS[entry.group]} {entry.name}" for entry in dist.entry_points if entry.group in GROUPS)
    needs = frozenset(need for text in dist.requires or [] if (need := _needs(text)))
    return Installed(name, version, Path(str(dist._path)), here, _direct(dist), needs, plugins)


def _needs(text: str) -> str:
    """The name in a requirement that holds here without extras, or nothing."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return ""
    holds = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    return normalise(requirement.name) if holds else ""


def _direct(dist: Any) -> dict[str, Any]:
    """``direct_url.json``, if it is there and has the form that it should."""
    try:
        raw = json.loads(dist.read_text("direct_url.json") or "{}")
        texts = [raw["url"], raw.get("subdirectory", "")]
        if vcs := raw.get("vcs_info"):
            texts += [vcs["vcs"], vcs["commit_id"]]
        if isinstance(raw.get("dir_info", {}), dict) and all(
            isinstance(one, str) and one.isprintable() for one in texts
        ):
            return dict(raw)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return {}
