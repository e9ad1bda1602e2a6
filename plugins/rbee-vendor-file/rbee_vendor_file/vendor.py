"""The vendor of ``file:`` references: nothing is fetched, it is linked; or copied, where a link would not be safe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rbee_core import hookimpl
from rbee_core.contracts import DownloadedFile, DownloadResult, ManifestFile, ModelManifest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer import Tally, copy_file, hash_file, link_file, open_regular

from .beside import versions_beside
from .scan import Found, find

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef


class FileVendor:
    """Brings models that lie on this machine into the catalog."""

    rbee_api = 1

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """Every path; whether it leads somewhere is seen later."""
        return ref.scheme == "file"

    @hookimpl
    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest:
        """The files with their sizes, and the model's other quantizations beside it. No digests: that would read all.

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``UNSAFE_PATH``, ``DOWNLOAD_FAILED``.
        """
        found = _find(ref, job)
        beside = versions_beside(found[0].path) if len(found) == 1 else []
        return ModelManifest(
            files=[ManifestFile(name=item.name, size=item.size) for item in found],
            metadata={"alternatives": beside} if beside else {},
        )

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Link or copy the files into ``dest``, and take their digests.

        ``metadata["linked"]`` is true when one of them is the user's own file under a second name (a hard link).

        :raises RbeeError: as ``resolve_model``, and ``INSUFFICIENT_DISK``, ``CANCELLED``.
        """
        found = _find(ref, job)
        tally = Tally(job, total=sum(item.size for item in found))
        files = []
        linked = False
        for item in found:
            try:
                file = _bring(item, dest / item.name, tally, copy=job.options.copy)
            except OSError as error:
                raise _unreadable(item, error) from error
            files.append(file)
            linked = linked or _is_same(item.path, dest / item.name)
        return DownloadResult(files=files, metadata={"linked": True} if linked else {})

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one of the files that ``resolve_model`` named.

        :raises RbeeError: as ``resolve_model``.
        """
        item = next((item for item in job.once((self, str(ref)), lambda: _find(ref, job)) if item.name == name), None)
        if item is None:
            return None
        try:
            with open_regular(item.path) as file:
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise _unreadable(item, error) from error


def _find(ref: ModelRef, job: Job) -> list[Found]:
    assert ref.path is not None
    options = job.options
    return find(Path(ref.path), tuple(options.include), tuple(options.exclude), job.check_cancelled)


def _bring(item: Found, dest: Path, tally: Tally, *, copy: bool) -> DownloadedFile:
    if copy or not link_file(item.path, dest):
        return copy_file(item.path, dest, tally, name=item.name)
    before = dest.stat()
    digest = hash_file(dest, tally, name=item.name)
    after = dest.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        message = f"{item.path} was changed while it was read."
        raise RbeeError(ErrorCode.DOWNLOAD_FAILED, message, "Wait until it is complete, or take a --copy of it.")
    return DownloadedFile(name=item.name, size=after.st_size, digest=digest)


def _unreadable(item: Found, error: OSError) -> RbeeError:
    message = f"{item.path} cannot be read: {error.strerror or error}."
    return RbeeError(ErrorCode.DOWNLOAD_FAILED, message, "Look at the disk it is on.")


def _is_same(source: Path, dest: Path) -> bool:
    try:
        return os.path.samefile(source, dest)  # noqa: PTH121 — both may be links
    except OSError:
        return False
