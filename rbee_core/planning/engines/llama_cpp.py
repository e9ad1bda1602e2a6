"""What llama.cpp allocates, run as rbee-worker-llm runs it: which weights and caches are where, and the overheads.

The worker gives each request slot a cache of its own (``kv_unified`` is off), asks for ``context * parallel`` tokens,
and leaves batch (2048), physical batch (512) and flash attention (``auto``) as they are, but for models that make
vectors: their batches are one context long. ``docs/planning.md`` has the formulae, what each constant comes from, and
how far off the estimates were.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..amounts import Demand, Estimate, Part
from ..shape import Layer, ModelShape
from .llama_cpp_compute import compute_on_gpu, compute_on_host
from .llama_cpp_graph import KV_TYPES, cells, flash_attention, ubatch

_MIB = 1 << 20
#: The worker's two processes, Python and the engine's libraries in them; measured.
PROCESSES = 70 * _MIB
#: The engine's tables of a vocabulary's tokens, bytes per token; measured on a plain vocabulary, doubled for merges.
PER_TOKEN = 200
#: What the engine may keep of earlier prompts: the worker's ``PROMPT_CACHE_MIB``. A bound that a busy worker comes to.
PROMPT_CACHE = 256 * _MIB
#: Copies of a window's or a recurrence's state that each slot keeps: the worker's ``n_ctx_checkpoints``.
CHECKPOINTS = 2
#: A GPU's context, kernels and temporary pool, by backend; see docs/planning.md for the sources.
GPU_OVERHEAD = {"cuda": 550 * _MIB, "rocm": 550 * _MIB, "metal": 64 * _MIB}
#: Of any other.
GPU_OVERHEAD_ELSE = 400 * _MIB
_REPACKED = {"Q4_0", "Q4_K", "Q2_K", "IQ4_NL", "MXFP4"}
_REPACKED_ON_ARM = {"Q8_0", "Q5_K", "Q6_K"}
_REPACKED_BY_AMX = {"Q4_1", "Q8_0", "Q5_K", "Q6_K", "IQ4_XS"}
_ARM_FEATURES = {"asimddp", "i8mm", "dotprod", "neon", "asimd"}


def estimate(
    backend: str, shape: ModelShape, demand: Demand, split: tuple[int, ...], features: Collection[str] = ()
) -> Estimate:
    """See `rbee_core.planning.memory.estimate`."""
    whole = sum(split) > len(shape.layers)
    where = places(len(shape.layers), split)
    flash = flash_attention(backend if split else "cpu", shape, demand.kv_type)
    host, gpus = _Sum(), [_Sum() for _ in split]
    for layer, gpu in zip(shape.layers, where, strict=True):
        part = host if gpu is None else gpus[gpu]
        part.weights += layer.weights
        part.kv += cache_bytes(shape, layer, demand)
    _place_outside(backend, shape, host, gpus, split)
    if not any(split) and shape.tied and _is_repacked(shape.embedding_kind, features):
        host.weights += shape.embedding_matrix
    recurrent = any(layer.state for layer, gpu in zip(shape.layers, where, strict=True) if gpu is None)
    host.compute = compute_on_host(shape, demand, flash, split, recurrent) + _outputs(shape, demand)
    # Which GPU computes for the layers of the host: the first that there is.
    first = next((number for number, count in enumerate(split) if count), None)
    for number, part in enumerate(gpus):
        if split[number]:
            largest = 0 if whole or number != first else _largest_on_host(shape, where)
            part.compute = compute_on_gpu(backend, shape, demand, flash, split) + largest
            part.overhead = GPU_OVERHEAD.get(backend, GPU_OVERHEAD_ELSE)
    host.overhead = PROCESSES + PER_TOKEN * shape.vocab + kept_prompts(shape, demand)
    return Estimate(host.part(), tuple(part.part() for part in gpus), _notes(shape, demand, flash, bool(split)))


def places(count: int, split: tuple[int, ...]) -> list[int | None]:
    """Where each layer is: the output and the last layers are on the GPUs, in the GPUs' order, the others on the host.

    :returns: for each layer the GPU's number in ``split``, or ``None`` for the host.
    """
    on_gpus: list[int | None] = [gpu for gpu, layers in enumerate(split) for _ in range(layers)]
    return ([None] * (count + 1 - len(on_gpus)) + on_gpus)[:count]


def cache_bytes(shape: ModelShape, layer: Layer, demand: Demand) -> int:
    """What one layer keeps of all requests: keys and values of so many cells, or its state."""
    elements, size = KV_TYPES.get(demand.kv_type, KV_TYPES["f16"])
    kept = (layer.kv_k + layer.kv_v) * cells(shape, demand, layer.window) * demand.parallel
    return kept * size // elements + layer.state * demand.parallel


@dataclass(slots=True)
class _Sum:
    weights: int = 0
    kv: int = 0
    compute: int = 0
    overhead: int = 0

    def part(self) -> Part:
        return Part(self.weights, self.kv, self.compute, self.overhead)


def _place_outside(backend: str, shape: ModelShape, host: _Sum, gpus: list[_Sum], split: tuple[int, ...]) -> None:
    """Weights of no layer: input embeddings stay on the host; the output goes to the last GPU.

    Embeddings that serve as output too are there twice once the output is on a GPU, except where host and GPU share
    memory: there both see the same pages of the file.
    """
    last = next((gpus[number] for number in reversed(range(len(split))) if split[number]), None)
    if last is None:
        host.weights += shape.embedding + shape.output + shape.other
        return
    shared = backend == "metal" and shape.tied
    host.weights += 0 if shared else shape.embedding
    last.weights += shape.output + shape.other + (shape.embedding_matrix if shape.tied else 0)


def _is_repacked(kind: str, features: Collection[str]) -> bool:
    """Whether a CPU keeps matrices of that type in an order of its own; embeddings are looked up in the file's.

    So embeddings that serve as output too are there twice (``ggml_repack_get_optimal_repack_type`` of ggml-cpu).
    """
    if not _ARM_FEATURES.isdisjoint(features):
        return kind in _REPACKED | _REPACKED_ON_ARM
    return kind in (_REPACKED | _REPACKED_BY_AMX if "amx_int8" in features else _REPACKED)


def _largest_on_host(shape: ModelShape, where: list[int | None]) -> int:
    """The largest matrix of a layer on the host: a GPU gets a copy of it while it computes a long prompt."""
    on_host = (layer.largest for layer, gpu in zip(shape.layers, where, strict=True) if gpu is None)
    return max(on_host, default=0)


def _outputs(shape: ModelShape, demand: Demand) -> int:
    """Logits of one token of each request, or a vector of each token of a batch."""
    if shape.embeds:
        return 4 * ubatch(shape, demand) * shape.hidden
    return 4 * demand.parallel * shape.vocab


def kept_prompts(shape: ModelShape, demand: Demand) -> int:
    """Bytes of RAM that come to hold earlier prompts: whole ones, and states that cannot be computed back to."""
    if shape.embeds:
        return 0
    whole = sum(cache_bytes(shape, layer, demand) for layer in shape.layers)
    elements, size = KV_TYPES.get(demand.kv_type, KV_TYPES["f16"])
    states = 0
    for layer in shape.layers:
        window = min(layer.window or 0, demand.context)
        states += layer.state + (layer.kv_k + layer.kv_v) * window * size // elements
    return min(PROMPT_CACHE, whole) + CHECKPOINTS * states * demand.parallel


def _notes(shape: ModelShape, demand: Demand, flash: bool, gpus: bool) -> tuple[str, ...]:
    notes = []
    if demand.kv_type not in KV_TYPES:
        notes.append(f"the KV cache type {demand.kv_type} is unknown here; f16 is counted")
    elif not flash and KV_TYPES[demand.kv_type][0] > 1:
        notes.append(f"this model has no flash attention there, without which its KV cache cannot be {demand.kv_type}")
    if gpus:
        notes.append("what a GPU's driver and kernels take is a cautious figure, not a measured one")
    if shape.attention == "encoder-decoder":
        notes.append("models with an encoder and a decoder are estimated roughly")
    return tuple(notes)
