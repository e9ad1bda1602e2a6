"""What decides the sizes of llama.cpp's graphs: batches, cells of the caches, masks, and whether attention is fused."""

from __future__ import annotations

from ..amounts import Demand
from ..shape import ModelShape

#: The KV cache's types: elements of a block, bytes of a block.
KV_TYPES = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "q8_0": (32, 34), "q5_1": (32, 24), "q5_0": (32, 22),
    "q4_1": (32, 20), "q4_0": (32, 18), "iq4_nl": (32, 18),
}  # fmt: skip
#: Tokens handed over at once, and computed at once: ``n_batch`` and ``n_ubatch`` of ``common_params``.
BATCH = 2048
UBATCH = 512
#: Contexts and windows are rounded up to so many tokens (``GGML_PAD`` in llama-context.cpp, llama-kv-cache-iswa.cpp).
PADDING = 256
# Head sizes for which there is a fused kernel: ``ggml_cuda_get_best_fattn_kernel`` (ggml-cuda/fattn.cu), and
# ``GGML_OP_FLASH_ATTN_EXT`` in ggml-metal-device.m. Keys and values are of one size, or one of these pairs.
_CUDA_HEADS = {40, 64, 72, 80, 96, 112, 128, 256, 512}
_CUDA_PAIRS = {(192, 128), (320, 256), (576, 512)}
_CUDA_KV = {"f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"}
_METAL_HEADS = {32, 40, 48, 64, 72, 80, 96, 112, 128, 192, 256, 320, 512, 576}
_METAL_PAIRS = {(96, 64), (128, 96), (192, 128), (320, 256), (576, 512)}


def padded(tokens: int) -> int:
    """Tokens, rounded up as llama.cpp does."""
    return -(-tokens // PADDING) * PADDING


def ubatch(shape: ModelShape, demand: Demand) -> int:
    """Tokens computed at once: no more than there can be, and all of a text that becomes a vector in one piece."""
    if shape.in_one_piece:
        return demand.context
    return min(UBATCH, padded(demand.context) * demand.parallel)


def cells(shape: ModelShape, demand: Demand, window: int | None = None) -> int:
    """Tokens that a layer's cache has room for, of each request."""
    whole = padded(demand.context)
    return whole if window is None else min(whole, padded(min(whole, window + ubatch(shape, demand))))


def flash_attention(backend: str, shape: ModelShape, kv_type: str) -> bool:
    """Whether attention is computed in one go, without a matrix of all tokens by all tokens."""
    if shape.attention == "encoder-decoder" or shape.architecture in ("grok", "t5"):
        return False
    keys, values = shape.key_length, shape.value_length
    if backend in ("cuda", "rocm"):
        fits = (keys == values and keys in _CUDA_HEADS) or (keys, values) in _CUDA_PAIRS
        return not keys or (fits and kv_type in _CUDA_KV)
    if backend == "metal":
        return not keys or (keys == values and keys in _METAL_HEADS) or (keys, values) in _METAL_PAIRS
    return True


def masks(shape: ModelShape, demand: Demand, flash: bool) -> int:
    """Bytes of the masks of attention: one for the layers that look at everything, one for those with a window."""
    tokens, width = ubatch(shape, demand), 2 if flash else 4
    if shape.attention == "encoder":
        return width * tokens * tokens
    windows = {layer.window for layer in shape.layers if layer.kv_k}
    return sum(width * tokens * cells(shape, demand, window) for window in windows)
