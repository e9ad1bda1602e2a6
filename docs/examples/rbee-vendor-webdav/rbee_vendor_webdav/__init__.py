"""Models on a WebDAV share, for rbee: ``webdav:FOLDER/model.gguf``, or ``webdav:FOLDER`` for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbee_core import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from rbee_core import Job, ModelRef
    from rbee_core.contracts import DownloadResult, ModelManifest

    from .share import Share

__all__ = ["Vendor"]


class Vendor:
    """The hooks. ``WEBDAV_URL``: where the share is; ``WEBDAV_USER``, ``WEBDAV_PASSWORD``: who asks."""

    rbee_api = 1

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """Every ``webdav:`` reference. Asked often: the text has to do, without a look at the share."""
        return ref.scheme == "webdav"

    @hookimpl
    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest:
        """The files that the reference means, with sizes, and digests where the folder has a SHA256SUMS."""
        from rbee_core.contracts import ManifestFile, ModelManifest

        with self._share(job) as share:
            found = share.find(ref.rest)
        return ModelManifest(files=[ManifestFile(name=f.name, size=f.size, digest=f.digest) for f in found])

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Fetch what `resolve_model` told, in many ranges, going on with what is in ``dest``."""
        from rbee_core.contracts import DownloadResult
        from rbee_core.names import safe_join
        from rbee_core.transfer import Tally, receive_all

        with self._share(job) as share:
            found = share.find(ref.rest)
            tally = Tally(job, total=sum(file.size for file in found))
            received = receive_all([(share.source(f), safe_join(dest, f.name)) for f in found], tally)
        return DownloadResult(files=received)

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one file: a model's header is read where it is, to plan before anything is downloaded."""
        from rbee_core.transfer import read_range

        with self._share(job) as share:
            file = next((file for file in share.find(ref.rest) if file.name == name), None)
            return None if file is None else read_range(share.source(file), start, length, job)

    def _share(self, job: Job) -> Share:
        from .share import Share

        return Share(job)
