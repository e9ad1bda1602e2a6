"""The model provisioner: route → resolve → check → download → verify → publish → register."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts.common import ArtifactStatus, Digest
from ..contracts.download import DownloadedFile, DownloadResult, ModelManifest
from ..contracts.job import Level
from ..contracts.model import ModelEntry, ModelFile
from ..errors import ErrorCode, RbeeError
from ..refs import ModelRef
from ..store.disk import require_space
from ..units import human_size
from . import checks
from .lookup import find_entry

if TYPE_CHECKING:
    from ..jobs import Job
    from ..plugins import LoadedVendor, PluginManager
    from ..store import Store

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
    """Brings models from vendors into the store; knows no vendor by name."""

    def __init__(self, plugins: PluginManager, store: Store) -> None:
        self.plugins = plugins
        self.store = store

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
        with self.store.lock(f"model {entry_id}", job=job):
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
        if manifest is not None:
            self._reuse(manifest, job)
            require_space(self.store.root, _missing_bytes(manifest, job, staging))
        result = resolution.vendor.download_model(resolution.ref, staging, job)
        job.check_cancelled()
        files = checks.verify_download(result, manifest, expected, staging, job)
        folder = self.store.publish(entry.id, staging, files)
        done = _finished(entry, resolution, result, files, folder)
        self.store.catalog.put(done)
        self.store.drop_partial(entry.id)
        return done

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


def _finished(
    entry: ModelEntry, resolution: Resolution, result: DownloadResult, files: list[ModelFile], folder: Path
) -> ModelEntry:
    from .metadata import describe

    described = describe(folder, [file.name for file in files])
    manifest = resolution.manifest
    metadata = {**(manifest.metadata if manifest else {}), **result.metadata, **entry.metadata, **described.metadata}
    named = entry.name if entry.name != default_name(resolution.ref) else described.name or entry.name
    return entry.model_copy(
        update={
            "name": named,
            "path": str(folder / described.path) if described.path != "." else str(folder),
            "size": sum(file.size for file in files),
            "format": described.format,
            "architecture": described.architecture if described.architecture != "unknown" else entry.architecture,
            "status": ArtifactStatus.AVAILABLE,
            "error": None,
            "digest": files[0].digest if len(files) == 1 else None,
            "files": files,
            "revision": result.revision or (manifest.revision if manifest else None),
            "last_verified_ms": checks.now_ms(),
            "metadata": metadata,
        }
    )


def _missing_bytes(manifest: ModelManifest, job: Job, staging: Path) -> int:
    """Bytes still to be written: the manifest's, less what the store or an earlier attempt has."""
    wanted = sum(file.size or 0 for file in manifest.files if file.name not in job.present)
    kept = sum(path.lstat().st_size for path in staging.rglob("*") if path.is_file())
    return max(0, wanted - kept)


def default_name(ref: ModelRef) -> str:
    """A name for a person, from the reference alone: its last part without the quantization or extension."""
    text = ref.repo or ref.rest
    last = text.rstrip("/").rsplit("/", 1)[-1]
    return re.sub(r"\.(gguf|safetensors)$", "", last) or str(ref)
