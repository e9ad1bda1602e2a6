"""What is compared with the engine: small models of many shapes, at several contexts, slots and KV types."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rbee_core.planning import Demand, Estimate, ModelShape, estimate, read_shape
from rbee_core.planning.engines.llama_cpp import kept_prompts
from rbee_core.planning.headers import local_reader

from .engine import Allocated, load
from .ggufs import Model, write_model
from .zoo import ZOO


@dataclass(frozen=True)
class Case:
    """A shape of the zoo with so many layers, and what is asked of it; ``kind``: how its weights are stored."""

    shape: str
    layers: int
    context: int = 2048
    parallel: int = 1
    kv_type: str = "f16"
    kind: str = ""

    def __str__(self) -> str:
        kind = f" {self.kind}" if self.kind else ""
        return f"{self.shape}{kind}, {self.layers} layers, {self.parallel} x {self.context}, {self.kv_type}"

    def model(self) -> Model:
        """The model."""
        return ZOO[self.shape](self.layers, kind=self.kind) if self.kind else ZOO[self.shape](self.layers)


#: A few layers of the widths that published models have.
CASES = (
    Case("llama", 2), Case("llama", 2, 8192, 2), Case("llama", 2, 4096, 4, "q8_0", "Q4_0"),
    Case("llama", 2, 4096, 1, "q4_0", "Q4_K"), Case("llama-mha", 2, 4096, 2), Case("llama-mha", 2, 4096, 1, "f32"),
    Case("qwen2", 6, 8192, 2), Case("qwen3", 8, 4096, 4), Case("qwen3", 8, 1000, 3, "q5_1"),
    Case("gemma2", 4, 8192, 2), Case("gemma3", 6, 8192, 2), Case("gemma3", 6, 16384, 1, "q8_0"),
    Case("cohere2", 4, 8192), Case("command-r", 2, 2048), Case("phi3", 2, 4096), Case("gpt2", 8, 4096, 2),
    Case("falcon", 2, 4096), Case("mixtral", 2, 4096, 2), Case("qwen3moe", 2, 4096, 2), Case("gpt-oss", 2, 8192, 2),
    Case("mamba", 8, 4096, 4), Case("mamba2", 8, 4096, 4), Case("granite-hybrid", 6, 4096, 2),
    Case("falcon-h1", 6, 4096, 2), Case("qwen3next", 4, 4096, 2), Case("bert", 12, 512, 4),
    Case("qwen3-embedding", 8, 4096, 2),
    Case("jamba", 5, 4096, 2), Case("deepseek", 3, 4096, 2),
    Case("lfm2", 6, 4096, 2),
    Case("rwkv7", 4, 4096, 2),
)  # fmt: skip
#: What every run of the tests looks at.
QUICK = (
    Case("llama", 2, 4096, 2, "q8_0", "Q4_0"), Case("qwen3", 8, 1000, 3), Case("gemma3", 6, 8192, 2),
    Case("qwen3moe", 2, 2048), Case("mamba2", 4, 2048, 4), Case("bert", 12, 512, 2),
    Case("qwen3-embedding", 6, 4096, 2),
)  # fmt: skip


@dataclass(frozen=True)
class File:
    """A file as `read_shape` wants to know it."""

    name: str
    size: int | None


def shape_of(path: Path) -> ModelShape:
    """The shape of a model in one file."""
    return read_shape(local_reader(path.parent), [File(path.name, path.stat().st_size)])


@dataclass(frozen=True)
class Compared:
    """One case: what was estimated, without what only comes while it works, and what the engine said."""

    case: Case
    estimated: Estimate
    process: int
    real: Allocated

    def error(self, part: str = "all") -> float:
        """How far the estimate is off, in percent of what is real: more than 0 is too much."""
        host, real = self.estimated.host, self.real
        if part == "all":
            mine = host.weights + host.kv + host.compute + self.process
            its = real.total + (self.process if real.process is None else real.process)
        else:
            mine, its = getattr(host, part), getattr(real, part)
        return 100.0 * (mine - its) / its if its else 0.0


def compare(case: Case, folder: Path, python: Path, env: dict[str, str] | None = None) -> Compared:
    """Make the model, estimate it, and load it."""
    path = write_model(folder / "model.gguf", case.model())
    try:
        shape = shape_of(path)
        demand = Demand(case.context, case.parallel, case.kv_type)
        found = estimate("llama.cpp", "cpu", shape, demand)
        # The estimate has the front's process too, and prompts that are kept once there were some.
        process = found.host.overhead - kept_prompts(shape, demand)
        real = load(
            python, path, context=case.context, parallel=case.parallel, kv_type=case.kv_type,
            env=env,
        )  # fmt: skip
        return Compared(case, found, process, real)
    finally:
        path.unlink()
