"""Checking again what is on the disk against what was verified when it came, and taking out of use what is wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts.common import ArtifactStatus, Digest
from ..contracts.job import Level
from ..contracts.model import ModelEntry, ModelFile
from ..errors import ErrorCode, RbeeError
from ..store.digest import Outcome, verify_digest
from ..store.names import safe_join
from ..store.usage import FileId
from ..transfer import Tally, hash_file
from .checks import now_ms
from .parallel import spread

if TYPE_CHECKING:
    from ..jobs import Job
    from ..store import Store

ACTOR = "model-catalog"


@dataclass(frozen=True, slots=True)
class Verification:
    """One model's outcome: ``pass``; ``warn`` (nothing to compare with, or not here); ``fail``, and why."""

    id: str
    outcome: Outcome
    reason: str

    def wire(self) -> dict[str, Any]:
        """The shape ``models verify --json`` prints."""
        return {"id": self.id, "outcome": self.outcome.value, "reason": self.reason}


@dataclass(slots=True)
class _Seen:
    """One file on the disk: one name of it, what it was when it was hashed, its digest, or why there is none."""

    path: Path
    status: os.stat_result | None = None
    digest: Digest | None = None
    trouble: str = ""


@dataclass(slots=True)
class _Finding:
    """What is wrong with one model."""

    reasons: list[str] = field(default_factory=list)
    outcome: Outcome = Outcome.PASS
    #: Whether it can no longer be used; a file that cannot be read just now is no such thing.
    broken: bool = False

    def add(self, reason: str, outcome: Outcome, *, broken: bool) -> None:
        self.reasons.append(reason)
        self.broken |= broken
        if self.outcome is not Outcome.FAIL:
            self.outcome = outcome


def verify_models(store: Store, entries: list[ModelEntry], job: Job) -> list[Verification]:
    """Hash the files of each model again, each file once; the time of a pass is noted in the catalog.

    A blob whose bytes are wrong is put into quarantine, and every model that uses it becomes ``Failed``, also one that
    was not asked for; those are in the result, too. Downloading such a model again fetches what is missing of it.
    """
    return _Verifier(store, job).verify(entries)


