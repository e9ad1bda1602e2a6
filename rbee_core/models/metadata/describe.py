"""What a folder of files is: its format, what an engine loads, and what the headers tell."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ...contracts.model import ModelFormat
from .described import MAX_FILES, Described
from .gguf_model import describe_gguf, is_gguf
from .hf_config import HfConfig, read_config
from .reading import BadHeader
from .safetensors import SafetensorsHeader, read_index, read_safetensors

_PYTORCH = {".bin", ".pt", ".pth"}


def describe(folder: Path, files: list[str]) -> Described:
    """Describe the model in ``folder``. Never fails: what a damaged header hides is missing from the result.

    :param folder: the model's folder.
    :param files: names of the model's files, relative to it, with ``/``.
    """
    names = sorted(files)
    ggufs = [name for name in names if is_gguf(folder, name)]
    if ggufs:
        return describe_gguf(folder, ggufs)
    if weights := [name for name in names if name.endswith(".safetensors")]:
        return _describe_safetensors(folder, names, weights)
    if weights := [name for name in names if PurePosixPath(name).suffix in _PYTORCH]:
        return _describe_other(folder, names, weights, ModelFormat.PYTORCH)
    if weights := [name for name in names if name.endswith(".onnx")]:
        return _describe_other(folder, names, weights, ModelFormat.ONNX)
    return _describe_other(folder, names, names, ModelFormat.OTHER)


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
