"""Writes the trained network in both forms: the Hugging Face layout (safetensors) and GGUF, and their SHA256SUMS.

The numbers are rounded to float16 first and both files are made from those, so they hold the same weights; GGUF then
stores the matrices as Q8_0 (8 bits and a scale for every 32 numbers).
"""

import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer

import corpus
from model import Config, Llama

# A system message is let through unread, because the model has never seen one.
CHAT_TEMPLATE = (
    "{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}{{- '<|user|>' + (message['content'] | trim) + '<|end|>' -}}"
    "{%- elif message['role'] == 'assistant' -%}{{- '<|assistant|>' + (message['content'] | trim) + '<|end|>' -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
NAME = "Stories"
TEMPERATURE = 0.6  # what the files recommend: lively, but so small a model should not be left to chance too much
SHIPPED = [
    "stories.gguf",
    "model.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
]


def export(network: Llama, tokenizer: Tokenizer, out: Path) -> None:
    """Write every shipped file into `out`."""
    weights = {name: value.detach().numpy().astype(np.float16) for name, value in network.named_parameters()}
    write_hugging_face(weights, network.config, tokenizer, out)
    write_gguf(weights, network.config, tokenizer, out / "stories.gguf")
    sums = [f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n" for name in SHIPPED]
    (out / "SHA256SUMS").write_text("".join(sums))


def write_hugging_face(weights: dict[str, np.ndarray], config: Config, tokenizer: Tokenizer, out: Path) -> None:
    """`model.safetensors` and the JSON files that transformers' LlamaForCausalLM and AutoTokenizer read."""
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)  # the library leaves it readable for its owner only
    begin, end = (tokenizer.token_to_id(token) for token in (corpus.BEGIN, corpus.END))
    _write_json(
        out / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": config.vocab_size,
            "hidden_size": config.hidden_size,
            "num_hidden_layers": config.layers,
            "num_attention_heads": config.heads,
            "num_key_value_heads": config.kv_heads,
            "head_dim": config.head_dim,
            "intermediate_size": config.intermediate_size,
            "max_position_embeddings": config.context_length,
            "rope_theta": config.rope_theta,
            "rms_norm_eps": config.norm_eps,
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": True,
            "bos_token_id": begin,
            "eos_token_id": end,
            "pad_token_id": end,
            "torch_dtype": "float16",
        },
    )
    _write_json(
        out / "generation_config.json",
        {
            "bos_token_id": begin,
            "eos_token_id": end,
            "pad_token_id": end,
            "max_new_tokens": 300,
            "do_sample": True,
            "temperature": TEMPERATURE,
        },
    )
    _write_json(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": corpus.BEGIN,
            "eos_token": corpus.END,
            "pad_token": corpus.END,
            "additional_special_tokens": [corpus.USER, corpus.ASSISTANT],
            "add_bos_token": True,
            "clean_up_tokenization_spaces": False,
            "model_max_length": config.context_length,
            "chat_template": CHAT_TEMPLATE,
        },
    )
    tokenizer.save(str(out / "tokenizer.json"))


def write_gguf(weights: dict[str, np.ndarray], config: Config, tokenizer: Tokenizer, path: Path) -> None:
    """The same network as one GGUF file, with tokenizer, chat template and description inside."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(NAME)
    writer.add_basename("stories")
    writer.add_description("A tiny language model that tells little stories. Trained by the rbee project.")
    writer.add_organization("rbee")
    writer.add_license("apache-2.0")
    writer.add_languages(["en"])
    writer.add_size_label(f"{sum(array.size for array in weights.values()) / 1e6:.1f}M")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_sampling_temp(TEMPERATURE)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    _add_tokenizer(writer, tokenizer)
    for name, array in weights.items():
        gguf_name, arranged = to_gguf(name, array, config)
        numbers = arranged.astype(np.float32)
        if numbers.ndim == 1:
            writer.add_tensor(gguf_name, numbers)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(gguf_name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    """Vocabulary, merges, special tokens and chat template."""
    described = json.loads(tokenizer.to_str())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in described["merges"]]
    tokens = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
    special = set(corpus.SPECIAL_TOKENS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokenizer.token_to_id(corpus.BEGIN))
    writer.add_eos_token_id(tokenizer.token_to_id(corpus.END))
    writer.add_pad_token_id(tokenizer.token_to_id(corpus.END))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


_GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def to_gguf(name: str, array: np.ndarray, config: Config) -> tuple[str, np.ndarray]:
    """A tensor's GGUF name, and its rows as llama.cpp wants them."""
    stem = name.removesuffix(".weight")
    if stem.endswith(("q_proj", "k_proj")):
        heads = config.heads if stem.endswith("q_proj") else config.kv_heads
        array = permute(array, heads)
    if stem in _GGUF_NAMES:
        return f"{_GGUF_NAMES[stem]}.weight", array
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{_GGUF_NAMES[part]}.weight", array


def permute(array: np.ndarray, heads: int) -> np.ndarray:
    """Reorder the rows of q and k: llama.cpp turns neighbours (2i, 2i+1), Hugging Face turns (i, i + head_dim/2)."""
    rows, columns = array.shape
    return array.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
