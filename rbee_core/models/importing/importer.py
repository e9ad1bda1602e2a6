"""Bringing what was found into the store: linked where that is safe, hashed, compared, published, registered."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...contracts.common import Digest
from ...contracts.job import Level
from ...contracts.model import ModelEntry, ModelFile
from ...errors import ErrorCode, RbeeError
from ...refs import ModelRef
from ...store.locks import lock
from ...store.wanted import model_lock
from ...transfer import Tally, copy_file, hash_file, link_file
from ...units import human_size
from ..entries import default_name, finished
from ..parallel import readers, spread
from . import places
from .found import FoundFile, FoundModel, Refused
from .outcome import Imported

if TYPE_CHECKING:
    from ...jobs import Job
    from ...store import Store
    from ..quota import Quota

ACTOR = "model-importer"
#: A batch is read as one: enough files for every reader, but not so much that a kill costs hours.
_BATCH_BYTES = 16 * 2**30
#: Errors that end an import; any other is one model's.
_FATAL = (ErrorCode.CANCELLED, ErrorCode.INSUFFICIENT_DISK, ErrorCode.CATALOG_CORRUPT)


@dataclass(slots=True)
class _Arrival:
    """A model on its way in."""

    found: FoundModel
    staging: Path
    files: list[ModelFile] = field(default_factory=list)
    linked: bool = False
    trouble: str = ""


class Importer:
    """Imports from a place on this machine; the place itself is only read.

    :param env: where the other tools' own settings are looked up.
    """

    def __init__(self, store: Store, quota: Quota, env: Mapping[str, str]) -> None:
        self._store = store
        self._quota = quota
        self._env = env

    def run(self, source: str, job: Job, *, dry_run: bool = False) -> list[Imported]:
        """Import all that can be; see `places.find` for ``source``.

        :raises RbeeError: ``MODEL_NOT_FOUND``: no model is there; ``UNSAFE_PATH``, ``CANCELLED``,
            ``INSUFFICIENT_DISK``, ``CATALOG_CORRUPT``. What was imported before stays.
        """
        found = places.find(source, self._env, self._store.root)
        if not found:
            raise RbeeError(
                ErrorCode.MODEL_NOT_FOUND,
                f"There is no model in {source}.",
                f"Give {', '.join(places.WORDS)}, a folder that holds GGUF, safetensors or ONNX files, or such a file.",
            )
        outcomes = [self._look(model) for model in self._within_quota(found)]
        if not dry_run:
            planned = [outcome.found for outcome in outcomes if outcome.outcome == "planned"]
            done = {id(outcome.found): outcome for outcome in self._bring_all(planned, job)}
            outcomes = [done.get(id(outcome.found), outcome) for outcome in outcomes]
        return outcomes

    # --- what is to be done -----------------------------------------------------------------------------------------

    def _within_quota(self, models: list[FoundModel]) -> list[FoundModel]:
        """Let nothing in that would not fit: an import evicts no model, least of all one that it has just brought."""
        room = self._quota.free()
        for model in models:
            if room is None or model.trouble or self._is_here(model):
                continue
            if model.size > room:
                model.trouble = f"the store's quota has {human_size(max(room, 0))} left (RBEE_MODELS_MAX_SIZE)"
            else:
                room -= model.size
        return models

    def _look(self, model: FoundModel) -> Imported:
        if self._is_here(model):
            return Imported(model, "exists", "it is in the catalog already")
        return Imported(model, "skipped" if model.trouble else "planned", model.trouble)

    def _is_here(self, model: FoundModel) -> bool:
        """Whether it is in the catalog, under whichever id, and its files are there."""
        return self._store.catalog.locate(model.id) is not None

    # --- doing it ---------------------------------------------------------------------------------------------------

    def _bring_all(self, models: list[FoundModel], job: Job) -> Iterator[Imported]:
        tally = Tally(job, total=sum(model.size for model in models))
        with job.stage("model_import", ACTOR):
            for batch in _batches(models):
                job.check_cancelled()
                yield from self._bring(batch, tally)

    def _bring(self, models: list[FoundModel], tally: Tally) -> list[Imported]:
        """Import a few models, their files read side by side."""
        outcomes: list[Imported] = []
        with ExitStack() as stack:
            arrivals = []
            for model in models:
                if not self._claim(model.id, stack):
                    outcomes.append(Imported(model, "skipped", "another process brings it just now"))
                elif self._is_here(model):
                    outcomes.append(Imported(model, "exists", "it is in the catalog already"))
                else:
                    stack.callback(self._store.drop_partial, _staging_id(model.id))
                    arrivals.append(_Arrival(model, self._store.partial_dir(_staging_id(model.id))))
            work = [(arrival, file) for arrival in arrivals for file in arrival.found.files]
            results = spread(lambda item: _stage(item[0], item[1], tally), work, tally)
            for (arrival, _), file in zip(work, results, strict=True):
                if file is not None:
                    arrival.files.append(file)
            outcomes += [self._settle(arrival, tally.job) for arrival in arrivals]
        return outcomes

    def _claim(self, entry_id: str, stack: ExitStack) -> bool:
        """Take the model's lock, and its staging folder's; ``False`` if somebody else has one."""
        try:
            for name in (entry_id, _staging_id(entry_id)):
                stack.enter_context(lock(self._store.root / "locks", model_lock(name), doing="importing it", timeout=0))
        except (TimeoutError, RuntimeError):
            return False
        return True

    def _settle(self, arrival: _Arrival, job: Job) -> Imported:
        """Publish and register a model whose files are there, or say why not."""
        found = arrival.found
        if not arrival.trouble:
            try:
                self._publish(arrival)
            except (RbeeError, OSError) as error:
                if isinstance(error, RbeeError) and error.code in _FATAL:
                    raise
                arrival.trouble = str(error)
        if arrival.trouble:
            human = f"{found.id} was skipped: {arrival.trouble}"
            job.emit("model_import_skipped", human, actor=ACTOR, level=Level.WARN, id=found.id, reason=arrival.trouble)
            return Imported(found, "skipped", arrival.trouble)
        job.emit("model_import_complete", f"Imported {found.id} ({human_size(found.size)}).", actor=ACTOR, id=found.id)
        return Imported(found, "imported", "linked" if arrival.linked else "")

    def _publish(self, arrival: _Arrival) -> None:
        found = arrival.found
        ref = ModelRef.parse(found.id)
        name = default_name(ref)
        with self._store.wanting(found.id, [file.digest for file in arrival.files if file.digest]):
            folder = self._store.publish(found.id, arrival.staging, arrival.files)
            arrival.linked = any(_is_same(file.path, folder / file.name) for file in found.files)
            before = self._store.catalog.get(found.id)
            entry = before or ModelEntry(id=found.id, name=name, source=str(ref), path=str(folder))
            metadata = found.metadata | ({"linked": True} if arrival.linked else {})
            done = finished(entry, arrival.files, folder, revision=found.revision, metadata=metadata, default=name)
            self._store.catalog.put(done)


def _is_same(source: Path, dest: Path) -> bool:
    """Whether the store's file is the source's under a second name."""
    try:
        return os.path.samefile(source, dest)  # noqa: PTH121 — both may be links
    except OSError:
        return False


def _staging_id(entry_id: str) -> str:
    """Not the folder of a download of the same model, which may be resumed."""
    return f"import {entry_id[:900]}"


def _batches(models: list[FoundModel]) -> Iterator[list[FoundModel]]:
    batch: list[FoundModel] = []
    for model in models:
        batch.append(model)
        enough = sum(len(one.files) for one in batch) >= 4 * readers()
        if enough or sum(one.size for one in batch) >= _BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _stage(arrival: _Arrival, file: FoundFile, tally: Tally) -> ModelFile | None:
    """Bring one file next to its fellows, hashed and compared; ``None``, the model's trouble noted, if it fails."""
    if arrival.trouble:
        return None
    dest = arrival.staging / file.name
    try:
        digest = _bring_file(file, dest, tally)
        if file.digest is not None and digest != file.digest:
            raise Refused(f"{file.name} is damaged: its source calls it {file.digest}, its bytes are {digest}")
        if file.git_id is not None and _git_id(dest, file.size) != file.git_id:
            raise Refused(f"{file.name} is damaged: its bytes are not what git calls {file.git_id}")
        return ModelFile(name=file.name, size=file.size, digest=digest)
    except (Refused, OSError) as error:
        arrival.trouble = str(error)
    except RbeeError as error:
        if error.code in _FATAL:
            raise
        arrival.trouble = error.message
    return None


def _bring_file(file: FoundFile, dest: Path, tally: Tally) -> Digest:
    before = file.path.stat()
    if tally.job.options.copy or not link_file(file.path, dest):
        copied = copy_file(file.path, dest, tally, name=file.name)
        digest, size = copied.digest, copied.size
        assert digest is not None
    else:
        digest, size = hash_file(dest, tally, name=file.name), dest.stat().st_size
    after = file.path.stat()
    if size != file.size or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Refused(f"{file.name} was changed while it was read")
    return digest


def _git_id(path: Path, size: int) -> str:
    """What git calls a file's content (``git hash-object``)."""
    hasher = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as reader:
        while chunk := reader.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()
