"""What models take up. Pure: the catalog knows it all, no file is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rbee_core.contracts import ModelEntry


@dataclass(frozen=True, slots=True)
class Usage:
    """One model: its bytes, those that no other model has, whole days without use, if it is pinned."""

    id: str
    size: int
    alone: int
    idle_days: int
    pinned: bool

    def as_json(self) -> dict[str, Any]:
        """As rbee's own commands spell it."""
        return {
            "id": self.id,
            "size": self.size,
            "alone": self.alone,
            "idleDays": self.idle_days,
            "pinned": self.pinned,
        }


def measure(entries: Iterable[ModelEntry], now: datetime | None = None) -> list[Usage]:
    """The models that are here; those that are only registered take nothing.

    rbee keeps equal files once, whatever models they belong to: such a file goes with the last of them.
    """
    here = [entry for entry in entries if entry.downloaded]
    models_with = Counter(digest for entry in here for digest in {file.digest for file in entry.files})
    now = now or datetime.now(UTC)
    found = []
    for entry in here:
        own = {
            file.digest or file.name: file.size
            for file in entry.files
            if not file.digest or models_with[file.digest] == 1
        }
        used = entry.last_used_at or entry.added_at
        found.append(Usage(entry.id, entry.size, sum(own.values()), max(0, (now - used).days), entry.pinned))
    return found
