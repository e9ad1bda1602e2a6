"""Models of many shapes: the widths of published ones, with as many layers as asked for.

The numbers are those of the models' public configurations (their ``config.json``).
"""

from __future__ import annotations

from collections.abc import Callable

from .blocks import Tensors, attention, delta_net, dense, experts, latent_attention, mamba, mamba2, outside
from .ggufs import Model
from .zoo_more import gemma3n, glm4_moe, lfm2, llama4, rwkv7

_NORM = {"attention.layer_norm_rms_epsilon": 1e-5}


def _values(
    layers: int, hidden: int, heads: int, kv_heads: int | list[int], inner: int, **more: object
) -> dict[str, object]:
    values: dict[str, object] = {
        "context_length": 131072,
        "block_count": layers,
        "embedding_length": hidden,
        "feed_forward_length": inner,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        **_NORM,
    }
    return values | {key.replace("__", "."): value for key, value in more.items()}


def _gqa(
    architecture: str,
    layers: int,
    hidden: int,
    heads: int,
    kv_heads: int,
    inner: int,
    vocab: int,
    *,
    size: int = 0,
    tied: bool = True,
    qk_norm: bool = False,
    post_norms: bool = False,
    kind: str = "Q8_0",
    **more: object,
) -> Model:
    """A plain transformer of the Llama form."""
    head = size or hidden // heads
    values = _values(layers, hidden, heads, kv_heads, inner, **more)
    if size:
        values |= {"attention.key_length": size, "attention.value_length": size}
    tensors = outside(hidden, vocab, tied=tied)
    for n in range(layers):
        tensors |= attention(n, hidden, heads, kv_heads, head, qk_norm=qk_norm) | dense(n, hidden, inner)
        if post_norms:
            tensors[f"blk.{n}.post_attention_norm.weight"] = tensors[f"blk.{n}.post_ffw_norm.weight"] = (hidden,)
    return Model(architecture, values, tensors, kind)


def llama(layers: int = 32, kind: str = "Q8_0") -> Model:
    """Llama 3.1 8B."""
    return _gqa("llama", layers, 4096, 32, 8, 14336, 128256, tied=False, kind=kind)


def llama_70b(layers: int = 80, kind: str = "Q4_K") -> Model:
    """Llama 3.1 70B."""
    return _gqa("llama", layers, 8192, 64, 8, 28672, 128256, tied=False, kind=kind)


def llama_mha(layers: int = 32, kind: str = "Q4_0") -> Model:
    """Llama 2 7B: as many heads of keys as of queries."""
    return _gqa("llama", layers, 4096, 32, 32, 11008, 32000, tied=False, kind=kind)


def qwen2(layers: int = 28) -> Model:
    """Qwen2.5 1.5B."""
    model = _gqa("qwen2", layers, 1536, 12, 2, 8960, 151936)
    for n in range(layers):
        model.tensors[f"blk.{n}.attn_q.bias"] = (1536,)
        model.tensors[f"blk.{n}.attn_k.bias"] = model.tensors[f"blk.{n}.attn_v.bias"] = (256,)
    return model


def qwen3(layers: int = 28) -> Model:
    """Qwen3 0.6B: heads wider than the model's width over their number."""
    return _gqa("qwen3", layers, 1024, 16, 8, 3072, 151936, size=128, qk_norm=True, kind="Q4_K")


def qwen3_embedding(layers: int = 28) -> Model:
    """Qwen3-Embedding 0.6B: the last token's vector."""
    model = qwen3(layers)
    model.values["pooling_type"] = 3
    return model


def gemma2(layers: int = 26) -> Model:
    """Gemma 2 2B: every other layer looks at a window."""
    return _gqa("gemma2", layers, 2304, 8, 4, 9216, 256000, size=256, post_norms=True, attention__sliding_window=4096)


def gemma3(layers: int = 34) -> Model:
    """Gemma 3 4B: of six layers five look at a window."""
    return _gqa(
        "gemma3", layers, 2560, 8, 4, 10240, 262144, size=256, qk_norm=True, post_norms=True,
        attention__sliding_window=1024,
    )  # fmt: skip


def gemma3_27b(layers: int = 62, kind: str = "Q4_0") -> Model:
    """Gemma 3 27B."""
    return _gqa(
        "gemma3", layers, 5376, 32, 16, 21504, 262144, size=128, qk_norm=True, post_norms=True, kind=kind,
        attention__sliding_window=1024,
    )  # fmt: skip


def cohere2(layers: int = 32) -> Model:
    """Command R7B: of four layers three look at a window; attention and feed-forward stand side by side."""
    model = _gqa(
        "cohere2", layers, 4096, 32, 8, 14336, 256000, kind="Q4_K", attention__sliding_window=4096, logit_scale=0.25,
        attention__layer_norm_epsilon=1e-5,
    )  # fmt: skip
    return _without(model, "ffn_norm")


