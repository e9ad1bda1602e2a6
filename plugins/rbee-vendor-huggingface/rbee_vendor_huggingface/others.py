"""What else a repository has: the model in other quantizations, for whom the chosen one is too large."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rbee_core.errors import RbeeError
from rbee_core.refs import ModelRef

from . import gguf
from .listing import RepoFile

#: More than any repository has quantizations.
_MOST = 200


def other_versions(
    files: Iterable[RepoFile], chosen: Sequence[RepoFile], repo: str, revision: str | None
) -> list[dict[str, Any]]:
    """The GGUF models of a repository but the chosen one, as ``{"ref", "size", "quantization"}``; the largest first."""
    files = list(files)
    found = gguf.models(files)
    taken = {file.path for file in chosen}
    others: list[dict[str, Any]] = []
    for model in found:
        if model.missing or any(file.path in taken for file in model.files):
            continue
        alone = model.label and len(gguf.with_label(found, model.label)) == 1
        at = f"@{revision}" if revision else ""
        ref = _canonical(f"hf:{repo}{at}:{model.label}" if alone else f"hf:{repo}{at}/{model.name}")
        projector = gguf.projector_for(model, files)
        size = model.size + (projector.size if projector else 0)
        if ref is not None:
            others.append({"ref": ref, "size": size, "quantization": model.label or None})
    return sorted(others, key=lambda other: (-other["size"], other["ref"]))[:_MOST]


def _canonical(text: str) -> str | None:
    """The reference, unless the repository has names that no reference can spell."""
    try:
        return str(ModelRef.parse(text))
    except RbeeError:
        return None
