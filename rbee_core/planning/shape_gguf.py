"""The shape of a GGUF model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from ..models.metadata import BadHeader, GgufHeader, GgufTensor, is_cut, read_gguf_from
from ..models.metadata.quant import TENSOR_TYPES, file_type_name, main_type_name, quant_label
from .gguf_caches import NO_CACHE, cache_of
from .gguf_hparams import Hparams
from .gguf_work import inputs_of, stream_of, work_of
from .shape import Layer, ModelShape, OpenRange
from .shape_files import Chosen, guess_shape, source

_BLOCK = re.compile(r"(?:(?P<side>enc|dec)\.)?blk\.(?P<number>\d+)\.")
_EXPERTS = re.compile(r"\.ffn_(?:gate|up|down|gate_up)_(?:exps|chexps)\.")
# Where llama.cpp puts a tensor that belongs to no layer: ``LLM_TENSOR_INFOS`` of its ``llama-arch.cpp``.
_INPUT = ("token_embd", "position_embd", "token_types", "per_layer_token_embd")
_WITH_THE_FIRST = ("per_layer_model_proj.", "per_layer_proj_norm.")
_OUTPUT = ("output", "output_norm", "cls", "dense_2", "dense_3", "altup_proj", "altup_unembd_proj")
# ``llama_pooling_type``: none, and ranking; the last token's vector, which parts of a text lead to one after the other.
_NO_POOLING = (0, 4)
_LAST_TOKEN = 3
_MAX_LAYERS = 512  # llama.cpp's LLAMA_MAX_LAYERS


def read_gguf_shape(open_range: OpenRange, chosen: Chosen) -> ModelShape:
    """The shape of a GGUF model, from the headers of all its parts.

    Of a file that was cut by bytes only the first part has a header, which covers all of them.

    :raises BadHeader: a header is damaged or hostile.
    :raises NoPartsError: they cannot be read in parts.
    """
    if any(is_cut(name) for name in chosen.parts):
        # The header may go on in the next part; as a rule it does not.
        whole = replace(chosen, sizes={**chosen.sizes, chosen.parts[0]: None})
        return _shape([read_gguf_from(*source(open_range, whole, chosen.parts[0]), tensors=True)], chosen)
    return _shape([read_gguf_from(*source(open_range, chosen, name), tensors=True) for name in chosen.parts], chosen)


def _shape(headers: list[GgufHeader], chosen: Chosen) -> ModelShape:
    first = headers[0]
    found = [tensor for header in headers for tensor in header.infos]
    tensors = [tensor if tensor.size >= 0 else replace(tensor, size=0) for tensor in found]
    hparams = Hparams(first, tensors)
    if not hparams.architecture or not hparams.layers:
        return guess_shape(chosen, "its header does not say of how many layers it is")
    blocks, outside = _sort(tensors)
    count = max(hparams.layers, max(blocks, default=-1) + 1)
    if count > _MAX_LAYERS:
        raise BadHeader(f"it claims {count} layers, more than the {_MAX_LAYERS} there may be")
    layers = tuple(_layer(hparams, number, blocks.get(number, [])) for number in range(count))
    size = sum(tensor.size for tensor in tensors)
    loaded = sum(layer.weights for layer in layers)
    unused = sum(tensor.size for mine in blocks.values() for tensor in mine) - loaded
    pooled = hparams.number("pooling_type") not in (None, *_NO_POOLING)
    embedding, output = _bytes(outside, *_INPUT), _bytes(outside, *_OUTPUT)
    attention = _attention(hparams)
    notes = _notes(chosen, found)
    kinds: dict[int, int] = {}
    for header in headers:
        for kind, elements in header.types.items():
            kinds[kind] = kinds.get(kind, 0) + elements
    return ModelShape(
        format="gguf",
        architecture=hparams.architecture,
        layers=layers,
        embedding=embedding,
        output=output,
        other=size - embedding - output - loaded - unused,
        hidden=hparams.hidden,
        heads=hparams.heads,
        kv_heads=max((hparams.kv_heads(number) for number in range(count)), default=0),
        head_dim=hparams.key_length,
        feed_forward=hparams.feed_forward,
        vocab=hparams.vocab,
        trained_context=hparams.number("context_length"),
        parameters=sum(header.parameters for header in headers),
        quantization=file_type_name(first.number("general.file_type"))
        or quant_label(chosen.parts[0])
        or main_type_name(kinds),
        size=size,
        exact=not notes,
        notes=notes,
        tied=attention != "encoder" and not any(tensor.name == "output.weight" for tensor in outside),
        attention=attention,
        embeds=attention == "encoder" or pooled,
        in_one_piece=attention == "encoder" or (pooled and hparams.number("pooling_type") != _LAST_TOKEN),
        experts=hparams.experts,
        experts_used=hparams.experts_used,
        expert_feed_forward=hparams.expert_feed_forward,
        unused=unused,
        stream=stream_of(hparams),
        inputs=inputs_of(hparams),
        key_length=hparams.key_length,
        value_length=hparams.value_length,
        embedding_matrix=_bytes(outside, "token_embd"),
        embedding_kind=next((_kind(tensor) for tensor in outside if tensor.name == "token_embd.weight"), ""),
        dtypes={TENSOR_TYPES.get(kind, str(kind)): elements for kind, elements in kinds.items()},
    )


def _layer(hparams: Hparams, number: int, tensors: list[GgufTensor]) -> Layer:
    if hparams.layers - hparams.extra_layers <= number < hparams.layers:
        return Layer(0)  # it is not loaded, but counted among the layers
    cache = cache_of(hparams, number)
    return Layer(
        weights=sum(tensor.size for tensor in tensors),
        experts=sum(tensor.size for tensor in tensors if _EXPERTS.search(tensor.name)),
        kv_k=cache.keys,
        kv_v=cache.values,
        window=cache.window,
        state=cache.state,
        work=work_of(hparams, tensors),
        largest=max((tensor.size for tensor in tensors), default=0),
    )


def _attention(hparams: Hparams) -> str:
    if hparams.architecture == "t5":
        return "encoder-decoder"
    return "encoder" if hparams.architecture in NO_CACHE else "causal"


def _notes(chosen: Chosen, tensors: list[GgufTensor]) -> tuple[str, ...]:
    notes = [f"{chosen.missing} of its parts are missing"] if chosen.missing else []
    if unknown := sum(tensor.size < 0 for tensor in tensors):
        notes.append(f"{unknown} tensors are of a type unknown here")
    sizes = [chosen.sizes.get(name) for name in chosen.parts]
    if None not in sizes and sum(tensor.size for tensor in tensors) > chosen.size:
        notes.append("its tensors have more bytes than its files: they are cut short or damaged")
    return tuple(notes)


def _sort(tensors: Iterable[GgufTensor]) -> tuple[dict[int, list[GgufTensor]], list[GgufTensor]]:
    """The tensors of each layer, and those of none."""
    blocks: dict[int, list[GgufTensor]] = {}
    outside = []
    for tensor in tensors:
        match = _BLOCK.match(tensor.name)
        if tensor.name.startswith(_WITH_THE_FIRST):
            blocks.setdefault(0, []).append(tensor)
        elif match is None or len(match["number"]) > 4:
            outside.append(tensor)
        else:
            blocks.setdefault(int(match["number"]), []).append(tensor)
    return blocks, outside


def _kind(tensor: GgufTensor) -> str:
    return TENSOR_TYPES.get(tensor.kind, str(tensor.kind))


def _bytes(tensors: Iterable[GgufTensor], *names: str) -> int:
    return sum(tensor.size for tensor in tensors if tensor.name.partition(".")[0] in names)