def command_r(layers: int = 40) -> Model:
    """Command R 35B."""
    model = _gqa("command-r", layers, 8192, 64, 64, 22528, 256000, kind="Q4_K", logit_scale=0.0625,
                 attention__layer_norm_epsilon=1e-5)  # fmt: skip
    return _without(model, "ffn_norm")


def phi3(layers: int = 32) -> Model:
    """Phi-3 mini: queries, keys and values in one tensor, gate and up in another."""
    values = _values(layers, 3072, 32, 32, 8192, rope__dimension_count=96, attention__sliding_window=2047)
    tensors = outside(3072, 32064, tied=False)
    for n in range(layers):
        tensors |= attention(n, 3072, 32, 32, 96, fused=True) | dense(n, 3072, 8192, gated=False)
        tensors[f"blk.{n}.ffn_up.weight"] = (3072, 2 * 8192)
    return Model("phi3", values, tensors)


def gpt2(layers: int = 24) -> Model:
    """GPT-2 medium: learned positions, no gate, biases."""
    values = _values(layers, 1024, 16, 16, 4096, attention__layer_norm_epsilon=1e-5) | {"context_length": 8192}
    tensors = outside(1024, 50257) | {"position_embd.weight": (1024, 8192), "output_norm.bias": (1024,)}
    for n in range(layers):
        tensors |= attention(n, 1024, 16, 16, 64, fused=True) | dense(n, 1024, 4096, gated=False)
        for name, size in {"attn_norm": 1024, "attn_qkv": 3072, "attn_output": 1024, "ffn_norm": 1024,
                           "ffn_up": 4096, "ffn_down": 1024}.items():  # fmt: skip
            tensors[f"blk.{n}.{name}.bias"] = (size,)
    return Model("gpt2", values, tensors, "F16")


def falcon(layers: int = 32) -> Model:
    """Falcon 7B: one head of keys for all."""
    values = _values(layers, 4544, 71, 1, 18176, attention__layer_norm_epsilon=1e-5)
    tensors = outside(4544, 65024) | {"output_norm.bias": (4544,)}
    for n in range(layers):
        tensors |= attention(n, 4544, 71, 1, 64, fused=True) | dense(n, 4544, 18176, gated=False, norm=False)
        tensors[f"blk.{n}.attn_norm.bias"] = (4544,)
    return Model("falcon", values, tensors)


def mixtral(layers: int = 32, kind: str = "Q4_K") -> Model:
    """Mixtral 8x7B."""
    values = _values(layers, 4096, 32, 8, 14336, expert_count=8, expert_used_count=2)
    tensors = outside(4096, 32000, tied=False)
    for n in range(layers):
        tensors |= attention(n, 4096, 32, 8, 128) | experts(n, 4096, 14336, 8)
    return Model("llama", values, tensors, kind)


def qwen3moe(layers: int = 48) -> Model:
    """Qwen3 30B-A3B."""
    values = _values(
        layers, 2048, 32, 4, 6144, attention__key_length=128, attention__value_length=128, expert_count=128,
        expert_used_count=8, expert_feed_forward_length=768,
    )  # fmt: skip
    tensors = outside(2048, 151936, tied=False)
    for n in range(layers):
        tensors |= attention(n, 2048, 32, 4, 128, qk_norm=True) | experts(n, 2048, 768, 128)
    return Model("qwen3moe", values, tensors, "Q4_K")


def gpt_oss(layers: int = 24) -> Model:
    """gpt-oss 20B: experts in MXFP4, attention sinks, every other layer looks at 128 tokens."""
    values = _values(
        layers, 2880, 64, 8, 2880, attention__key_length=64, attention__value_length=64, expert_count=32,
        expert_used_count=4, expert_feed_forward_length=2880, attention__sliding_window=128, rope__dimension_count=64,
    )  # fmt: skip
    tensors = outside(2880, 201088, tied=False)
    for n in range(layers):
        tensors |= attention(n, 2880, 64, 8, 64) | experts(n, 2880, 2880, 32, norm=False)
        at = f"blk.{n}."
        tensors |= {f"{at}post_attention_norm.weight": (2880,), f"{at}attn_sinks.weight": (64,)}
        tensors |= {f"{at}attn_q.bias": (4096,), f"{at}attn_k.bias": (512,), f"{at}attn_v.bias": (512,)}
        tensors |= {f"{at}attn_output.bias": (2880,), f"{at}ffn_gate_inp.bias": (32,)}
        tensors |= {f"{at}ffn_{part}_exps.bias": (2880, 32) for part in ("gate", "up", "down")}
    return Model("gpt-oss", values, tensors, "Q8_0", {"_exps.weight": "MXFP4", ".bias": "F32"})


