"""An Ollama store: ``manifests/<host>/<namespace>/<model>/<tag>``, ``blobs/sha256-<hex>`` (its ``manifest`` package).

The layers get the names that the Ollama vendor gives them, so that a model is the same however it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...contracts.common import Digest
from ...errors import RbeeError
from ...oci.ollama import file_names, is_by_tensor, is_kept, layer_kind
from ...refs import ModelRef
from .found import FoundFile, FoundModel, Refused, is_plain_folder, refuse_incomplete, take, walk

#: A manifest is a few hundred bytes; Ollama itself reads no more than this.
_MAX_MANIFEST = 4 * 2**20


def is_store(path: Path) -> bool:
    """Whether a folder is such a store."""
    return is_plain_folder(path / "manifests") and is_plain_folder(path / "blobs")


def find(path: Path) -> Iterator[FoundModel]:
    """The models of a store."""
    for name, manifest in walk(path / "manifests"):
        yield _model(path, name, manifest)


def _model(store: Path, name: str, path: Path) -> FoundModel:
    model = FoundModel(f"ollama:{name}", path)
    try:
        model.id = _reference(name)
        model.files = _files(store, _read(store, name, path))
        refuse_incomplete([file.name for file in model.files])
    except Refused as error:
        model.files, model.trouble = [], str(error)
    model.metadata = {"imported_from": str(store)}
    return model


def _reference(name: str) -> str:
    parts = name.split("/")
    if len(parts) != 4:
        raise Refused("its manifest does not lie under host/namespace/model/tag")
    host, namespace, model, tag = parts
    try:
        ref = ModelRef.parse(f"ollama://{host}/{namespace}/{model}:{tag}")
    except RbeeError:
        raise Refused(f"{ascii(name)[1:-1]} is not an Ollama name") from None
    return str(ref)


def _read(store: Path, name: str, path: Path) -> dict[str, Any]:
    file = take(name, path, [store / "manifests"])
    if file.size > _MAX_MANIFEST:
        raise Refused(f"its manifest has {file.size} bytes, far more than a manifest has")
    try:
        document = json.loads(file.path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise Refused("its manifest is not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("layers"), list):
        raise Refused("its manifest has no layers")
    return document


def _files(store: Path, document: dict[str, Any]) -> list[FoundFile]:
    """The layers that are kept, each once, in the manifest's order."""
    layers = list(dict.fromkeys(_layer(raw) for raw in document["layers"]))
    kinds = {kind for kind, _, _ in layers}
    if is_by_tensor(kinds):
        raise Refused("it is kept tensor by tensor (Ollama's safetensors form), which no other engine loads")
    if "model" not in kinds:
        raise Refused("it has no weights: it runs on Ollama's own servers, or is an addition to another model")
    kept = [layer for layer in layers if is_kept(layer[0])]
    names = file_names([kind for kind, _, _ in kept])
    return [_file(store, name, digest, size) for name, (_, digest, size) in zip(names, kept, strict=True)]


def _layer(raw: Any) -> tuple[str, Digest, int]:
    """A layer's kind, digest and size.

    :raises Refused: it has none.
    """
    if not isinstance(raw, dict):
        raise Refused("a layer of its manifest is no object")
    media_type, size = raw.get("mediaType"), raw.get("size")
    try:
        # Old versions write it with "-" as the files are called.
        digest = Digest(str(raw.get("digest")).replace("sha256-", "sha256:", 1))
    except ValueError:
        raise Refused(f"a layer of its manifest has no digest but {str(raw.get('digest'))[:80]!a}") from None
    if digest.algorithm != "sha256" or not isinstance(size, int) or not isinstance(media_type, str):
        raise Refused("a layer of its manifest has no sha256, no size or no type")
    return layer_kind(media_type), digest, size


def _file(store: Path, name: str, digest: Digest, size: int) -> FoundFile:
    blob = store / "blobs" / f"sha256-{digest.hex}"
    if not blob.exists() and any(blob.parent.glob(f"{blob.name}-partial*")):
        raise Refused(f"{name} is incomplete: its download has not ended")
    file = take(name, blob, [store / "blobs"], digest=digest)
    if file.size != size:
        raise Refused(f"{name} is incomplete: {file.size} of {size} bytes")
    return file
