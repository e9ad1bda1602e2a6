"""The vendor of ``http:`` and ``https:`` references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rbee_core import hookimpl
from rbee_core.contracts import DownloadResult, ManifestFile, ModelManifest

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef
    from rbee_core.contracts import Digest
    from rbee_core.transfer import Source
    from rbee_core.transfer.http import HttpClient

    from .remote import RemoteFile


class HttpVendor:
    """Fetches a model's file from a web server, verified where the server, or a file beside it, tells a digest."""

    rbee_api = 1

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """Every URL with a host."""
        return ref.scheme in ("http", "https") and ref.host is not None

    @hookimpl
    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest:
        """The file, or the files of a sharded model, with what the server tells of them.

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``AUTH_REQUIRED``, ``UNSAFE_PATH``, ``DOWNLOAD_FAILED``.
        """
        with _client(ref, job) as client:
            found = self._look(ref, job, client)
        files = [ManifestFile(name=file.name, size=file.size, digest=_sha256(file)) for file in found]
        return ModelManifest(files=files, revision=_revision(found))

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Fetch what ``resolve_model`` found.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.receive` raises.
        """
        from rbee_core.names import safe_join
        from rbee_core.transfer import Tally, receive_all

        with _client(ref, job) as client:
            found = self._look(ref, job, client)
            sources = [_source(file, client) for file in found]
            sizes = [file.size for file in found]
            tally = Tally(job, total=sum(size or 0 for size in sizes) if None not in sizes else None)
            received = receive_all([(source, safe_join(dest, source.name)) for source in sources], tally)
        return DownloadResult(files=received, revision=_revision(found))

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one of the files that ``resolve_model`` found.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.read_range` raises.
        """
        from rbee_core.transfer import read_range

        with _client(ref, job) as client:
            file = next((file for file in self._look(ref, job, client) if file.name == name), None)
            return None if file is None else read_range(_source(file, client), start, length, job)

    def _look(self, ref: ModelRef, job: Job, client: HttpClient) -> list[RemoteFile]:
        """What the reference leads to; the same for the whole of a job."""
        from .remote import Looker

        return job.once((self, str(ref)), lambda: Looker(client, job).find(str(ref)))


def _client(ref: ModelRef, job: Job) -> HttpClient:
    from rbee_core.transfer.http import HttpClient

    return HttpClient(job, plain=ref.scheme == "http")


def _source(file: RemoteFile, client: HttpClient) -> Source:
    from rbee_core.transfer.http import http_source

    from .remote import refusal

    return http_source(
        file.name,
        file.url,
        client=client,
        headers=file.headers,
        size=file.size,
        digest=file.digest,
        identity=file.identity,
        expect=file.validator,
        refused=refusal(file.url, bool(file.headers)),
    )


def _sha256(file: RemoteFile) -> Digest | None:
    """The digest for the manifest: any other than sha256 is checked on the way, and need not be once more."""
    return file.digest if file.digest is not None and file.digest.algorithm == "sha256" else None


def _revision(found: list[RemoteFile]) -> str | None:
    """The ETag of a single file: the nearest thing to a version that the web has."""
    validator = found[0].validator if len(found) == 1 else ""
    return validator.removeprefix("W/").strip('"') or None
