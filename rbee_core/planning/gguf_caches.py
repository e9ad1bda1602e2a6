"""What each layer of a GGUF model keeps while it runs: keys and values, windows of them, recurrent states."""

from __future__ import annotations

from collections.abc import Sequence

from ..models.metadata import GgufHeader, GgufTensor
from .shape import Layer

_NO_CACHE = {
    "bert", "jina-bert-v2", "jina-bert-v3", "nomic-bert", "nomic-bert-moe", "neo-bert", "eurobert", "modern-bert",
    "gemma-embedding", "dream", "llada", "llada-moe", "rnd1", "t5encoder", "wavtokenizer-dec",
}  # fmt: skip
_RECURRENT = {"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"}
# Every n-th layer attends to everything, the others to a window.
_PATTERNS = {
    "gemma2": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "gpt-oss": 2, "olmo2": 4, "exaone4": 4, "llama4": 4,
}  # fmt: skip


class Hparams:
    """A header's numbers, by the names they have after the architecture's."""

    def __init__(self, header: GgufHeader, tensors: Sequence[GgufTensor]) -> None:
        self._header = header
        self.architecture = header.text("general.architecture") or ""
        self.tensors = {tensor.name: tensor for tensor in tensors}
        self.layers = self.number("block_count") or 0
        self.hidden = self.number("embedding_length") or 0
        self.heads = self.largest("attention.head_count")
        self.feed_forward = self.largest("feed_forward_length")
        self.expert_feed_forward = self.number("expert_feed_forward_length") or self.feed_forward
        self.vocab = self._vocab()
        self.key_length = self.number("attention.key_length") or (self.hidden // self.heads if self.heads else 0)
        self.value_length = self.number("attention.value_length") or (self.hidden // self.heads if self.heads else 0)

    def number(self, key: str) -> int | None:
        """A whole number that can be a count."""
        found = self._header.number(f"{self.architecture}.{key}")
        return found if found is not None and 0 <= found < 2**40 else None

    def of_layer(self, key: str, layer: int) -> int | None:
        """That number of one layer, where each has its own; else the one of all."""
        found = self._header.values.get(f"{self.architecture}.{key}")
        if isinstance(found, list):
            value = found[layer] if layer < len(found) else 0
            return value if type(value) is int and 0 <= value < 2**40 else None
        return self.number(key)

    def largest(self, key: str) -> int:
        """The largest of that number over the layers; 0 where nothing is said."""
        found = self._header.values.get(f"{self.architecture}.{key}")
        values = found if isinstance(found, list) else [found]
        return max((value for value in values if type(value) is int and 0 <= value < 2**40), default=0)

    def kv_heads(self, layer: int) -> int:
        """Heads of keys and values; as many as of queries where nothing is said."""
        found = self.of_layer("attention.head_count_kv", layer)
        return found if found is not None else self.of_layer("attention.head_count", layer) or 0

    @property
    def attention(self) -> str:
        """``causal``, ``encoder`` or ``encoder-decoder``."""
        if self.architecture == "t5":
            return "encoder-decoder"
        return "encoder" if self.architecture in _NO_CACHE else "causal"

    def _vocab(self) -> int:
        if (said := self.number("vocab_size")) is not None:
            return said
        embeddings = self.tensors.get("token_embd.weight")
        if embeddings is not None and len(embeddings.dims) == 2:
            return embeddings.dims[1]
        return self._header.lengths.get("tokenizer.ggml.tokens", 0)


def cache_of(hparams: Hparams, number: int, weights: int, experts: int) -> Layer:
    """One layer with what it keeps."""
    if hparams.architecture in _NO_CACHE:
        return Layer(weights, experts)
    if hparams.architecture in _RECURRENT:
        return Layer(weights, experts, state=_state(hparams))
    heads = hparams.kv_heads(number)
    latent = bool(hparams.number("attention.key_length_mla"))
    state = _state(hparams) if heads == 0 or hparams.architecture == "falcon-h1" else 0
    return Layer(
        weights,
        experts,
        kv_k=hparams.key_length * heads,
        kv_v=0 if latent else hparams.value_length * heads,
        window=_window(hparams, number),
        state=state,
    )


def _window(hparams: Hparams, number: int) -> int | None:
    window = hparams.number("attention.sliding_window")
    period = _PATTERNS.get(hparams.architecture)
    if not window or period is None:
        return None
    return window if number % period < period - 1 else None


def _state(hparams: Hparams) -> int:
    """Bytes of a recurrent layer's state, for one sequence; they are kept as 32-bit numbers."""
    inner, states = hparams.number("ssm.inner_size") or 0, hparams.number("ssm.state_size") or 0
    kernel, groups = hparams.number("ssm.conv_kernel") or 0, hparams.number("ssm.group_count") or 0
    if head := hparams.number("wkv.head_size"):
        return 4 * (2 * hparams.hidden + hparams.hidden * head)
    if kernel := kernel or 0:
        return 4 * ((kernel - 1) * (inner + 2 * groups * states) + states * inner)
    if short := hparams.number("shortconv.l_cache"):
        return 4 * hparams.hidden * (short - 1)
    return 0