class _Verifier:
    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job
        self._seen: dict[FileId, _Seen] = {}
        self._tally = Tally(job)

    def verify(self, entries: list[ModelEntry]) -> list[Verification]:
        with self._job.stage("model_verify", ACTOR):
            self._hash(entries)
            bad = self._quarantine(entries)
            results = [self._judge(entry, bad) for entry in entries]
            asked = {entry.id for entry in entries}
            for entry in self._store.catalog.list() if bad else ():
                if entry.id not in asked and entry.downloaded and any(file.digest in bad for file in entry.files):
                    results.append(self._judge(entry, bad))
        return results

    # --- reading ----------------------------------------------------------------------------------------------------

    def _hash(self, entries: list[ModelEntry]) -> None:
        """Take the digest of every file of these models and of their blobs, each once however many names it has."""
        for entry in entries:
            for file in entry.files if entry.downloaded else ():
                for path in self._places(entry, file):
                    if (key := _file_id(path)) is not None:
                        self._seen.setdefault(key, _Seen(path, path.lstat()))
        files = list(self._seen.values())
        self._tally.total = sum(seen.status.st_size for seen in files if seen.status)
        spread(self._hash_one, files, self._tally)

    def _hash_one(self, seen: _Seen) -> None:
        try:
            seen.digest = hash_file(seen.path, self._tally, name=seen.path.name)
        except OSError as error:
            seen.trouble = error.strerror or str(error)
        except RbeeError as error:
            if error.code is ErrorCode.CANCELLED:
                raise
            seen.trouble = error.message

    def _places(self, entry: ModelEntry, file: ModelFile) -> list[Path]:
        """Where the bytes are: in the model's folder, and in the blob (another file only where there are no links)."""
        try:
            places = [safe_join(self._store.folder(entry.id), file.name)]
        except RbeeError:
            return []
        if file.digest is not None and file.digest.algorithm == "sha256":
            places.append(self._store.blobs.path(file.digest))
        return places

    # --- judging ----------------------------------------------------------------------------------------------------

    def _quarantine(self, entries: list[ModelEntry]) -> set[Digest]:
        """Take the blobs out of use that have wrong bytes; their digests."""
        bad: set[Digest] = set()
        for digest in sorted({file.digest for entry in entries for file in entry.files if file.digest}):
            if digest.algorithm != "sha256":
                continue
            path = self._store.blobs.path(digest)
            seen = self._seen.get(_file_id(path) or (0, 0))
            if seen is None or seen.digest is None or seen.status is None or seen.digest == digest:
                continue
            bad.add(digest)
            if (kept := self._store.quarantine(digest, seen.status)) is not None:
                human = f"The blob {digest.hex} has other bytes than it should; it is kept as {kept}."
                self._job.emit("blob_quarantined", human, actor=ACTOR, level=Level.WARN, digest=digest, path=str(kept))
        return bad

    def _judge(self, entry: ModelEntry, bad: set[Digest]) -> Verification:
        if not entry.downloaded:
            # Files that were here once and are not sound now; of others nothing was ever promised.
            lost = entry.status is ArtifactStatus.FAILED and bool(entry.files)
            return Verification(entry.id, Outcome.FAIL if lost else Outcome.WARN, entry.error or "not downloaded")
        if not entry.files:
            return Verification(entry.id, Outcome.WARN, "the catalog lists no files of it; nothing to compare with")
        finding = _Finding()
        for file in entry.files:
            self._judge_file(entry, file, bad, finding)
        reason = "; ".join(finding.reasons) or f"{len(entry.files)} file(s) match"
        if finding.outcome is Outcome.PASS:
            self._update(entry, {"last_verified_ms": now_ms()})
        elif finding.broken:
            self._update(entry, {"status": ArtifactStatus.FAILED, "error": f"{reason}; download it again to mend it"})
        return Verification(entry.id, finding.outcome, reason)

    def _judge_file(self, entry: ModelEntry, file: ModelFile, bad: set[Digest], finding: _Finding) -> None:
        places = self._places(entry, file)
        if not places:
            finding.add(f"{file.name}: its name is refused", Outcome.FAIL, broken=False)
            return
        seen = self._seen.get(_file_id(places[0]) or (0, 0))
        if seen is None and file.digest in bad:
            # Another name of the bad blob, of a model that was not asked for, was not looked at by itself.
            finding.add(f"{file.name}: its blob has other bytes than it should", Outcome.FAIL, broken=True)
            return
        actual = seen.digest if seen else None
        verdict = verify_digest(actual, file.digest)
        if verdict.outcome is not Outcome.PASS:
            why = f" ({seen.trouble})" if seen and seen.trouble else "" if seen else " (missing)"
            broken = verdict.outcome is Outcome.FAIL and not (seen and seen.trouble)
            finding.add(f"{file.name}: {verdict.reason}{why}", verdict.outcome, broken=broken)
        elif file.digest in bad:
            finding.add(f"{file.name}: its blob has other bytes than it should", Outcome.FAIL, broken=True)

    def _update(self, entry: ModelEntry, change: dict[str, Any]) -> None:
        """Note it, unless the entry has become another one meanwhile."""
        files = entry.files

        def apply(now: ModelEntry) -> ModelEntry:
            return now.model_copy(update=change) if now.files == files and now.downloaded else now

        _unless_gone(lambda: self._store.catalog.update(entry.id, apply))


def _file_id(path: Path) -> FileId | None:
    """Which file a name leads to; ``None`` if there is no plain file."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _unless_gone(change: Callable[[], object]) -> None:
    try:
        change()
    except RbeeError as error:
        if error.code is not ErrorCode.MODEL_NOT_FOUND:
            raise
