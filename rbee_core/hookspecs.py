"""The hooks a plugin can implement, one typed function each (pluggy project name ``rbee``).

Hooks are synchronous; they never print: a `Job` carries events, progress and cancellation. Hooks only ever gain
arguments, so a plugin may name fewer than are offered here. ``docs/reference/hooks.md`` is made from this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from .contracts import Device, DownloadResult, ModelManifest, WorkerBinary, WorkerRecipe, WorkerVariant
    from .jobs import Job
    from .refs import ModelRef

#: The plugin API this core speaks. It also accepts plugins written for the one before.
API_VERSION = 1

#: Which kind of plugin is asked which hooks.
HOOKS = {
    "vendor": ("supports_model", "resolve_model", "read_model", "download_model"),
    "backend": ("detect_hardware", "check_build", "build_worker"),
}
#: The hooks without which a plugin of its kind is of no use.
REQUIRED = frozenset(("supports_model", "download_model", "detect_hardware"))

hookspec = pluggy.HookspecMarker("rbee")
hookimpl = pluggy.HookimplMarker("rbee")


@hookspec
def supports_model(ref: ModelRef) -> bool:  # type: ignore[empty-body]
    """Say whether this vendor can fetch ``ref``.

    Called first of all, for each vendor that declares the reference's scheme, whatever is done with a model. Pure and
    quick: no network, no disk. Exactly one vendor may say yes; two are a ``PLUGIN_CONFLICT``.

    :param ref: the parsed reference; its scheme is one of those that the plugin's entry points declare.
    :returns: ``True`` or ``False``, and nothing that merely counts as one of them.
    """


@hookspec(firstresult=True)
def resolve_model(ref: ModelRef, job: Job) -> ModelManifest | None:
    """Tell what a model consists of, before any byte of it is fetched.

    Called before a plan, before a download, and by ``rbee models resolve``. With it a vendor gets a disk-space check,
    total progress, deduplication, and its digests enforced by the core. Names are relative, with ``/``; the core
    refuses any that would leave the model's folder.

    :param ref: the reference, with ``job.options`` for what the user asked beside it (revision, include, …).
    :param job: for events and cancellation, and ``job.options``.
    :returns: the manifest, or ``None`` when the source cannot tell.
    :raises RbeeError: ``MODEL_NOT_FOUND``, ``REVISION_NOT_FOUND``, ``AUTH_REQUIRED``, ``DOWNLOAD_FAILED``.
    """


@hookspec(firstresult=True)
def download_model(ref: ModelRef, dest: Path, job: Job) -> DownloadResult | int:  # type: ignore[empty-body]
    """Fetch a model into ``dest`` and say what is there now.

    Called for a model that the catalog does not have, once there is room for it. ``dest`` is a folder of this model's
    own, kept between attempts: what an interrupted call left in it may be resumed. Nothing in it is visible to anyone
    until the core has verified and published it. Write names relative to ``dest``; ``rbee_core.transfer`` does the
    writing, hashing, resuming and progress in a line or two.

    :param ref: the reference.
    :param dest: an existing folder.
    :param job: call ``job.progress`` as bytes arrive; ``job.check_cancelled`` at least once a second.
    :returns: a `DownloadResult`, or just the total bytes, and the core looks at what is in ``dest``.
    :raises RbeeError: as ``resolve_model``, and ``CHECKSUM_MISMATCH``, ``DOWNLOAD_TIMEOUT``.
    """


@hookspec(firstresult=True)
def read_model(ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
    """Read a part of one of a model's files where it is, without downloading the model.

    Called by a plan, for the headers of a model's files. With it a model's run can be planned before any of its weights
    are fetched.

    :param ref: the reference.
    :param name: the file, by the name that ``resolve_model`` gives it.
    :param start: the first byte, from 0.
    :param length: how many bytes; fewer come back only where the file ends.
    :param job: for cancellation, and the options of ``resolve_model``.
    :returns: the bytes, or ``None`` when the source cannot give a part of a file.
    :raises RbeeError: as ``resolve_model``.
    """


@hookspec
def detect_hardware() -> list[Device]:  # type: ignore[empty-body]
    """List the devices of this backend in this machine, the best first.

    Called by ``rbee hardware``, by a plan and before a build, in a child process with a time limit (the setting
    ``hardware_timeout``).

    :returns: the devices; none, when there are none.
    :raises RbeeError: ``BACKEND_UNAVAILABLE``, to say why there are none.
    """


@hookspec(firstresult=True)
def build_worker(
    recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, job: Job, devices: list[Device]
) -> WorkerBinary | None:
    """Build one variant of a worker into ``dest``.

    Called on the backend whose name is the variant's feature, by ``rbee workers build`` and by whatever needs a worker
    that is not built.

    :param recipe: the worker's description.
    :param variant: which of its variants; ``variant.feature`` is this backend.
    :param dest: an existing, empty folder that stays where it is for as long as the worker is installed.
    :param job: the build's log goes to ``job.log`` line by line; honour cancellation.
    :param devices: what this backend detected in the machine, or is said to: what the worker is built for.
    :returns: the binary to register, or ``None`` when this backend does not know the recipe's build system.
    :raises RbeeError: ``BUILD_FAILED`` with what to install or where the log is.
    """


@hookspec(firstresult=True)
def check_build(recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, devices: list[Device]) -> None:
    """See whether ``build_worker`` could begin here, without building.

    Called by a plan, for a worker that is not built, and takes two seconds at most. With it a plan tells what lacks
    before anything is fetched. Nothing is installed and nothing written.

    :param recipe: the worker's description.
    :param variant: which of its variants; ``variant.feature`` is this backend.
    :param dest: a folder on the disk that would be built on.
    :param devices: as for ``build_worker``.
    :returns: nothing: that nothing is raised means that it could.
    :raises RbeeError: ``BUILD_FAILED`` with all that lacks, and how to install it.
    """
