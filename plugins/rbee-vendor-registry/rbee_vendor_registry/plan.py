"""What is to be fetched for a reference: files and archives, wherever their bytes are, every name checked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rbee_core.contracts import DownloadedFile
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.names import check_names
from rbee_core.oci import Descriptor, Registry, locate, wanted_version
from rbee_core.selection import missing_shards, select
from rbee_core.transfer import Tally

from .bases import Artifact, open_artifact, with_bases
from .facts import of_config
from .layout import Archive, RawFile, lay_out
from .unpack import Unpacker

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef
    from rbee_core.contracts import Digest
    from rbee_core.transfer import Source

#: Archives of so many bytes together are fetched to show what is in them.
LOOK = 8 << 20
#: Where archives lie until they are unpacked, in the model's folder; no file of an artifact may be in there.
PARTS = ".layers"


@dataclass(slots=True)
class Plan:
    """What a reference leads to; ``packed`` is what is in the archives, ``None`` if they are too large to look."""

    revision: Digest
    files: list[RawFile] = field(default_factory=list)
    archives: list[Archive] = field(default_factory=list)
    packed: list[DownloadedFile] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    #: Which registry has which layer.
    places: dict[Digest, Registry] = field(default_factory=dict)

    def source(self, layer: Descriptor, name: str) -> Source:
        """A layer as a file to receive."""
        return self.places[layer.digest].blob(layer, name)

    def close(self) -> None:
        """Close idle connections."""
        for registry in self.places.values():
            registry.close()


def make_plan(ref: ModelRef, job: Job) -> Plan:
    """Fetch the manifest, and those of what it builds on; choose what is wanted of them.

    :raises RbeeError: ``MODEL_NOT_FOUND``, ``AUTH_REQUIRED``, ``CHECKSUM_MISMATCH``, ``UNSAFE_PATH``,
        ``DOWNLOAD_FAILED``.
    """
    assert ref.repo is not None
    where = locate(ref.host, ref.repo, insecure=job.options.insecure)
    first = open_artifact(where, wanted_version(ref, job.options.revision), str(ref), job)
    plan = Plan(first.manifest.digest)
    _unite(plan, with_bases(first, str(ref), job), str(ref))
    names = [file.name for file in plan.files]
    check_names(names)
    if any(name.casefold().partition("/")[0] == PARTS for name in names):
        raise RbeeError(ErrorCode.UNSAFE_PATH, f"{ref} has a file in {PARTS}, which is kept for unpacking.")
    chosen = set(select(names, job.options.include, job.options.exclude))
    plan.packed = _look(plan, job)
    plan.files = [file for file in plan.files if file.name in chosen]
    if not plan.files and not (plan.archives if plan.packed is None else plan.packed):
        raise nothing_wanted(str(ref), names)
    if plan.packed is not None:
        require_complete(str(ref), [*(file.name for file in plan.files), *(file.name for file in plan.packed)])
    return plan


def wanted(job: Job) -> Callable[[str], bool]:
    """Whether a file is to be kept, by its name."""
    options = job.options
    return lambda name: bool(select([name], options.include, options.exclude))


def require_complete(what: str, names: list[str]) -> None:
    """Refuse a sharded model that lacks some of its shards.

    :raises RbeeError: ``MODEL_NOT_FOUND``.
    """
    missing = missing_shards(names)
    if missing:
        shown = ", ".join(missing[:5]) + (f", and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{what} is incomplete: it lacks {shown}.",
            "Choose another tag, or all its files.",
        )


def nothing_wanted(what: str, names: list[str]) -> RbeeError:
    """``MODEL_NOT_FOUND``: none of these files is wanted."""
    shown = ", ".join(names[:12]) + (f", and {len(names) - 12} more" if len(names) > 12 else "")
    return RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"Nothing of {what} is to be fetched: it has {shown or 'no files'}.",
        "Name what you want with --include, such as --include '*.bin' (which can run code when it is loaded).",
    )


# --- inside ---------------------------------------------------------------------------------------------------------


def _unite(plan: Plan, artifacts: list[Artifact], what: str) -> None:
    """Lay out an artifact and its bases as one model; what two of them say of it, the nearer one decides."""
    archives: dict[tuple[Digest, str], Archive] = {}
    for artifact in artifacts:
        layout = lay_out(artifact.manifest, artifact.kind, artifact.config)
        plan.files += layout.files
        archives |= {(archive.layer.digest, archive.prefix): archive for archive in layout.archives}
        for layer in artifact.manifest.layers:
            plan.places.setdefault(layer.digest, artifact.registry)
        plan.metadata = of_config(artifact.kind, artifact.config, artifact.manifest.annotations) | plan.metadata
    plan.archives = list(archives.values())
    if not plan.files and not plan.archives:
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{what} is an artifact without files.", "Choose another tag.")
    first, *bases = artifacts
    plan.metadata = {"repo": str(first.registry.address), "artifact": first.kind.value, **plan.metadata}
    if bases:
        plan.metadata["builds_on"] = [f"{base.registry.address}@{base.manifest.digest}" for base in bases]


def _look(plan: Plan, job: Job) -> list[DownloadedFile] | None:
    """What is in the archives, if they are small enough to be fetched for that."""
    if sum(archive.layer.size for archive in plan.archives) > LOOK:
        return None
    files: list[DownloadedFile] = []
    with tempfile.TemporaryDirectory(prefix="rbee-") as folder:
        unpacker = Unpacker(Path(folder), Tally(job), [file.name for file in plan.files], wanted(job))
        for number, archive in enumerate(plan.archives):
            path = Path(folder, str(number))
            path.write_bytes(plan.places[archive.layer.digest].small_blob(archive.layer, LOOK))
            files += unpacker.look(path, archive)
    return files
