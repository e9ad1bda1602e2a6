"""What a model needs on PyTorch, run as rbee-worker-transformers runs it.

From the worker's code (its type to compute in, its cache of rows, its prompts read in parts) and PyTorch's documents;
no GPU was measured. ``docs/planning.md`` says so too.
"""

from __future__ import annotations

from collections.abc import Collection

from ..amounts import Demand, Estimate, Part
from ..shape import Layer, ModelShape

_MIB = 1 << 20
#: The worker's two processes, with PyTorch and transformers in one of them: 400 MiB measured on a CPU after a first
#: forward pass, and some for more threads; with a GPU's libraries beside (not measured).
PROCESSES = 500 * _MIB
PROCESSES_WITH_GPU = 1500 * _MIB
#: A context, PyTorch's kernels as they are loaded, and the libraries' workspaces.
GPU_OVERHEAD = {"cuda": 800 * _MIB, "rocm": 1000 * _MIB, "metal": 200 * _MIB}
_GPU_OVERHEAD_ELSE = 800 * _MIB
#: Tokens of a prompt that are read at once: the worker's ``CHUNK``.
CHUNK = 512
#: Memory that the allocator holds and cannot use: one part in so many.
_FRAGMENTS = 20
_WIDTHS = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}
#: Types of 8 bits that are floating-point numbers; they are made wider to be computed with.
_SMALL_FLOATS = ("F8_E4M3", "F8_E5M2")
_KV_WIDTHS = {"f32": 4, "bf16": 2, "f16": 2}
#: What a processor that computes in bfloat16 says of itself.
_BF16_FEATURES = {"amx_bf16", "avx512_bf16", "bf16"}


def estimate(
    backend: str, shape: ModelShape, demand: Demand, split: tuple[int, ...], features: Collection[str] = ()
) -> Estimate:
    """See `rbee_core.planning.memory.estimate`.

    :param features: the device's; a processor with bfloat16 instructions computes in half the memory.
    """
    on_gpu = any(split)
    width = _compute_width(shape, on_gpu, features)
    kv_width = _KV_WIDTHS.get(demand.kv_type, 2) if on_gpu else max(width, _KV_WIDTHS.get(demand.kv_type, 2))
    grown = _growth(shape, width, on_gpu)
    if not on_gpu:
        whole = _part(shape, shape.layers, demand, grown, width, kv_width)
        weights = int((shape.size - shape.unused) * grown)
        host = Part(weights, whole.kv, whole.compute, PROCESSES + (whole.kv + whole.compute) // _FRAGMENTS)
        return Estimate(host, tuple(Part() for _ in split), _notes(shape))
    gpus = []
    at = 0
    units = sum(split)
    last = max(number for number, count in enumerate(split) if count)
    for number, count in enumerate(split):
        layers = shape.layers[at : at + count]
        part = _part(shape, layers, demand, grown, width, kv_width)
        outside = 0
        if at == 0 and count:
            outside += shape.embedding + shape.other
        if number == last:
            outside += shape.output
        weights = part.weights + int(outside * grown)
        held = weights + part.kv + part.compute
        overhead = GPU_OVERHEAD.get(backend, _GPU_OVERHEAD_ELSE) + held // _FRAGMENTS
        gpus.append(Part(weights, part.kv, part.compute, overhead) if count else Part())
        at += count
    # The model is put together in the machine's own memory and then moved.
    staged = int((shape.size - shape.unused) * grown * min(units, len(shape.layers)) // max(1, len(shape.layers)))
    return Estimate(Part(staged, 0, 0, PROCESSES_WITH_GPU), tuple(gpus), (*_notes(shape), *_GPU_NOTES))


_GPU_NOTES = (
    "the weights pass through the machine's own memory while the model is loaded",
    "what a GPU's driver and kernels take is a cautious figure, not a measured one",
)


def _notes(shape: ModelShape) -> tuple[str, ...]:
    return () if shape.exact else shape.notes


def _compute_width(shape: ModelShape, on_gpu: bool, features: Collection[str]) -> int:
    """Bytes of a number as it is computed: on a GPU its makers' type; on a CPU 4, but for bfloat16 where it can."""
    if on_gpu:
        return _WIDTHS.get(shape.computed_as or "F32", 4)
    return 2 if shape.computed_as == "BF16" and _BF16_FEATURES.intersection(features) else 4


def _growth(shape: ModelShape, width: int, on_gpu: bool) -> float:
    """How much larger the weights are in memory than in the files: numbers are computed with in one type.

    Whole numbers, as in packed quantizations, stay as they are.
    """
    stored = used = 0.0
    for kind, elements in shape.dtypes.items():
        if kind in _WIDTHS:
            stored, used = stored + elements * _WIDTHS[kind], used + elements * width
        elif kind in _SMALL_FLOATS:
            stored, used = stored + elements, used + elements * max(width, 2)
        else:
            stored, used = stored + elements, used + elements
    return used / stored if stored else 1.0


def _part(
    shape: ModelShape, layers: tuple[Layer, ...], demand: Demand, grown: float, width: int, kv_width: int
) -> Part:
    weights = int(sum(layer.weights for layer in layers) * grown)
    # A row for each request, and the prompt that is being read in; windows save nothing.
    rows = 0 if shape.embeds else demand.parallel + 1
    tokens = sum(layer.kv_k + layer.kv_v for layer in layers) * demand.context
    kv = rows * tokens * kv_width + rows * sum(layer.state for layer in layers)
    return Part(weights, kv, _compute(shape, layers, demand, width) if layers else 0)


def _compute(shape: ModelShape, layers: tuple[Layer, ...], demand: Demand, width: int) -> int:
    """Intermediate results of one part of a prompt, keys and values for every head, scores, and logits."""
    read = demand.context * demand.parallel if shape.embeds else min(CHUNK, demand.context)
    work = max(layer.work for layer in layers)
    results = read * (shape.stream + work) * width
    # Grouped keys and values of one layer are repeated for each head.
    repeated = 2 * shape.heads * shape.head_dim * demand.context * demand.parallel * width
    mask = read * demand.context * width
    logits = 4 * shape.vocab * demand.parallel * 2
    return results + repeated + mask + (0 if shape.attention == "encoder" else logits)
