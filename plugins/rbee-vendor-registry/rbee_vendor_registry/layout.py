"""What an artifact is, and what its layers become: files, or archives to unpack. Pure; every name is still hostile.

Sources: OCI image spec 1.1; ORAS (``oras-go``'s file store); CNCF model-spec (ModelPack); Docker's model-runner
(``pkg/distribution``); KitOps (``pkg/lib/filesystem/unpack``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.oci import Descriptor, Manifest
from rbee_core.oci.ollama import PREFIX as _OLLAMA
from rbee_core.selection import numbered

TITLE = "org.opencontainers.image.title"
FILEPATH = "org.cncf.model.filepath"
UNPACK = "io.deis.oras.content.unpack"
CONTENT_DIGEST = "io.deis.oras.content.digest"

_DOCKER_CONFIG = re.compile(r"application/vnd\.docker\.ai\.model\.config\.v\d+\.\d+\+json")
_DOCKER_LAYER = "application/vnd.docker.ai."
_MODELPACK = "application/vnd.cncf.model."
_KITOPS = "application/vnd.kitops.modelkit."
_IMAGE_LAYER = re.compile(
    r"application/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar"
    r"|docker\.image\.rootfs\.(diff|foreign\.diff)\.tar)([.+](gzip|zstd))?"
)
_ARCHIVE = re.compile(r"tar(?:[.+-](?P<how>gzip|zstd))?(?:-[a-z]+)?")

#: A Docker layer's file, by the end of its media type; where there are several weights they are numbered as shards.
_DOCKER_NAMES = {
    "gguf.v3": "model.gguf",
    "safetensors": "model.safetensors",
    "dduf": "model.dduf",
    "gguf.v3.lora": "adapter.gguf",
    "mmproj": "mmproj.gguf",
    "license": "LICENSE",
    "chat.template.jinja": "template.jinja",
}
_DOCKER_ARCHIVES = {"vllm.config.tar", "dir.tar"}


class Kind(StrEnum):
    """Whose artifact it is."""

    ORAS = "oras"
    MODELPACK = "modelpack"
    DOCKER = "docker"
    MODELKIT = "modelkit"


@dataclass(frozen=True, slots=True)
class RawFile:
    """A layer that is a file; ``name`` is the publisher's, unchecked."""

    name: str
    layer: Descriptor


@dataclass(frozen=True, slots=True)
class Archive:
    """A layer that is a tar archive.

    ``prefix`` goes before its members' names; ``within`` is the folder that was packed, if it was one;
    ``content_digest`` is of the archive without its compression, where the publisher says it. All are unchecked.
    """

    layer: Descriptor
    compression: str | None = None
    prefix: str = ""
    within: str = ""
    content_digest: str | None = None


@dataclass(slots=True)
class Layout:
    """An artifact's kind and contents."""

    kind: Kind
    files: list[RawFile] = field(default_factory=list)
    archives: list[Archive] = field(default_factory=list)


def kind_of(manifest: Manifest, what: str) -> Kind:
    """Whose artifact a manifest describes.

    :raises RbeeError: ``MODEL_NOT_FOUND``: it is a container image, or nothing that is known.
    """
    config = manifest.config.media_type
    if config.startswith(_KITOPS) or (manifest.artifact_type or "").startswith(_KITOPS):
        return Kind.MODELKIT
    if _DOCKER_CONFIG.fullmatch(config):
        return Kind.DOCKER
    if config.startswith(_MODELPACK) or (manifest.artifact_type or "").startswith(_MODELPACK):
        return Kind.MODELPACK
    if any(layer.media_type.startswith(_OLLAMA) for layer in manifest.layers):
        hint = "Write it as Ollama does: ollama://HOST/NAMESPACE/MODEL:TAG"
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{what} is an Ollama model.", hint)
    if any(TITLE in layer.annotations for layer in manifest.layers):
        return Kind.ORAS
    if manifest.layers and all(_IMAGE_LAYER.fullmatch(layer.media_type) for layer in manifest.layers):
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{what} is a container image, not a model.",
            "Run it with a container engine; rbee takes ORAS, ModelPack, Docker model and KitOps artifacts.",
        )
    shown = manifest.artifact_type or config
    raise RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"{what} is no kind of model artifact that rbee knows (its type is {shown[:120]}).",
        "rbee takes ORAS, ModelPack, Docker model and KitOps artifacts.",
    )


def lay_out(manifest: Manifest, kind: Kind, config: dict[str, Any]) -> Layout:
    """What each layer becomes.

    :param config: the artifact's configuration, as far as it is an object.
    """
    layout = Layout(kind)
    if kind is Kind.ORAS:
        _oras(manifest, layout)
    elif kind is Kind.DOCKER:
        _docker(manifest, layout)
    elif kind is Kind.MODELPACK:
        _modelpack(manifest, layout)
    else:
        _modelkit(manifest, layout, config)
    return layout


