"""Estimates for llama.cpp: published figures, rounding, what is refused, what is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rbee_core.planning import Demand, ModelShape, estimate
from rbee_core.planning.engines.llama_cpp import places

from .cases import shape_of
from .ggufs import write_model
from .zoo import ZOO

GB, GIB, MIB = 10**9, 2**30, 2**20


def shape(tmp_path: Path, name: str, **more: object) -> ModelShape:
    return shape_of(write_model(tmp_path / "m.gguf", ZOO[name](**more), tokens=False))


def kv(found: ModelShape, context: int, parallel: int = 1, kv_type: str = "f16") -> int:
    return estimate("llama.cpp", "cpu", found, Demand(context, parallel, kv_type)).host.kv


def test_llama_8b_keeps_a_gibibyte_for_8192_tokens(tmp_path: Path) -> None:
    llama = shape(tmp_path, "llama")
    assert kv(llama, 8192) == GIB
    assert kv(llama, 8192, 4) == 4 * GIB
    assert kv(llama, 8192, kv_type="q8_0") == GIB * 34 // 64
    assert kv(llama, 8192, kv_type="f32") == 2 * GIB
    assert llama.parameters == pytest.approx(8.03e9, rel=0.001)


def test_llama_70b_in_four_bits_is_forty_gigabytes(tmp_path: Path) -> None:
    # Published as Q4_K_M: 42.5 GB, with some tensors in six bits; here all are in four.
    llama = shape(tmp_path, "llama-70b")
    assert llama.parameters == pytest.approx(70.55e9, rel=0.001)
    assert llama.size == pytest.approx(70.55e9 * 4.5 / 8, rel=0.001)
    assert kv(llama, 8192) == 80 * 2 * 1024 * 2 * 8192  # 2.5 GiB


def test_deepseek_v3_keeps_seventy_kilobytes_per_token(tmp_path: Path) -> None:
    # DeepSeek-V3's report (2024): 512 numbers and 64 of position for each of 61 layers, 16 bits each.
    assert kv(shape(tmp_path, "deepseek"), 8192) / 8192 == 61 * 576 * 2 == 70272


def test_deepseek_as_it_was_converted_before_keeps_fifty_times_as_much(tmp_path: Path) -> None:
    assert kv(shape(tmp_path, "deepseek", absorbed=False), 4096) / 4096 == 61 * 128 * (192 + 128) * 2


def test_gemma_3_27b_keeps_its_windows_only(tmp_path: Path) -> None:
    # 52 of 62 layers look at 1024 tokens; all of it would be 15.5 GiB.
    gemma = shape(tmp_path, "gemma3-27b")
    per_token = 2 * 16 * 128 * 2
    assert [layer.window for layer in gemma.layers[:7]] == [1024] * 5 + [None, 1024]
    assert kv(gemma, 32768) == per_token * (10 * 32768 + 52 * 1536)
    assert (
        kv(replace(gemma, layers=tuple(replace(layer, window=None) for layer in gemma.layers)), 32768) == 31 * GIB // 2
    )


def test_recurrent_layers_keep_the_same_for_any_context(tmp_path: Path) -> None:
    mamba = shape(tmp_path, "mamba")
    # Mamba 2.8B: of 64 layers each 5120 channels, 16 states and the last 3 inputs, in 32 bits.
    assert kv(mamba, 512) == kv(mamba, 131072) == 64 * 5120 * (16 + 3) * 4
    assert kv(mamba, 512, 3) == 3 * kv(mamba, 512)


@pytest.mark.parametrize(("name", "attends"), [("jamba", 4), ("granite-hybrid", 4), ("qwen3next", 12)])
def test_hybrids_keep_a_state_or_keys_and_values(tmp_path: Path, name: str, attends: int) -> None:
    layers = shape(tmp_path, name).layers
    assert sum(layer.kv_k > 0 for layer in layers) == attends
    assert all((layer.state > 0) != (layer.kv_k > 0) for layer in layers)


def test_embedding_models_keep_nothing_and_read_a_text_at_once(tmp_path: Path) -> None:
    bert = shape(tmp_path, "bert")
    short, long = (estimate("llama.cpp", "cpu", bert, Demand(context)).host for context in (512, 8192))
    assert (bert.attention, bert.embeds, short.kv, long.kv) == ("encoder", True, 0, 0)
    # The mask alone is a square.
    assert long.compute - short.compute > 2 * (8192**2 - 512**2)


def test_a_generator_made_an_embedder_has_room_for_every_tokens_logits(tmp_path: Path) -> None:
    model = ZOO["qwen3"]()
    writes = shape_of(write_model(tmp_path / "a.gguf", model, tokens=False))
    embeds, by_last = (
        shape_of(
            write_model(
                tmp_path / "b.gguf", replace(model, values={**model.values, "pooling_type": pooling}), tokens=False
            )
        )
        for pooling in (1, 3)
    )
    assert (writes.embeds, embeds.embeds, by_last.embeds) == (False, True, True)
    # The engine's own accounting for 2048 tokens: 1243 MiB.
    assert estimate("llama.cpp", "cpu", embeds, Demand(2048)).host.compute == pytest.approx(1243 * MIB, rel=0.05)
    assert estimate("llama.cpp", "cpu", writes, Demand(2048)).host.compute < 100 * MIB
    # The last token's vector needs no more than a part of the text at a time, however long it is.
    parts = [estimate("llama.cpp", "cpu", by_last, Demand(context)).host.compute for context in (2048, 8192)]
    assert parts[0] < 400 * MIB
    assert parts[1] < parts[0] + 100 * MIB


def test_contexts_are_rounded_up_as_the_engine_does(tmp_path: Path) -> None:
    llama = shape(tmp_path, "llama")
    assert kv(llama, 1) == kv(llama, 256) == kv(llama, 257) // 2


def test_embeddings_that_a_cpu_reorders_for_the_output_are_there_twice(tmp_path: Path) -> None:
    four, eight = shape(tmp_path, "qwen3"), shape(tmp_path, "qwen2")
    assert (four.embedding_kind, eight.embedding_kind, four.tied) == ("Q4_K", "Q8_0", True)

    def weights(found: ModelShape, *features: str) -> int:
        return estimate("llama.cpp", "cpu", found, Demand(512), features=features).host.weights

    assert weights(four) == four.size + four.embedding
    assert weights(eight) == weights(eight, "avx2") == eight.size
    assert weights(eight, "asimddp") == weights(eight, "amx_int8") == eight.size + eight.embedding


def test_layers_that_guess_further_tokens_are_not_loaded(tmp_path: Path) -> None:
    model = ZOO["deepseek"](4)
    plain = shape_of(write_model(tmp_path / "a.gguf", model, tokens=False))
    extra = replace(model, values={**model.values, "nextn_predict_layers": 1})
    found = shape_of(write_model(tmp_path / "b.gguf", extra, tokens=False))
    assert found.unused == plain.layers[3].weights > 0
    assert found.layers[3].weights == found.layers[3].kv_k == 0
    whole = estimate("llama.cpp", "cpu", found, Demand(512)).host.weights
    assert whole == found.size - found.unused


def test_earlier_prompts_come_to_take_memory_too(tmp_path: Path) -> None:
    llama = shape(tmp_path, "llama")
    least = estimate("llama.cpp", "cpu", llama, Demand(256)).host.overhead
    most = estimate("llama.cpp", "cpu", llama, Demand(65536)).host.overhead
    assert most - least == 256 * MIB - kv(llama, 256)
    gemma = shape(tmp_path, "gemma3-27b")
    one, four = (estimate("llama.cpp", "cpu", gemma, Demand(8192, count)).host.overhead for count in (1, 4))
    assert four - one == 3 * 2 * 52 * 1024 * 2 * 16 * 128 * 2  # two copies of each request's windows


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ((), [None] * 4), ((1,), [None] * 4), ((2,), [None, None, None, 0]), ((5,), [0] * 4), ((2, 3), [0, 0, 1, 1]),
        ((0, 2), [None, None, None, 1]), ((4, 1), [0, 0, 0, 0]),
    ],
)  # fmt: skip
def test_the_last_layers_go_to_the_gpus(split: tuple[int, ...], expected: list[int | None]) -> None:
    assert places(4, split) == expected


@pytest.mark.parametrize(
    ("demand", "split"),
    [(Demand(-1), ()), (Demand(1, 0), ()), (Demand(1), (34,)), (Demand(1), (-1, 2)), (Demand(1), (20, 20))],
)
def test_what_cannot_be_is_refused(tmp_path: Path, demand: Demand, split: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|do not fit"):
        estimate("llama.cpp", "cuda", shape(tmp_path, "llama"), demand, split)


def test_a_kv_type_that_needs_flash_attention_is_told_where_there_is_none(tmp_path: Path) -> None:
    odd = replace(shape(tmp_path, "llama"), key_length=100, value_length=100)
    whole = (33,)
    notes = estimate("llama.cpp", "cuda", odd, Demand(4096, 1, "q8_0"), whole).notes
    assert any("flash attention" in note for note in notes)
    without = estimate("llama.cpp", "cuda", odd, Demand(32768), whole).gpus[0].compute
    # Scores of 32 heads for 512 tokens, before and after the softmax.
    assert without > 2 * 4 * 512 * 32 * 32768
    assert not any("flash" in note for note in estimate("llama.cpp", "cpu", odd, Demand(4096, 1, "q8_0")).notes)


def test_an_engine_nothing_is_known_of_gets_a_tenth_more(tmp_path: Path) -> None:
    llama = shape(tmp_path, "llama")
    found = estimate("another", "cpu", llama, Demand(8192, 1, "q8_0"))
    assert found.host.compute == (llama.size + GIB) // 10
    assert found.host.kv == GIB
    assert "not known" in found.notes[0]
