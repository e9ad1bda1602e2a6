"""The catalog as everybody sees it, wherever it is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..contracts.common import LifecycleState
from ..contracts.model import ModelEntry
from .catalog_file import Catalog

if TYPE_CHECKING:
    from ..refs import ModelRef

# In a class that has a method `list`, the type of that name is out of reach.
Entries = list[ModelEntry]


class CatalogStore(Protocol):
    """Where the catalog is kept (seed 003). Every method may raise RbeeError ``CATALOG_CORRUPT``."""

    def load(self) -> Catalog:
        """All of it."""

    def get(self, entry_id: str) -> ModelEntry | None:
        """The entry of that id."""

    def put(self, entry: ModelEntry) -> None:
        """Add an entry, in place of the one of the same id if there is one."""

    def update(self, entry_id: str, change: Callable[[ModelEntry], ModelEntry]) -> ModelEntry:
        """Change one entry; nobody else's change comes in between. ``MODEL_NOT_FOUND`` if there is none."""

    def set_state(self, entry_id: str, state: LifecycleState) -> None:
        """Retire or activate a model. ``MODEL_NOT_FOUND`` if there is none."""

    def list(self) -> Entries:
        """All entries, sorted by id."""

    def delete(self, entry_id: str) -> bool:
        """Take an entry out; the files stay. Whether there was one."""

    def exists(self, key: str | ModelRef) -> bool:
        """Whether there is an entry with that id or reference."""

    def locate(self, key: str | ModelRef) -> Path | None:
        """What an engine loads for that id or reference, if it is downloaded and there."""
