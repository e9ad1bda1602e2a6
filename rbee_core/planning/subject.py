"""The model that a plan is for: what is known of it, whether it is here or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..contracts.download import ManifestFile
from ..contracts.job import Level
from ..contracts.model import ModelEntry
from ..errors import ErrorCode, RbeeError
from ..models.metadata.reading import BadHeader, printable
from ..refs import ModelRef
from .headers import RemoteReader, local_reader
from .shape import ModelShape, OpenRange, read_shape

if TYPE_CHECKING:
    from ..jobs import Job
    from ..models import ModelProvisioner

#: Other versions of a model that a vendor may name; more are not looked at.
_MOST_ALTERNATIVES = 200


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another version of the same model: its reference, bytes, and quantization."""

    ref: str
    size: int
    quantization: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to be planned for.

    ``id`` is the catalog's, or the canonical reference. ``shape`` is ``None`` where not even sizes are known.
    ``download``: bytes that have to be fetched first; ``None`` if unknown. ``backends``: the only ones it is registered
    for; none: any. ``files`` are its files' names; none: unknown.
    """

    id: str
    format: str
    shape: ModelShape | None
    downloaded: bool
    download: int | None = 0
    backends: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def has_file(self, pattern: str) -> bool:
        """Whether one of its files is called so, as far as its files are known."""
        return not self.files or any(PurePosixPath(name).match(pattern) for name in self.files)

    @property
    def exact(self) -> bool:
        """Whether its headers were read."""
        return self.shape is not None and self.shape.exact


def find_subject(models: ModelProvisioner, text: str, job: Job) -> Subject:
    """What ``text``, a catalog id or a reference, stands for. Nothing is downloaded but headers.

    :raises RbeeError: what resolving the reference raises; ``MODEL_NOT_FOUND``: an entry that is not here and does not
        say where it comes from.
    """
    entry = models.find(text)
    if entry is not None and entry.downloaded:
        return _from_catalog(models, entry)
    if entry is not None and not entry.source:
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{entry.id!r} is not here, and says nothing of where it comes from.",
            f"Register it with its repository: rbee models register {entry.id} --repo org/repo …",
        )
    ref = ModelRef.parse(entry.source if entry is not None else text)
    if job.options.revision:
        ref = ref.at(job.options.revision)
    found = _from_vendor(models, ref, job)
    return found if entry is None else replace(found, id=entry.id, backends=tuple(entry.backends))


def alternatives_of(models: ModelProvisioner, subject: Subject, job: Job) -> tuple[Alternative, ...]:
    """Other versions of the model; of one that is here its source is asked, and not insisted on an answer."""
    if subject.alternatives or not subject.downloaded or job.options.offline:
        return subject.alternatives
    entry = models.find(subject.id)
    if entry is None or not entry.source:
        return ()
    try:
        manifest = models.resolve(ModelRef.parse(entry.source), job).manifest
    except RbeeError as error:
        if error.code is ErrorCode.CANCELLED:
            raise
        return ()
    return _alternatives(manifest.metadata) if manifest is not None else ()


def _from_catalog(models: ModelProvisioner, entry: ModelEntry) -> Subject:
    folder, files = _files_of(models.store.folder(entry.id), entry)
    shape, notes = _shape(local_reader(folder), files)
    return Subject(
        id=entry.id,
        format=str(entry.format),
        shape=shape,
        downloaded=True,
        backends=tuple(entry.backends),
        notes=notes,
        files=tuple(file.name for file in files),
    )


def _files_of(folder: Path, entry: ModelEntry) -> tuple[Path, list[ManifestFile]]:
    """The files of the model that the entry means, and the folder that their names begin in."""
    path = Path(entry.path)
    if not entry.files:
        found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        folder = path.parent if path.is_file() else path
        return folder, [ManifestFile(name=p.relative_to(folder).as_posix(), size=p.stat().st_size) for p in found]
    return folder, [ManifestFile(name=file.name, size=file.size) for file in entry.files]


def _from_vendor(models: ModelProvisioner, ref: ModelRef, job: Job) -> Subject:
    resolution = models.resolve(ref, job)
    manifest = resolution.manifest
    if manifest is None:
        note = "Its source does not tell what it consists of, so what it needs is not known before it is here."
        return Subject(str(ref), "", None, False, None, notes=(note,))

    def fetch(name: str, start: int, length: int) -> bytes | None:
        return resolution.vendor.read_model(ref, name, start, length, job)

    reader = RemoteReader(fetch)
    shape, notes = _shape(reader, manifest.files, job)
    job.emit("plan_headers", f"Read {reader.fetched} bytes of headers.", level=Level.DEBUG, bytes=reader.fetched)
    kind = shape.format if shape is not None else ""
    others = _alternatives(manifest.metadata)
    download = 0 if ref.scheme == "file" else manifest.size  # what is on this machine is linked, or copied
    return Subject(
        id=str(ref),
        format=kind,
        shape=shape,
        downloaded=False,
        download=download,
        alternatives=others,
        notes=notes,
        files=tuple(file.name for file in manifest.files),
    )


def _shape(
    reader: OpenRange, files: Sequence[ManifestFile], job: Job | None = None
) -> tuple[ModelShape | None, tuple[str, ...]]:
    """What the headers tell, or else the files' sizes; and what has to be said about that."""
    try:
        shape = read_shape(reader, files)
        return shape, shape.notes
    except BadHeader as error:
        why = str(error)
    except RbeeError as error:
        if error.code is ErrorCode.CANCELLED:
            raise
        why = error.message
        if job is not None:
            job.emit("plan_headers_unread", f"The headers could not be read: {why}", level=Level.DEBUG)
    note = f"Its headers could not be read ({why}): what it needs is guessed from its size."
    try:
        shape = read_shape(_unreadable, files)
    except (BadHeader, RbeeError):
        return None, (note,)
    return shape, (note,)


def _unreadable(name: str, start: int, length: int) -> bytes | None:
    return None


def _alternatives(metadata: dict[str, Any]) -> tuple[Alternative, ...]:
    """What a vendor names as ``alternatives``, as far as it is sound."""
    found = metadata.get("alternatives")
    if not isinstance(found, list):
        return ()
    alternatives = []
    for item in found[:_MOST_ALTERNATIVES]:
        ref = printable(item.get("ref"), 300) if isinstance(item, dict) else None
        size = item.get("size") if isinstance(item, dict) else None
        if ref and type(size) is int and 0 < size < 2**50:
            alternatives.append(Alternative(ref, size, printable(item.get("quantization"), 40)))
    return tuple(alternatives)