def deepseek(layers: int = 61, *, absorbed: bool = True, kind: str = "Q4_K", lead: int = 3) -> Model:
    """DeepSeek-V3: latent attention, 256 experts; ``absorbed`` false: as files before 2025 had it."""
    if absorbed:
        caches = {
            "attention.key_length": 576, "attention.value_length": 512, "attention.key_length_mla": 192,
            "attention.value_length_mla": 128,
        }  # fmt: skip
    else:
        caches = {"attention.key_length": 192, "attention.value_length": 128}
    values = _values(layers, 7168, 128, 1 if absorbed else 128, 18432) | caches
    values |= {
        "attention.q_lora_rank": 1536, "attention.kv_lora_rank": 512, "rope.dimension_count": 64,
        "leading_dense_block_count": lead, "expert_count": 256, "expert_used_count": 8, "expert_shared_count": 1,
        "expert_feed_forward_length": 2048, "expert_weights_scale": 2.5, "expert_weights_norm": True,
        "expert_gating_func": 2, "vocab_size": 129280,
    }  # fmt: skip
    tensors = outside(7168, 129280, tied=False)
    for n in range(layers):
        tensors |= latent_attention(
            n, 7168, 128, rank=512, rope=64, nope=128, value=128, q_rank=1536, absorbed=absorbed
        )
        if n < lead:
            tensors |= dense(n, 7168, 18432)
        else:
            tensors |= experts(n, 7168, 2048, 256, shared=2048)
            tensors[f"blk.{n}.exp_probs_b.bias"] = (256,)
    return Model("deepseek2", values, tensors, kind, {"attn_k_b": "Q8_0"})


def mamba_2b(layers: int = 64) -> Model:
    """Mamba 2.8B."""
    values = _values(layers, 2560, 0, 0, 0, ssm__conv_kernel=4, ssm__inner_size=5120, ssm__state_size=16,
                     ssm__time_step_rank=160)  # fmt: skip
    tensors = outside(2560, 50280)
    for n in range(layers):
        tensors |= mamba(n, 2560, state=16, kernel=4, rank=160)
    return Model("mamba", values, tensors)


def mamba2_2b(layers: int = 64) -> Model:
    """Mamba-2 2.7B."""
    values = _values(layers, 2560, 0, 0, 0, ssm__conv_kernel=4, ssm__inner_size=5120, ssm__state_size=128,
                     ssm__time_step_rank=80, ssm__group_count=1)  # fmt: skip
    tensors = outside(2560, 50288)
    for n in range(layers):
        tensors |= mamba2(n, 2560, inner=5120, state=128, kernel=4, heads=80, groups=1)
    return Model("mamba2", values, tensors)


def jamba(layers: int = 32) -> Model:
    """Jamba mini: of eight layers one attends, every other one has experts."""
    heads = [8 if n % 8 == 4 else 0 for n in range(layers)]
    values = _values(
        layers, 4096, 32, heads, 14336, expert_count=16, expert_used_count=2, ssm__conv_kernel=4,
        ssm__inner_size=8192, ssm__state_size=16, ssm__time_step_rank=256,
    )  # fmt: skip
    tensors = outside(4096, 65536, tied=False)
    for n in range(layers):
        if heads[n]:
            tensors |= attention(n, 4096, 32, 8, 128)
        else:
            tensors |= mamba(n, 4096, state=16, kernel=4, rank=256, norms=True)
        tensors |= experts(n, 4096, 14336, 16) if n % 2 else dense(n, 4096, 14336)
    return Model("jamba", values, tensors, "Q4_K")


def granite_hybrid(layers: int = 40) -> Model:
    """Granite 4.0 tiny: state spaces, some attention, experts and a shared one."""
    heads = [4 if n % 10 == 5 else 0 for n in range(layers)]
    values = _values(
        layers, 1536, 12, heads, 512, expert_count=64, expert_used_count=6, expert_shared_feed_forward_length=1024,
        ssm__conv_kernel=4, ssm__inner_size=3072, ssm__state_size=128, ssm__time_step_rank=48, ssm__group_count=1,
    )  # fmt: skip
    tensors = outside(1536, 100352)
    for n in range(layers):
        if heads[n]:
            tensors |= attention(n, 1536, 12, 4, 128)
        else:
            tensors |= mamba2(n, 1536, inner=3072, state=128, kernel=4, heads=48, groups=1)
        tensors |= experts(n, 1536, 512, 64, shared=1024)
    return Model("granitehybrid", values, tensors)


