"""GGUF models as they come: one file, shards, parts cut by bytes, with a projector or adapters beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ...contracts.model import ModelFormat
from .described import MAX_FILES, Described
from .gguf import MAGIC, GgufHeader, read_gguf
from .gguf_parts import group_parts, is_cut, is_gguf_name, is_projector_name
from .hf_config import architecture_name, count
from .quant import file_type_name, main_type_name, quant_label
from .reading import BadHeader, open_plain, printable

#: Files of a GGUF repository that are not the model itself, by ``general.type``.
_BESIDES = {"mmproj", "adapter", "imatrix"}
# Files that are something else for sure, and need no look inside.
_OTHERS = {".bin", ".pt", ".pth", ".safetensors", ".onnx", ".json", ".txt", ".md", ".model"}


def is_gguf(folder: Path, name: str) -> bool:
    """By its extension, or, for a file that has none anybody knows, by its first bytes."""
    if is_gguf_name(name):
        return True
    if PurePosixPath(name.lower()).suffix in _OTHERS:
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
            is_projector_name(self.parts[0])
            or self._type == "mmproj"
            or (self.first is not None and self.first.text("general.architecture") == "clip")
        )

    @property
    def is_beside(self) -> bool:
        return self.is_projector or self._type in _BESIDES

    @property
    def _type(self) -> str | None:
        return self.first.text("general.type") if self.first else None


def describe_gguf(folder: Path, names: list[str]) -> Described:
    models = [_Gguf(parts, total) for parts, total in group_parts(names)]
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


def _read_headers(folder: Path, model: _Gguf) -> None:
    if (missing := model.total - len(model.parts)) > 0:
        model.problems.append(f"{missing} of its {model.total} parts are missing")
    # Cut by bytes, not into shards: only the first part has a header, which covers all of them.
    cut = any(is_cut(part) for part in model.parts)
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
