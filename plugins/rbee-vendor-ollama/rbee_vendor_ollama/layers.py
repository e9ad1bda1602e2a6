"""An Ollama manifest as files: which layer is kept under which name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.oci import Descriptor, Manifest
from rbee_core.oci.ollama import PREFIX, file_names, is_by_tensor, is_kept, layer_kind


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
    kinds = [(layer_kind(layer.media_type), layer) for layer in manifest.layers]
    if is_by_tensor(kind for kind, _ in kinds):
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{what} is kept tensor by tensor (Ollama's safetensors form), which no other engine loads.",
            "Take a tag with a GGUF quantization, or the same model from the Hugging Face Hub.",
        )
    kept = [(kind, layer) for kind, layer in _unique(kinds) if is_kept(kind)]
    if not any(kind == "model" for kind, _ in kept):
        raise _no_weights(manifest, what)
    names = file_names([kind for kind, _ in kept])
    return [File(kind, name, layer) for name, (kind, layer) in zip(names, kept, strict=True)]


def is_ollama(manifest: Manifest) -> bool:
    """Whether a manifest is one of Ollama's."""
    return any(layer.media_type.startswith(PREFIX) for layer in manifest.layers)


def _unique(kinds: Iterable[tuple[str, Descriptor]]) -> list[tuple[str, Descriptor]]:
    """A layer that is listed twice, such as a licence that a model shares with its base, once."""
    return list({(kind, layer.digest): (kind, layer) for kind, layer in kinds}.values())


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
