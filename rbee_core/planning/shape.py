"""What a model is made of, as far as the memory it needs depends on it; read from its files' headers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: Reads a part of one of a model's files: name, first byte, length → the bytes (fewer only at the file's end), or
#: ``None`` when its source cannot give a part of a file. As the hook ``read_model``.
OpenRange = Callable[[str, int, int], bytes | None]


class ModelFile(Protocol):
    """One of a model's files: a relative name, and its bytes if known. `ManifestFile` is one."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Layer:
    """One block of a model.

    ``weights``: bytes of its tensors, experts included; ``experts``: of these, the experts'. ``kv_k``, ``kv_v``:
    elements per token in the K and the V cache (grouped-query and latent attention applied; 0 where the layer keeps
    none). ``window``: the sliding window in tokens, if it has one. ``state``: bytes of recurrent state per sequence.
    ``work``: elements per token of its intermediate results at their most. ``largest``: bytes of its largest tensor.
    """

    weights: int
    experts: int = 0
    kv_k: int = 0
    kv_v: int = 0
    window: int | None = None
    state: int = 0
    work: int = 0
    largest: int = 0


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A model's parts in bytes, and the numbers that the memory of a run follows from.

    ``embedding``, ``output``, ``other``: bytes of the weights outside the layers: the input embeddings, what turns the
    last layer's result into logits (without a matrix when the embeddings serve, ``tied``; theirs is
    ``embedding_matrix``, stored as ``embedding_kind``), the rest. ``size`` is all of it. ``unused``: bytes, of no
    layer, that engines do not load unless asked to (heads that guess further tokens); part of ``size``.

    ``attention``: ``causal``, ``encoder`` (nothing is cached) or ``encoder-decoder``. ``embeds``: it makes vectors, not
    text; ``in_one_piece``: of all of a text's tokens, so that llama.cpp has to compute them at once. ``stream``:
    elements per token of intermediate results outside the layers; ``inputs``: of these, what is looked up before the
    first. ``dtypes``: elements by the type they are stored in; ``computed_as``: the type its makers say it is computed
    in. ``key_length`` and ``value_length`` are those of a head. ``exact`` is false where sizes were guessed; ``notes``
    say what is unknown.
    """

    format: str
    architecture: str
    layers: tuple[Layer, ...]
    embedding: int
    output: int
    other: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    feed_forward: int
    vocab: int
    trained_context: int | None
    parameters: int
    quantization: str | None
    size: int
    exact: bool = True
    notes: tuple[str, ...] = ()
    tied: bool = False
    attention: str = "causal"
    experts: int = 0
    experts_used: int = 0
    expert_feed_forward: int = 0
    embeds: bool = False
    in_one_piece: bool = False
    unused: int = 0
    stream: int = 0
    inputs: int = 0
    key_length: int = 0
    value_length: int = 0
    dtypes: Mapping[str, int] = field(default_factory=dict)
    embedding_matrix: int = 0
    embedding_kind: str = ""
    computed_as: str | None = None


def read_shape(open_range: OpenRange, files: Sequence[ModelFile]) -> ModelShape:
    """Read what a model is from the headers of its files; never its weights.

    :param open_range: reads a part of one of ``files``.
    :param files: the model's files: all of a repository's or folder's, or those of the one model in it that is meant.
    :raises BadHeader: a header is damaged or hostile.
    :raises RbeeError: what ``open_range`` raises.
    """
    from .shape_files import NoPartsError, guess_shape, model_files
    from .shape_gguf import read_gguf_shape
    from .shape_hf import read_hf_shape

    chosen = model_files(files)
    try:
        if chosen.format == "gguf":
            return read_gguf_shape(open_range, chosen)
        if chosen.format in ("safetensors", "pytorch"):
            return read_hf_shape(open_range, chosen)
    except NoPartsError:
        return guess_shape(
            chosen, "its source gives no parts of files: its size is all that is known before a download"
        )
    return guess_shape(chosen)
