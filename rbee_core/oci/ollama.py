"""Ollama's layers: of what kind they are, and what their files are called (Ollama's ``server/images.go``, media types).

One table for the vendor and for imports from Ollama's own store, so that a model is the same however it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..selection import numbered

PREFIX = "application/vnd.ollama.image."

#: The name of a layer's file, by its kind. Layers of other kinds, such as the dead ``embed``, are not kept.
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


def layer_kind(media_type: str) -> str:
    """``model``, ``template``, …; empty for what is not Ollama's."""
    return media_type[len(PREFIX) :].partition(";")[0] if media_type.startswith(PREFIX) else ""


def is_kept(kind: str) -> bool:
    """Whether layers of this kind become files."""
    return kind in _NAMES


def is_by_tensor(kinds: Iterable[str]) -> bool:
    """Whether a model with such layers is kept tensor by tensor, in a form that no other engine loads."""
    return not _TENSORS.isdisjoint(kinds)


def file_names(kinds: Sequence[str]) -> list[str]:
    """The files' names of layers that are kept, by their kinds; several of a kind are numbered."""
    return numbered([_NAMES[kind] for kind in kinds])
