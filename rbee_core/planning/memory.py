"""How much memory a model needs while it runs: on the host and on each GPU, by what it is for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .amounts import Demand, Estimate, Part
from .engines import by_size, guess, llama_cpp, pytorch
from .shape import ModelShape

__all__ = ["Demand", "Estimate", "Part", "estimate"]


def estimate(
    engine: str,
    backend: str,
    shape: ModelShape,
    demand: Demand,
    split: Sequence[int] = (),
    features: Collection[str] = (),
) -> Estimate:
    """What a run needs.

    :param engine: ``llama.cpp`` or ``pytorch`` (a recipe's capabilities); of any other a cautious guess is made.
    :param backend: ``cpu``, ``cuda``, ``rocm``, ``metal``.
    :param split: layers on each GPU, in the GPUs' order; the output counts as one more layer, as in llama.cpp's
        ``n_gpu_layers``: with it ``sum(split) == len(shape.layers) + 1`` is all of the model. Empty: all on the host.
    :param features: of the device that computes (`Device.features`): some decide how weights are held.
    :raises ValueError: a number that cannot be: a context below 0, more layers than there are.
    """
    if demand.context < 0 or demand.parallel < 1:
        raise ValueError("a context is at least 0, and a number of requests at least 1")
    if any(count < 0 for count in split) or sum(split) > len(shape.layers) + 1:
        raise ValueError(f"{sum(split)} layers do not fit a model that has {len(shape.layers)} and its output")
    if demand.context == 0:
        return by_size.estimate(backend, shape, tuple(split))
    if engine == "llama.cpp":
        return llama_cpp.estimate(backend, shape, demand, tuple(split), features)
    if engine == "pytorch":
        return pytorch.estimate(backend, shape, demand, tuple(split), features)
    return guess.estimate(backend, shape, demand, tuple(split))
