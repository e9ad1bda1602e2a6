"""The vendor of ``oci://bucket@namespace/path`` references."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rbee_core import hookimpl
from rbee_core.contracts import DownloadResult, ManifestFile, ModelManifest

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef
    from rbee_core.transfer.http import HttpClient

    from .bucket import OracleBucket
    from .objects import OracleObject


class OracleVendor:
    """Fetches an object, or all files under a prefix, from Oracle Object Storage."""

    rbee_api = 1

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """A bucket and a namespace; registries, which share the scheme, are another vendor's."""
        return ref.scheme == "oci" and ref.repo is None and "@" in (ref.host or "")

    @hookimpl
    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest:
        """The objects with their sizes and, where Oracle has it, their sha256.

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``REVISION_NOT_FOUND``, ``AUTH_REQUIRED``, ``DOWNLOAD_FAILED``.
        """
        from rbee_core.transfer.http import HttpClient

        with HttpClient(job) as client:
            _bucket, found = self._look(ref, job, client)
        files = [ManifestFile(name=item.name, size=item.size, digest=item.sha256) for item in found]
        return ModelManifest(files=files, revision=_revision(found))

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Fetch what ``resolve_model`` found, through rbee's own download engine.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.receive` raises.
        """
        from rbee_core.names import safe_join
        from rbee_core.transfer import Tally, receive_all
        from rbee_core.transfer.http import HttpClient

        with HttpClient(job) as client:
            bucket, found = self._look(ref, job, client)
            tally = Tally(job, total=sum(item.size for item in found))
            received = receive_all([(bucket.source(item), safe_join(dest, item.name)) for item in found], tally)
        return DownloadResult(files=received, revision=_revision(found))

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one of the objects that ``resolve_model`` found, of the same version.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.read_range` raises.
        """
        from rbee_core.transfer import read_range
        from rbee_core.transfer.http import HttpClient

        with HttpClient(job) as client:
            bucket, found = self._look(ref, job, client)
            item = next((item for item in found if item.name == name), None)
            return None if item is None else read_range(bucket.source(item), start, length, job)

    def _look(self, ref: ModelRef, job: Job, client: HttpClient) -> tuple[OracleBucket, list[OracleObject]]:
        """What the reference leads to; the same for the whole of a job."""
        from rbee_core.transfer.buckets import find_objects

        from .account import account
        from .bucket import OracleBucket

        name, _, namespace = (ref.host or "").partition("@")
        who = job.once((self, "account", str(ref)), lambda: account(name, namespace, job))
        bucket = OracleBucket(name, namespace, who, client)
        find = partial(find_objects, bucket, ref.path or "", job.options.revision, job.options)
        return bucket, job.once((self, "objects", str(ref)), find)


def _revision(found: list[OracleObject]) -> str | None:
    """The version's id or the ETag of one object; of several, a digest over all of theirs."""
    if len(found) == 1:
        return found[0].revision
    facts = "".join(f"{item.key}\0{item.revision}\0{item.size}\n" for item in found)
    return "objects-" + hashlib.sha256(facts.encode()).hexdigest()[:16]
