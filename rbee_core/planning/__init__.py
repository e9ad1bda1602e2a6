"""Which worker runs a model on which device, with how much memory, and why."""

from .memory import Demand, Estimate, Part, estimate
from .shape import Layer, ModelFile, ModelShape, OpenRange, read_shape

__all__ = ["Demand", "Estimate", "Layer", "ModelFile", "ModelShape", "OpenRange", "Part", "estimate", "read_shape"]
