"""The store's quota: the models that were least recently used make room for new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts.model import ModelEntry
from ..errors import ErrorCode, RbeeError
from ..store.locks import lock
from ..store.usage import FileId, sizes, written
from ..store.users import used_models
from ..store.wanted import model_lock
from ..units import human_size

if TYPE_CHECKING:
    from ..jobs import Job
    from ..store import Store

ACTOR = "model-provisioner"
#: The folders whose content counts; what has several names in them counts once.
_COUNTED = ("blobs", "models", "quarantine")


@dataclass(frozen=True, slots=True)
class Eviction:
    """A model that made (or, in a dry run, would make) room, and the bytes that only it used."""

    id: str
    size: int
    reason: str

    def wire(self) -> dict[str, Any]:
        """A row of ``models gc --quota --json``."""
        return {"id": self.id, "size": self.size, "reason": self.reason}


class Quota:
    """How much the store may hold.

    :param limit: in bytes; ``None`` for as much as there is.
    :param running: the ids of models that somebody runs; asked each time.
    """

    def __init__(self, store: Store, limit: int | None, running: Callable[[], Iterable[str]] = tuple) -> None:
        self._store = store
        self.limit = limit
        self._running = running

    def free(self) -> int | None:
        """The bytes that fit without any eviction; ``None`` without a limit."""
        if self.limit is None:
            return None
        return self.limit - sum(_held(self._store.root).values())

    def make_room(
        self, job: Job, *, needed: int = 0, spare: str | None = None, dry_run: bool = False
    ) -> list[Eviction]:
        """Evict models, the least recently used first, until ``needed`` more bytes fit; none, if they fit already.

        Spared are pinned and running models, those that somebody is bringing, and ``spare``.

        :raises RbeeError: ``INSUFFICIENT_DISK``: it cannot be made to fit; then nothing was evicted.
        """
        if self.limit is None:
            return []
        with ExitStack() as stack:
            plan = _Plan(self._store, self.limit, needed)
            if plan.fits():
                return []
            self._fill(plan, stack, spare)
            if not plan.fits():
                raise self._too_small(self.limit, needed, plan)
            return [self._evict(entry, plan, job, dry_run) for entry in plan.victims()]

    def _fill(self, plan: _Plan, stack: ExitStack, spare: str | None) -> None:
        """Choose victims, and hold their locks so that nobody begins to bring them meanwhile."""
        running = set(self._running()) | used_models(self._store.root / "locks")
        for entry in sorted(plan.entries, key=_last_used):
            if plan.fits():
                return
            if entry.id == spare or not entry.downloaded:
                continue
            if entry.pinned:
                plan.refuse(entry, "pinned")
            elif entry.id in running:
                plan.refuse(entry, "running")
            else:
                try:
                    stack.enter_context(
                        lock(self._store.root / "locks", model_lock(entry.id), doing="evicting it", timeout=0)
                    )
                except (TimeoutError, RuntimeError):
                    plan.refuse(entry, "being downloaded")
                else:
                    plan.choose(entry)

    def _evict(self, entry: ModelEntry, plan: _Plan, job: Job, dry_run: bool) -> Eviction:
        used = f"used last on {entry.last_used_at:%Y-%m-%d}" if entry.last_used_at else "not used since it came"
        eviction = Eviction(entry.id, plan.own_size(entry), f"least recently used: {used}")
        if not dry_run:
            self._store.remove(entry.id)
            human = f"Evicted {entry.id} ({human_size(eviction.size)}) to stay within {human_size(self.limit)}."
            job.emit("model_evicted", human, actor=ACTOR, **eviction.wire())
        return eviction

    def _too_small(self, limit: int, needed: int, plan: _Plan) -> RbeeError:
        more = f" and {human_size(needed)} more are needed" if needed else ""
        kept = "".join(f"; {why}: {', '.join(ids)}" for why, ids in plan.refused.items())
        return RbeeError(
            ErrorCode.INSUFFICIENT_DISK,
            f"The model store may hold {human_size(limit)} (RBEE_MODELS_MAX_SIZE). It holds {human_size(plan.before)}"
            f"{more}, and eviction cannot free enough{kept}.",
            "Unpin, stop or remove a model (rbee models unpin ID, rbee stop ID, rbee models rm ID), tidy up with "
            "`rbee models gc`, or raise RBEE_MODELS_MAX_SIZE.",
        )


class _Plan:
    """What would be left, the more models go."""

    def __init__(self, store: Store, limit: int, needed: int) -> None:
        self._store = store
        self._limit = limit
        self._needed = needed
        self.entries = store.catalog.list()
        self._files = _held(store.root)
        self.before = sum(self._files.values())
        self._uses = {entry.id: self._used_by(entry) for entry in self.entries}
        self._chosen: list[ModelEntry] = []
        self._idle: list[ModelEntry] = []
        #: Ids by the reason why they cannot go.
        self.refused: dict[str, list[str]] = {}

    def _used_by(self, entry: ModelEntry) -> set[FileId]:
        blobs = self._store.blobs
        digests = [file.digest for file in entry.files if file.digest and file.digest.algorithm == "sha256"]
        paths: list[Path] = [self._store.folder(entry.id), *(blobs.path(digest) for digest in digests)]
        return set(sizes(paths)) & set(self._files)

    def choose(self, entry: ModelEntry) -> None:
        before = self._after(self._chosen)
        self._chosen.append(entry)
        if self._after(self._chosen) == before:
            self._idle.append(entry)

    def refuse(self, entry: ModelEntry, why: str) -> None:
        self.refused.setdefault(why, []).append(entry.id)

    def fits(self) -> bool:
        return self._fits(self._chosen)

    def _fits(self, gone: list[ModelEntry]) -> bool:
        return self._after(gone) + self._needed <= self._limit

    def victims(self) -> list[ModelEntry]:
        """The chosen, but for those that freed nothing when they were chosen and need not go after all."""
        kept = list(self._chosen)
        for entry in self._idle:
            without = [other for other in kept if other is not entry]
            if self._fits(without):
                kept = without
        return kept

    def own_size(self, entry: ModelEntry) -> int:
        """The bytes that nobody but the victims uses, of this one."""
        return sum(self._files[file] for file in self._uses[entry.id] & self._freed(self.victims()))

    def _after(self, gone: list[ModelEntry]) -> int:
        return self.before - sum(self._files[file] for file in self._freed(gone))

    def _freed(self, gone: list[ModelEntry]) -> set[FileId]:
        ids = {entry.id for entry in gone}
        stay = set().union(*(used for owner, used in self._uses.items() if owner not in ids))
        return set().union(*(self._uses[owner] for owner in ids)) - stay


def _held(root: Path) -> dict[FileId, int]:
    """The bytes of each file that counts."""
    return written([root / "partial"]) | sizes(root / name for name in _COUNTED)


def _last_used(entry: ModelEntry) -> tuple[float, str]:
    return (entry.last_used_at or entry.added_at).timestamp(), entry.id
