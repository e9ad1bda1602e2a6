"""The vendor of ``s3:`` references."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from rbee_core import hookimpl
from rbee_core.contracts import DownloadResult, ManifestFile, ModelManifest
from rbee_core.errors import UsageError

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef
    from rbee_core.transfer import Source
    from rbee_core.transfer.http import HttpClient

    from .bucket import Bucket
    from .objects import S3Object
    from .settings import Settings

    Found = tuple[Settings, Bucket, list[S3Object]]


class S3Vendor:
    """Fetches an object, or all files under a prefix, each pinned to the version that was there when it was shown."""

    rbee_api = 1

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """Every ``s3://bucket/…``."""
        return ref.scheme == "s3" and ref.host is not None

    @hookimpl
    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest:
        """The objects with their sizes and, where S3 has it, their sha256.

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``REVISION_NOT_FOUND``, ``AUTH_REQUIRED``, ``DOWNLOAD_FAILED``.
        """
        _settings, _bucket, found = self._look(ref, job)
        files = [ManifestFile(name=item.name, size=item.size, digest=item.sha256) for item in found]
        return ModelManifest(files=files, revision=_revision(found))

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Fetch what ``resolve_model`` found, with signed addresses, through rbee's own download engine.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.receive` raises.
        """
        from rbee_core.names import safe_join
        from rbee_core.transfer import Tally, receive_all
        from rbee_core.transfer.http import HttpClient

        settings, bucket, found = self._look(ref, job)
        with HttpClient(job) as client:
            sources = [_source(item, bucket, settings, client) for item in found]
            tally = Tally(job, total=sum(item.size for item in found))
            received = receive_all([(source, safe_join(dest, source.name)) for source in sources], tally)
        return DownloadResult(files=received, revision=_revision(found))

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one of the objects that ``resolve_model`` found, of the same version.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.read_range` raises.
        """
        from rbee_core.transfer import read_range
        from rbee_core.transfer.http import HttpClient

        settings, bucket, found = self._look(ref, job)
        item = next((item for item in found if item.name == name), None)
        if item is None:
            return None
        with HttpClient(job) as client:
            return read_range(_source(item, bucket, settings, client), start, length, job)

    def _look(self, ref: ModelRef, job: Job) -> Found:
        """What the reference leads to; the same for the whole of a job."""
        return job.once((self, str(ref)), lambda: _find(ref, job))


def _find(ref: ModelRef, job: Job) -> Found:
    from rbee_core.transfer.buckets import find_objects

    from .bucket import Bucket
    from .settings import Settings

    assert ref.host is not None
    settings = Settings.from_environment(job)
    bucket = Bucket(ref.host, settings, job)
    return settings, bucket, find_objects(bucket, *_key_and_version(ref.path or "", job.options.revision), job.options)


def _key_and_version(path: str, asked: str | None) -> tuple[str, str | None]:
    """A key may hold anything, a question mark too; only ``?versionId=`` (s3fs's way to write it) is none of it."""
    key, mark, version = path.rpartition("?versionId=")
    if not mark:
        return path, asked
    if asked and asked != version:
        raise UsageError(f"The reference names the version {version!r}, and --revision says {asked!r}.")
    return key, version


def _source(item: S3Object, bucket: Bucket, settings: Settings, client: HttpClient) -> Source:
    from rbee_core.transfer.http import http_source

    from .refusals import Words

    # A version cannot change; where there are none, the server is asked to refuse what is not the same any more.
    pinned = {} if item.version or not item.etag else {"If-Match": item.etag}
    return http_source(
        item.name,
        lambda: bucket.sign(item),  # anew for each request: a signature runs out, a download may take longer
        client=client,
        headers=pinned,
        size=item.size,
        digest=item.sha256 or item.md5,
        identity=item.identity,
        part_digests=item.parts,
        expect=item.etag,
        refused=Words(f"s3://{bucket.name}/{item.key}", settings),
    )


def _revision(found: list[S3Object]) -> str | None:
    """The version's id or the ETag of one object; of several, a digest over all of theirs."""
    if len(found) == 1:
        return found[0].revision
    facts = "".join(f"{item.key}\0{item.revision}\0{item.size}\n" for item in found)
    return "objects-" + hashlib.sha256(facts.encode()).hexdigest()[:16]
