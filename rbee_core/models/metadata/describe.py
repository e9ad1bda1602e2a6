"""What a folder of files is: its format, what an engine loads, and what the headers tell."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ...contracts.model import ModelFormat
from .gguf import MAGIC, GgufHeader, read_gguf
from .hf_config import HfConfig, architecture_name, count, read_config
from .quant import file_type_name, main_type_name, quant_label
from .reading import BadHeader, open_plain, printable
from .safetensors import SafetensorsHeader, read_index, read_safetensors

_PYTORCH = {".bin", ".pt", ".pth"}
_SHARD = re.compile(r"(?P<base>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf", re.IGNORECASE)
_BYTE_SPLIT = re.compile(r"(?P<base>.+\.gguf)-(?P<number>\d{5})-of-(?P<total>\d{5})", re.IGNORECASE)
#: Files of a GGUF repository that are not the model itself, by ``general.type``.
_BESIDES = {"mmproj", "adapter", "imatrix"}
#: Headers read at most, per model; the largest models come in some two hundred shards.
MAX_FILES = 2000


@dataclass(slots=True)
class Described:
    """What a model is.

    ``path`` is what an engine loads, relative to the folder (``.`` is the folder itself). ``metadata`` has, where
    known, ``context_length``, ``vocab_size``, ``quantization``, ``parameters`` (a count), ``chat_template`` (true),
    ``license``, ``projector`` (a file's name), and ``problem``: what is wrong with a header that could not be read.
    """

    format: ModelFormat
    path: str = "."
    architecture: str = "unknown"
    name: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def describe(folder: Path, files: list[str]) -> Described:
    """Describe the model in ``folder``. Never fails: what a damaged header hides is missing from the result.

    :param folder: the model's folder.
    :param files: names of the model's files, relative to it, with ``/``.
    """
    names = sorted(files)
    ggufs = [name for name in names if _is_gguf(folder, name)]
    if ggufs:
        return _describe_gguf(folder, ggufs)
    if weights := [name for name in names if name.endswith(".safetensors")]:
        return _describe_safetensors(folder, names, weights)
    if weights := [name for name in names if PurePosixPath(name).suffix in _PYTORCH]:
        return _describe_other(folder, names, weights, ModelFormat.PYTORCH)
    if weights := [name for name in names if name.endswith(".onnx")]:
        return _describe_other(folder, names, weights, ModelFormat.ONNX)
    return _describe_other(folder, names, names, ModelFormat.OTHER)


# --- GGUF -----------------------------------------------------------------------------------------------------------


def _is_gguf(folder: Path, name: str) -> bool:
    """By its extension, or, for a file that has none anybody knows, by its first bytes."""
    lower = name.lower()
    if lower.endswith(".gguf") or _BYTE_SPLIT.fullmatch(name):
        return True
    if PurePosixPath(lower).suffix in {*_PYTORCH, ".safetensors", ".onnx", ".json", ".txt", ".md", ".model"}:
        return False
    try:
        with open_plain(folder / name) as (file, _):
            return file.read(4) == MAGIC
    except BadHeader:
        return False


@dataclass(slots=True)
class _Gguf:
    """One GGUF model: its parts in order, and their headers (the first's is the model's)."""

    parts: list[str]
    total: int = 1
    headers: list[GgufHeader] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    size: int = 0

    @property
    def first(self) -> GgufHeader | None:
        return self.headers[0] if self.headers else None

    @property
    def is_projector(self) -> bool:
        return (
            "mmproj" in PurePosixPath(self.parts[0]).name.lower()
            or self._type == "mmproj"
            or (self.first is not None and self.first.text("general.architecture") == "clip")
        )

    @property
    def is_beside(self) -> bool:
        return self.is_projector or self._type in _BESIDES

    @property
    def _type(self) -> str | None:
        return self.first.text("general.type") if self.first else None


def _describe_gguf(folder: Path, names: list[str]) -> Described:
    models = _group(names)
    for model in models:
        _read_headers(folder, model)
    # Of several models in one folder, the largest is the one; a projector or adapter only if there is nothing else.
    main = min(models, key=lambda model: (model.is_beside, -model.size, model.parts[0]))
    described = Described(ModelFormat.GGUF, path=main.parts[0])
    if main.first is not None:
        _tell_gguf(described, main, main.first)
    elif label := quant_label(main.parts[0]):
        described.metadata["quantization"] = label
    projector = next((model.parts[0] for model in models if model is not main and model.is_projector), None)
    if projector:
        described.metadata["projector"] = projector
    if main.problems:
        described.metadata["problem"] = "; ".join(main.problems[:5])
    return described


def _group(names: list[str]) -> list[_Gguf]:
    """Shards that belong together as one model; anything else a model of its own."""
    shards: dict[tuple[str, str], list[str]] = {}
    models = []
    for name in names:
        match = _SHARD.fullmatch(name) or _BYTE_SPLIT.fullmatch(name)
        if match is not None and int(match["total"]) > 0:
            shards.setdefault((match["base"], match["total"]), []).append(name)
        else:
            models.append(_Gguf([name]))
    models += [_Gguf(parts, total=int(total)) for (_, total), parts in shards.items()]
    return models


def _read_headers(folder: Path, model: _Gguf) -> None:
    if (missing := model.total - len(model.parts)) > 0:
        model.problems.append(f"{missing} of its {model.total} parts are missing")
    # Cut by bytes, not into shards: only the first part has a header, which covers all of them.
    cut = any(match for part in model.parts if (match := _BYTE_SPLIT.fullmatch(part) or _cut_shard(part)))
    if cut:
        model.problems.append("it was split by bytes; an engine needs the parts joined into one file first")
    for part in model.parts[: 1 if cut else MAX_FILES]:
        try:
            model.headers.append(read_gguf(folder / part))
        except BadHeader as error:
            model.problems.append(f"{part}: {error}")
            if part == model.parts[0]:
                return
    for part in model.parts:
        try:
            model.size += (folder / part).stat().st_size
        except OSError:
            continue


def _cut_shard(part: str) -> bool:
    match = _SHARD.fullmatch(part)
    return match is not None and match["base"].lower().endswith(".gguf")


def _tell_gguf(described: Described, model: _Gguf, header: GgufHeader) -> None:
    architecture = architecture_name(header.text("general.architecture"))
    described.architecture = architecture or "unknown"
    described.name = printable(header.text("general.name"))
    types: dict[int, int] = {}
    for part in model.headers:
        for kind, elements in part.types.items():
            types[kind] = types.get(kind, 0) + elements
    vocabulary = count(header.number(f"{architecture}.vocab_size")) or header.lengths.get("tokenizer.ggml.tokens")
    template = "tokenizer.chat_template"
    facts = {
        "context_length": count(header.number(f"{architecture}.context_length")),
        "vocab_size": count(vocabulary),
        "quantization": file_type_name(header.number("general.file_type"))
        or quant_label(model.parts[0])
        or main_type_name(types),
        "parameters": count(sum(part.parameters for part in model.headers)),
        "license": printable(header.text("general.license"), 100),
        "chat_template": True if header.text(template) or template in header.lengths else None,
    }
    described.metadata |= {key: value for key, value in facts.items() if value is not None}


# --- safetensors and the rest ---------------------------------------------------------------------------------------


def _describe_safetensors(folder: Path, names: list[str], weights: list[str]) -> Described:
    place = _home(names, weights)
    described = Described(ModelFormat.SAFETENSORS, path=place)
    if len(weights) == 1 and _join(place, "config.json") not in names:
        described.path = weights[0]
    problems: list[str] = []
    config = _config(folder, place, names, problems)
    total = SafetensorsHeader()
    for name in _shards(folder, place, names, weights, problems)[:MAX_FILES]:
        try:
            header = read_safetensors(folder / name)
        except BadHeader as error:
            problems.append(f"{name}: {error}")
            continue
        total.parameters += header.parameters
        for dtype, elements in header.dtypes.items():
            total.dtypes[dtype] = total.dtypes.get(dtype, 0) + elements
    _tell_config(described, config, total.dtype)
    if total.parameters and not config.packed and not problems:
        described.metadata["parameters"] = total.parameters
    if problems:
        described.metadata["problem"] = "; ".join(problems[:5])
    return described


def _shards(folder: Path, place: str, names: list[str], weights: list[str], problems: list[str]) -> list[str]:
    """The weight files that make up the model once, without a second copy of them under other names."""
    index = _join(place, "model.safetensors.index.json")
    if index in names:
        try:
            wanted = [_join(place, name) for name in read_index(folder / index)]
        except BadHeader as error:
            problems.append(f"{index}: {error}")
        else:
            if missing := sorted(set(wanted) - set(weights)):
                problems.append(f"{len(missing)} of its {len(wanted)} shards are missing: {', '.join(missing[:3])}")
            return [name for name in wanted if name in weights]
    mine = [name for name in weights if not PurePosixPath(name).name.startswith("consolidated")]
    return mine or weights


def _describe_other(folder: Path, names: list[str], weights: list[str], kind: ModelFormat) -> Described:
    place = _home(names, weights)
    described = Described(kind, path=weights[0] if len(weights) == 1 else place)
    if kind is ModelFormat.OTHER:
        return described
    problems: list[str] = []
    config = _config(folder, place, names, problems)
    if kind is ModelFormat.PYTORCH and _join(place, "config.json") in names:
        described.path = place
    _tell_config(described, config, None)
    if problems:
        described.metadata["problem"] = "; ".join(problems)
    return described


def _tell_config(described: Described, config: HfConfig, dtype: str | None) -> None:
    described.architecture = config.architecture or "unknown"
    facts = {
        "context_length": config.context_length,
        "vocab_size": config.vocab_size,
        "quantization": config.quantization or dtype or config.dtype,
        "chat_template": config.chat_template or None,
    }
    described.metadata |= {key: value for key, value in facts.items() if value is not None}


def _config(folder: Path, place: str, names: list[str], problems: list[str]) -> HfConfig:
    name = _join(place, "config.json")
    if name not in names:
        return HfConfig()
    try:
        return read_config(folder / place)
    except BadHeader as error:
        problems.append(f"{name}: {error}")
        return HfConfig()


def _home(names: list[str], weights: list[str]) -> str:
    """The folder an engine is given: where the configuration is, else the one that all weights are in."""
    if "config.json" in names or "model_index.json" in names:
        return "."
    parents = [PurePosixPath(name).parent for name in weights]
    common = parents[0] if parents else PurePosixPath(".")
    while not all(parent.is_relative_to(common) for parent in parents):
        common = common.parent
    return str(common)


def _join(place: str, name: str) -> str:
    return name if place == "." else f"{place}/{name}"
