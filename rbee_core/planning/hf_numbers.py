"""The numbers in a ``config.json`` that a model's memory follows from, by the names that transformers gives them."""

from __future__ import annotations

from typing import Any

from ..models.metadata.hf_config import count, language_part

_ENCODERS = ("bert", "roberta", "electra", "mpnet", "nomic_bert", "deberta", "camembert", "distilbert", "modernbert")


class HfNumbers:
    """A configuration's numbers: of its language part, where it has several."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._configs = (language_part(config), config)
        self.kind = str(config.get("model_type") or "unknown")[:64]
        self.layers = self.first("num_hidden_layers", "n_layer", "num_layers", "n_layers") or 0
        self.hidden = self.first("hidden_size", "n_embd", "d_model", "dim") or 0
        self.heads = self.first("num_attention_heads", "n_head", "num_heads", "n_heads") or 0
        self.kv_heads = self._kv_heads()
        usual = self.hidden // self.heads if self.heads else 0
        self.head_dim = self.first("head_dim", "kv_channels") or usual
        self.feed_forward = self.first("intermediate_size", "n_inner", "ffn_dim", "d_ff") or 4 * self.hidden
        self.vocab = self.first("vocab_size", "n_vocab") or 0
        self.experts = self.first("num_local_experts", "num_experts", "n_routed_experts") or 0
        self.experts_used = self.first("num_experts_per_tok", "num_selected_experts", "moe_topk") or 0
        self.expert_feed_forward = self.first("moe_intermediate_size") or self.feed_forward
        self.window = self.first("sliding_window") if self.get("use_sliding_window") is not False else None
        self.dtype = self._dtype()
        self.tied = self.get("tie_word_embeddings") is True

    def get(self, key: str) -> Any:
        """What is said of that, of the language part first."""
        return next((config[key] for config in self._configs if config.get(key) is not None), None)

    def first(self, *keys: str) -> int | None:
        """The first of these numbers that is one."""
        return next((found for key in keys if (found := count(self.get(key))) is not None), None)

    @property
    def is_encoder(self) -> bool:
        """Whether it sees a text at once and keeps nothing of it."""
        names = self.get("architectures")
        first = str(names[0]) if isinstance(names, list) and names else ""
        return any(name in self.kind for name in _ENCODERS) and "CausalLM" not in first

    def key_values(self) -> tuple[int, int]:
        """Elements that a layer keeps per token: of keys and of values.

        Latent attention is kept decompressed (transformers' ``DeepseekV3Attention``).
        """
        if self.get("kv_lora_rank") and (nope := count(self.get("qk_nope_head_dim"))) is not None:
            rope = count(self.get("qk_rope_head_dim")) or 0
            return self.heads * (nope + rope), self.heads * (count(self.get("v_head_dim")) or self.head_dim)
        return self.kv_heads * self.head_dim, self.kv_heads * self.head_dim

    def kind_of_layer(self, layer: int) -> str:
        """``full_attention``, ``sliding_attention`` or a recurrent kind's name."""
        kinds = self.get("layer_types") or self.get("layers_block_type")
        if isinstance(kinds, list) and layer < len(kinds) and isinstance(kinds[layer], str):
            return str(kinds[layer])
        if self.kind in ("mamba", "mamba2", "falcon_mamba", "rwkv"):
            return "mamba"
        period = count(self.get("sliding_window_pattern"))
        if self.window and period and period > 1:
            return "full_attention" if (layer + 1) % period == 0 else "sliding_attention"
        return "sliding_attention" if self.window and self.kind == "mistral" else "full_attention"

    def state(self) -> int:
        """Bytes of a recurrent layer's state for one sequence, as 32-bit numbers."""
        if keys := self.first("linear_key_head_dim"):
            values = self.first("linear_value_head_dim") or keys
            heads = self.first("linear_num_value_heads") or 1
            key_heads = self.first("linear_num_key_heads") or heads
            kernel = self.first("linear_conv_kernel_dim") or 4
            return 4 * (heads * keys * values + kernel * (2 * key_heads * keys + heads * values))
        inner = count(self.get("intermediate_size")) or 2 * self.hidden
        if (expand := count(self.get("expand") or self.get("mamba_expand"))) is not None:
            inner = expand * self.hidden
        states = self.first("state_size", "mamba_d_state", "ssm_state_size") or 16
        kernel = self.first("conv_kernel", "mamba_d_conv", "conv_kernel_size") or 4
        return 4 * inner * (states + kernel)

    def _kv_heads(self) -> int:
        if self.get("multi_query") is True:
            return 1
        return self.first("num_key_value_heads", "num_kv_heads", "n_head_kv") or self.heads

    def _dtype(self) -> str | None:
        found = self.get("dtype") or self.get("torch_dtype")
        names = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
        return names.get(found.removeprefix("torch.")) if isinstance(found, str) else None
