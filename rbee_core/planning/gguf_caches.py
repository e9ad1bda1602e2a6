"""What each layer of a GGUF model keeps while it runs: keys and values, windows of them, recurrent states.

The facts are llama.cpp's: ``llama_model::create_memory`` (which cache an architecture has), the ``load_arch_hparams``
of each architecture (which layers look at a window, which are recurrent), ``llama_hparams::n_embd_r`` and ``n_embd_s``
(how large a state is).
"""

from __future__ import annotations

from dataclasses import dataclass

from .gguf_hparams import Hparams

#: Models that see a text at once and keep nothing of it: embeddings, and diffusion.
NO_CACHE = {
    "bert", "jina-bert-v2", "jina-bert-v3", "nomic-bert", "nomic-bert-moe", "neo-bert", "eurobert", "modern-bert",
    "gemma-embedding", "gemma-embedding2", "dream", "llada", "llada-moe", "rnd1", "clef", "t5encoder",
    "wavtokenizer-dec",
}  # fmt: skip
_RECURRENT = {"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"}
#: Layers whose recurrence is beside their attention, not instead of it.
_BOTH = {"falcon-h1"}
#: Of so many layers all but one are recurrent, unless the header says otherwise.
_MOSTLY_RECURRENT = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4, "minimax-01": 8}
#: No attention in these layers: heads are 0.
_RECURRENT_WITHOUT_HEADS = {
    "jamba", "granitehybrid", "plamo2", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe", "kimi-linear", "kimi-k3",
    "bailingmoe3", "glm5-next",
}  # fmt: skip
#: Of so many layers all but one look at a window: the last, or, where negative, the first looks at everything.
_WINDOW_PERIODS = {
    "afmoe": 4, "cohere2": 4, "cohere2moe": -4, "exaone-moe": 4, "exaone4": 4, "gemma2": 2, "gemma3": 6, "gemma3n": 5,
    "gpt-oss": 2, "laguna": -4, "llama4": 4, "mellum": 4, "muse-glimmer": 4, "olmo2": 4, "plamo3": 8,
    "smallthinker": -4,
}  # fmt: skip
#: Windows that these have whatever the header says, and those they have when it says nothing.
_FIXED_WINDOWS = {"llama4": 8192, "smallthinker": 4096}
_DEFAULT_WINDOWS = {"gemma2": 4096, "exaone4": 4096, "exaone-moe": 128}
#: Architectures with a window in the header that llama.cpp leaves unused.
_UNUSED_WINDOWS = {"phi3", "phimoe", "mistral3"}
#: Layers, counted from the first, that keep keys and values; the others use theirs.
_KEEPING_LAYERS = {"gemma3n": 20}
#: Each of these keeps one more key per token, which chooses what attention looks at.
_INDEXED = {"deepseek32", "glm-dsa", "glm5-next", "hy_v4", "dots3note", "minimax-m3", "qwen4exp"}


@dataclass(frozen=True, slots=True)
class Cache:
    """What one layer keeps: elements per token of keys and of values, a window in tokens, bytes of state."""

    keys: int = 0
    values: int = 0
    window: int | None = None
    state: int = 0


def cache_of(hparams: Hparams, layer: int) -> Cache:
    """What a layer keeps."""
    name = hparams.architecture
    if name in NO_CACHE or layer >= hparams.layers - hparams.extra_layers:
        return Cache()
    if name in _RECURRENT:
        return Cache(state=state_of(hparams))
    if _is_recurrent(hparams, layer):
        return Cache(state=state_of(hparams))
    keeping = _keeping(hparams)
    heads = hparams.kv_heads(layer) if layer < keeping else 0
    window = window_of(hparams, layer)
    keys, values = hparams.key_length, hparams.value_length
    if window is not None:
        keys = hparams.number("attention.key_length_swa") or keys
        values = hparams.number("attention.value_length_swa") or values
    # Latent attention keeps what keys and values are made from: once.
    latent = bool(hparams.number("attention.key_length_mla")) and name != "minicpm3"
    index = (hparams.number("attention.indexer.key_length") or 0) if name in _INDEXED else 0
    return Cache(
        keys=keys * heads + index,
        values=0 if latent else values * heads,
        window=window,
        state=state_of(hparams) if name in _BOTH else 0,
    )


def _keeping(hparams: Hparams) -> int:
    shared = hparams.number("attention.shared_kv_layers")
    if shared is not None:
        return max(0, hparams.layers - shared)
    return _KEEPING_LAYERS.get(hparams.architecture, hparams.layers)


def _is_recurrent(hparams: Hparams, layer: int) -> bool:
    name = hparams.architecture
    if name in _RECURRENT_WITHOUT_HEADS:
        if name.startswith("nemotron_h"):  # its layers are recurrent, attend, or feed forward: one of these
            return hparams.kv_heads(layer) == 0 and not hparams.of_layer("feed_forward_length", layer)
        return hparams.kv_heads(layer) == 0
    if (period := _MOSTLY_RECURRENT.get(name)) is None:
        return False
    if layers := hparams.listed("attention.recurrent_layers"):
        return layer < len(layers) and bool(layers[layer])
    period = hparams.number("full_attention_interval") or period
    return (layer + 1) % period != 0


def window_of(hparams: Hparams, layer: int) -> int | None:
    """The window a layer looks at, in tokens; ``None`` where it looks at everything."""
    name = hparams.architecture
    if name in _UNUSED_WINDOWS:
        return None
    said = hparams.number("attention.sliding_window")
    window = said if said is not None else _DEFAULT_WINDOWS.get(name)
    if said != 0:
        window = _FIXED_WINDOWS.get(name, window)
    if not window:
        return None
    if pattern := hparams.listed("attention.sliding_window_pattern"):
        return window if layer < len(pattern) and pattern[layer] else None
    period = hparams.number("attention.sliding_window_pattern") or _WINDOW_PERIODS.get(name)
    if period is None:
        return window if name in {"lfm2", "deepseek4"} else None
    first_is_dense = _WINDOW_PERIODS.get(name, period) < 0
    at = layer % abs(period)
    return window if (at != 0 if first_is_dense else at < abs(period) - 1) else None


def state_of(hparams: Hparams) -> int:
    """Bytes of a recurrent layer's state for one sequence; it is kept in 32-bit numbers."""
    if head := hparams.number("wkv.head_size"):
        shifts = hparams.number("token_shift_count")
        return 4 * hparams.hidden * ((2 if shifts is None else shifts) + head)
    if short := hparams.number("shortconv.l_cache"):
        return 4 * hparams.hidden * (short - 1)
    kernel = hparams.number("ssm.conv_kernel") or 0
    if head := hparams.number("kda.head_dim"):
        return 4 * (3 * (kernel - 1 if kernel else 3) * hparams.heads * head + head * head * hparams.heads)
    inner, states = hparams.number("ssm.inner_size") or 0, hparams.number("ssm.state_size") or 0
    groups = hparams.number("ssm.group_count") or 0
    if not inner and hparams.architecture == "minimax-01":
        return 4 * hparams.key_length * hparams.key_length * hparams.heads
    return 4 * (max(kernel - 1, 0) * (inner + 2 * groups * states) + states * inner)
