"""The vendor of ``oci:`` and ``docker:`` references to registries."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rbee_core import hookimpl
from rbee_core.contracts import DownloadedFile, DownloadResult, ManifestFile, ModelManifest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.names import check_names
from rbee_core.oci import SMALL, Manifest, Registry, locate, wanted_version
from rbee_core.selection import missing_shards, select
from rbee_core.transfer import Tally, read_range, receive_all
from rbee_core.units import human_size

from .facts import of_config
from .layout import Archive, Kind, Layout, RawFile, kind_of, lay_out
from .unpack import Unpacker

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef

#: Archives of so many bytes together are fetched to show what is in them.
LOOK = 8 << 20
#: Where archives lie until they are unpacked, in the model's folder; no file of an artifact may be in there.
PARTS = ".layers"


@dataclass(frozen=True, slots=True)
class _Plan:
    registry: Registry
    manifest: Manifest
    files: list[RawFile]
    archives: list[Archive]
    #: What is in the archives; ``None`` if they are too large to look into beforehand.
    packed: list[DownloadedFile] | None
    metadata: dict[str, Any]


class RegistryVendor:
    """Fetches models kept as artifacts in OCI registries, each layer verified against its digest."""

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
        return ModelManifest(files=files, revision=plan.manifest.digest, metadata=plan.metadata)

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Fetch the layers, and unpack those that are archives once they are verified.

        :raises RbeeError: as ``resolve_model``; what `rbee_core.transfer.receive_all` and `Unpacker` raise.
        """
        plan = self._plan(ref, job)
        fetched = [(plan.registry.blob(file.layer, file.name), dest / file.name) for file in plan.files]
        packed = [(archive, f"{PARTS}/{archive.layer.digest.replace(':', '-')}.tar") for archive in plan.archives]
        fetched += [(plan.registry.blob(archive.layer, name), dest / name) for archive, name in packed]
        _require_space(dest, sum(source.size or 0 for source, _ in fetched if source.name not in job.present))
        tally = Tally(job, total=sum(source.size or 0 for source, _ in fetched))
        try:
            received = receive_all(list({path: (source, path) for source, path in fetched}.values()), tally)
        finally:
            plan.registry.close()
        files = [file for file in received if not file.name.startswith(f"{PARTS}/")]
        files += _unpack(plan, packed, dest, tally)
        _require_complete(str(ref), [file.name for file in files])
        return DownloadResult(files=files, revision=plan.manifest.digest, metadata=plan.metadata)

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one of the layers; ``None`` for what is in an archive.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.read_range` raises.
        """
        plan = self._plan(ref, job)
        file = next((file for file in plan.files if file.name == name), None)
        return None if file is None else read_range(plan.registry.blob(file.layer, name), start, length, job)

    def _plan(self, ref: ModelRef, job: Job) -> _Plan:
        """The manifest and what is wanted of it; the same for the whole of a job."""
        return job.once((self, str(ref)), lambda: _resolve(ref, job))


def _resolve(ref: ModelRef, job: Job) -> _Plan:
    assert ref.repo is not None
    registry = Registry(locate(ref.host, ref.repo, insecure=job.options.insecure), job)
    manifest = registry.manifest(wanted_version(ref, job.options.revision))
    kind = kind_of(manifest, str(ref))
    tells = kind is not Kind.ORAS and manifest.config.size <= SMALL
    config = _object(registry.small_blob(manifest.config)) if tells else {}
    layout = lay_out(manifest, kind, config, str(ref))
    names = [file.name for file in layout.files]
    check_names(names)
    if any(name.casefold().partition("/")[0] == PARTS for name in names):
        raise RbeeError(ErrorCode.UNSAFE_PATH, f"{ref} has a file in {PARTS}, which is kept for unpacking.")
    wanted = set(select(names, job.options.include, job.options.exclude))
    files = [file for file in layout.files if file.name in wanted]
    packed = _look(registry, layout, job)
    if not files and not (layout.archives if packed is None else packed):
        raise _nothing_wanted(str(ref), names)
    if packed is not None:
        _require_complete(str(ref), [*(file.name for file in files), *(file.name for file in packed)])
    metadata = {"repo": str(registry.address), "artifact": kind.value, **of_config(kind, config, manifest.annotations)}
    return _Plan(registry, manifest, files, layout.archives, packed, metadata)


def _look(registry: Registry, layout: Layout, job: Job) -> list[DownloadedFile] | None:
    """What is in the archives, if they are small enough to be fetched for that."""
    if sum(archive.layer.size for archive in layout.archives) > LOOK:
        return None
    files: list[DownloadedFile] = []
    with tempfile.TemporaryDirectory(prefix="rbee-") as folder:
        unpacker = Unpacker(Path(folder), Tally(job), [file.name for file in layout.files], _wanted(job))
        for number, archive in enumerate(layout.archives):
            path = Path(folder, str(number))
            path.write_bytes(registry.small_blob(archive.layer, LOOK))
            files += unpacker.look(path, archive)
    return files


def _wanted(job: Job) -> Callable[[str], bool]:
    options = job.options
    return lambda name: bool(select([name], options.include, options.exclude))


def _unpack(plan: _Plan, packed: list[tuple[Archive, str]], dest: Path, tally: Tally) -> list[DownloadedFile]:
    unpacker = Unpacker(dest, tally, [file.name for file in plan.files], _wanted(tally.job))
    files: list[DownloadedFile] = []
    for archive, name in packed:
        tally.job.emit("archive_unpack", f"Unpacking {human_size(archive.layer.size)} ({archive.layer.media_type})")
        files += unpacker.unpack(dest / name, archive)
    if packed and not files and not plan.files:
        raise _nothing_wanted(str(plan.registry.address), unpacker.left_out)
    for _, name in packed:
        (dest / name).unlink(missing_ok=True)
    return files


def _require_complete(what: str, names: list[str]) -> None:
    missing = missing_shards(names)
    if missing:
        shown = ", ".join(missing[:5]) + (f", and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{what} is incomplete: it lacks {shown}.",
            "Choose another tag, or all its files.",
        )


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


def _nothing_wanted(what: str, names: list[str]) -> RbeeError:
    shown = ", ".join(names[:12]) + (f", and {len(names) - 12} more" if len(names) > 12 else "")
    return RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"Nothing of {what} is to be fetched: it has {shown or 'no files'}.",
        "Name what you want with --include, such as --include '*.bin' (which can run code when it is loaded).",
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
