"""The vendor of ``hf:`` references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rbee_core import hookimpl
from rbee_core.contracts import DownloadResult, ManifestFile, ModelManifest
from rbee_core.errors import UsageError
from rbee_core.names import check_names
from rbee_core.transfer import Tally, read_range, receive_all

from .choose import Wanted, choose
from .listing import Repository
from .others import other_versions

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef

    from .hub import Hub


class HuggingFaceVendor:
    """Fetches models from the Hugging Face Hub, each file verified against the digest that its commit names."""

    rbee_api = 1

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """Every well-formed ``hf:`` reference."""
        return ref.scheme == "hf" and ref.repo is not None

    @hookimpl
    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest:
        """The files chosen, at the commit that the revision means now.

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``REVISION_NOT_FOUND``, ``AUTH_REQUIRED``, ``DOWNLOAD_FAILED``.
        """
        from .hub import Hub

        plan = self._plan(ref, job, Hub(job))
        files = [ManifestFile(name=file.path, size=file.size, digest=file.sha256) for file in plan.files]
        metadata = {**plan.metadata, **({"alternatives": plan.others} if plan.others else {})}
        return ModelManifest(files=files, revision=plan.commit, metadata=metadata)

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Fetch the files that ``resolve_model`` named, in many ranges at a time.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.receive` raises.
        """
        from .fetch import http_client, remote_files
        from .hub import Hub

        hub = Hub(job)
        plan = self._plan(ref, job, hub)
        tally = Tally(job, total=sum(file.size for file in plan.files))
        with http_client(hub, job) as client:
            sources = remote_files(hub, client, plan, job)
            received = receive_all([(source, dest / source.name) for source in sources], tally)
        return DownloadResult(files=received, revision=plan.commit, metadata=plan.metadata)

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one of the files that ``resolve_model`` named, of the same commit.

        :raises RbeeError: as ``resolve_model``, and what `rbee_core.transfer.read_range` raises.
        """
        from .fetch import http_client, remote_file
        from .hub import Hub

        hub = Hub(job)
        plan = self._plan(ref, job, hub)
        file = next((file for file in plan.files if file.path == name), None)
        if file is None:
            return None
        with http_client(hub, job) as client:
            return read_range(remote_file(hub, client, plan, file), start, length, job)

    def _plan(self, ref: ModelRef, job: Job, hub: Hub) -> Repository:
        """The commit and the chosen files; the same for the whole of a job."""
        return job.once((self, str(ref)), lambda: _chosen(ref, job, hub))


def _chosen(ref: ModelRef, job: Job, hub: Hub) -> Repository:
    options = job.options
    assert ref.repo is not None
    revision = _revision(ref, options.revision)
    repository = hub.repository(ref.repo, revision)
    wanted = Wanted(ref.repo, ref.path, ref.selector, tuple(options.include), tuple(options.exclude))
    chosen = choose(repository.files, wanted)
    check_names(file.path for file in chosen)
    others = other_versions(repository.files, chosen, ref.repo, revision)
    return Repository(ref.repo, repository.commit, chosen, repository.metadata, others)


def _revision(ref: ModelRef, asked: str | None) -> str | None:
    if ref.revision and asked and ref.revision != asked:
        raise UsageError(
            f"{ref} names the revision {ref.revision!r}, and --revision says {asked!r}.", "Give one of them."
        )
    return ref.revision or asked
