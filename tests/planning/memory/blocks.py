"""Blocks of models as GGUF names and shapes them: tensor name → dimensions, the row's length first."""

from __future__ import annotations

Tensors = dict[str, tuple[int, ...]]


def outside(hidden: int, vocab: int, *, tied: bool = True) -> Tensors:
    """Embeddings, and what makes logits of the last layer."""
    found: Tensors = {"token_embd.weight": (hidden, vocab), "output_norm.weight": (hidden,)}
    if not tied:
        found["output.weight"] = (hidden, vocab)
    return found


def attention(
    n: int, hidden: int, heads: int, kv_heads: int, size: int, *, qk_norm: bool = False, fused: bool = False
) -> Tensors:
    """Grouped-query attention, with its norm."""
    at = f"blk.{n}."
    queries, keys = heads * size, kv_heads * size
    found: Tensors = {f"{at}attn_norm.weight": (hidden,), f"{at}attn_output.weight": (queries, hidden)}
    if fused:
        found[f"{at}attn_qkv.weight"] = (hidden, queries + 2 * keys)
    else:
        found[f"{at}attn_q.weight"] = (hidden, queries)
        found[f"{at}attn_k.weight"] = found[f"{at}attn_v.weight"] = (hidden, keys)
    if qk_norm:
        found[f"{at}attn_q_norm.weight"] = found[f"{at}attn_k_norm.weight"] = (size,)
    return found


def latent_attention(
    n: int, hidden: int, heads: int, *, rank: int, rope: int, nope: int, value: int, q_rank: int, absorbed: bool = True
) -> Tensors:
    """Multi-head latent attention (DeepSeek-V2, 2024); ``absorbed``: with the up-projection split in two."""
    at = f"blk.{n}."
    found: Tensors = {
        f"{at}attn_norm.weight": (hidden,),
        f"{at}attn_kv_a_norm.weight": (rank,),
        f"{at}attn_kv_a_mqa.weight": (hidden, rank + rope),
        f"{at}attn_output.weight": (heads * value, hidden),
    }
    if q_rank:
        found[f"{at}attn_q_a_norm.weight"] = (q_rank,)
        found[f"{at}attn_q_a.weight"] = (hidden, q_rank)
        found[f"{at}attn_q_b.weight"] = (q_rank, heads * (nope + rope))
    else:
        found[f"{at}attn_q.weight"] = (hidden, heads * (nope + rope))
    if absorbed:
        found[f"{at}attn_k_b.weight"] = (nope, rank, heads)
        found[f"{at}attn_v_b.weight"] = (rank, value, heads)
    else:
        found[f"{at}attn_kv_b.weight"] = (rank, heads * (nope + value))
    return found


def dense(n: int, hidden: int, inner: int, *, gated: bool = True, norm: bool = True) -> Tensors:
    """A feed-forward network."""
    at = f"blk.{n}."
    found: Tensors = {f"{at}ffn_up.weight": (hidden, inner), f"{at}ffn_down.weight": (inner, hidden)}
    if gated:
        found[f"{at}ffn_gate.weight"] = (hidden, inner)
    if norm:
        found[f"{at}ffn_norm.weight"] = (hidden,)
    return found


def experts(n: int, hidden: int, inner: int, count: int, *, shared: int = 0, norm: bool = True) -> Tensors:
    """A mixture of experts; ``shared``: the width of the one that every token takes."""
    at = f"blk.{n}."
    found: Tensors = {
        f"{at}ffn_gate_inp.weight": (hidden, count),
        f"{at}ffn_gate_exps.weight": (hidden, inner, count),
        f"{at}ffn_up_exps.weight": (hidden, inner, count),
        f"{at}ffn_down_exps.weight": (inner, hidden, count),
    }
    if shared:
        found[f"{at}ffn_gate_shexp.weight"] = found[f"{at}ffn_up_shexp.weight"] = (hidden, shared)
        found[f"{at}ffn_down_shexp.weight"] = (shared, hidden)
    if norm:
        found[f"{at}ffn_norm.weight"] = (hidden,)
    return found


def mamba(n: int, hidden: int, *, state: int, kernel: int, rank: int, norms: bool = False) -> Tensors:
    """A selective state space layer (Mamba, 2023); ``norms`` as Jamba has them."""
    at, inner = f"blk.{n}.", 2 * hidden
    found: Tensors = {
        f"{at}attn_norm.weight": (hidden,),
        f"{at}ssm_in.weight": (hidden, 2 * inner),
        f"{at}ssm_conv1d.weight": (kernel, inner),
        f"{at}ssm_conv1d.bias": (inner,),
        f"{at}ssm_x.weight": (inner, rank + 2 * state),
        f"{at}ssm_dt.weight": (rank, inner),
        f"{at}ssm_dt.bias": (inner,),
        f"{at}ssm_a": (state, inner),
        f"{at}ssm_d": (inner,),
        f"{at}ssm_out.weight": (inner, hidden),
    }
    if norms:
        found[f"{at}ssm_dt_norm.weight"] = (rank,)
        found[f"{at}ssm_b_norm.weight"] = found[f"{at}ssm_c_norm.weight"] = (state,)
    return found


def mamba2(n: int, hidden: int, *, inner: int, state: int, kernel: int, heads: int, groups: int) -> Tensors:
    """A state space layer of the second kind (Mamba-2, 2024)."""
    at, conv = f"blk.{n}.", inner + 2 * groups * state
    return {
        f"{at}attn_norm.weight": (hidden,),
        f"{at}ssm_in.weight": (hidden, inner + conv + heads),
        f"{at}ssm_conv1d.weight": (kernel, conv),
        f"{at}ssm_conv1d.bias": (conv,),
        f"{at}ssm_dt.bias": (heads,),
        f"{at}ssm_a": (1, heads),
        f"{at}ssm_d": (1, heads),
        f"{at}ssm_norm.weight": (inner // groups, groups),
        f"{at}ssm_out.weight": (inner, hidden),
    }


def delta_net(n: int, hidden: int, *, state: int, groups: int, heads: int, kernel: int) -> Tensors:
    """A gated delta net (Qwen3-Next, 2025)."""
    at, key, value = f"blk.{n}.", state * groups, state * heads
    return {
        f"{at}attn_norm.weight": (hidden,),
        f"{at}attn_qkv.weight": (hidden, 2 * key + value),
        f"{at}attn_gate.weight": (hidden, value),
        f"{at}ssm_conv1d.weight": (kernel, 2 * key + value),
        f"{at}ssm_dt.bias": (heads,),
        f"{at}ssm_a": (heads,),
        f"{at}ssm_ba.weight": (hidden, 2 * heads),
        f"{at}ssm_norm.weight": (state,),
        f"{at}ssm_out.weight": (value, hidden),
    }
