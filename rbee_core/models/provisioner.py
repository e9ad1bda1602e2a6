"""The model provisioner: route → resolve → check → download → verify → publish → register."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts.common import ArtifactStatus, Digest
from ..contracts.download import DownloadedFile, ModelManifest
from ..contracts.job import Level
from ..contracts.model import ModelEntry
from ..errors import ErrorCode, RbeeError
from ..refs import ModelRef
from ..store.disk import require_space
from ..store.wanted import model_lock
from ..transfer import kept_size
from ..units import human_size
from . import checks
from .entries import default_name, finished
from .lookup import find_entry

if TYPE_CHECKING:
    from ..jobs import Job
    from ..plugins import LoadedVendor, PluginManager
    from ..store import Store
    from .quota import Quota

ACTOR = "model-provisioner"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a reference leads to: the vendor that takes it, and the manifest if that vendor can tell."""

    ref: ModelRef
    vendor: LoadedVendor
    manifest: ModelManifest | None

    def wire(self) -> dict[str, Any]:
        """The shape ``models resolve --json`` prints (design §6)."""
        manifest, record = self.manifest, self.vendor.record
        files = manifest and [{"name": f.name, "size": f.size, "digest": f.digest} for f in manifest.files]
        return {
            "ref": str(self.ref),
            "scheme": self.ref.scheme,
            "vendor": record.name,
            "dist": record.dist,
            "revision": manifest.revision if manifest else self.ref.revision,
            "files": files,
            "size": manifest.size if manifest else None,
        }