def is_weights(layer: Descriptor, *, whole: bool = False) -> bool:
    """Whether a layer of a ModelKit or ModelPack is the model or a part of it.

    :param whole: the model alone, not the parts beside it (adapters, tokenizers).
    """
    kinds = (f"{_KITOPS}model.v", f"{_MODELPACK}weight.v")
    parts = () if whole else (f"{_KITOPS}modelpart.v", f"{_MODELPACK}weight.config.v")
    return layer.media_type.startswith(kinds + parts)


# --- the four kinds -------------------------------------------------------------------------------------------------


def _oras(manifest: Manifest, layout: Layout) -> None:
    for layer in manifest.layers:
        title = layer.annotations.get(TITLE)
        if title is None:
            continue  # what ORAS itself leaves aside
        if layer.annotations.get(UNPACK, "").lower() == "true":
            # ORAS packs folders as tar+gzip, whatever the media type says.
            how = compression(layer.media_type) or "detect"
            folder = title.rstrip("/")
            layout.archives.append(
                Archive(layer, how, within=folder, content_digest=layer.annotations.get(CONTENT_DIGEST))
            )
        else:
            layout.files.append(RawFile(title, layer))


def _docker(manifest: Manifest, layout: Layout) -> None:
    plain: list[tuple[str, Descriptor]] = []
    for layer in manifest.layers:
        kind = layer.media_type.removeprefix(_DOCKER_LAYER) if layer.media_type.startswith(_DOCKER_LAYER) else ""
        path = layer.annotations.get(FILEPATH)
        if kind in _DOCKER_ARCHIVES:
            layout.archives.append(Archive(layer))
        elif path:
            layout.files.append(RawFile(path, layer))
        elif kind in _DOCKER_NAMES:
            plain.append((_DOCKER_NAMES[kind], layer))
        elif layer.media_type.startswith(_MODELPACK):
            end = layer.media_type.rpartition(".")[2]
            plain.append((f"model.{end}" if end in ("gguf", "safetensors") else end, layer))
        elif TITLE in layer.annotations:
            layout.files.append(RawFile(layer.annotations[TITLE], layer))
    layout.files += _numbered(plain)


def _modelpack(manifest: Manifest, layout: Layout) -> None:
    nameless: list[tuple[str, Descriptor]] = []
    for layer in manifest.layers:
        path = layer.annotations.get(FILEPATH) or layer.annotations.get(TITLE)
        tail = layer.media_type.rpartition(".")[2]
        if match := _ARCHIVE.fullmatch(tail):
            layout.archives.append(Archive(layer, match["how"]))
        elif path:
            layout.files.append(RawFile(path, layer))
        elif tail in ("gguf", "safetensors"):
            nameless.append((f"model.{tail}", layer))
        elif layer.media_type.startswith(_MODELPACK):
            nameless.append((layer.media_type.removeprefix(_MODELPACK).partition(".v1")[0], layer))
    layout.files += _numbered(nameless)


def _modelkit(manifest: Manifest, layout: Layout, config: dict[str, Any]) -> None:
    paths = _kitfile_paths(config)
    for layer in manifest.layers:
        if not layer.media_type.startswith(_KITOPS):
            continue
        part, _, tail = layer.media_type.removeprefix(_KITOPS).partition(".v1.")
        if match := _ARCHIVE.fullmatch(tail):
            path = next(paths.get(part, iter(())), "")
            layout.archives.append(Archive(layer, match["how"], prefix=path.rpartition("/")[0]))


def _kitfile_paths(config: dict[str, Any]) -> dict[str, Any]:
    """Where each part's archive begins, for ModelKits whose members are named from the Kitfile's path on.

    Newer ones say each part's digest in the Kitfile, and name the members from the root: nothing is to be added.
    """
    model = config.get("model") if isinstance(config.get("model"), dict) else {}
    assert isinstance(model, dict)
    tables = {
        "model": [model],
        "modelpart": model.get("parts"),
        "code": config.get("code"),
        "dataset": config.get("datasets"),
        "docs": config.get("docs"),
    }
    return {part: iter([_legacy_path(entry) for entry in _objects(table)]) for part, table in tables.items()}


def _legacy_path(entry: dict[str, Any]) -> str:
    path = entry.get("path")
    if "digest" in entry or "layerInfo" in entry or not isinstance(path, str):
        return ""
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _objects(table: Any) -> list[dict[str, Any]]:
    return [entry if isinstance(entry, dict) else {} for entry in table] if isinstance(table, list) else []


# --- helpers --------------------------------------------------------------------------------------------------------


def compression(media_type: str) -> str | None:
    """``gzip`` or ``zstd``, if the media type ends so."""
    match = re.search(r"[+.](gzip|zstd)$", media_type)
    return match[1] if match else None


def _numbered(named: list[tuple[str, Descriptor]]) -> list[RawFile]:
    names = numbered([name for name, _ in named])
    return [RawFile(name, layer) for name, (_, layer) in zip(names, named, strict=True)]
