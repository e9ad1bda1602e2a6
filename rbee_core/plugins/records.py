"""What is installed, from metadata alone: one `PluginRecord` per entry point, nothing imported.

On the path of the quickest commands: no pydantic, and no parsing of whole METADATA files.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import importlib_metadata

if TYPE_CHECKING:
    from ..config import Config

#: Entry-point group → what its plugins are; in the order they are listed.
GROUPS = {
    "rbee.vendors": "vendor",
    "rbee.backends": "backend",
    "rbee.workers": "worker",
    "rbee.commands": "command",
}
KINDS = tuple(GROUPS.values())
STATUSES = ("active", "disabled", "error", "incompatible", "conflict")

#: Folders and distributions' names, as in ``PATH``: nothing else that is installed is seen (`rbee_core.testing`).
SANDBOX = "RBEE_PLUGIN_SANDBOX"

_STEM = re.compile(r"(?P<name>.+?)(?:-(?P<version>[^-]+))?(?:-py\d.*)?\.(?:dist|egg)-info")


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One entry point of one installed distribution.

    ``name`` is the routing fact: a URI scheme, a backend, a worker id or a command. ``entry_point`` is what it names in
    code (``package.module:attribute``), ``location`` the distribution's metadata folder, ``reason`` one line on a
    ``status`` that needs one.
    """

    name: str
    kind: str
    dist: str
    version: str
    entry_point: str
    status: str = "active"
    reason: str | None = None
    location: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells this entry point from every other: kind, name, normalised distribution."""
        return self.kind, self.name, normalise(self.dist)

    @property
    def title(self) -> str:
        """How messages name the distribution: ``rbee-vendor-s3 0.1.0``."""
        return f"{self.dist} {self.version}"

    @property
    def usable(self) -> bool:
        """Whether it may be loaded. A remembered failure does not forbid to try again."""
        return self.status not in ("disabled", "conflict")

    def goes_by(self, name: str) -> bool:
        """Whether ``name`` means this plugin: its entry point's name, or its distribution's."""
        return self.name.lower() == name.lower() or normalise(self.dist) == normalise(name)

    def row(self) -> dict[str, Any]:
        """The row of ``rbee plugins list --json`` (design §6)."""
        return {
            "name": self.name,
            "kind": self.kind,
            "dist": self.dist,
            "version": self.version,
            "status": self.status,
            "reason": self.reason,
            "entryPoint": self.entry_point,
        }


def normalise(dist: str) -> str:
    """A distribution's name in the one spelling that compares (PEP 503)."""
    return re.sub(r"[-_.]+", "-", dist).lower()


def discover(config: Config) -> list[PluginRecord]:
    """Every plugin with its status: off switches, conflicts and remembered failures counted.

    :raises UsageError: a setting is malformed.
    """
    from .registry import Registry

    return Registry(config).records()


def scan(path: Iterable[str] | None = None) -> list[PluginRecord]:
    """Every rbee entry point on ``path``, by kind, name, distribution; the same in whatever order.

    Without a ``path`` that is ``sys.path``, or as much of it as the variable `SANDBOX` lets in.

    Of two distributions with one name the first on the path is the one that Python imports: the other is ignored. A
    distribution whose metadata cannot be read is left out, or shown with what is known of it; it hurts no other.
    """
    found: dict[str, list[PluginRecord]] = {}
    for folder in _folders(sys.path if path is None else path):
        here: dict[str, tuple[list[Any], list[PluginRecord]]] = {}
        for dist in importlib_metadata.distributions(path=[folder]):
            try:
                name, version, rank = _identity(dist)
                records = list(_entries(dist, name, version))
            except Exception:  # noqa: BLE001, S112 — anything may lie in site-packages
                continue
            other = here.get(normalise(name))
            # Two versions in one folder are a broken upgrade; the newer one is meant, whatever the listing's order.
            if other is None or other[0] < rank:
                here[normalise(name)] = rank, records
        for key, (_, records) in here.items():
            found.setdefault(key, records)
    records = [record for group in found.values() for record in group]
    if path is None and (only := os.environ.get(SANDBOX)):
        records = [record for record in records if _let_in(record, only.split(os.pathsep))]
    return sorted(records, key=lambda record: (KINDS.index(record.kind), record.name, normalise(record.dist)))


def _let_in(record: PluginRecord, only: list[str]) -> bool:
    folder = os.path.dirname(os.path.realpath(record.location))  # noqa: PTH120
    return folder in map(os.path.realpath, only) or normalise(record.dist) in map(normalise, only)


def _folders(path: Iterable[str]) -> Iterator[str]:
    """The entries that exist, each once: asking for the others would load what reads zip files."""
    seen = set()
    for entry in path:
        real = os.path.realpath(entry or ".")
        if real not in seen and os.path.exists(real):  # noqa: PTH110
            seen.add(real)
            yield entry


def _entries(dist: Any, name: str, version: str) -> Iterator[PluginRecord]:
    seen: set[tuple[str, str]] = set()
    for entry in dist.entry_points:
        kind = GROUPS.get(entry.group)
        if kind is None or (kind, entry.name) in seen or not entry.name.strip():
            continue
        if not seen:
            name, version = _stated(dist, name, version)
        seen.add((kind, entry.name))
        yield PluginRecord(entry.name, kind, name, version, entry.value, location=str(getattr(dist, "_path", "")))


def _identity(dist: Any) -> tuple[str, str, list[Any]]:
    """Name, version, and a key that sorts 0.10 after 0.9, from the metadata folder's name alone.

    Most of what is installed is no plugin: not one file of it is read but ``entry_points.txt``.
    """
    stem = os.path.basename(str(getattr(dist, "_path", "")))  # noqa: PTH119
    match = _STEM.fullmatch(stem)
    if match is None:
        return *_stated(dist, "?", "?"), [[], stem]
    version = match["version"] or "?"
    numbers = [int(part) for part in re.findall(r"\d+", version.partition("+")[0])]
    return match["name"].replace("_", "-"), version, [numbers, stem]


def _stated(dist: Any, name: str, version: str) -> tuple[str, str]:
    """Name and version as METADATA spells them, if it does; what ``dist.metadata`` imports to tell is too dear."""
    fields = {"name": name, "version": version}
    for line in (dist.read_text("METADATA") or dist.read_text("PKG-INFO") or "").splitlines():
        if not line.strip():
            break
        key, _, value = line.partition(":")
        if key.lower() in fields and value.strip():
            fields[key.lower()] = value.strip()
    return fields["name"], fields["version"]
