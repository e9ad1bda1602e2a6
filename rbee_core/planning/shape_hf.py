"""The shape of a model in the Hugging Face form: ``config.json``, and the headers of its safetensors files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from ..models.metadata import BadHeader, SafetensorsTensor, parse_index, read_safetensors_from
from ..models.metadata.hf_config import MAX_CONFIG, count
from ..models.metadata.reading import parse_object
from ..models.metadata.safetensors import MAX_INDEX
from .hf_numbers import HfNumbers
from .shape import Layer, ModelShape, OpenRange
from .shape_files import Chosen, guess_shape, source

_LAYER = re.compile(r"(?:^|\.)(?:layers|layer|h|blocks)\.(\d{1,4})\.")
_EXPERTS = re.compile(r"\.(?:experts|block_sparse_moe\.experts)\.")
#: Parts that are not the language model: they see or hear.
_OTHER_PARTS = re.compile(r"(?:^|\.)(?:visual|vision\w*|audio\w*|image\w*|multi_modal_projector|mm_projector)\.")
_EMBEDDINGS = re.compile(r"(?:embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|embeddings?)\.weight$")
_OUTPUT = re.compile(r"(?:lm_head|embed_out|output)\.weight$")
#: Shards that are looked at, and what is asked of each at first: headers of shards are short.
_MOST_SHARDS = 2000
_FIRST_PART = 1 << 16
_MAX_LAYERS = 1024


def read_hf_shape(open_range: OpenRange, chosen: Chosen) -> ModelShape:
    """The shape, from the configuration and the headers of the weights.

    :raises BadHeader: a header is damaged or hostile.
    :raises NoPartsError: they cannot be read in parts.
    """
    place = _place(chosen)
    config = _json(open_range, chosen, place + "config.json", MAX_CONFIG)
    numbers = HfNumbers(config)
    tensors: list[SafetensorsTensor] = []
    if chosen.format == "safetensors":
        for name in _shards(open_range, chosen, place)[:_MOST_SHARDS]:
            header = read_safetensors_from(*source(open_range, chosen, name, _FIRST_PART), tensors=True)
            tensors += header.infos
    return _shape(numbers, tensors, chosen, embeds=place + "modules.json" in chosen.sizes)


def _shape(numbers: HfNumbers, tensors: Sequence[SafetensorsTensor], chosen: Chosen, *, embeds: bool) -> ModelShape:
    blocks, outside = _sort(tensors)
    layers = numbers.layers or max(blocks, default=-1) + 1
    if layers > _MAX_LAYERS:
        raise BadHeader(f"it claims {layers} layers, more than the {_MAX_LAYERS} there may be")
    if not layers or not numbers.hidden:
        return guess_shape(chosen, "its config.json does not say how it is made")
    size = sum(tensor.size for tensor in tensors) or chosen.size
    guessed = [] if tensors else ["its weights' sizes are guessed from its files'"]
    share = size // layers
    found = tuple(_layer(numbers, n, blocks.get(n, []), None if tensors else share) for n in range(layers))
    embedding = sum(tensor.size for tensor in outside if _EMBEDDINGS.search(tensor.name))
    output = sum(tensor.size for tensor in outside if _OUTPUT.search(tensor.name))
    kinds: dict[str, int] = {}
    for tensor in tensors:
        elements = 1
        for length in tensor.shape:
            elements *= length
        kinds[tensor.dtype] = kinds.get(tensor.dtype, 0) + elements
    main = max(kinds, key=lambda kind: kinds[kind]) if kinds else numbers.dtype
    loaded = sum(layer.weights for layer in found)
    encoder = numbers.is_encoder
    return ModelShape(
        format=chosen.format,
        architecture=numbers.kind,
        layers=found,
        embedding=embedding,
        output=output,
        other=max(0, size - embedding - output - loaded),
        hidden=numbers.hidden,
        heads=numbers.heads,
        kv_heads=numbers.kv_heads,
        head_dim=numbers.head_dim,
        feed_forward=numbers.feed_forward,
        vocab=numbers.vocab,
        trained_context=numbers.first("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"),
        parameters=sum(kinds.values()) or size // 2,
        quantization=_quantization(numbers) or main,
        size=size,
        exact=bool(tensors),
        notes=tuple(guessed),
        tied=not encoder and not output,
        attention="encoder" if encoder else "causal",
        experts=numbers.experts,
        experts_used=numbers.experts_used,
        expert_feed_forward=numbers.expert_feed_forward,
        embeds=encoder or embeds,
        stream=5 * numbers.hidden,
        inputs=numbers.hidden,
        key_length=numbers.head_dim,
        value_length=numbers.head_dim,
        dtypes=kinds or {numbers.dtype or "F16": size // 2},
        embedding_matrix=embedding,
        computed_as=numbers.dtype,
    )


def _layer(numbers: HfNumbers, number: int, tensors: Sequence[SafetensorsTensor], share: int | None) -> Layer:
    weights = sum(tensor.size for tensor in tensors) if share is None else share
    experts = sum(tensor.size for tensor in tensors if _EXPERTS.search(tensor.name))
    largest = max((tensor.size for tensor in tensors), default=weights // 4)
    inner = numbers.experts_used * numbers.expert_feed_forward if experts else numbers.feed_forward
    work = max(3 * inner, 2 * numbers.heads * numbers.head_dim)
    if numbers.is_encoder:
        return Layer(weights, experts, work=work, largest=largest)
    kind = numbers.kind_of_layer(number)
    if kind not in ("full_attention", "sliding_attention", "chunked_attention", "attention", "hybrid"):
        return Layer(weights, experts, state=numbers.state(), work=work, largest=largest)
    keys, values = numbers.key_values()
    window = numbers.window if kind == "sliding_attention" else None
    return Layer(weights, experts, keys, values, window, work=work, largest=largest)


def _sort(tensors: Sequence[SafetensorsTensor]) -> tuple[dict[int, list[SafetensorsTensor]], list[SafetensorsTensor]]:
    blocks: dict[int, list[SafetensorsTensor]] = {}
    outside = []
    for tensor in tensors:
        match = _LAYER.search(tensor.name)
        if match is None or _OTHER_PARTS.search(tensor.name):
            outside.append(tensor)
        else:
            blocks.setdefault(int(match[1]), []).append(tensor)
    return blocks, outside


def _place(chosen: Chosen) -> str:
    """The folder with the configuration, as a prefix of names."""
    if "config.json" in chosen.sizes:
        return ""
    parents = sorted({str(PurePosixPath(name).parent) for name in chosen.parts}, key=len)
    found = next((parent for parent in parents if f"{parent}/config.json" in chosen.sizes), None)
    return f"{found}/" if found is not None else ""


def _shards(open_range: OpenRange, chosen: Chosen, place: str) -> list[str]:
    """The weight files that are the model once, as its index lists them."""
    index = place + "model.safetensors.index.json"
    if index in chosen.sizes:
        names = [place + name for name in parse_index(_json(open_range, chosen, index, MAX_INDEX))]
        if all(name in chosen.sizes for name in names):
            return names
    mine = [name for name in chosen.parts if name.startswith(place)] or list(chosen.parts)
    # A second copy of the weights, as their makers' own code wants them.
    return [name for name in mine if not PurePosixPath(name).name.startswith("consolidated")] or mine


def _json(open_range: OpenRange, chosen: Chosen, name: str, limit: int) -> dict[str, Any]:
    if name not in chosen.sizes:
        return {}
    found, size = source(open_range, chosen, name)
    if size > limit and chosen.sizes[name] is not None:
        raise BadHeader(f"{name} has {size} bytes, more than the {limit} such a file may have")
    data = bytearray()
    while len(data) <= limit and (part := found.read(limit + 1 - len(data))):
        data += part
    if len(data) > limit:
        raise BadHeader(f"{name} has more than the {limit} bytes such a file may have")
    return parse_object(bytes(data))


def _quantization(numbers: HfNumbers) -> str | None:
    found = numbers.get("quantization_config")
    if not isinstance(found, dict) or not isinstance(found.get("quant_method"), str):
        return None
    bits = count(found.get("bits"))
    method = str(found["quant_method"])[:40]
    return f"{method}-{bits}bit" if bits else method
