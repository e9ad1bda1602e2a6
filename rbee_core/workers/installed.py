"""Workers that were built here: ``<data>/workers/<variant>/<version>-<digest>/``, each with its ``worker.json``.

``worker.json`` is written last and by rename, so that a folder without one is what is left of a build that failed or
was killed; the next build of the variant removes it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts.common import ArtifactStatus
from ..contracts.worker import WorkerBinary
from ..errors import ErrorCode, RbeeError
from .environment import Environment

if TYPE_CHECKING:
    from ..jobs import Job

_FILE = "worker.json"
#: Builds of other recipes, versions or interpreters that are kept beside the newest, so that going back costs nothing.
_KEPT_BUILDS = 2
_VARIANT = re.compile(r"[a-z0-9][a-z0-9_.-]{0,120}")


class InstalledWorkers:
    """The registry of built workers.

    :param root: its folder; it need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def newest(self) -> list[WorkerBinary]:
        """The newest build of each variant, by id."""
        found = [self.get(folder.name) for folder in self._variants()]
        return [binary for binary in found if binary is not None]

    def get(self, variant_id: str) -> WorkerBinary | None:
        """The newest usable build of a variant."""
        builds = [binary for _, binary in self._builds(variant_id)]
        return max(builds, key=lambda binary: binary.added_at, default=None)

    def find(self, variant_id: str, fingerprint: str, architectures: Collection[str] = ()) -> WorkerBinary | None:
        """The newest build of a variant that was made from exactly this, for these architectures at least."""
        builds = [
            binary
            for _, binary in self._builds(variant_id)
            if binary.provenance.get("fingerprint") == fingerprint
            and set(architectures) <= set(binary.provenance.get("architectures") or ())
        ]
        return max(builds, key=lambda binary: binary.added_at, default=None)

    def remove(self, variant_id: str, *, in_use: Collection[str] = ()) -> int:
        """Remove every build of a variant, and what is left of unfinished ones.

        :param in_use: environment folders that running workers use.
        :returns: how many folders went.
        :raises RbeeError: ``WORKER_NOT_FOUND``; it is running.
        """
        folder = self._folder(variant_id)
        if folder is None or not folder.is_dir():
            raise RbeeError(
                ErrorCode.WORKER_NOT_FOUND,
                f"No worker {variant_id!r} is built here.",
                "`rbee workers installed` shows those that are.",
            )
        with self.lock(variant_id):
            busy = [binary for _, binary in self._builds(variant_id) if binary.path in in_use]
            if busy:
                raise RbeeError(
                    ErrorCode.WORKER_NOT_FOUND,
                    f"{variant_id} is running and cannot be removed.",
                    "Stop it first: rbee ps, then rbee stop ID",
                )
            count = sum(1 for _ in folder.iterdir())
            for build in list(folder.iterdir()):
                _remove_build(build)
            shutil.rmtree(folder, ignore_errors=True)
        return count

    # --- building ---------------------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, variant_id: str, job: Job | None = None) -> Iterator[None]:
        """Hold a variant's lock against other processes.

        :param job: told when there is a wait, and may end it.
        :raises RbeeError: ``CANCELLED``.
        """
        from filelock import FileLock, Timeout

        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / f".{variant_id}.lock", timeout=0)
        told = False
        while True:
            try:
                lock.acquire()
                break
            except Timeout:
                if job is not None:
                    if not told:
                        job.emit("worker_build_wait", f"Another process is building {variant_id}; waiting for it.")
                    job.wait(0.1)
                else:
                    import time

                    time.sleep(0.1)
                told = True
        try:
            yield
        finally:
            lock.release()

    def prepare(self, variant_id: str, version: str, fingerprint: str) -> Path:
        """An empty folder for a build; leftovers of builds that never ended are removed. Call it under the lock."""
        folder = self.root / variant_id
        folder.mkdir(parents=True, exist_ok=True)
        for build in folder.iterdir():
            if build.is_dir() and not (build / _FILE).exists():
                shutil.rmtree(build, ignore_errors=True)
        name = f"{re.sub(r'[^A-Za-z0-9.+-]', '_', version)}-{fingerprint.removeprefix('sha256:')[:12]}"
        for attempt in range(1000):
            dest = folder / (f"{name}.{attempt}" if attempt else name)
            with suppress(FileExistsError):
                dest.mkdir()
                return dest
        raise RbeeError(ErrorCode.BUILD_FAILED, f"{folder} is full of builds.", f"rbee workers rm {variant_id}")

    def register(self, binary: WorkerBinary, dest: Path) -> None:
        """Make a finished build the newest. Call it under the lock."""
        from ..plugins.files import write_json

        write_json(dest / _FILE, binary.disk())

    def discard_older(self, binary: WorkerBinary, *, in_use: Collection[str]) -> None:
        """Remove the builds that ``binary`` replaces: made from the same thing, or long outdated. Running ones stay."""
        mark = binary.provenance.get("fingerprint")
        others = [(folder, other) for folder, other in self._builds(binary.id) if other.path != binary.path]
        others.sort(key=lambda build: build[1].added_at, reverse=True)
        for age, (folder, other) in enumerate(others):
            replaced = other.provenance.get("fingerprint") == mark or age >= _KEPT_BUILDS
            if replaced and other.path not in in_use:
                _remove_build(folder)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _folder(self, variant_id: str) -> Path | None:
        return self.root / variant_id if _VARIANT.fullmatch(variant_id) else None

    def _variants(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        return sorted(folder for folder in self.root.iterdir() if folder.is_dir() and not folder.name.startswith("."))

    def _builds(self, variant_id: str) -> Iterator[tuple[Path, WorkerBinary]]:
        folder = self._folder(variant_id)
        if folder is None or not folder.is_dir():
            return
        for build in sorted(folder.iterdir()):
            binary = _read(build)
            if binary is not None and binary.id == variant_id:
                yield build, binary


def _read(build: Path) -> WorkerBinary | None:
    """A folder's build, if it is whole; a broken one is as good as none, and is removed with ``rm``."""
    from pydantic import ValidationError

    try:
        data: Any = json.loads((build / _FILE).read_bytes())
        binary = WorkerBinary.model_validate(data)
    except (OSError, ValueError, ValidationError):
        return None
    # The interpreter is missing too when the Python that the environment was made from has been removed.
    if binary.status is not ArtifactStatus.AVAILABLE or not Environment(Path(binary.path)).python.exists():
        return None
    return binary


def _remove_build(folder: Path) -> None:
    """Unregister first, so that a killed removal leaves a leftover and never half a worker."""
    with suppress(OSError):
        (folder / _FILE).unlink()
    if folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)
