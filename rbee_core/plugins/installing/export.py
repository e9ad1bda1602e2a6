"""What is installed, as requirements that install it elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .installed import Installed, installed, needed_by
from .record import Entry


@dataclass(frozen=True, slots=True)
class Exported:
    """One plugin's distribution as a requirement. ``recorded`` and ``here``: whether it is on record, and installed."""

    requirement: str
    name: str
    version: str
    sha256: str
    recorded: bool
    here: bool
    editable: bool
    plugins: tuple[str, ...]

    def line(self, *, hashes: bool = False) -> str:
        """As ``rbee plugins install -r`` reads it."""
        return self.requirement + (f" --hash=sha256:{self.sha256}" if hashes and self.sha256 else "")

    def row(self) -> dict[str, Any]:
        """A row of ``rbee plugins export --json``."""
        return {
            "requirement": self.requirement,
            "name": self.name,
            "version": self.version,
            "sha256": self.sha256 or None,
            "plugins": list(self.plugins),
            "recorded": self.recorded,
            "installed": self.here,
        }


def export(entries: Iterable[Entry]) -> list[Exported]:
    """Every plugin's distribution in this environment but what another one brings along, and what is on record."""
    here = {key: one for key, one in installed().items() if one.here}
    on_record = {entry.key: entry for entry in entries if entry.name}
    found = [_exported(on_record.get(key), one) for key, one in here.items() if one.plugins or key in on_record]
    found = [one for one in found if one.recorded or not needed_by(one.name, here.values())]
    gone = [_exported(entry, None) for key, entry in on_record.items() if key not in here]
    return sorted([*found, *gone], key=lambda one: one.name.lower())


def _exported(entry: Entry | None, here: Installed | None) -> Exported:
    if here is None:
        assert entry is not None
        return Exported(entry.restore, entry.name, entry.version, entry.sha256, True, False, False, entry.plugins)
    same = entry is not None and entry.version == here.version
    restore = entry.restore if entry is not None and same else here.restore
    digest = entry.sha256 if entry is not None and same else ""
    return Exported(restore, here.name, here.version, digest, entry is not None, True, here.editable, here.plugins)
