"""The numbers in a GGUF header that a model's memory follows from, by the names llama.cpp gives them."""

from __future__ import annotations

from collections.abc import Sequence

from ..models.metadata import GgufHeader, GgufTensor

#: Numbers above this are no counts of anything in a model.
_MOST = 2**40


class Hparams:
    """A header's numbers, by the names they have after the architecture's.

    What each means: ggml's ``docs/gguf.md``; how llama.cpp falls back: ``llama_model_base::load_hparams``.
    """

    def __init__(self, header: GgufHeader, tensors: Sequence[GgufTensor]) -> None:
        self._header = header
        self.architecture = header.text("general.architecture") or ""
        self.tensors = {tensor.name: tensor for tensor in tensors}
        self.layers = self.number("block_count") or 0
        self.hidden = self.number("embedding_length") or 0
        self.heads = self.largest("attention.head_count")
        self.feed_forward = self.largest("feed_forward_length")
        self.expert_feed_forward = self.largest("expert_feed_forward_length") or self.feed_forward
        self.experts = self.number("expert_count") or 0
        self.experts_used = self.largest("expert_used_count")
        self.vocab = self._vocab()
        usual = self.hidden // self.heads if self.heads else 0
        self.key_length = self._number_or("attention.key_length", usual)
        self.value_length = self._number_or("attention.value_length", usual)
        #: Layers at the end that guess further tokens at once; they are loaded only where that is asked for.
        self.extra_layers = min(self.number("nextn_predict_layers") or 0, self.layers)

    def number(self, key: str) -> int | None:
        """A whole number that can be a count."""
        found = self._header.number(f"{self.architecture}.{key}")
        return found if found is not None and 0 <= found < _MOST else None

    def _number_or(self, key: str, usual: int) -> int:
        found = self.number(key)
        return usual if found is None else found

    def listed(self, key: str) -> list[int]:
        """That number of every layer, where each has its own; else nothing."""
        found = self._header.values.get(f"{self.architecture}.{key}")
        if not isinstance(found, list):
            return []
        return [int(value) if isinstance(value, int) and 0 <= value < _MOST else 0 for value in found]

    def of_layer(self, key: str, layer: int) -> int | None:
        """That number of one layer, where each has its own; else the one of all."""
        if values := self.listed(key):
            return values[layer] if layer < len(values) else 0
        return self.number(key)

    def largest(self, key: str) -> int:
        """The largest of that number over the layers; 0 where nothing is said."""
        return max(self.listed(key), default=self.number(key) or 0)

    def kv_heads(self, layer: int) -> int:
        """Heads of keys and values; as many as of queries where nothing is said."""
        found = self.of_layer("attention.head_count_kv", layer)
        return found if found is not None else self.of_layer("attention.head_count", layer) or 0

    def _vocab(self) -> int:
        if (said := self.number("vocab_size")) is not None:
            return said
        embeddings = self.tensors.get("token_embd.weight")
        if embeddings is not None and len(embeddings.dims) == 2:
            return embeddings.dims[1]
        return self._header.lengths.get("tokenizer.ggml.tokens", 0)
