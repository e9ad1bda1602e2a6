"""The shipped files: they are what SHA256SUMS says, and both forms hold the same model."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

DATA = Path(str(files("rbee_vendor_demo"))) / "data"


def read_safetensors(path: Path) -> dict[str, Any]:
    """The format is simple enough to be read by hand: header length (u64), JSON header, then the numbers."""
    import numpy as np

    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F16"
        begin, end = (start + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(content[begin:end], np.float16).reshape(entry["shape"]).astype(np.float32)
    return tensors


@pytest.fixture(scope="module")
def weights() -> dict[str, Any]:
    return read_safetensors(DATA / "model.safetensors")


@pytest.fixture(scope="module")
def reader() -> Any:
    from gguf import GGUFReader

    return GGUFReader(DATA / "stories.gguf")


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return json.loads((DATA / "config.json").read_text())


def test_the_written_digests_are_true_and_complete() -> None:
    lines = (DATA / "SHA256SUMS").read_text().splitlines()
    written = {name: digest for digest, name in (line.split("  ") for line in lines)}
    shipped = {path.name for path in DATA.iterdir()} - {"SHA256SUMS"}
    assert shipped == set(written)
    for name, digest in written.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest, name


def test_the_package_stays_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 8_500_000


def test_gguf_says_what_the_model_is(reader: Any, config: dict[str, Any], weights: dict[str, Any]) -> None:
    def value(key: str) -> Any:
        field = reader.get_field(key)
        assert field is not None, key
        return field.contents()

    assert value("general.architecture") == "llama"
    assert value("general.name") == "Stories"
    assert value("general.license") == "apache-2.0"
    assert value("general.file_type") == 7  # Q8_0
    assert value("general.size_label") == f"{sum(w.size for w in weights.values()) / 1e6:.1f}M"
    assert value("llama.context_length") == config["max_position_embeddings"] == 512
    assert value("llama.embedding_length") == config["hidden_size"]
    assert value("llama.block_count") == config["num_hidden_layers"]
    assert value("llama.feed_forward_length") == config["intermediate_size"]
    assert value("llama.attention.head_count") == config["num_attention_heads"]
    assert value("llama.attention.head_count_kv") == config["num_key_value_heads"]
    assert value("llama.attention.key_length") == config["head_dim"]
    assert value("tokenizer.ggml.model") == "gpt2"
    assert value("tokenizer.ggml.pre") == "gpt-2"
    assert value("tokenizer.ggml.bos_token_id") == config["bos_token_id"]
    assert value("tokenizer.ggml.eos_token_id") == config["eos_token_id"]
    tokenizer_config = json.loads((DATA / "tokenizer_config.json").read_text())
    assert value("tokenizer.chat_template") == tokenizer_config["chat_template"]


def test_both_forms_hold_the_same_tokenizer(reader: Any, config: dict[str, Any]) -> None:
    tokenizer = json.loads((DATA / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    tokens = reader.get_field("tokenizer.ggml.tokens").contents()
    assert {token: number for number, token in enumerate(tokens)} == vocabulary
    assert len(tokens) == config["vocab_size"]
    merges = [" ".join(pair) for pair in tokenizer["model"]["merges"]]
    assert reader.get_field("tokenizer.ggml.merges").contents() == merges
    special = [token["id"] for token in tokenizer["added_tokens"] if token["special"]]
    types = reader.get_field("tokenizer.ggml.token_type").contents()
    assert [number for number, kind in enumerate(types) if kind == 3] == special


def test_both_forms_hold_the_same_weights(reader: Any, weights: dict[str, Any], config: dict[str, Any]) -> None:
    import numpy as np
    from gguf.quants import dequantize

    names = {
        "token_embd": "model.embed_tokens",
        "output_norm": "model.norm",
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    seen = set()
    for tensor in reader.tensors:
        *block, part, _ = tensor.name.split(".")
        name = f"model.layers.{block[1]}.{names[part]}.weight" if block else f"{names[part]}.weight"
        ours, theirs = weights[name], dequantize(tensor.data, tensor.tensor_type)
        if part in ("attn_q", "attn_k"):  # llama.cpp keeps the two halves of a rotated pair side by side
            half = config["head_dim"] // 2
            theirs = theirs.reshape(-1, half, 2, ours.shape[1]).swapaxes(1, 2).reshape(ours.shape)
        # Q8_0 rounds to a 254th of the largest of 32 neighbours.
        assert np.abs(ours - theirs).max() <= np.abs(ours).max() / 200, name
        seen.add(name)
    assert seen == set(weights)
