"""Estimates for PyTorch: the type weights are computed in, rows of the cache, one device and several."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rbee_core.planning import Demand, Layer, ModelShape, estimate

LAYERS, HIDDEN = 4, 1024
MIB = 2**20


def shape(dtype: str = "BF16", width: int = 2, **more: object) -> ModelShape:
    """A model of four layers of 100 MiB and 50 MiB of embeddings, stored in one type."""
    layers = (Layer(100 * MIB, kv_k=256, kv_v=256, work=12_000, largest=MIB),) * LAYERS
    size = 4 * 100 * MIB + 50 * MIB
    found = ModelShape(
        format="safetensors", architecture="llama", layers=layers, embedding=50 * MIB, output=0, other=0,
        hidden=HIDDEN, heads=16, kv_heads=4, head_dim=64, feed_forward=4096, vocab=32000, trained_context=8192,
        parameters=size // width, quantization=dtype, size=size, tied=True, stream=5 * HIDDEN,
        dtypes={dtype: size // width}, computed_as="BF16", embedding_matrix=50 * MIB,
    )  # fmt: skip
    return replace(found, **more)


@pytest.mark.parametrize(
    ("dtype", "width", "computed", "backend", "features", "grown"),
    [
        ("BF16", 2, "BF16", "cuda", (), 1.0),
        ("BF16", 2, "BF16", "cpu", (), 2.0),
        ("BF16", 2, "BF16", "cpu", ("avx2", "avx512_bf16"), 1.0),
        ("F16", 2, "F16", "cpu", ("avx512_bf16",), 2.0),
        ("F32", 4, "BF16", "cuda", (), 0.5),
        ("F16", 2, None, "cuda", (), 2.0),
        ("F8_E4M3", 1, "BF16", "cuda", (), 2.0),
        ("I32", 4, "F16", "cuda", (), 1.0),
    ],
)
def test_weights_have_the_type_they_are_computed_in(
    dtype: str, width: int, computed: str | None, backend: str, features: tuple[str, ...], grown: float
) -> None:
    split = () if backend == "cpu" else (LAYERS + 1,)
    model = shape(dtype, width, computed_as=computed, dtypes={dtype: 450 * MIB // width})
    found = estimate("pytorch", backend, model, Demand(2048), split, features)
    part = found.gpus[0] if split else found.host
    expected = 450 * MIB * grown if dtype != "I32" else 450 * MIB
    assert part.weights == pytest.approx(expected, rel=0.001)


def test_each_request_has_a_row_and_one_prompt_is_read_in() -> None:
    token = LAYERS * 512
    for parallel, rows in ((1, 2), (2, 3), (8, 9)):
        found = estimate("pytorch", "cuda", shape(), Demand(4096, parallel), (LAYERS + 1,))
        assert found.gpus[0].kv == rows * 4096 * token * 2
    assert estimate("pytorch", "cpu", shape(), Demand(4096)).host.kv == 2 * 4096 * token * 4


def test_windows_save_nothing_and_states_are_counted() -> None:
    plain, windowed = shape(), shape()
    windowed = replace(windowed, layers=tuple(replace(layer, window=128) for layer in windowed.layers))
    assert estimate("pytorch", "cpu", plain, Demand(4096)).host.kv == (
        estimate("pytorch", "cpu", windowed, Demand(4096)).host.kv
    )
    states = replace(plain, layers=(Layer(MIB, state=1000),) * LAYERS)
    assert estimate("pytorch", "cpu", states, Demand(4096, 4)).host.kv == 5 * LAYERS * 1000


def test_layers_are_split_and_none_is_lost() -> None:
    found = estimate("pytorch", "cuda", shape(), Demand(4096), (2, 3))
    assert [part.weights for part in found.gpus] == [250 * MIB, 200 * MIB]
    assert sum(part.kv for part in found.gpus) == 2 * 4096 * LAYERS * 512 * 2
    assert all(part.overhead > 500 * MIB for part in found.gpus)


def test_the_weights_pass_through_the_machines_own_memory() -> None:
    found = estimate("pytorch", "cuda", shape(), Demand(4096), (LAYERS + 1,))
    assert found.host.weights == 450 * MIB
    assert any("pass through" in note for note in found.notes)


def test_vectors_need_no_cache() -> None:
    found = estimate("pytorch", "cpu", shape(embeds=True, attention="encoder"), Demand(512)).host
    assert found.kv == 0
    assert found.compute > 0
