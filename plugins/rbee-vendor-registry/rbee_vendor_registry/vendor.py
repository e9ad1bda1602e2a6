"""The vendor of ``oci:`` and ``docker:`` references to registries."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rbee_core import hookimpl
from rbee_core.contracts import DownloadedFile, DownloadResult, ManifestFile, ModelManifest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer import Tally, read_range, receive_all
from rbee_core.units import human_size

from .layout import Archive
from .plan import PARTS, Plan, make_plan, nothing_wanted, require_complete, wanted
from .unpack import Unpacker

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef


class RegistryVendor:
    """Fetches models kept as artifacts in OCI registries, each layer verified against its digest."""

    rbee_api = 1

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """References to a registry; ``oci://bucket@namespace/…`` is Oracle Object Storage, and another vendor's."""
        return ref.scheme in ("oci", "docker") and ref.repo is not None and "@" not in (ref.host or "")

    @hookimpl
    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest | None:
        """The artifact's files; ``None`` if some are in archives, whose contents no manifest lists.

        Small archives (configurations beside the weights, mostly) are fetched and looked into.

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``AUTH_REQUIRED``, ``CHECKSUM_MISMATCH``, ``UNSAFE_PATH``,
            ``DOWNLOAD_FAILED``.
        """
        plan = self._plan(ref, job)
        if plan.packed is None:
            return None
        files = [ManifestFile(name=f.name, size=f.layer.size, digest=f.layer.digest) for f in plan.files]
        files += [ManifestFile(name=f.name, size=f.size, digest=f.digest) for f in plan.packed]
        return ModelManifest(files=files, revision=plan.revision, metadata=plan.metadata)

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Fetch the layers, and unpack those that are archives once they are verified.

        :raises RbeeError: as ``resolve_model``; what `rbee_core.transfer.receive_all` and `Unpacker` raise.
        """
        plan = self._plan(ref, job)
        fetched = [(plan.source(file.layer, file.name), dest / file.name) for file in plan.files]
        packed = [(archive, f"{PARTS}/{archive.layer.digest.replace(':', '-')}.tar") for archive in plan.archives]
        fetched += [(plan.source(archive.layer, name), dest / name) for archive, name in packed]
        _require_space(dest, sum(source.size or 0 for source, _ in fetched if source.name not in job.present))
        tally = Tally(job, total=sum(source.size or 0 for source, _ in fetched))
        try:
            received = receive_all(list({path: (source, path) for source, path in fetched}.values()), tally)
        finally:
            plan.close()
        files = [file for file in received if not file.name.startswith(f"{PARTS}/")]
        files += _unpack(plan, packed, dest, tally)
        require_complete(str(ref), [file.name for file in files])
        return DownloadResult(files=files, revision=plan.revision, metadata=plan.metadata)

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one of the layers; ``None`` for what is in an archive.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.read_range` raises.
        """
        plan = self._plan(ref, job)
        file = next((file for file in plan.files if file.name == name), None)
        return None if file is None else read_range(plan.source(file.layer, name), start, length, job)

    def _plan(self, ref: ModelRef, job: Job) -> Plan:
        """The manifest and what is wanted of it; the same for the whole of a job."""
        return job.once((self, str(ref)), lambda: make_plan(ref, job))


def _unpack(plan: Plan, packed: list[tuple[Archive, str]], dest: Path, tally: Tally) -> list[DownloadedFile]:
    unpacker = Unpacker(dest, tally, [file.name for file in plan.files], wanted(tally.job))
    files: list[DownloadedFile] = []
    for archive, name in packed:
        tally.job.emit("archive_unpack", f"Unpacking {human_size(archive.layer.size)} ({archive.layer.media_type})")
        files += unpacker.unpack(dest / name, archive)
    if packed and not files and not plan.files:
        raise nothing_wanted(plan.metadata["repo"], unpacker.left_out)
    for _, name in packed:
        (dest / name).unlink(missing_ok=True)
    return files


def _require_space(dest: Path, needed: int) -> None:
    """Make sure that the layers fit on the disk, less what an earlier attempt left there of them.

    The core checks this itself where it has a manifest; here it may have none.
    """
    kept = sum(path.lstat().st_size for path in dest.rglob("*") if path.is_file())
    free = shutil.disk_usage(dest).free
    if needed - kept > free:
        raise RbeeError(
            ErrorCode.INSUFFICIENT_DISK,
            f"{human_size(needed - kept)} are to come, and {human_size(free)} are available in {dest}.",
            f"Free {human_size(needed - kept - free)} there (rbee models rm ID), or set RBEE_MODELS_DIR elsewhere.",
        )
