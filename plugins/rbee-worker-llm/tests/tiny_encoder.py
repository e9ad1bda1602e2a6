"""A sentence encoder (BERT) small enough to be made in a test: its weights are noise, its shape is real."""

from __future__ import annotations

from pathlib import Path

import numpy as np  # noqa: TID253
from gguf import GGUFWriter, TokenType  # noqa: TID253

WIDTH, HEADS, LAYERS, CONTEXT = 32, 2, 2, 64
#: How BERT's word pieces stand in a GGUF file: the beginning of a word is marked.
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *(f"\u2581{word}" for word in ("a", "cat", "dog", "story", "the")),
]


def write_encoder(path: Path, *, pooling: int = 1) -> Path:
    """Write the model.

    :param pooling: llama.cpp's ``llama_pooling_type``: 1 takes the mean, 4 ranks.
    """
    writer = GGUFWriter(path, "bert")
    writer.add_name("tiny encoder")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_uint32("bert.pooling_type", pooling)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(WORDS)
    kinds = [TokenType.CONTROL if word.startswith("[") else TokenType.NORMAL for word in WORDS]
    writer.add_token_types(kinds)
    writer.add_token_type_count(2)
    for name, number in (("padding", 0), ("unknown", 1), ("bos", 2), ("seperator", 3), ("mask", 4)):
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", number)
    for name, tensor in _tensors():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors() -> list[tuple[str, np.ndarray]]:
    noise = np.random.default_rng(7)

    def weight(*shape: int) -> np.ndarray:
        return noise.standard_normal(shape, dtype=np.float32) * 0.3

    def norm(name: str) -> list[tuple[str, np.ndarray]]:
        return [(f"{name}.weight", np.ones(WIDTH, np.float32)), (f"{name}.bias", np.zeros(WIDTH, np.float32))]

    def linear(name: str, out: int, into: int) -> list[tuple[str, np.ndarray]]:
        return [(f"{name}.weight", weight(out, into)), (f"{name}.bias", np.zeros(out, np.float32))]

    tensors = [
        ("token_embd.weight", weight(len(WORDS), WIDTH)),
        ("token_types.weight", weight(2, WIDTH)),
        ("position_embd.weight", weight(CONTEXT, WIDTH)),
        *norm("token_embd_norm"),
    ]
    for layer in (f"blk.{number}" for number in range(LAYERS)):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors += linear(f"{layer}.{part}", WIDTH, WIDTH)
        tensors += norm(f"{layer}.attn_output_norm")
        tensors += linear(f"{layer}.ffn_up", 2 * WIDTH, WIDTH)
        tensors += linear(f"{layer}.ffn_down", WIDTH, 2 * WIDTH)
        tensors += norm(f"{layer}.layer_output_norm")
    return tensors
