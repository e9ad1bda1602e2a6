"""What became of a model that was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .found import FoundModel

Outcome = Literal["imported", "exists", "skipped", "planned"]


@dataclass(frozen=True, slots=True)
class Imported:
    """One model's outcome: ``imported``; ``exists`` (it was here); ``skipped``, and why; ``planned`` (a dry run)."""

    found: FoundModel
    outcome: Outcome
    reason: str = ""

    def wire(self) -> dict[str, Any]:
        """A row of ``models import --json``."""
        files = [{"name": file.name, "size": file.size} for file in self.found.files]
        return {
            "id": self.found.id,
            "source": str(self.found.where),
            "size": self.found.size,
            "files": files,
            "outcome": self.outcome,
            "reason": self.reason,
        }
