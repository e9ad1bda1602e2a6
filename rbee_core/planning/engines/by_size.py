"""A guess for models that are none of language: speech, images, sounds. They have no context and no KV cache."""

from __future__ import annotations

from ..amounts import Estimate, Part
from ..shape import ModelShape
from .llama_cpp import GPU_OVERHEAD, GPU_OVERHEAD_ELSE

#: A worker's process, with Python and an engine's libraries in it (onnxruntime and numpy take about half of it).
PROCESS = 256 << 20
#: What intermediate results take, as a share of the weights.
COMPUTE_SHARE = 5


def estimate(backend: str, shape: ModelShape, split: tuple[int, ...]) -> Estimate:
    """The files' bytes, a fifth more, and the process; on GPUs by the layers there, which may be guessed themselves."""
    units = len(shape.layers) + 1
    on_gpus = [shape.size * count // units for count in split]
    gpus = tuple(
        Part(weights, compute=weights // COMPUTE_SHARE, overhead=GPU_OVERHEAD.get(backend, GPU_OVERHEAD_ELSE))
        if count
        else Part()
        for weights, count in zip(on_gpus, split, strict=True)
    )
    weights = shape.size * (units - sum(split)) // units
    return Estimate(Part(weights, compute=weights // COMPUTE_SHARE, overhead=PROCESS), gpus)
