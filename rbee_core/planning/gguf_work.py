"""How wide the intermediate results of a GGUF model's layers are: what the compute buffers follow from.

In llama.cpp's graphs a tensor's room is used again once its last reader is done (``ggml-alloc.c``). What remains at the
worst moment of a layer is counted here, in elements per token, from the widths of its weights. Found by reading the
graphs of ``src/models`` and checked against the engine: see "How memory is estimated" in ``docs/planning.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..models.metadata import GgufTensor
from .gguf_hparams import Hparams


def work_of(hparams: Hparams, tensors: Sequence[GgufTensor]) -> int:
    """Elements per token that one layer's results need at their worst moment."""
    widths = {tensor.name.split(".", 2)[-1]: tensor.dims for tensor in tensors if len(tensor.dims) >= 2}
    return max(_feed_forward(hparams, widths), _attention(hparams, widths), _recurrence(hparams, widths))


Widths = dict[str, tuple[int, ...]]


def _out(widths: Widths, name: str) -> int:
    """What a matrix makes of a token: its second dimension."""
    return widths.get(f"{name}.weight", (0, 0))[1]


def _in(widths: Widths, name: str) -> int:
    """What a matrix takes of a token: its first dimension."""
    return widths.get(f"{name}.weight", (0, 0))[0]


def _feed_forward(hparams: Hparams, widths: Widths) -> int:
    dense, up = _in(widths, "ffn_down"), _out(widths, "ffn_up")
    gated = "ffn_gate.weight" in widths or up >= 2 * dense
    found = 3 * dense if gated else dense
    inner = _in(widths, "ffn_down_exps")
    if inner:
        used = max(1, hparams.experts_used)
        # The experts' results fit into the room of gate and up, or need more.
        results = used * _out(widths, "ffn_down_exps")
        mixture = 3 * used * inner
        shared = hparams.hidden if "ffn_down_shexp.weight" in widths else 0
        found = max(found, mixture + shared + (results if results > 2 * used * inner else 0))
    return max(found, 2 * _out(widths, "channel_mix_key"))


def _attention(hparams: Hparams, widths: Widths) -> int:
    if "attn_kv_a_mqa.weight" in widths:
        return _latent(hparams, widths)
    queries = max(_out(widths, "attn_q"), _in(widths, "attn_output"))
    keys = _out(widths, "attn_k") + _out(widths, "attn_v")
    fused = _out(widths, "attn_qkv")
    return 2 * queries + (keys or max(0, fused - queries))


def _latent(hparams: Hparams, widths: Widths) -> int:
    """Of each head the query, also in the latent space, with and without its position; or keys and values made anew."""
    rank = hparams.number("attention.kv_lora_rank") or 0
    rope = hparams.number("rope.dimension_count") or 0
    heads = hparams.heads
    if "attn_k_b.weight" in widths:
        query = hparams.number("attention.key_length_mla") or hparams.key_length
        return heads * (query + rank + rank + rope) + hparams.hidden
    return heads * (3 * hparams.key_length + 3 * hparams.value_length)


def _recurrence(hparams: Hparams, widths: Widths) -> int:
    conv, inner = _out(widths, "ssm_conv1d"), _in(widths, "ssm_out")
    if "ssm_in.weight" in widths:
        return _out(widths, "ssm_in") + 2 * conv + inner
    if conv:  # a delta net
        return _out(widths, "attn_qkv") + _out(widths, "attn_gate") + 2 * conv + 3 * inner
    if "time_mix_receptance.weight" in widths:
        return 14 * hparams.hidden
    if "shortconv.in_proj.weight" in widths:
        return 2 * _out(widths, "shortconv.in_proj")
    return 0


def stream_of(hparams: Hparams) -> int:
    """Elements per token beside any layer's own: the embeddings as given and as looked up, the residual."""
    names = hparams.tensors
    # Where attention and feed-forward stand side by side, the one waits for the other.
    normed = any(f"blk.0.{name}.weight" in names for name in ("ffn_norm", "post_attention_norm", "layer_output_norm"))
    attends = any(name.startswith("blk.0.attn_") for name in names)
    stream = (6 if attends and not normed else 5) * hparams.hidden
    if "altup_proj.weight" in names:  # four streams beside each other
        stream += 4 * hparams.hidden
    return stream + 2 * (inputs_of(hparams) - hparams.hidden)


def inputs_of(hparams: Hparams) -> int:
    """Elements per token that are looked up before the first layer: the embeddings, and those of each layer."""
    per_layer = hparams.tensors.get("per_layer_token_embd.weight")
    return hparams.hidden + (per_layer.dims[0] if per_layer is not None and per_layer.dims else 0)
