"""More shapes: layers that share keys and values, chunks, short convolutions, receptance, layers that guess ahead."""

from __future__ import annotations

from .blocks import attention, dense, experts, outside
from .ggufs import Model

_NORM = {"attention.layer_norm_rms_epsilon": 1e-5, "context_length": 131072}


def gemma3n(layers: int = 30) -> Model:
    """Gemma 3n E2B: embeddings for each layer, four streams, the last layers use the twentieth's keys and values."""
    hidden, inner, small = 2048, 8192, 256
    values = _NORM | {
        "block_count": layers, "embedding_length": hidden, "feed_forward_length": inner, "attention.head_count": 8,
        "attention.head_count_kv": 2, "attention.key_length": 256, "attention.value_length": 256,
        "attention.sliding_window": 512,
    }  # fmt: skip
    tensors = outside(hidden, 262144) | {
        "altup_proj.weight": (hidden, hidden, 3), "altup_unembd_proj.weight": (hidden, hidden, 3),
        "per_layer_token_embd.weight": (small * layers, 262144), "per_layer_proj_norm.weight": (small,),
        "per_layer_model_proj.weight": (hidden, small * layers),
    }  # fmt: skip
    for n in range(layers):
        at = f"blk.{n}."
        tensors |= attention(n, hidden, 8, 2, 256, qk_norm=True) | dense(n, hidden, inner)
        for name in ("post_attention_norm", "post_ffw_norm", "post_norm", "altup_correct_scale", "altup_router_norm",
                     "laurel_post_norm"):  # fmt: skip
            tensors[f"{at}{name}.weight"] = (hidden,)
        tensors |= {
            f"{at}inp_gate.weight": (hidden, small), f"{at}proj.weight": (small, hidden),
            f"{at}altup_correct_coef.weight": (4, 4), f"{at}altup_predict_coef.weight": (4, 16),
            f"{at}altup_router.weight": (hidden, 4), f"{at}laurel_l.weight": (hidden, 64),
            f"{at}laurel_r.weight": (64, hidden),
        }  # fmt: skip
    return Model("gemma3n", values, tensors, "Q8_0", {"_coef.weight": "F32"})


def llama4(layers: int = 48) -> Model:
    """Llama 4 Scout: of four layers three look at chunks of 8192 tokens; an expert and a shared one."""
    hidden, inner, count = 5120, 8192, 16
    values = _NORM | {
        "block_count": layers, "embedding_length": hidden, "feed_forward_length": 16384, "attention.head_count": 40,
        "attention.head_count_kv": 8, "attention.key_length": 128, "attention.value_length": 128,
        "expert_count": count, "expert_used_count": 1, "expert_feed_forward_length": inner,
        "interleave_moe_layer_step": 1, "rope.dimension_count": 128,
    }  # fmt: skip
    tensors = outside(hidden, 202048, tied=False)
    for n in range(layers):
        tensors |= attention(n, hidden, 40, 8, 128) | experts(n, hidden, inner, count, shared=inner)
    return Model("llama4", values, tensors, "Q4_K")


def glm4_moe(layers: int = 47) -> Model:
    """GLM-4.5 Air: the last layer guesses a further token, and is not loaded."""
    hidden, inner, count = 4096, 1408, 128
    values = _NORM | {
        "block_count": layers, "embedding_length": hidden, "feed_forward_length": 10944, "attention.head_count": 96,
        "attention.head_count_kv": 8, "attention.key_length": 128, "attention.value_length": 128,
        "expert_count": count, "expert_used_count": 8, "expert_shared_count": 1, "expert_feed_forward_length": inner,
        "leading_dense_block_count": 1, "nextn_predict_layers": 1, "rope.dimension_count": 64,
    }  # fmt: skip
    tensors = outside(hidden, 151552, tied=False)
    for n in range(layers):
        at = f"blk.{n}."
        tensors |= attention(n, hidden, 96, 8, 128) | {f"{at}post_attention_norm.weight": (hidden,)}
        if n == 0:
            tensors |= dense(n, hidden, 10944, norm=False)
        else:
            tensors |= experts(n, hidden, inner, count, shared=inner, norm=False)
            tensors[f"{at}exp_probs_b.bias"] = (count,)
        if n == layers - 1:
            tensors |= {f"{at}nextn.eh_proj.weight": (2 * hidden, hidden), f"{at}nextn.enorm.weight": (hidden,),
                        f"{at}nextn.hnorm.weight": (hidden,)}  # fmt: skip
    return Model("glm4moe", values, tensors, "Q4_K", {"ffn_down": "Q8_0"})