class ModelProvisioner:
    """Brings models from vendors into the store; knows no vendor by name.

    :param quota: who makes room for what comes; nobody, if not given.
    """

    def __init__(self, plugins: PluginManager, store: Store, quota: Quota | None = None) -> None:
        self.plugins = plugins
        self.store = store
        self.quota = quota

    def resolve(self, ref: ModelRef, job: Job) -> Resolution:
        """Ask the vendor what ``ref`` consists of; nothing is fetched but that.

        :raises RbeeError: ``NO_VENDOR``, ``PLUGIN_CONFLICT``, and what the vendor raises.
        """
        try:
            vendor = self.plugins.vendor_for(ref)
        except RbeeError as error:
            if error.code is ErrorCode.NO_VENDOR:
                job.emit("model_download_unsupported", error.message, actor=ACTOR, level=Level.DEBUG, ref=str(ref))
            raise
        manifest = vendor.resolve_model(ref, job)
        if manifest is not None:
            checks.check_names([file.name for file in manifest.files], self.store.root)
        return Resolution(ref, vendor, manifest)

    def download(
        self, ref: ModelRef, job: Job, *, entry_id: str | None = None, sha256: str | None = None, force: bool = False
    ) -> ModelEntry:
        """Bring a model into the catalog, or say that it is there.

        :param entry_id: the id to register it under; the canonical reference, if not given.
        :param sha256: the digest that the model's only file must have.
        :param force: download again even if it is there; the old files serve until the new ones are verified.
        :raises RbeeError: what kept it from being here; the catalog then says ``Failed`` with the reason, and what
            has arrived is kept for the next attempt.
        """
        entry_id = entry_id or str(ref)
        expected = checks.parse_sha256(sha256)
        if (present := self._present(entry_id, ref, job, force)) is not None:
            return present
        resolution = self.resolve(ref, job)
        with self.store.lock(model_lock(entry_id), job=job):
            # Whoever held the lock may have brought just this model.
            if (present := self._present(entry_id, ref, job, force)) is not None:
                return present
            return self._fetch(resolution, entry_id, expected, job)

    def _present(self, entry_id: str, ref: ModelRef, job: Job, force: bool) -> ModelEntry | None:
        entry = self.store.catalog.get(entry_id)
        if entry is None or not entry.downloaded or force:
            return None
        if entry.source and entry.source != str(ref):
            raise RbeeError(
                ErrorCode.MODEL_EXISTS,
                f"The id {entry_id!r} belongs to {entry.source}, not to {ref}.",
                "Choose another --id, or remove that model first: rbee models rm " + entry_id,
            )
        job.emit("model_download_exists", f"{entry_id} is already here.", actor=ACTOR, id=entry_id)
        return entry

    def _fetch(self, resolution: Resolution, entry_id: str, expected: Digest | None, job: Job) -> ModelEntry:
        ref, manifest = resolution.ref, resolution.manifest
        before = self.store.catalog.get(entry_id)
        entry = _draft(entry_id, resolution, before, self.store)
        what = f" ({human_size(manifest.size)})" if manifest and manifest.size else ""
        job.emit("model_download_start", f"Downloading {ref}{what}", actor=ACTOR, id=entry_id, ref=str(ref))
        if before is None or not before.downloaded:
            self.store.catalog.put(entry)
        try:
            with job.stage("model_download", ACTOR):
                entry = self._receive(resolution, entry, expected, job)
        except BaseException as error:
            self._note_failure(entry_id, error, job)
            raise
        job.emit("model_download_complete", f"{entry_id} is ready: {entry.path}", actor=ACTOR, id=entry_id)
        return entry

    def _receive(self, resolution: Resolution, entry: ModelEntry, expected: Digest | None, job: Job) -> ModelEntry:
        manifest = resolution.manifest
        staging = self.store.partial_dir(entry.id)
        wanted = [file.digest for file in manifest.files if file.digest is not None] if manifest else []
        with self.store.wanting(entry.id, wanted):
            if manifest is not None:
                self._reuse(manifest, job)
                missing = _missing_bytes(manifest, job, staging)
                self._make_room(entry.id, missing, job)
                require_space(self.store.root, missing)
            result = resolution.vendor.download_model(resolution.ref, staging, job)
            job.check_cancelled()
            files = checks.verify_download(result, manifest, expected, staging, job)
            # Again, with all of it there: its source may not have told its size, and others may have come meanwhile.
            self._make_room(entry.id, 0, job)
            folder = self.store.publish(entry.id, staging, files)
            done = finished(
                entry,
                files,
                folder,
                revision=result.revision or (manifest.revision if manifest else None),
                metadata={**_kept(manifest), **result.metadata},
                default=default_name(resolution.ref),
            )
            self.store.catalog.put(done)
        self.store.drop_partial(entry.id)
        return done

    def _make_room(self, entry_id: str, needed: int, job: Job) -> None:
        if self.quota is not None:
            self.quota.make_room(job, needed=needed, spare=entry_id)

    def _reuse(self, manifest: ModelManifest, job: Job) -> None:
        """Tell the vendor which files it need not fetch: the store has their bytes already."""
        for file in manifest.files:
            if file.digest is None or file.digest.algorithm != "sha256":
                continue
            blob = self.store.has_blob(file.digest)
            if blob is not None and file.size in (None, blob.stat().st_size):
                size = blob.stat().st_size
                job.present[file.name] = DownloadedFile(name=file.name, size=size, digest=file.digest)

    def _note_failure(self, entry_id: str, error: BaseException, job: Job) -> None:
        entry = self.store.catalog.get(entry_id)
        if entry is None or entry.downloaded:
            return
        cancelled = job.cancelled or isinstance(error, KeyboardInterrupt)
        reason = "interrupted; download it again to go on" if cancelled else str(error) or type(error).__name__
        failed = entry.model_copy(update={"status": ArtifactStatus.FAILED, "error": reason})
        self.store.catalog.put(failed)
        if not cancelled:
            human = f"{entry_id} could not be downloaded."
            job.emit("model_download_failed", human, actor=ACTOR, level=Level.DEBUG, id=entry_id, error=reason)

    def find(self, text: str) -> ModelEntry | None:
        """The catalog entry that ``text`` names: its id, or the reference it came from."""
        return find_entry(self.store.catalog, text)


def _draft(entry_id: str, resolution: Resolution, before: ModelEntry | None, store: Store) -> ModelEntry:
    """The entry as it stands while the download goes on; what was registered by hand is kept."""
    fresh = {
        "source": str(resolution.ref),
        "path": str(store.folder(entry_id)),
        "status": ArtifactStatus.DOWNLOADING,
        "error": None,
    }
    if before is not None:
        return before.model_copy(update=fresh)
    metadata = {"repo": resolution.ref.repo} if resolution.ref.repo else {}
    return ModelEntry(id=entry_id, name=default_name(resolution.ref), metadata=metadata, **fresh)


def _kept(manifest: ModelManifest | None) -> dict[str, Any]:
    """What a vendor tells of a model, but for what it tells of others."""
    metadata = manifest.metadata if manifest is not None else {}
    return {key: value for key, value in metadata.items() if key != "alternatives"}


def _missing_bytes(manifest: ModelManifest, job: Job, staging: Path) -> int:
    """Bytes still to be written: the manifest's, less what the store or an earlier attempt has."""
    wanted = sum(file.size or 0 for file in manifest.files if file.name not in job.present)
    kept = sum(kept_size(path) for path in staging.rglob("*") if path.is_file())
    return max(0, wanted - kept)
