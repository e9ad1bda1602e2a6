"""`Workers`: everything rbee does with workers, for the command line, scripts and servers."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts import Device, ModelEntry, WorkerBinary, WorkerRecipe, WorkerVariant
from ..errors import ErrorCode, RbeeError
from .discovery import Found, discover, find
from .installed import InstalledWorkers
from .machine import Machine, detected_machine, this_machine
from .pip_options import merged_pip
from .running import CRASHED, RunningWorkers
from .runtime import Started, Starter, StartOptions

if TYPE_CHECKING:
    from ..config import Config
    from ..jobs import Job
    from ..plugins import PluginManager


@dataclass(frozen=True, slots=True)
class Hardware:
    """What ``rbee hardware`` shows; ``backends`` rows are ``{"name", "available", "reason"}``."""

    machine: Machine
    devices: list[Device]
    backends: list[dict[str, Any]]


class Workers:
    """The workers of this installation.

    :param config: the settings in force.
    :param plugins: for workers that packages bring, and for the backends that build them.
    """

    def __init__(self, config: Config, plugins: PluginManager) -> None:
        self.config = config
        self.plugins = plugins
        self.installed = InstalledWorkers(config.data_dir / "workers")
        self.running = RunningWorkers(config.state_dir)
        self._starter = Starter(self.running)

    # --- what there is ----------------------------------------------------------------------------------------------

    @cached_property
    def machine(self) -> Machine:
        """This machine, or the one it is said to be."""
        return this_machine(self.config)

    @cached_property
    def hardware(self) -> Hardware:
        """The devices of every backend; asked once."""
        from ..plugins import detect_all

        devices, backends = detect_all(self.plugins, self.config)
        return Hardware(self.machine, devices, backends)

    def discover(self, paths: Sequence[str] = ()) -> list[Found]:
        """Every worker, usable or not."""
        return discover(self.config, self.plugins, paths)

    def recipe(self, name: str, paths: Sequence[str] = ()) -> tuple[WorkerRecipe, WorkerVariant]:
        """A worker by its id, with its default variant, or by the id of one of its variants.

        :raises RbeeError: ``WORKER_NOT_FOUND``, ``PLUGIN_CONFLICT``, ``PLUGIN_ERROR``.
        """
        found = self.discover(paths)
        for worker in found:
            for variant in worker.recipe.variants() if worker.recipe else ():
                if variant.id == name:
                    return worker.recipe, variant  # type: ignore[return-value]
        recipe = find(found, name)
        return recipe, recipe.variants()[0]

    def require_here(self) -> None:
        """See that this is the machine that is planned for.

        :raises RbeeError: ``BACKEND_UNAVAILABLE``: ``RBEE_FORCE_PLATFORM`` says that it is another.
        """
        here = detected_machine()
        if self.machine != here:
            raise RbeeError(
                ErrorCode.BACKEND_UNAVAILABLE,
                f"This machine is {here}; RBEE_FORCE_PLATFORM says it is {self.machine}, so nothing can be run.",
                "A run there can be planned: rbee plan MODEL. To run something here, unset RBEE_FORCE_PLATFORM.",
            )

    def obstacle(self, recipe: WorkerRecipe, variant: WorkerVariant) -> str | None:
        """Why a variant cannot be built on this machine; ``None`` if it can."""
        if recipe.build.system is None:
            return "its worker.toml does not say how it is built ([build] system)"
        if recipe.run is None:
            return "its worker.toml does not say how it is started ([run])"
        if variant.platforms:
            if self.machine.platform not in variant.platforms:
                return f"not for {self.machine.platform}: only {', '.join(variant.platforms)}"
            architectures = variant.platforms[self.machine.platform]
            if self.machine.architecture not in architectures:
                return f"not for {self.machine}: only {', '.join(architectures)}"
        try:
            self.plugins.choose("backend", variant.feature)
        except RbeeError as error:
            return error.message
        return None

    def rows(self, paths: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The rows of ``workers list --json``."""
        from .views import row

        return [row(self, found) for found in self.discover(paths)]

    def details(self, name: str, paths: Sequence[str] = ()) -> dict[str, Any]:
        """A worker's row, with how it is built and started, and what is built of it.

        :raises RbeeError: ``WORKER_NOT_FOUND``.
        """
        from .views import row

        found = self.discover(paths)
        for worker in found:
            variants = worker.recipe.variants() if worker.recipe else []
            if name == worker.id or name in (variant.id for variant in variants):
                data = row(self, worker)
                if worker.recipe is not None:
                    built = [binary for variant in variants if (binary := self.installed.get(variant.id))]
                    data["build"] = worker.recipe.build.wire()
                    data["run"] = worker.recipe.run.wire() if worker.recipe.run else None
                    data["backend"] = {name: section.wire() for name, section in worker.recipe.backend.items()}
                    data["digest"] = worker.recipe.digest
                    data["installed"] = [binary.wire() for binary in built]
                return data
        find(found, name)
        raise AssertionError("find has raised")

    # --- building ---------------------------------------------------------------------------------------------------

    def built(self, recipe: WorkerRecipe, variant: WorkerVariant) -> WorkerBinary | None:
        """The build there is of just this recipe, made for these devices too, if there is one."""
        return self.installed.find(variant.id, self._fingerprint(recipe, variant), self._made_for(recipe, variant))

    def build_problem(self, recipe: WorkerRecipe, variant: WorkerVariant) -> RbeeError | None:
        """What keeps a variant from being built on this machine now, as far as its backend can tell at once.

        :returns: the error that `build` would raise; ``None`` if nothing is known, or if this is not the machine.
        """
        from ..plugins.forced import variable

        said = self.config.env.get(variable(variant.feature), "").strip()
        if said or self.machine != detected_machine() or self.built(recipe, variant) is not None:
            return None
        folder = next(path for path in (self.installed.root, *self.installed.root.parents) if path.is_dir())
        try:
            self.plugins.backend(variant.feature).check_build(recipe, variant, folder, self._devices(variant))
        except RbeeError as error:
            return error if error.code is ErrorCode.BUILD_FAILED else None
        return None

    def build(self, recipe: WorkerRecipe, variant: WorkerVariant, job: Job, *, force: bool = False) -> WorkerBinary:
        """Build a variant, or return the build there is of just this recipe.

        Any number of processes asking for one variant share one build. A build that fails leaves nothing registered.

        :param force: build again, beside the old one, which is replaced when the new one works.
        :raises RbeeError: ``BUILD_FAILED``, ``BACKEND_UNAVAILABLE``, ``CANCELLED``.
        """
        fingerprint, existing = self._fingerprint(recipe, variant), self.built(recipe, variant)
        if existing is not None and not force:
            job.emit("worker_build_exists", f"{variant.id} {existing.version} is built already.", worker=variant.id)
            return existing
        if (reason := self.obstacle(recipe, variant)) is not None:
            raise RbeeError(ErrorCode.BACKEND_UNAVAILABLE, f"{variant.id} cannot be built here: {reason}")
        with self.installed.lock(variant.id, job):
            newer = self.built(recipe, variant)
            if newer is not None and (not force or (existing is not None and newer.added_at > existing.added_at)):
                job.emit("worker_build_exists", f"{variant.id} was built by another process.", worker=variant.id)
                return newer
            with job.stage("worker_build", "worker-provisioner"):
                return self._build(recipe, variant, fingerprint, job)

    def _build(self, recipe: WorkerRecipe, variant: WorkerVariant, fingerprint: str, job: Job) -> WorkerBinary:
        backend = self.plugins.backend(variant.feature)
        devices = self._devices(variant)
        dest = self.installed.prepare(variant.id, recipe.version, fingerprint)
        job.emit("worker_build_start", f"Building {variant.id} {recipe.version}.", worker=variant.id, path=str(dest))
        try:
            binary = backend.build_worker(recipe, variant, dest, job, devices)
            if binary is None:
                raise RbeeError(
                    ErrorCode.BUILD_FAILED,
                    f"The backend '{variant.feature}' cannot build workers of system {recipe.build.system!r}.",
                    f"{backend.record.title} may be older than the worker: update it.",
                )
            if binary.id != variant.id:
                raise RbeeError(
                    ErrorCode.PLUGIN_ERROR, f"{backend.record.title} built {binary.id!r} instead of {variant.id!r}."
                )
            job.check_cancelled()
            binary.provenance |= {
                "fingerprint": fingerprint,
                "recipe": recipe.digest,
                "backend": backend.record.title,
                "dist": recipe.dist,
                "architectures": self._made_for(recipe, variant),
            }
            self.installed.register(binary, dest)
        except BaseException as error:
            job.emit("worker_build_failed", f"{variant.id} was not built.", worker=variant.id)
            self._clean_up(dest, error)
            raise
        self.installed.discard_older(binary, in_use={worker.environment for worker in self.running.alive()})
        job.emit("worker_build_complete", f"Built {variant.id} {binary.version}.", worker=variant.id, path=str(dest))
        return binary

    def _clean_up(self, dest: Path, error: BaseException) -> None:
        """Remove what a failed build left, but keep the log that its error names."""
        import shutil

        log = dest / "build.log"
        kept = self.config.state_dir / "logs" / f"build-{dest.parent.name}.log"
        if isinstance(error, RbeeError) and str(log) in error.hint and log.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, kept)
            error.hint = error.hint.replace(str(log), str(kept))
        shutil.rmtree(dest, ignore_errors=True)

    def _devices(self, variant: WorkerVariant) -> list[Device]:
        """The devices that a variant is for."""
        return [device for device in self.hardware.devices if device.backend == variant.feature]

    def _made_for(self, recipe: WorkerRecipe, variant: WorkerVariant) -> list[str]:
        """The architectures of the devices that a build is made for; empty where that does not matter.

        What is compiled for one GPU does not run on another. A build for more than are there now, does.
        """
        if not merged_pip(recipe, variant).made_for_devices:
            return []
        return sorted({device.architecture for device in self._devices(variant) if device.problem is None})

    def _fingerprint(self, recipe: WorkerRecipe, variant: WorkerVariant) -> str:
        """What a build depends on: the same again gives the same."""
        parts = {
            "recipe": recipe.digest,
            "version": recipe.version,
            "variant": variant.id,
            "python": platform.python_version(),
            "interpreter": str(Path(sys.executable).resolve()),
            "machine": str(this_machine(self.config)),
        }
        return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def remove(self, variant_id: str) -> None:
        """Remove what is built of a variant.

        :raises RbeeError: ``WORKER_NOT_FOUND``: nothing is; or it is running.
        """
        self.installed.remove(variant_id, in_use={worker.environment for worker in self.running.alive()})

    # --- running ----------------------------------------------------------------------------------------------------

    def processes(self) -> list[dict[str, Any]]:
        """The rows of ``ps --json``; each worker is asked what it is doing."""
        from .health import status_of

        return [
            {
                **worker.row(),
                "status": status_of(worker.url) if worker.port and worker.status != CRASHED else worker.status,
            }
            for worker in self.running.known()
        ]

    def stop_running(self, ids: Sequence[str] | None) -> list[str]:
        """End running workers, all at once; ``None`` for every one.

        :returns: the ids of those that were ended.
        :raises RbeeError: ``WORKER_NOT_FOUND``, before any is touched.
        """
        from concurrent.futures import ThreadPoolExecutor

        workers = self.running.known() if ids is None else [self.running.get(worker_id) for worker_id in ids]
        if workers:
            with ThreadPoolExecutor(len(workers)) as pool:
                list(pool.map(self.running.stop, workers))
        return [worker.id for worker in workers]

    def start(
        self,
        recipe: WorkerRecipe,
        variant: WorkerVariant,
        entry: ModelEntry,
        options: StartOptions,
        job: Job,
    ) -> Started:
        """Start a worker, building it if need be, and wait until it answers."""
        binary = self.built(recipe, variant) or self.build(recipe, variant, job)
        with job.stage("worker_start", "worker-manager"):
            return self._starter.start(recipe, binary, entry, options, job)

    def stop(self, started: Started, *, grace: float | None = None) -> None:
        """End a worker that `start` of this process started."""
        self._starter.stop(started, grace=grace)

    @contextmanager
    def started(
        self,
        recipe: WorkerRecipe,
        variant: WorkerVariant,
        entry: ModelEntry,
        options: StartOptions,
        job: Job,
    ) -> Iterator[Started]:
        """A worker for the time of a ``with`` block."""
        started = self.start(recipe, variant, entry, options, job)
        try:
            yield started
        finally:
            self.stop(started, grace=2)
