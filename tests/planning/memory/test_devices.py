"""Whole models, and where their parts go when GPUs take some of them, beside what llama.cpp itself accounts for.

``devices.json`` holds its accounting: all on the host, on one device, on two, on some with the rest on the host. The
devices were on the loopback interface (its RPC backend), made to take over work for the host's layers as GPUs do; see
"How memory is estimated" in docs/planning.md.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rbee_core.planning import Demand, ModelShape, Part, estimate

from .cases import shape_of
from .ggufs import write_model
from .zoo import ZOO

RUNS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("devices.json").read_text())["runs"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The shape of a model of the zoo, all its layers."""
    folder = tmp_path_factory.mktemp("zoo")

    @cache
    def shape(name: str) -> ModelShape:
        path = write_model(folder / f"{name}.gguf", ZOO[name](), tokens=False)
        try:
            return shape_of(path)
        finally:
            path.unlink()

    return shape


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run['shape']}-{run['split'] or run['kv_type']}")
def test_every_device_gets_what_it_really_gets(run: dict[str, Any], shapes: Any) -> None:
    shape = shapes(run["shape"])
    demand = Demand(run["context"], run["parallel"], run["kv_type"])
    found = estimate("llama.cpp", "cuda" if run["split"] else "cpu", shape, demand, run["split"])
    for part, real in zip((found.host, *found.gpus), (run["host"], *run["gpus"]), strict=True):
        weights, kv, _ = real
        # Without a GPU it is asked not to reorder weights, by which tied embeddings may be there twice.
        twice = shape.embedding_matrix if not run["split"] and part.weights > shape.size else 0
        assert part.weights - twice == pytest.approx(weights, rel=0.001, abs=2**16)
        assert part.kv == pytest.approx(kv, rel=0.001)
        # Small hosts beside large GPUs: some megabytes are not what a plan fails by.
        assert -0.05 * sum(real) - 2**24 < _buffers(part) - twice - sum(real) < 0.1 * sum(real) + 2**24


def _buffers(part: Part) -> int:
    return part.weights + part.kv + part.compute


def test_two_gpus_hold_no_layer_twice_and_lose_none(shapes: Any) -> None:
    shape = shapes("llama")
    count = len(shape.layers) + 1
    for split in ((count, 0), (0, count), (7, count - 7), (5, 6)):
        found = estimate("llama.cpp", "cuda", shape, Demand(4096), split)
        parts = (found.host, *found.gpus)
        assert sum(part.weights for part in parts) == shape.size
        assert sum(part.kv for part in parts) == 2**29
        for part, layers in zip(found.gpus, split, strict=True):
            assert (part.total > 0) == (layers > 0)


def test_a_gpu_that_shares_the_machines_memory_holds_tied_embeddings_once(shapes: Any) -> None:
    shape = shapes("gemma3")
    whole = (len(shape.layers) + 1,)
    metal = estimate("llama.cpp", "metal", shape, Demand(4096), whole)
    cuda = estimate("llama.cpp", "cuda", shape, Demand(4096), whole)
    assert metal.host.weights + metal.gpus[0].weights == shape.size
    assert cuda.host.weights + cuda.gpus[0].weights == shape.size + shape.embedding


def test_quantized_keys_and_values_are_made_wider_for_cuda(shapes: Any) -> None:
    shape = shapes("llama")
    whole = (len(shape.layers) + 1,)
    plain = estimate("llama.cpp", "cuda", shape, Demand(32768, 2), whole).gpus[0]
    small = estimate("llama.cpp", "cuda", shape, Demand(32768, 2, "q8_0"), whole).gpus[0]
    assert small.kv == plain.kv * 34 // 64
    # One layer's cache of both requests, in 16 bits.
    assert small.compute - plain.compute == 2 * 32768 * (1024 + 1024) * 2
