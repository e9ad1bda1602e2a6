"""Which of a model's files its shape is read from, and a guess where none has a header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..models.metadata import UNKNOWN_SIZE, BadHeader, RangedSource, group_parts, is_gguf_name, is_projector_name
from ..models.metadata.ranged import FIRST_PART
from .shape import Layer, ModelFile, ModelShape, OpenRange

_PYTORCH = {".bin", ".pt", ".pth"}
#: Layers of a model that nothing is known of, by its bytes: published models of such sizes have about as many.
_USUAL_LAYERS = ((2 << 30, 24), (12 << 30, 32), (40 << 30, 48))
_MOST_LAYERS = 80


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files of one model: ``parts`` hold its weights; ``sizes`` has every file's bytes, where known."""

    format: str
    parts: tuple[str, ...]
    sizes: dict[str, int | None]
    missing: int = 0

    @property
    def size(self) -> int:
        """Bytes of the parts, as far as known."""
        return sum(self.sizes[name] or 0 for name in self.parts)


def model_files(files: Sequence[ModelFile]) -> Chosen:
    """The files that are the model: of several GGUF models the largest, a projector only if there is nothing else.

    :raises BadHeader: there is no file at all.
    """
    sizes = {file.name: file.size for file in files}
    names = sorted(sizes)
    if not names:
        raise BadHeader("it has no files")
    if ggufs := [name for name in names if is_gguf_name(name)]:
        groups = group_parts(ggufs)

        def rank(group: tuple[list[str], int]) -> tuple[bool, int, str]:
            parts, _ = group
            return is_projector_name(parts[0]), -sum(sizes[part] or 0 for part in parts), parts[0]

        parts, total = min(groups, key=rank)
        return Chosen("gguf", tuple(parts), sizes, max(0, total - len(parts)))
    if weights := [name for name in names if name.endswith(".safetensors")]:
        return Chosen("safetensors", tuple(weights), sizes)
    if weights := [name for name in names if PurePosixPath(name).suffix in _PYTORCH]:
        return Chosen("pytorch", tuple(weights), sizes)
    if weights := [name for name in names if name.endswith(".onnx")]:
        return Chosen("onnx", tuple(weights), sizes)
    return Chosen("other", tuple(names), sizes)


class NoPartsError(Exception):
    """A file's source cannot give parts of it."""


def source(open_range: OpenRange, chosen: Chosen, name: str, first: int = FIRST_PART) -> tuple[RangedSource, int]:
    """A file to read a header from, and its length; ``first`` bytes are asked for at first.

    :raises NoPartsError: (while reading) it cannot be read in parts.
    """

    def read_part(start: int, length: int) -> bytes:
        data = open_range(name, start, length)
        if data is None:
            raise NoPartsError(name)
        return data

    size = chosen.sizes.get(name)
    length = UNKNOWN_SIZE if size is None else size
    return RangedSource(read_part, length, first), length


def guess_shape(chosen: Chosen, *notes: str) -> ModelShape:
    """A shape from nothing but sizes: all the weights in as many layers as such a model usually has."""
    size = chosen.size
    count = next((layers for limit, layers in _USUAL_LAYERS if size < limit), _MOST_LAYERS)
    hidden = 128 * count  # as the published families keep their proportions: 32 layers of 4096
    told = notes or (f"its size is all that is known of a model of the format {chosen.format}",)
    if not size:
        told = (*told, "not even its size is known")
    layer = Layer(size // count, kv_k=hidden // 4, kv_v=hidden // 4, work=12 * hidden, largest=size // count)
    return ModelShape(
        format=chosen.format,
        architecture="unknown",
        layers=(layer,) * count,
        embedding=0,
        output=0,
        other=size - size // count * count,
        hidden=hidden,
        heads=count,
        kv_heads=count // 4,
        head_dim=128,
        feed_forward=4 * hidden,
        stream=5 * hidden,
        inputs=hidden,
        key_length=128,
        value_length=128,
        vocab=128_000,
        trained_context=None,
        parameters=size // 2,
        quantization=None,
        size=size,
        exact=False,
        notes=told,
    )
