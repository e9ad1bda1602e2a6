"""Models of true shape whose weights are holes, and plans for machines that are data."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, SupportsIndex

from rbee_core.config import Config
from rbee_core.planning.candidates import Request
from rbee_core.planning.plan import Plan
from rbee_core.rbee import Rbee
from rbee_core.testing.machines import load

from .memory import zoo
from .memory.ggufs import Model, write_model

#: What the tests plan for: dense models of three sizes, a mixture of experts, latent attention.
MODELS: dict[str, Callable[[], Model]] = {
    "2.6B": zoo.gemma2,
    "8B": zoo.llama,
    "70B": zoo.llama_70b,
    "8x7B": zoo.mixtral,
    "671B": zoo.deepseek,
}


@cache
def _model(name: str) -> Model:
    return MODELS[name]()


def make_model(folder: Path, name: str, label: str = "Q4_K_M") -> Path:
    """One of `MODELS` as a file; the weights take no room on the disk."""
    path = folder / f"{name}-{label}.gguf"
    return path if path.exists() else write_model(path, _model(name), tokens=False)


def make_siblings(path: Path, labels: dict[str, float]) -> None:
    """Files beside a model that are as large as its other quantizations would be: label -> share of its size."""
    base = path.name.rpartition("-")[0]
    for label, share in labels.items():
        with path.with_name(f"{base}-{label}.gguf").open("wb") as file:
            file.truncate(int(path.stat().st_size * share))


def plan_for(machine: str, home: Path, model: str | Path, **request: Any) -> Plan:
    """The plan of a model for a machine.

    :param home: everything that rbee would write is under it.
    """
    env = {"RBEE_HOME": str(home), "HOME": str(home), **load(machine).env()}
    return Rbee(Config(env=env)).plan(str(model), None, Request(**request))


class Holed(bytes):
    """The beginning of a file, and zeros after it that take no room."""

    size: int

    def __new__(cls, start: bytes, size: int) -> Holed:
        made = super().__new__(cls, start)
        made.size = size
        return made

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        if not isinstance(key, slice):
            return super().__getitem__(key)
        start, stop, _step = key.indices(self.size)
        if stop - start > 64 << 20:
            raise AssertionError("somebody asks for the weights")
        found = super().__getitem__(slice(start, stop))
        return found + b"\0" * (stop - start - len(found))
