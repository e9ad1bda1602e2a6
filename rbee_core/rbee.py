"""`Rbee`: everything the command line can do, for scripts and servers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from .config import Config
from .contracts.common import ArtifactStatus, LifecycleState
from .contracts.model import ModelEntry
from .errors import ErrorCode, RbeeError
from .jobs import Job
from .refs import ModelRef

if TYPE_CHECKING:
    from .models import ModelProvisioner, Resolution
    from .models.importing import Imported
    from .models.quota import Eviction, Quota
    from .models.verify import Verification
    from .planning.candidates import Request
    from .planning.plan import Plan
    from .plugins import PluginManager
    from .store import CatalogStore, Store
    from .store.gc import Collected
    from .workers import Workers

#: What a model that is registered by hand is assumed to run on (seed 002).
DEFAULT_BACKENDS = ("cpu", "metal", "cuda")


class Rbee:
    """The facade over plugins, store, models and workers; each part is made when it is first used.

    :param config: the settings; those of the environment if not given.
    :param on_problem: told a sentence when something was wrong and could be helped (a broken catalog replaced by its
        backup, say); by default it is logged.
    """

    def __init__(self, config: Config | None = None, *, on_problem: Callable[[str], None] | None = None) -> None:
        self.config = config or Config()
        self._on_problem = on_problem

    # --- the parts --------------------------------------------------------------------------------------------------

    @cached_property
    def plugins(self) -> PluginManager:
        """The plugin manager."""
        from .plugins import PluginManager

        return PluginManager(self.config, on_problem=self._on_problem)

    @cached_property
    def store(self) -> Store:
        """The model store: blobs, models, partial downloads, locks."""
        from .store import Store

        return Store(self.config, on_problem=self._on_problem)

    @property
    def catalog(self) -> CatalogStore:
        """The catalog of models."""
        return self.store.catalog

    @cached_property
    def models(self) -> ModelProvisioner:
        """The model provisioner."""
        from .models import ModelProvisioner

        return ModelProvisioner(self.plugins, self.store, self.quota(self.config["models_max_size"]))

    def quota(self, limit: int | None) -> Quota:
        """The store, held to a size in bytes; models that run here count as running."""
        from .models.quota import Quota

        return Quota(self.store, limit, self._running_models)

    def _running_models(self) -> set[str]:
        return {worker.model for worker in self.workers.running.alive()}

    @cached_property
    def workers(self) -> Workers:
        """The workers: recipes, builds, running processes."""
        from .workers import Workers

        return Workers(self.config, self.plugins)

    def plan(self, text: str, job: Job | None = None, request: Request | None = None) -> Plan:
        """What the model that ``text`` names, a reference or a catalog id, would run on here, and why.

        Nothing is downloaded but its headers, nothing is built or started.

        :raises RbeeError: the model cannot be found. That nothing can run it is no error: see `Plan.problem`.
        """
        from .planning.candidates import Request
        from .planning.plan import make_plan

        return make_plan(self.models, self.workers, text, request or Request(), self._job(job))

    # --- models -----------------------------------------------------------------------------------------------------

    def resolve(self, text: str, job: Job | None = None) -> Resolution:
        """What a reference (or a catalog entry's source) consists of, without fetching it."""
        job = self._job(job)
        entry = self.models.find(text)
        return self.models.resolve(self._ref(entry.source if entry and entry.source else text, job), job)

    def download(
        self,
        text: str,
        job: Job | None = None,
        *,
        entry_id: str | None = None,
        sha256: str | None = None,
        force: bool = False,
    ) -> ModelEntry:
        """Bring the model that ``text`` names, a reference or a catalog id, into the catalog.

        :raises RbeeError: see `ModelProvisioner.download`.
        """
        job = self._job(job)
        entry = None if entry_id or job.options.revision else self.models.find(text)
        if entry is not None:
            if not entry.source:
                raise RbeeError(
                    ErrorCode.MODEL_NOT_FOUND,
                    f"{entry.id!r} says nothing of where it comes from.",
                    f"Register it with its repository: rbee models register {entry.id} --repo org/repo …",
                )
            text, entry_id = entry.source, entry.id
        return self.models.download(self._ref(text, job), job, entry_id=entry_id, sha256=sha256, force=force)

    def ensure_model(self, text: str, job: Job | None = None, *, allow_retired: bool = False) -> ModelEntry:
        """The entry of a model that is here and may run, downloading it if need be.

        :raises RbeeError: ``MODEL_NOT_FOUND`` for a retired one, unless ``allow_retired``.
        """
        entry = self.models.find(text)
        if entry is None or not entry.downloaded:
            entry = self.download(text, job)
        if entry.lifecycle is LifecycleState.RETIRED and not allow_retired:
            raise RbeeError(
                ErrorCode.MODEL_NOT_FOUND,
                f"{entry.id} is retired.",
                f"Run it all the same with --allow-retired, or bring it back: rbee models activate {entry.id}",
            )
        return self._note_use(entry)

    def _note_use(self, entry: ModelEntry) -> ModelEntry:
        """Have it known that a model is used now: what was used long ago is evicted first, and this one not at all."""
        from .store.users import note_user

        note_user(self.store.root / "locks", entry.id)
        now = datetime.now(UTC)
        try:
            return self.catalog.update(entry.id, lambda e: e.model_copy(update={"last_used_at": now}))
        except RbeeError as error:
            # A catalog that cannot be written, or has no room, is no reason not to run what is there.
            if error.code not in (ErrorCode.UNSAFE_PATH, ErrorCode.INSUFFICIENT_DISK):
                raise
            return entry
        except OSError:
            return entry

    def register(
        self, entry_id: str, *, name: str, repo: str, architecture: str, backends: tuple[str, ...] = DEFAULT_BACKENDS
    ) -> ModelEntry:
        """Add a model to the catalog that is not downloaded yet.

        :param repo: a hub repository (``org/repo``) or any model reference.
        :raises RbeeError: ``MODEL_EXISTS``; ``INVALID_REF`` for the repository.
        """
        ref = ModelRef.parse(repo)
        if self.catalog.exists(entry_id):
            raise RbeeError(
                ErrorCode.MODEL_EXISTS, f"{entry_id!r} is in the catalog already.", f"rbee models show {entry_id}"
            )
        entry = ModelEntry(
            id=entry_id,
            name=name,
            source=str(ref),
            path=str(self.store.folder(entry_id)),
            architecture=architecture,
            backends=list(backends),
            status=ArtifactStatus.DOWNLOADING,
            metadata={"repo": ref.repo or repo},
        )
        self.catalog.put(entry)
        return entry

    def require(self, text: str) -> ModelEntry:
        """The catalog entry that ``text`` names.

        :raises RbeeError: ``MODEL_NOT_FOUND``.
        """
        from .models.lookup import require_entry

        return require_entry(self.catalog, text)

    def set_pinned(self, text: str, pinned: bool) -> ModelEntry:
        """Spare a model from eviction, or no longer."""
        entry = self.require(text)
        return self.catalog.update(
            entry.id, lambda e: e.model_copy(update={"metadata": {**e.metadata, "pinned": pinned}})
        )

    def verify(self, texts: list[str], job: Job | None = None) -> list[Verification]:
        """Hash models again: those named, or all that are (or were) here; what is wrong is taken out of use."""
        from .models.verify import verify_models

        entries = [self.require(text) for text in texts]
        entries = entries or [e for e in self.catalog.list() if e.downloaded or (e.files and e.error)]
        return verify_models(self.store, entries, self._job(job))

    # --- keeping house ----------------------------------------------------------------------------------------------

    def collect_garbage(
        self,
        job: Job | None = None,
        *,
        partials_older_than: float | None = None,
        orphans: bool = False,
        quota: int | None = None,
        dry_run: bool = False,
    ) -> tuple[Collected, list[Eviction]]:
        """Delete what nobody needs, then evict models until the store holds no more than ``quota`` bytes.

        :param partials_older_than: seconds; 7 days, if not given.
        :raises RbeeError: ``CATALOG_CORRUPT``; ``INSUFFICIENT_DISK``: the quota cannot be kept.
        """
        from .models.quota import Quota
        from .store import Store
        from .store.gc import STALE_AFTER, Collector

        job = self._job(job)
        # A store that does not tidy up by itself, so that it is told (and in a dry run not done).
        store = Store(self.config, on_problem=self._on_problem, recover=False)
        age = STALE_AFTER if partials_older_than is None else partials_older_than
        collected = Collector(
            store, partials_older_than=age, orphans=orphans, dry_run=dry_run, check=job.check_cancelled
        ).collect()
        freed = collected.freed if dry_run else 0
        room = Quota(store, None if quota is None else quota + freed, self._running_models)
        return collected, room.make_room(job, dry_run=dry_run)

    def import_models(self, source: str, job: Job | None = None, *, dry_run: bool = False) -> list[Imported]:
        """Bring the models of another tool's cache, or of any folder, into the catalog; the source is not changed.

        :param source: ``hf``, ``ollama`` or ``lmstudio`` for where those keep theirs, or a path.
        :raises RbeeError: ``MODEL_NOT_FOUND``: there is no such place, or no model in it.
        """
        from .models.importing import Importer

        importer = Importer(self.store, self.quota(self.config["models_max_size"]), self.config.env)
        return importer.run(source, self._job(job), dry_run=dry_run)

    # --- helpers ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _ref(text: str, job: Job) -> ModelRef:
        ref = ModelRef.parse(text)
        return ref.at(job.options.revision) if job.options.revision else ref

    def _job(self, job: Job | None) -> Job:
        if job is not None:
            return job
        from .jobs import JobOptions

        return Job(options=JobOptions(offline=self.config["offline"]))
