"""Which files of a repository a reference means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.selection import is_pickle, matches

from . import gguf, safetensors
from .listing import RepoFile, no_such_file, overview, shown

#: Tried in this order where a repository has several quantizations and none was asked for.
DEFAULT_LABELS = ("Q4_K_M", "Q8_0")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: the reference's parts, and the globs beside it."""

    repo: str
    path: str | None = None
    selector: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def choose(files: Sequence[RepoFile], wanted: Wanted) -> list[RepoFile]:
    """The files to fetch.

    ``include`` globs decide alone; ``exclude`` takes files away before anything is chosen. Otherwise a GGUF model (all
    its shards, its projector) goes before safetensors (weights, configuration, tokenizer). Pickles come only through
    an ``include`` that names their kind.

    :raises RbeeError: ``MODEL_NOT_FOUND``: nothing fits, several do, or shards are missing; it says what there is.
    """
    files = [file for file in files if not _matches(file.path, wanted.exclude)]
    if wanted.include:
        return _included(files, wanted)
    if wanted.path:
        return _by_path(files, wanted, wanted.path)
    if wanted.selector:
        return _by_selector(files, wanted, wanted.selector)
    return _by_default(files, wanted)


def _included(files: list[RepoFile], wanted: Wanted) -> list[RepoFile]:
    for_pickles = tuple(pattern for pattern in wanted.include if is_pickle(pattern))
    hits = [f for f in files if _matches(f.path, for_pickles if is_pickle(f.path) else wanted.include)]
    if hits:
        return hits
    globs = ", ".join(wanted.include)
    raise RbeeError(
        ErrorCode.MODEL_NOT_FOUND, f"{wanted.repo} has no file that matches {globs}.", f"It has: {overview(files)}"
    )


def _by_path(files: list[RepoFile], wanted: Wanted, path: str) -> list[RepoFile]:
    file = next((file for file in files if file.path == path), None)
    if file is not None:
        return _by_file(files, wanted, file)
    inside = [file for file in files if file.path.startswith(path.rstrip("/") + "/")]
    if not inside:
        raise no_such_file(wanted.repo, path, files)
    return _by_default(inside, wanted)


def _by_selector(files: list[RepoFile], wanted: Wanted, selector: str) -> list[RepoFile]:
    same = [file for file in files if selector in (file.path, file.name)]
    same = same or [file for file in files if selector.lower() in (file.path.lower(), file.name.lower())]
    if len(same) > 1:
        raise _several(wanted, [overview([file]) for file in same])
    if same:
        return _by_file(files, wanted, same[0])
    if selector.lower() == "safetensors" and any(safetensors.is_safetensors(file.path) for file in files):
        return _bundle(files, wanted)
    if gguf.is_gguf(selector) or safetensors.is_safetensors(selector) or is_pickle(selector):
        raise no_such_file(wanted.repo, selector, files)
    found = gguf.models(files)
    if selector.lower() == "gguf" and found:
        return _default_gguf(files, wanted, found)
    hits = gguf.with_label(found, selector)
    if not hits:
        there = "; ".join(str(model) for model in found[:20]) if found else overview(files)
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{wanted.repo} has no {shown(selector)}.", f"It has: {there}")
    if len(hits) > 1:
        raise _several(wanted, [str(model) for model in hits])
    return _whole(files, wanted, hits[0])


def _by_file(files: list[RepoFile], wanted: Wanted, file: RepoFile) -> list[RepoFile]:
    if is_pickle(file.path):
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{shown(file.path)} of {wanted.repo} is of a kind that can run code when loaded, so it is not fetched.",
            f"If you trust it: rbee models download hf:{wanted.repo} --include {shown(file.path)!r}",
        )
    if gguf.is_gguf(file.path):
        return _whole(files, wanted, gguf.model_of(file, files))
    if safetensors.is_safetensors(file.path):
        return _bundle(files, wanted, file)
    return [file]


def _by_default(files: list[RepoFile], wanted: Wanted) -> list[RepoFile]:
    if found := gguf.models(files):
        return _default_gguf(files, wanted, found)
    if any(safetensors.is_safetensors(file.path) for file in files):
        return _bundle(files, wanted)
    pickles = [file for file in files if is_pickle(file.path)]
    if pickles:
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{wanted.repo} has weights only in formats that can run code when they are loaded: {overview(pickles)}.",
            "Look for a GGUF or safetensors version of it; if you trust this one, name the files with --include.",
        )
    raise RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"{wanted.repo} has neither GGUF nor safetensors files.",
        f"It has: {overview(files)}. Name what you want with --include.",
    )


def _default_gguf(files: list[RepoFile], wanted: Wanted, found: list[gguf.GgufModel]) -> list[RepoFile]:
    hits: list[gguf.GgufModel] = []
    for label in DEFAULT_LABELS:
        hits = hits or gguf.with_label(found, label)
    hits = hits or found
    if len(hits) > 1:
        raise _several(wanted, [str(model) for model in hits])
    return _whole(files, wanted, hits[0])


def _whole(files: list[RepoFile], wanted: Wanted, model: gguf.GgufModel) -> list[RepoFile]:
    """A model's files and its projector, if all of it is there."""
    if model.missing:
        raise _incomplete(wanted, model.name, [str(number) for number in model.missing])
    if ".gguf-" in model.name.lower() and len(model.files) > 1:
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{shown(model.name)} of {wanted.repo} is one file in {len(model.files)} pieces, which no engine loads.",
            "Choose another quantization, or fetch the pieces with --include and join them.",
        )
    projector = gguf.projector_for(model, files)
    return [*model.files, *([projector] if projector else [])]


def _bundle(files: list[RepoFile], wanted: Wanted, chosen: RepoFile | None = None) -> list[RepoFile]:
    found = safetensors.bundle(files, chosen)
    if found.missing:
        raise _incomplete(wanted, "its weights", found.missing)
    return found.files


def _several(wanted: Wanted, found: list[str]) -> RbeeError:
    more = f"; and {len(found) - 20} more" if len(found) > 20 else ""
    return RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"{wanted.repo} has several models that fit: {'; '.join(found[:20])}{more}.",
        f"Say which: {wanted.repo}:QUANTIZATION or {wanted.repo}/FILE",
    )


def _incomplete(wanted: Wanted, what: str, missing: list[str]) -> RbeeError:
    more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
    return RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"{wanted.repo} is incomplete: of {shown(what)} there is no part {', '.join(missing[:10])}{more}.",
        "Choose another quantization, or try again when its upload is complete.",
    )


def _matches(path: str, globs: Sequence[str]) -> bool:
    """As `rbee_core.selection.matches`; a glob that ends in ``/`` takes a whole folder, as in huggingface_hub."""
    return matches(path, [f"{glob}*" if glob.endswith("/") else glob for glob in globs])
