"""An Ollama manifest as files: which layer is kept under which name (Ollama's ``server/images.go``, media types)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.oci import Descriptor, Manifest

PREFIX = "application/vnd.ollama.image."

#: The name of a layer's file, by the end of its media type. Where there are several, they are numbered.
_NAMES = {
    "model": "model.gguf",
    "projector": "mmproj.gguf",
    "adapter": "adapter.gguf",
    "draft": "draft.gguf",
    "template": "template.txt",
    "prompt": "template.txt",  # its old name
    "system": "system.txt",
    "params": "params.json",
    "messages": "messages.json",
    "license": "license.txt",
}
#: What one safetensors tensor each, and its configuration, are kept as.
_TENSORS = {"tensor", "json"}
#: Nothing reads these any more.
_DEAD = {"embed"}


@dataclass(frozen=True, slots=True)
class File:
    """One layer that is kept: its kind (``model``, ``template``, …), its file's name, and where its bytes are."""

    kind: str
    name: str
    layer: Descriptor


def files(manifest: Manifest, what: str) -> list[File]:
    """The files that a manifest's layers become, in the manifest's order.

    :param what: the model, named in errors.
    :raises RbeeError: ``MODEL_NOT_FOUND``: there are no GGUF weights in it.
    """
    kinds = [(_kind(layer), layer) for layer in manifest.layers]
    if any(kind in _TENSORS for kind, _ in kinds):
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{what} is kept tensor by tensor (Ollama's safetensors form), which no other engine loads.",
            "Take a tag with a GGUF quantization, or the same model from the Hugging Face Hub.",
        )
    kept = [(kind, layer) for kind, layer in _unique(kinds) if kind in _NAMES]
    if not any(kind == "model" for kind, _ in kept):
        raise _no_weights(manifest, what)
    total = {name: sum(_NAMES[kind] == name for kind, _ in kept) for name in set(_NAMES.values())}
    seen: dict[str, int] = {}
    found = []
    for kind, layer in kept:
        name = _NAMES[kind]
        seen[name] = number = seen.get(name, 0) + 1
        found.append(File(kind, _numbered(name, number, total[name]), layer))
    return found


def is_ollama(manifest: Manifest) -> bool:
    """Whether a manifest is one of Ollama's."""
    return any(layer.media_type.startswith(PREFIX) for layer in manifest.layers)


def _kind(layer: Descriptor) -> str:
    text = layer.media_type
    return text[len(PREFIX) :].partition(";")[0] if text.startswith(PREFIX) else ""


def _unique(kinds: Iterable[tuple[str, Descriptor]]) -> list[tuple[str, Descriptor]]:
    """A layer that is listed twice, such as a licence that a model shares with its base, once."""
    return list({(kind, layer.digest): (kind, layer) for kind, layer in kinds}.values())


def _numbered(name: str, number: int, total: int) -> str:
    if total == 1:
        return name
    stem, _, suffix = name.rpartition(".")
    if name == "model.gguf":
        # Several are the shards of one model; llama.cpp finds the others by exactly these names.
        return f"{stem}-{number:05}-of-{total:05}.{suffix}"
    return name if number == 1 else f"{stem}-{number}.{suffix}"


def _no_weights(manifest: Manifest, what: str) -> RbeeError:
    if not is_ollama(manifest):
        return RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{what} is not an Ollama model.",
            "If it is another kind of artifact, write its reference as oci://HOST/REPOSITORY:TAG",
        )
    return RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"{what} has no weights to download: it runs on Ollama's own servers, or is an addition to another model.",
        "Choose another tag.",
    )
