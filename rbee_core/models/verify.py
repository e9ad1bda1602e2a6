"""Checking again what is on the disk against what was verified when it came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..contracts.model import ModelEntry
from ..errors import ErrorCode, RbeeError
from ..store.digest import Outcome, verify_digest
from ..store.names import safe_join
from ..transfer import Tally, hash_file
from .checks import now_ms

if TYPE_CHECKING:
    from ..jobs import Job
    from ..store import Store


@dataclass(frozen=True, slots=True)
class Verification:
    """One model's outcome: ``pass``; ``warn`` (nothing to compare with, or not here); ``fail``, and why."""

    id: str
    outcome: Outcome
    reason: str

    def wire(self) -> dict[str, Any]:
        """The shape ``models verify --json`` prints."""
        return {"id": self.id, "outcome": self.outcome.value, "reason": self.reason}


def verify_models(store: Store, entries: list[ModelEntry], job: Job) -> list[Verification]:
    """Hash the files of each model again; the time of a pass is noted in the catalog."""
    total = sum(entry.size for entry in entries if entry.downloaded)
    tally = Tally(job, total=total)
    results = []
    with job.stage("model_verify", "model-catalog"):
        for entry in entries:
            result = _verify(store, entry, tally)
            if result.outcome is Outcome.PASS:
                store.catalog.update(entry.id, lambda e: e.model_copy(update={"last_verified_ms": now_ms()}))
            results.append(result)
    return results


def _verify(store: Store, entry: ModelEntry, tally: Tally) -> Verification:
    if not entry.downloaded:
        return Verification(entry.id, Outcome.WARN, entry.error or "not downloaded")
    folder = store.folder(entry.id)
    if not entry.files:
        return Verification(entry.id, Outcome.WARN, "the catalog lists no files of it; nothing to compare with")
    reasons, outcome = [], Outcome.PASS
    for file in entry.files:
        try:
            path = safe_join(folder, file.name)
            actual = hash_file(path, tally, name=file.name) if path.is_file() else None
        except OSError as error:
            actual, why = None, f" ({error.strerror or error})"
        except RbeeError as error:
            if error.code is ErrorCode.CANCELLED:
                raise
            actual, why = None, f" ({error.message})"
        else:
            why = " (missing)" if actual is None else ""
        verdict = verify_digest(actual, file.digest)
        if verdict.outcome is not Outcome.PASS:
            reasons.append(f"{file.name}: {verdict.reason}{why}")
            outcome = Outcome.FAIL if Outcome.FAIL in (outcome, verdict.outcome) else Outcome.WARN
    return Verification(entry.id, outcome, "; ".join(reasons) or f"{len(entry.files)} file(s) match")
