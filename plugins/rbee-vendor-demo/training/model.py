"""The network: a Llama in plain PyTorch, its parameters named and laid out as in Hugging Face's LlamaForCausalLM."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """Sizes of the network. `head_dim` is 64 because GPU attention kernels have that size."""

    vocab_size: int = 2048
    hidden_size: int = 192
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2  # grouped-query attention: two heads share one set of keys and values
    head_dim: int = 64
    intermediate_size: int = 512
    context_length: int = 512  # tokens
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5


def rope_tables(config: Config) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary position embedding, each [context_length, head_dim]."""
    frequencies = config.rope_theta ** (-torch.arange(0, config.head_dim, 2).float() / config.head_dim)
    angles = torch.outer(torch.arange(config.context_length).float(), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (i, i + head_dim/2) by its position's angle; Hugging Face's pairing, not llama.cpp's."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Attention(nn.Module):
    """Causal self-attention with rotary positions and shared keys and values."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        size, inner, kv = config.hidden_size, config.heads * config.head_dim, config.kv_heads * config.head_dim
        self.q_proj = nn.Linear(size, inner, bias=False)
        self.k_proj = nn.Linear(size, kv, bias=False)
        self.v_proj = nn.Linear(size, kv, bias=False)
        self.o_proj = nn.Linear(inner, size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, _ = x.shape
        config = self.config

        def split(y: Tensor, heads: int) -> Tensor:
            return y.view(batch, length, heads, config.head_dim).transpose(1, 2)

        q = rotate(split(self.q_proj(x), config.heads), cos, sin)
        k = rotate(split(self.k_proj(x), config.kv_heads), cos, sin)
        v = split(self.v_proj(x), config.kv_heads)
        groups = config.heads // config.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        mixed = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))


class MLP(nn.Module):
    """The SwiGLU feed-forward part."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Attention and feed-forward, each behind an RMS norm and added to what came in."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Embedding, layers and last norm (`model.` in the tensor names)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)


class Llama(nn.Module):
    """The language model. The output layer is the embedding again (tied), so it adds no parameters."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        cos, sin = rope_tables(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                scale = 0.02 if "embed" in name else parameter.shape[1] ** -0.5
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    scale *= (2 * config.layers) ** -0.5  # keeps the sum over the layers from growing with depth
                nn.init.normal_(parameter, std=scale)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [batch, length, vocab] for tokens [batch, length]."""
        x = self.model.embed_tokens(tokens)
        cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        return F.linear(self.model.norm(x), self.model.embed_tokens.weight)
