"""The vendor of ``ollama:`` references."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rbee_core import hookimpl
from rbee_core.contracts import DownloadResult, ManifestFile, ModelManifest
from rbee_core.contracts.job import Level
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.oci import SMALL, Manifest, Registry, wanted_version
from rbee_core.selection import select
from rbee_core.transfer import Tally, read_range, receive_all

from . import facts
from .account import signer
from .layers import File, files
from .place import address

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef

#: Texts up to this many bytes are also read, for the entry's metadata.
_READ = 64 * 1024
_TEXTS = ("template", "prompt", "system", "params", "license")


@dataclass(frozen=True, slots=True)
class _Plan:
    registry: Registry
    manifest: Manifest
    files: list[File]
    metadata: dict[str, Any]


class OllamaVendor:
    """Fetches models from Ollama's registry and those like it, each layer verified against its digest."""

    rbee_api = 1

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """Every well-formed ``ollama:`` reference."""
        return ref.scheme == "ollama" and ref.repo is not None

    @hookimpl
    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest:
        """The layers of the manifest that the tag means now, as files.

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``AUTH_REQUIRED``, ``CHECKSUM_MISMATCH``, ``DOWNLOAD_FAILED``.
        """
        plan = self._plan(ref, job)
        named = [ManifestFile(name=f.name, size=f.layer.size, digest=f.layer.digest) for f in plan.files]
        return ModelManifest(files=named, revision=plan.manifest.digest, metadata=plan.metadata)

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Fetch the layers that ``resolve_model`` named.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.receive_all` raises.
        """
        plan = self._plan(ref, job)
        sources = [(plan.registry.blob(file.layer, file.name), dest / file.name) for file in plan.files]
        try:
            received = receive_all(sources, Tally(job, total=sum(file.layer.size for file in plan.files)))
            metadata = plan.metadata | facts.of_texts(_texts(plan, dest))
        finally:
            plan.registry.close()
        return DownloadResult(files=received, revision=plan.manifest.digest, metadata=metadata)

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one of the layers that ``resolve_model`` named.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.read_range` raises.
        """
        plan = self._plan(ref, job)
        file = next((file for file in plan.files if file.name == name), None)
        return None if file is None else read_range(plan.registry.blob(file.layer, name), start, length, job)

    def _plan(self, ref: ModelRef, job: Job) -> _Plan:
        """The manifest and the chosen files; the same for the whole of a job."""
        return job.once((self, str(ref)), lambda: _resolve(ref, job))


def _resolve(ref: ModelRef, job: Job) -> _Plan:
    where = address(ref, job)
    registry = Registry(where, job, signer=signer(where, lambda text: job.emit("ollama_key", text, level=Level.WARN)))
    manifest = registry.manifest(wanted_version(ref, job.options.revision))
    found = files(manifest, str(ref))
    wanted = set(select([file.name for file in found], job.options.include, job.options.exclude))
    chosen = [file for file in found if file.name in wanted]
    if not chosen:
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"Nothing of {ref} is left by --include and --exclude.",
            f"It has: {', '.join(file.name for file in found)}",
        )
    config = registry.small_blob(manifest.config) if manifest.config.size <= SMALL else b""
    metadata = {"repo": ref.repo, **facts.of_config(config)}
    return _Plan(registry, manifest, chosen, metadata)


def _texts(plan: _Plan, dest: Path) -> dict[str, bytes]:
    """The small texts among the files, by kind: read where they are, or asked for where the store had them already."""
    found: dict[str, bytes] = {}
    for file in plan.files:
        if file.kind not in _TEXTS or file.layer.size > _READ or file.kind in found:
            continue
        path = dest / file.name
        found[file.kind] = path.read_bytes() if path.is_file() else plan.registry.small_blob(file.layer)
    return found
