"""The compute buffers of llama.cpp: room for a graph's intermediate results.

It reserves for the worst case, a full physical batch against a full cache (``llama_context::sched_reserve``).
"""

from __future__ import annotations

from ..amounts import Demand
from ..shape import ModelShape
from .llama_cpp_graph import cells, masks, ubatch

#: Inputs are copied so often where several GPUs work at once (``GGML_SCHED_MAX_COPIES``).
_COPIES = 4
#: What the host computes for a GPU: embeddings as given, their sum, and the residual, beside those that are looked up.
_INPUTS = 3
#: LFM2's graph needs so many times its room where it is parted between attention and a convolution; the engine's own
#: accounting says so.
_SPLIT_CONVOLUTIONS = 4


def compute_on_host(shape: ModelShape, demand: Demand, flash: bool, split: tuple[int, ...], recurrent: bool) -> int:
    """Bytes of the host's buffer: all of the graph, or what it prepares for the GPUs.

    A GPU computes long prompts for the host's layers too (``op_offload``).

    :param recurrent: a layer whose state is on the host; it is computed there.
    """
    mask = masks(shape, demand, flash)
    if not any(split) or recurrent:
        times = _SPLIT_CONVOLUTIONS if _convolutions_apart(shape, split) else 1
        return mask + times * _graph(shape, demand, flash, shape.stream)
    token = 4 * ubatch(shape, demand)
    more = 0
    if _pipelined(shape, split):
        more = (_COPIES - 1) * (mask + token * (shape.hidden + shape.inputs))
    return mask + token * (_INPUTS * shape.hidden + shape.inputs) + more


def compute_on_gpu(backend: str, shape: ModelShape, demand: Demand, flash: bool, split: tuple[int, ...]) -> int:
    """Bytes of one GPU's buffer, without copies of weights."""
    mask = masks(shape, demand, flash)
    times = _SPLIT_CONVOLUTIONS if _convolutions_apart(shape, split) else 1
    needed = mask + times * _graph(shape, demand, flash, shape.stream - shape.hidden)
    if backend in ("cuda", "rocm") and flash and demand.kv_type != "f16":
        # The kernels for whole batches read 16-bit keys and values: a layer's cache is converted.
        caches = [(layer.kv_k + layer.kv_v) * cells(shape, demand, layer.window) for layer in shape.layers]
        needed += 2 * max(caches, default=0) * demand.parallel
    if _pipelined(shape, split):
        inputs = _INPUTS * shape.hidden + 2 * shape.inputs - shape.hidden
        needed += (_COPIES - 1) * (mask + 4 * ubatch(shape, demand) * inputs)
    return needed


def _convolutions_apart(shape: ModelShape, split: tuple[int, ...]) -> bool:
    """Whether the host's last layer attends, and the first on a GPU is a short convolution."""
    first = len(shape.layers) + 1 - sum(split)
    if shape.architecture not in ("lfm2", "lfm2moe") or not 0 < first < len(shape.layers):
        return False
    return shape.layers[first - 1].kv_k > 0 and shape.layers[first].state > 0


def _pipelined(shape: ModelShape, split: tuple[int, ...]) -> bool:
    """Several GPUs work on parts of a batch at once if nothing is left to the host."""
    return sum(split) > len(shape.layers) and sum(1 for count in split if count) > 1


def _graph(shape: ModelShape, demand: Demand, flash: bool, stream: int) -> int:
    tokens = ubatch(shape, demand)
    work = max((layer.work for layer in shape.layers), default=0)
    states = max((layer.state for layer in shape.layers), default=0) * demand.parallel
    needed = 4 * tokens * (stream + work) + states
    if not flash and shape.attention != "encoder":
        # Scores of every head, before and after the softmax.
        needed = max(needed, 4 * tokens * (stream + 2 * shape.heads * cells(shape, demand)))
    # Logits of each request's last token; of models that make vectors the engine makes room for every token's.
    rows = 0 if shape.attention == "encoder" else tokens if shape.embeds else demand.parallel
    return max(needed, 4 * (tokens * stream + rows * shape.vocab))
