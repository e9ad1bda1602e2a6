"""GGUF files of a repository: which are models, which quantization, which shards, which projector goes with which.

The rules are llama.cpp's (``common/download.cpp``), so that ``org/repo:Q4_K_M`` means here what it means there; where
it would take the first of several, this asks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from rbee_core.units import human_size

from .listing import RepoFile, shown

#: ``name-00001-of-00003.gguf`` (llama.cpp's gguf-split).
_SHARD = re.compile(r"(?P<base>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE | re.DOTALL)
#: A quantization in a name; the last one counts, as in huggingface.js.
_QUANT = re.compile(
    r"(?<![A-Za-z0-9])(?:UD-)?(?:B?F16|FP?(?:16|32)|MXFP4(?:_MOE)?|NVFP4|[IT]?Q[1-8](?:_[A-Z0-9]{1,3})*)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
#: Never a model to run: a vision projector, a calibration matrix.
_COMPANION = re.compile(r"mmproj|imatrix", re.IGNORECASE)
#: A model, but a helper of another one: taken only where there is nothing else.
_HELPER = re.compile(
    r"(?:^|[-_.])(?:(?:mtp|eagle3|dflash|dspark)-|draft(?=[-_.])|(?:lora|vocab)\.gguf$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class GgufModel:
    """One loadable model: a GGUF file, or all shards of one.

    ``missing`` are the numbers of shards that the repository should have and does not.
    """

    name: str
    label: str
    files: tuple[RepoFile, ...]
    missing: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    def __str__(self) -> str:
        parts = f" in {len(self.files)} files" if len(self.files) > 1 else ""
        return f"{shown(self.name)} ({human_size(self.size)}{parts})"


def is_gguf(path: str) -> bool:
    """Whether a file is a GGUF, by its name."""
    return path.lower().endswith(".gguf")


def quant_label(path: str) -> str:
    """The quantization that a path names, in capitals, or an empty string."""
    shard = _SHARD.fullmatch(path)
    found = _QUANT.findall(shard["base"] if shard else path[: -len(".gguf")] if is_gguf(path) else path)
    return _canonical(found[-1]) if found else ""


def models(files: Iterable[RepoFile]) -> list[GgufModel]:
    """The models among the files; helpers of other models only if there is nothing else."""
    ggufs = [file for file in files if is_gguf(file.path) and not _COMPANION.search(file.name)]
    found = [file for file in ggufs if not _HELPER.search(file.name)]
    return _grouped(found or ggufs)


def model_of(file: RepoFile, files: Iterable[RepoFile]) -> GgufModel:
    """The model that a GGUF belongs to: itself, or with its fellow shards."""
    if _SHARD.fullmatch(file.path) is None:
        return GgufModel(file.path, quant_label(file.path), (file,))
    everything = _grouped([other for other in files if is_gguf(other.path)])
    return next(model for model in everything if file in model.files)


def with_label(found: Iterable[GgufModel], wanted: str) -> list[GgufModel]:
    """The models of one quantization: named just so; else in a variant (``UD-``); else anywhere in the path."""
    found = list(found)
    wanted = _canonical(wanted)
    anywhere = re.compile(rf"(?<![A-Za-z0-9]){re.escape(wanted)}(?=[./-]|$)", re.IGNORECASE)
    for fits in (
        lambda model: model.label == wanted,
        lambda model: model.label.removeprefix("UD-") == wanted,
        lambda model: anywhere.search(model.name) is not None,
    ):
        if hits := [model for model in found if fits(model)]:
            return hits
    return []


def projector_for(model: GgufModel, files: Iterable[RepoFile]) -> RepoFile | None:
    """The vision projector that goes with a model: in the deepest folder they share, then nearest in bit width."""
    first = model.files[0]
    if _COMPANION.search(first.name):
        return None
    home = first.folder.split("/") if first.folder else []
    bits = _bits(model.label)
    ranked = []
    for file in files:
        if not is_gguf(file.path) or "mmproj" not in file.name.lower():
            continue
        folder = file.folder.split("/") if file.folder else []
        if folder == home[: len(folder)]:
            ranked.append((-len(folder), abs(_bits(quant_label(file.path)) - bits), file.path, file))
    return min(ranked)[3] if ranked else None


def _grouped(ggufs: Iterable[RepoFile]) -> list[GgufModel]:
    whole: list[GgufModel] = []
    shards: defaultdict[tuple[str, int], dict[int, RepoFile]] = defaultdict(dict)
    for file in ggufs:
        match = _SHARD.fullmatch(file.path)
        if match is None:
            whole.append(GgufModel(file.path, quant_label(file.path), (file,)))
        else:
            shards[match["base"], int(match["count"])][int(match["number"])] = file
    for (_, count), parts in shards.items():
        ordered = tuple(parts[number] for number in sorted(parts))
        missing = tuple(sorted(set(range(1, count + 1)) - set(parts)))
        whole.append(GgufModel(ordered[0].path, quant_label(ordered[0].path), ordered, missing))
    return sorted(whole, key=lambda model: model.name)


def _canonical(label: str) -> str:
    return re.sub(r"^FP(?=16|32)", "F", label.upper())


def _bits(label: str) -> int:
    digits = re.search(r"\d+", label)
    return int(digits[0]) if digits else 0
