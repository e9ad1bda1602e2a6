"""A Hugging Face cache: ``models--ORG--NAME/{refs,snapshots,blobs}`` (huggingface_hub, "Understand caching").

A snapshot's files are links to ``blobs/<etag>``: the sha256 of a large file, the git id of a small one. A blob may be
a link in turn, to ``blobs/`` of the whole cache, where files have names that say nothing of their sha256.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ...contracts.common import Digest
from ...errors import RbeeError
from ...refs import ModelRef
from ...selection import has_weights, is_pickle, select
from ..metadata.reading import BadHeader
from ..metadata.safetensors import read_index
from .found import (
    FoundFile,
    FoundModel,
    Refused,
    folders_of,
    gguf_groups,
    is_plain_folder,
    projector_for,
    refuse_incomplete,
    take,
    walk,
)

_FOLDER = re.compile(r"models--(?P<org>[^/]+?)--(?P<name>[^/]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_repository(path: Path) -> bool:
    """Whether a folder is a cached repository."""
    return path.name.startswith("models--") and is_plain_folder(path / "snapshots")


def is_cache(path: Path) -> bool:
    """Whether a folder is such a cache."""
    return any(is_repository(folder) for folder in folders_of(path))


def find(path: Path) -> Iterator[FoundModel]:
    """The models of a cache, or of one repository of it."""
    for folder in [path] if is_repository(path) else folders_of(path):
        if not folder.name.startswith("models--"):
            continue
        match = _FOLDER.fullmatch(folder.name)
        if match is None:
            yield FoundModel(folder.name, folder, trouble="the Hub's models have an organisation; this one has none")
        else:
            yield from _repository(folder, f"{match['org']}/{match['name']}")


def _repository(folder: Path, repo: str) -> Iterator[FoundModel]:
    names = _revisions(folder / "refs")
    snapshots = [path for path in folders_of(folder / "snapshots") if _COMMIT.fullmatch(path.name)]
    if not snapshots:
        yield FoundModel(f"hf:{repo}", folder, trouble="nothing of it has been downloaded")
    for snapshot in snapshots:
        yield from _snapshot(folder, repo, snapshot, names.get(snapshot.name, snapshot.name))


def _revisions(refs: Path) -> dict[str, str]:
    """What each commit is called: ``main`` goes before other branches and tags."""
    found: dict[str, str] = {}
    for name, path in walk(refs) if is_plain_folder(refs) else ():
        try:
            commit = take(name, path, [refs]).path.read_bytes()[:64].decode("ascii").strip()
        except (Refused, OSError, UnicodeDecodeError):
            continue
        if _COMMIT.fullmatch(commit) and found.get(commit) != "main":
            found[commit] = name
    return found


def _snapshot(folder: Path, repo: str, snapshot: Path, revision: str) -> Iterator[FoundModel]:
    there = [name for name, _ in walk(snapshot)]
    names = select(there)
    if not has_weights(names):
        model = _model(folder, repo, snapshot, revision, "")
        model.trouble = model.trouble or _no_weights(folder, there)
        yield model
        return
    for group in gguf_groups(names):
        model = _model(folder, repo, snapshot, revision, group[0])
        yield _fill(model, folder, [*group, *projector_for(group[0], names)])
    bundle = [name for name in names if not name.lower().endswith(".gguf")]
    if has_weights(bundle):
        yield _fill(_model(folder, repo, snapshot, revision, ""), folder, bundle)


def _model(folder: Path, repo: str, snapshot: Path, revision: str, path: str) -> FoundModel:
    """A model without its files yet."""
    model = FoundModel(f"hf:{repo}{f'/{path}' if path else ''}", snapshot, revision=snapshot.name)
    try:
        ref = ModelRef.parse(model.id)
        if ref.path != (path or None):
            raise Refused(f"{path!a} cannot be written in a reference")
        model.id = str(ref if revision == "main" else ref.at(revision))
    except (RbeeError, Refused) as error:
        model.trouble = str(error)
    model.metadata = {"repo": repo, "imported_from": str(folder)}
    return model


def _fill(model: FoundModel, folder: Path, names: list[str]) -> FoundModel:
    """Add the files, or say why it cannot be brought."""
    if not model.trouble:
        try:
            refuse_incomplete(names)
            _refuse_lacking(model.where, names)
            model.files = [_file(folder, model.where, name) for name in names]
        except Refused as error:
            model.trouble = str(error)
    return model


def _file(folder: Path, snapshot: Path, name: str) -> FoundFile:
    path = snapshot / name
    digest = git_id = None
    if path.is_symlink():
        target = Path(os.path.normpath(path.parent / path.readlink()))
        etag = target.name if target.parent == folder / "blobs" else ""
        digest = Digest(f"sha256:{etag}") if _SHA256.fullmatch(etag) else None
        git_id = etag if _COMMIT.fullmatch(etag) else None
    return take(name, path, [folder, folder.parent / "blobs"], digest=digest, git_id=git_id)


def _refuse_lacking(snapshot: Path, names: list[str]) -> None:
    """Refuse safetensors whose index names files that are not there."""
    for name in names:
        if name.endswith(".safetensors.index.json") and (snapshot / name).is_file():
            above = name.rpartition("/")[0]
            try:
                wanted = {f"{above}/{part}" if above else part for part in read_index(snapshot / name)}
            except BadHeader:
                continue
            if missing := sorted(wanted - set(names)):
                raise Refused(f"it is incomplete: {missing[0]} and {len(missing) - 1} more missing")


def _no_weights(folder: Path, names: list[str]) -> str:
    if any(is_pickle(name) for name in names):
        return "its weights are pickles, which can run code when they are loaded"
    if any((folder / "blobs").glob("*.incomplete")):
        return "its download is not complete"
    return "it has no GGUF, safetensors or ONNX file"
