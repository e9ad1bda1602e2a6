"""Safetensors repositories: the weights with their index, the configuration, the tokenizer; never pickles or code."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .listing import RepoFile

_SHARD = re.compile(r"(?P<base>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors", re.DOTALL)
#: What a model needs besides its weights (transformers, diffusers, mistral-common, sentence-transformers).
_BESIDE = (
    "config.json",
    "*_config.json",
    "params.json",
    "model_index.json",
    "modules.json",
    "tokenizer.json",
    "tokenizer.model*",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.tiktoken",
    "tekken.json",
    "spiece.model",
    "sentencepiece*.model",
    "chat_template.*",
)
_NEVER = ("*.py", "*.md")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model in safetensors: its files, and the shards (as ``NAME 2 of 3``) that the repository lacks."""

    files: list[RepoFile]
    missing: list[str]


def is_safetensors(path: str) -> bool:
    """Whether a file holds safetensors, by its name."""
    return path.lower().endswith(".safetensors")


def bundle(files: Iterable[RepoFile], chosen: RepoFile | None = None) -> Bundle:
    """What to fetch of a safetensors repository.

    At the top: the ``model*.safetensors`` if there are any (not ``consolidated*``, which repeats them, nor variants
    such as ``model.fp16``), else all that is there. Where the top has no weights (diffusers), those of every folder.

    :param chosen: one weights file that was asked for by name; it comes with its fellow shards.
    """
    files = list(files)
    weights = _fellows(chosen, files) if chosen else _weights([file for file in files if is_safetensors(file.path)])
    folders = {file.folder for file in weights} | {"" if chosen is None else chosen.folder}
    indexes = {_index_name(file) for file in weights}
    beside = [file for file in files if file.path in indexes or (file.folder in folders and _belongs(file.name))]
    beside += [file for file in files if file.folder == "additional_chat_templates" and file.name.endswith(".jinja")]
    return Bundle(sorted({*weights, *beside}, key=lambda file: file.path), _missing(weights))


def _belongs(name: str) -> bool:
    if is_safetensors(name) or any(fnmatchcase(name, pattern) for pattern in _NEVER):
        return False
    return any(fnmatchcase(name, pattern) for pattern in _BESIDE)


def _weights(weights: list[RepoFile]) -> list[RepoFile]:
    top = [file for file in weights if not file.folder]
    if not top:
        return _without_variants(weights)
    canonical = [file for file in top if re.match(r"model(-\d{5}-of-\d{5})?\.safetensors$", file.name)]
    if canonical:
        return canonical
    return _without_variants([file for file in top if not file.name.startswith("consolidated")] or top)


def _without_variants(weights: list[RepoFile]) -> list[RepoFile]:
    """Leave out ``name.fp16.safetensors`` where ``name.safetensors`` is there too."""
    paths = {file.path for file in weights}
    plain = re.compile(r"\.(fp16|fp32|bf16|non_ema)(?=[.-])")
    return [file for file in weights if (short := plain.sub("", file.path)) == file.path or short not in paths]


def _fellows(chosen: RepoFile, files: list[RepoFile]) -> list[RepoFile]:
    match = _SHARD.fullmatch(chosen.path)
    if match is None:
        return [chosen]
    same = (match["base"], match["count"])
    return [file for file in files if (m := _SHARD.fullmatch(file.path)) and (m["base"], m["count"]) == same]


def _index_name(file: RepoFile) -> str:
    match = _SHARD.fullmatch(file.path)
    return f"{match['base']}.safetensors.index.json" if match else f"{file.path}.index.json"


def _missing(weights: list[RepoFile]) -> list[str]:
    sets: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    for file in weights:
        if match := _SHARD.fullmatch(file.path):
            sets[match["base"], int(match["count"])].add(int(match["number"]))
    return [
        f"{base} {number} of {count}"
        for (base, count), there in sorted(sets.items())
        for number in range(1, count + 1)
        if number not in there
    ]
