"""The shape of a GGUF model."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..models.metadata import BadHeader, GgufHeader, GgufTensor, read_gguf_from
from ..models.metadata.quant import file_type_name, main_type_name, quant_label
from .gguf_caches import Hparams, cache_of
from .shape import ModelShape, OpenRange
from .shape_files import Chosen, guess_shape, source

_BLOCK = re.compile(r"(?:(?P<side>enc|dec)\.)?blk\.(?P<number>\d+)\.")
_EXPERTS = re.compile(r"\.ffn_(?:gate|up|down|gate_up)_(?:exps|chexps)\.")
_INPUT = ("token_embd", "position_embd", "token_types", "per_layer_token_embd")
_MAX_LAYERS = 512  # llama.cpp's LLAMA_MAX_LAYERS


def read_gguf_shape(open_range: OpenRange, chosen: Chosen) -> ModelShape | None:
    """The shape of a GGUF model, from the headers of all its parts; ``None`` where they cannot be read in parts.

    :raises BadHeader: a header is damaged or hostile.
    """
    headers = []
    for name in chosen.parts:
        found = source(open_range, chosen, name)
        if found is None:
            return None
        headers.append(read_gguf_from(*found, tensors=True))
    return _shape(headers, chosen)


def _shape(headers: list[GgufHeader], chosen: Chosen) -> ModelShape:
    first = headers[0]
    tensors = [tensor for header in headers for tensor in header.infos]
    hparams = Hparams(first, tensors)
    if not hparams.architecture or not hparams.layers:
        return guess_shape(chosen, "its header does not say of how many layers it is")
    blocks, outside = _sort(tensors)
    count = max(hparams.layers, max(blocks, default=-1) + 1)
    if count > _MAX_LAYERS:
        raise BadHeader(f"it claims {count} layers, more than the {_MAX_LAYERS} there may be")
    layers = []
    for number in range(count):
        mine = blocks.get(number, [])
        experts = sum(tensor.size for tensor in mine if _EXPERTS.search(tensor.name))
        layers.append(cache_of(hparams, number, sum(tensor.size for tensor in mine), experts))
    embedding = _bytes(outside, *_INPUT)
    output = _bytes(outside, "output", "cls")
    size = sum(tensor.size for tensor in tensors)
    unknown = sum(tensor.size < 0 for tensor in tensors)
    notes = [f"{chosen.missing} of its parts are missing"] if chosen.missing else []
    if unknown:
        notes.append(f"{unknown} tensors are of a type unknown here")
    kinds: dict[int, int] = {}
    for header in headers:
        for kind, elements in header.types.items():
            kinds[kind] = kinds.get(kind, 0) + elements
    return ModelShape(
        format="gguf",
        architecture=hparams.architecture,
        layers=tuple(layers),
        embedding=embedding,
        output=output,
        other=size - embedding - output - sum(layer.weights for layer in layers),
        hidden=hparams.hidden,
        heads=hparams.heads,
        kv_heads=hparams.kv_heads(0) if count else 0,
        head_dim=hparams.key_length,
        feed_forward=hparams.feed_forward,
        vocab=hparams.vocab,
        trained_context=hparams.number("context_length"),
        parameters=sum(header.parameters for header in headers),
        quantization=file_type_name(first.number("general.file_type"))
        or quant_label(chosen.parts[0])
        or main_type_name(kinds),
        size=size,
        exact=not chosen.missing and not unknown,
        notes=tuple(notes),
        tied=not any(tensor.name == "output.weight" for tensor in outside),
        attention=hparams.attention,
        experts=hparams.number("expert_count") or 0,
        experts_used=hparams.largest("expert_used_count"),
        expert_feed_forward=hparams.expert_feed_forward,
    )


def _sort(tensors: Iterable[GgufTensor]) -> tuple[dict[int, list[GgufTensor]], list[GgufTensor]]:
    """The tensors of each layer, and those of none."""
    blocks: dict[int, list[GgufTensor]] = {}
    outside = []
    for tensor in tensors:
        match = _BLOCK.match(tensor.name)
        if match is None or len(match["number"]) > 4:
            outside.append(tensor)
        else:
            blocks.setdefault(int(match["number"]), []).append(tensor)
    return blocks, outside


def _bytes(tensors: Iterable[GgufTensor], *names: str) -> int:
    return sum(tensor.size for tensor in tensors if tensor.name.partition(".")[0] in names)