def lfm2(layers: int = 16) -> Model:
    """LFM2 1.2B: short convolutions, and attention in some layers."""
    hidden, inner = 2048, 8192
    attends = {2, 5, 8, 10, 12, 14}
    heads = [8 if n in attends else 0 for n in range(layers)]
    values = _NORM | {
        "block_count": layers, "embedding_length": hidden, "feed_forward_length": inner, "attention.head_count": 32,
        "attention.head_count_kv": heads, "shortconv.l_cache": 3,
    }  # fmt: skip
    tensors = outside(hidden, 65536) | {"token_embd_norm.weight": (hidden,)}
    del tensors["output_norm.weight"]
    for n in range(layers):
        at = f"blk.{n}."
        tensors |= dense(n, hidden, inner)
        if heads[n]:
            tensors |= attention(n, hidden, 32, 8, 64, qk_norm=True)
        else:
            tensors |= {
                f"{at}attn_norm.weight": (hidden,), f"{at}shortconv.conv.weight": (3, hidden),
                f"{at}shortconv.in_proj.weight": (hidden, 3 * hidden),
                f"{at}shortconv.out_proj.weight": (hidden, hidden),
            }  # fmt: skip
    return Model("lfm2", values, tensors, "Q8_0", {"shortconv.conv.": "F32"})


def rwkv7(layers: int = 24) -> Model:
    """RWKV-7 1.5B: no attention at all."""
    hidden, inner, rank = 2048, 8192, 96
    values = {"context_length": 131072} | {
        "block_count": layers, "embedding_length": hidden, "feed_forward_length": inner, "attention.head_count": 0,
        "attention.layer_norm_epsilon": 1e-5, "wkv.head_size": 64, "attention.decay_lora_rank": rank,
        "attention.iclr_lora_rank": rank, "attention.value_residual_mix_lora_rank": 64,
        "attention.gate_lora_rank": 256,
    }  # fmt: skip
    vector, tensors = (hidden,), outside(hidden, 65536, tied=False)
    tensors |= {"output_norm.bias": vector, "token_embd_norm.weight": vector, "token_embd_norm.bias": vector}
    for n in range(layers):
        at = f"blk.{n}."
        for name in ("attn_norm", "attn_norm_2", "time_mix_ln"):
            tensors[f"{at}{name}.weight"] = tensors[f"{at}{name}.bias"] = vector
        for name in ("w0", "a0", "v0", "k_k", "k_a", "r_k"):
            tensors[f"{at}time_mix_{name}.weight"] = vector
        for name, width in (("w", rank), ("a", rank), ("v", rank if n == 0 else 64), ("g", 256)):
            tensors[f"{at}time_mix_{name}1.weight"] = (hidden, width)
            tensors[f"{at}time_mix_{name}2.weight"] = (width, hidden)
        for name in ("key", "value", "receptance", "output"):
            tensors[f"{at}time_mix_{name}.weight"] = (hidden, hidden)
        tensors |= {
            f"{at}time_mix_lerp_fused.weight": (hidden, 1, 1, 6), f"{at}channel_mix_lerp_k.weight": (hidden, 1, 1),
            f"{at}channel_mix_key.weight": (hidden, inner), f"{at}channel_mix_value.weight": (inner, hidden),
        }  # fmt: skip
    return Model("rwkv7", values, tensors, "Q8_0", {"_lerp_": "F32"})
