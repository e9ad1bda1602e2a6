"""What llama.cpp allocates, run as rbee-worker-llm runs it."""

from __future__ import annotations

from ..amounts import Demand, Estimate, Part
from ..shape import Layer, ModelShape

#: Bytes per element of the KV cache, by its type: block bytes over block elements.
KV_TYPES = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "q8_0": (32, 34), "q5_1": (32, 24), "q5_0": (32, 22),
    "q4_1": (32, 20), "q4_0": (32, 18), "iq4_nl": (32, 18),
}  # fmt: skip
UBATCH = 512
_MIB = 1 << 20
#: The process itself: Python, the engine's libraries, the model's vocabulary.
PROCESS = 150 * _MIB
#: A GPU's context and kernels.
GPU_OVERHEAD = {"cuda": 500 * _MIB, "rocm": 500 * _MIB, "metal": 100 * _MIB}


def estimate(backend: str, shape: ModelShape, demand: Demand, split: tuple[int, ...]) -> Estimate:
    """See `rbee_core.planning.memory.estimate`."""
    where = place_layers(len(shape.layers), split)
    gpus = [_Sum() for _ in split]
    host = _Sum(overhead=PROCESS, weights=shape.embedding + shape.other)
    for layer, gpu in zip(shape.layers, where, strict=True):
        part = host if gpu is None else gpus[gpu]
        part.weights += layer.weights
        part.kv += _kv(layer, demand)
    output = host if not split or sum(split) <= len(shape.layers) else gpus[max(i for i, n in enumerate(split) if n)]
    output.weights += shape.output or (shape.embedding if output is not host and shape.tied else 0)
    compute = UBATCH * 4 * max(shape.vocab, shape.feed_forward * 3 + shape.hidden * 4)
    for part in gpus or [host]:
        part.compute += compute
        part.overhead += GPU_OVERHEAD.get(backend, 0) if part is not host else 0

    return Estimate(host.part(), tuple(gpu.part() for gpu in gpus))


def place_layers(count: int, split: tuple[int, ...]) -> list[int | None]:
    """Where each layer is: the last ``sum(split)`` of the layers and the output are on the GPUs, in their order."""
    places: list[int | None] = [gpu for gpu, layers in enumerate(split) for _ in range(layers)]
    on_host = count + 1 - len(places)
    return ([None] * on_host + places)[:count]


class _Sum:
    def __init__(self, weights: int = 0, overhead: int = 0) -> None:
        self.weights, self.kv, self.compute, self.overhead = weights, 0, 0, overhead

    def part(self) -> Part:
        return Part(self.weights, self.kv, self.compute, self.overhead)


def _kv(layer: Layer, demand: Demand) -> int:
    elements, size = KV_TYPES[demand.kv_type]
    cells = -(-demand.context // 256) * 256 * demand.parallel
    if layer.window is not None:
        cells = min(cells, -(-(layer.window * demand.parallel + UBATCH) // 256) * 256)
    return (layer.kv_k + layer.kv_v) * cells * size // elements + layer.state * demand.parallel