def falcon_h1(layers: int = 24) -> Model:
    """Falcon-H1 1.5B: attention and a state space in every layer."""
    values = _values(
        layers, 2048, 8, 2, 4096, attention__key_length=128, attention__value_length=128, ssm__conv_kernel=4,
        ssm__inner_size=3072, ssm__state_size=256, ssm__time_step_rank=48, ssm__group_count=1,
    )  # fmt: skip
    tensors = outside(2048, 65537, tied=False)
    for n in range(layers):
        tensors |= attention(n, 2048, 8, 2, 128) | dense(n, 2048, 4096)
        tensors |= mamba2(n, 2048, inner=3072, state=256, kernel=4, heads=48, groups=1)
        tensors[f"blk.{n}.ffn_norm"] = tensors.pop(f"blk.{n}.ffn_norm.weight")
    return Model("falcon-h1", values, tensors)


def qwen3next(layers: int = 48) -> Model:
    """Qwen3-Next 80B-A3B: of four layers three are gated delta nets."""
    values = _values(
        layers, 2048, 16, 2, 5120, attention__key_length=256, attention__value_length=256, rope__dimension_count=64,
        expert_count=512, expert_used_count=10, expert_feed_forward_length=512, expert_shared_feed_forward_length=512,
        ssm__conv_kernel=4, ssm__inner_size=4096, ssm__state_size=128, ssm__time_step_rank=32, ssm__group_count=16,
    )  # fmt: skip
    tensors = outside(2048, 151936, tied=False)
    for n in range(layers):
        at = f"blk.{n}."
        if n % 4 == 3:
            tensors |= attention(n, 2048, 16, 2, 256, qk_norm=True)
            tensors[f"{at}attn_q.weight"] = (2048, 2 * 16 * 256)
        else:
            tensors |= delta_net(n, 2048, state=128, groups=16, heads=32, kernel=4)
        tensors |= experts(n, 2048, 512, 512, shared=512, norm=False)
        tensors |= {f"{at}post_attention_norm.weight": (2048,), f"{at}ffn_gate_inp_shexp.weight": (2048,)}
    return Model("qwen3next", values, tensors, "Q4_K")


def bert(layers: int = 12) -> Model:
    """bge-base: embeddings of texts, nothing is kept between requests."""
    values = _values(layers, 768, 12, 12, 3072, attention__layer_norm_epsilon=1e-5, attention__causal=False,
                     pooling_type=2) | {"context_length": 512}  # fmt: skip
    tensors: Tensors = {
        "token_embd.weight": (768, 30522), "position_embd.weight": (768, 512), "token_types.weight": (768, 2),
        "token_embd_norm.weight": (768,), "token_embd_norm.bias": (768,),
    }  # fmt: skip
    for n in range(layers):
        at = f"blk.{n}."
        tensors |= attention(n, 768, 12, 12, 64) | dense(n, 768, 3072, gated=False, norm=False)
        del tensors[f"{at}attn_norm.weight"]
        for name in ("attn_output_norm", "layer_output_norm"):
            tensors |= {f"{at}{name}.weight": (768,), f"{at}{name}.bias": (768,)}
        for name, size in {"attn_q": 768, "attn_k": 768, "attn_v": 768, "attn_output": 768, "ffn_up": 3072,
                           "ffn_down": 768}.items():  # fmt: skip
            tensors[f"{at}{name}.bias"] = (size,)
    return Model("bert", values, tensors, "F16")


def _without(model: Model, part: str) -> Model:
    for name in [name for name in model.tensors if part in name]:
        del model.tensors[name]
    return model


#: Every shape, by name.
ZOO: dict[str, Callable[..., Model]] = {
    "llama": llama, "llama-70b": llama_70b, "llama-mha": llama_mha, "qwen2": qwen2, "qwen3": qwen3, "gemma2": gemma2,
    "gemma3": gemma3, "gemma3-27b": gemma3_27b, "cohere2": cohere2, "command-r": command_r, "phi3": phi3,
    "gpt2": gpt2, "falcon": falcon, "mixtral": mixtral, "qwen3moe": qwen3moe, "gpt-oss": gpt_oss,
    "deepseek": deepseek, "mamba": mamba_2b, "mamba2": mamba2_2b, "jamba": jamba, "granite-hybrid": granite_hybrid,
    "falcon-h1": falcon_h1, "qwen3next": qwen3next, "bert": bert, "gemma3n": gemma3n, "llama4": llama4,
    "glm4moe": glm4_moe, "lfm2": lfm2, "rwkv7": rwkv7, "qwen3-embedding": qwen3_embedding,
}  # fmt: skip
