"""Models that other tools have downloaded, or that lie in any folder, brought into the catalog without copying."""

from __future__ import annotations

from .importer import Importer
from .outcome import Imported

__all__ = ["Imported", "Importer"]
