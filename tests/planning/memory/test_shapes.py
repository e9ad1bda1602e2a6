"""Reading a model's shape: by parts of its files, from many files, of files that lie."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbee_core.models.metadata import BadHeader
from rbee_core.planning import Demand, ModelShape, estimate, read_shape

from .cases import File, shape_of
from .ggufs import Model, write_model
from .zoo import ZOO

MIB = 2**20


class Reader:
    """Parts of files, and what was asked for."""

    def __init__(self, files: dict[str, bytes] | Path) -> None:
        self._files = files
        self.asked: list[tuple[str, int, int]] = []

    def __call__(self, name: str, start: int, length: int) -> bytes | None:
        self.asked.append((name, start, length))
        if isinstance(self._files, dict):
            return self._files[name][start : start + length]
        with (self._files / name).open("rb") as file:
            file.seek(start)
            return file.read(length)

    @property
    def total(self) -> int:
        """Bytes asked for."""
        return sum(length for _, _, length in self.asked)


@pytest.mark.parametrize("name", ZOO)
def test_every_byte_of_the_weights_has_its_place(name: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", ZOO[name](), tokens=False)
    shape = shape_of(path)
    assert shape.exact
    assert shape.notes == ()
    outside = shape.embedding + shape.output + shape.other + shape.unused
    assert shape.size == sum(layer.weights for layer in shape.layers) + outside
    # Besides the header, and holes of less than 32 bytes between tensors, a file is its weights.
    assert 0 <= path.stat().st_size - shape.size < MIB
    model = ZOO[name]()
    assert (shape.architecture, shape.vocab, len(shape.layers)) == (
        model.architecture, model.vocab, model.values["block_count"],
    )  # fmt: skip
    unloaded = f"blk.{len(shape.layers) - 1}." if "nextn_predict_layers" in model.values else "none"
    assert sum(layer.experts for layer in shape.layers) == sum(
        _size(model, tensor) for tensor in model.tensors if "_exps." in tensor and not tensor.startswith(unloaded)
    )


def _size(model: Model, tensor: str) -> int:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    dims = model.tensors[tensor]
    block, width = GGML_QUANT_SIZES[GGMLQuantizationType[model.kind_of(tensor, dims)]]
    size = dims[0] // block * width
    for length in dims[1:]:
        size *= length
    return size


def test_of_a_large_model_only_the_header_is_read(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", ZOO["llama"]())
    reader = Reader(tmp_path)
    shape = read_shape(reader, [File("m.gguf", path.stat().st_size)])
    header = path.stat().st_size - shape.size
    assert path.stat().st_size > 8 * 10**9
    assert 2 * MIB < header < reader.total < 2 * header + 2 * MIB
    # In few requests, each longer than the one before.
    lengths = [length for _, _, length in reader.asked]
    assert lengths == [MIB << number for number in range(len(lengths))]
    assert len(lengths) <= 3


def test_of_a_short_header_one_request_is_made(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", ZOO["llama-70b"](), tokens=False)
    reader = Reader(tmp_path)
    read_shape(reader, [File("m.gguf", path.stat().st_size)])
    assert reader.asked == [("m.gguf", 0, MIB)]


def test_a_file_of_unknown_length_is_read_all_the_same(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", ZOO["gemma3"](), tokens=False)
    assert read_shape(Reader(tmp_path), [File("m.gguf", None)]) == shape_of(path)


def test_shards_are_one_model(tmp_path: Path) -> None:
    whole = ZOO["qwen3"]()
    names = list(whole.tensors)
    files = []
    for number, part in enumerate((names[:100], names[100:200], names[200:]), 1):
        path = tmp_path / f"m-0000{number}-of-00003.gguf"
        tensors = {tensor: whole.tensors[tensor] for tensor in part}
        shard = replace(whole, values=whole.values if number == 1 else {}, tensors=tensors)
        write_model(path, shard, tokens=False)
        files.append(File(path.name, path.stat().st_size))
    shape = read_shape(Reader(tmp_path), files)
    alone = shape_of(write_model(tmp_path / "whole.gguf", whole, tokens=False))
    assert shape == alone
    incomplete = read_shape(Reader(tmp_path), files[:2])
    assert (incomplete.exact, incomplete.notes) == (False, ("1 of its parts are missing",))


@pytest.mark.parametrize("name", ["model.gguf", "model.safetensors", "pytorch_model.bin", "model.onnx", "weights"])
def test_a_source_without_parts_leaves_the_size(name: str) -> None:
    shape = read_shape(lambda *_: None, [File(name, 8 * 10**9), File("config.json", 500)])
    assert (shape.exact, len(shape.layers)) == (False, 32)
    assert shape.size == pytest.approx(8 * 10**9, rel=0.001)
    assert shape.notes
    found = estimate("llama.cpp", "cpu", shape, Demand(4096)).host
    assert found.weights == shape.size
    assert found.kv > 0


def test_of_several_models_the_largest_is_meant_and_a_projector_is_none(tmp_path: Path) -> None:
    small = write_model(tmp_path / "a-Q4_0.gguf", ZOO["qwen3"](2), tokens=False)
    large = write_model(tmp_path / "b-Q8_0.gguf", ZOO["qwen3"](3), tokens=False)
    (tmp_path / "mmproj-b.gguf").write_bytes(b"no GGUF")
    files = [File(path.name, path.stat().st_size) for path in (small, large)]
    shape = read_shape(Reader(tmp_path), [File("mmproj-b.gguf", 10**12), File("README.md", 10), *files])
    assert len(shape.layers) == 3


def test_tensors_beyond_the_files_end_are_told(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", ZOO["qwen3"](2), tokens=False)
    shape = read_shape(Reader(tmp_path), [File("m.gguf", path.stat().st_size // 2)])
    assert not shape.exact
    assert "more bytes than its files" in shape.notes[0]


def test_types_of_tomorrow_are_told(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", ZOO["qwen3"](2), tokens=False)
    data = bytearray(path.read_bytes())
    at = data.index(b"blk.0.attn_q.weight") + len(b"blk.0.attn_q.weight") + 4 + 16
    data[at : at + 4] = struct.pack("<I", 77)
    shape = read_shape(Reader({"m.gguf": bytes(data)}), [File("m.gguf", len(data))])
    known = shape_of(path)
    # Where the next tensor begins tells how long it is.
    assert shape.size == known.size
    assert shape.exact


def test_no_files_are_no_model() -> None:
    with pytest.raises(BadHeader, match="no files"):
        read_shape(lambda *_: b"", [])


def test_more_layers_than_any_engine_takes_are_refused(tmp_path: Path) -> None:
    model = ZOO["qwen3"](2)
    path = write_model(tmp_path / "m.gguf", replace(model, values={**model.values, "block_count": 2**31}), tokens=False)
    with pytest.raises(BadHeader, match="layers"):
        shape_of(path)


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A header, without the weights."""
    path = write_model(tmp_path_factory.mktemp("sample") / "m.gguf", ZOO["jamba"](8), tokens=False)
    with path.open("rb") as file:
        return file.read(1 << 16)


def _usable(shape: ModelShape) -> None:
    for engine in ("llama.cpp", "pytorch", "other"):
        for split in ((), (len(shape.layers) + 1,)):
            found = estimate(engine, "cuda" if split else "cpu", shape, Demand(4096, 2), split)
            parts = (found.host, *found.gpus)
            assert all(value >= 0 for part in parts for value in (part.weights, part.kv, part.compute, part.overhead))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_raise_anything_else(data: st.DataObject, header: bytes) -> None:
    damaged = bytearray(header)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, 3000))
        damaged[at : at + 8] = data.draw(
            st.sampled_from([b"\xff" * 8, bytes(8), struct.pack("<Q", 2**39), b"blk.9999"])
        )
    try:
        shape = read_shape(Reader({"m.gguf": bytes(damaged)}), [File("m.gguf", len(damaged))])
    except BadHeader:
        return
    _usable(shape)


CONFIG: dict[str, Any] = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 256, "num_hidden_layers": 3,
    "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 512, "vocab_size": 1000,
    "max_position_embeddings": 2048, "torch_dtype": "bfloat16",
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(changes=st.dictionaries(st.sampled_from([*CONFIG, "text_config", "layer_types", "sliding_window"]), JSON))
def test_no_configuration_raises_anything_else(changes: dict[str, Any]) -> None:
    files = {"config.json": json.dumps({**CONFIG, **changes}).encode(), "model.safetensors": _safetensors({})}
    try:
        shape = read_shape(Reader(files), [File(name, len(data)) for name, data in files.items()])
    except BadHeader:
        return
    _usable(shape)


def _safetensors(tensors: dict[str, tuple[str, Sequence[int]]], *, data: bool = True) -> bytes:
    width = {"F32": 4, "BF16": 2, "F16": 2, "U8": 1, "F8_E4M3": 1, "I32": 4}
    header: dict[str, Any] = {}
    at = 0
    for name, (dtype, shape) in tensors.items():
        size = width[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + (bytes(at) if data else b"")


def _layer(n: int, dtype: str = "BF16") -> dict[str, tuple[str, Sequence[int]]]:
    at = f"model.layers.{n}."
    return {
        f"{at}self_attn.q_proj.weight": (dtype, (256, 256)), f"{at}self_attn.k_proj.weight": (dtype, (64, 256)),
        f"{at}self_attn.v_proj.weight": (dtype, (64, 256)), f"{at}self_attn.o_proj.weight": (dtype, (256, 256)),
        f"{at}mlp.gate_proj.weight": (dtype, (512, 256)), f"{at}mlp.up_proj.weight": (dtype, (512, 256)),
        f"{at}mlp.down_proj.weight": (dtype, (256, 512)), f"{at}input_layernorm.weight": (dtype, (256,)),
    }  # fmt: skip


EMBEDDINGS: dict[str, tuple[str, Sequence[int]]] = {"model.embed_tokens.weight": ("BF16", (1000, 256))}
HEAD: dict[str, tuple[str, Sequence[int]]] = {"lm_head.weight": ("BF16", (1000, 256))}
Files = dict[str, bytes]


def _model(config: dict[str, Any], *, dtype: str = "BF16") -> Files:
    """Three layers in two shards, with their index and a second copy under another name."""
    first = {**EMBEDDINGS, **_layer(0, dtype), **_layer(1, dtype)}
    second = {**_layer(2, dtype), **HEAD, "model.norm.weight": ("BF16", (256,))}
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    index = {"weight_map": {**dict.fromkeys(first, names[0]), **dict.fromkeys(second, names[1])}}
    return {
        "config.json": json.dumps(config).encode(),
        "model.safetensors.index.json": json.dumps(index).encode(),
        names[0]: _safetensors(first),
        names[1]: _safetensors(second),
        "consolidated.safetensors": _safetensors(first),
    }


def _read(files: Files) -> tuple[ModelShape, Reader]:
    reader = Reader(files)
    return read_shape(reader, [File(name, len(data)) for name, data in files.items()]), reader


def test_a_repository_of_safetensors() -> None:
    shape, reader = _read(_model(CONFIG))
    layer = 2 * (2 * 256 * 256 + 2 * 64 * 256 + 3 * 512 * 256 + 256)
    assert [found.weights for found in shape.layers] == [layer] * 3
    assert (shape.embedding, shape.output, shape.other) == (512_000, 512_000, 512)
    assert shape.size == 3 * layer + 2 * 512_000 + 512
    assert (shape.layers[0].kv_k, shape.layers[0].kv_v, shape.trained_context) == (64, 64, 2048)
    assert (shape.exact, shape.tied, shape.quantization, shape.architecture) == (True, False, "BF16", "llama")
    assert not any("consolidated" in name for name, _, _ in reader.asked)


def test_of_large_shards_only_the_headers_are_read(tmp_path: Path) -> None:
    big = {f"model.layers.{n}.mlp.experts.w.weight": ("BF16", (65536, 65536)) for n in range(3)}
    data = _safetensors(big, data=False)
    size = len(data) + 3 * 2 * 65536**2
    files = {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": data}
    reader = Reader(files)
    shape = read_shape(reader, [File("config.json", len(files["config.json"])), File("model.safetensors", size)])
    assert shape.size == 3 * 2 * 65536**2
    assert shape.layers[0].experts == shape.layers[0].weights
    assert reader.total < 2 * MIB


def _with(**more: Any) -> dict[str, Any]:
    return {**CONFIG, **more}


@pytest.mark.parametrize(
    ("config", "look"),
    [
        (_with(head_dim=128), lambda shape: shape.layers[0].kv_k == 256),
        (_with(num_key_value_heads=None), lambda shape: shape.layers[0].kv_k == 256),
        (
            _with(layer_types=["sliding_attention", "full_attention", "linear_attention"], sliding_window=64,
                  linear_key_head_dim=16, linear_value_head_dim=16, linear_num_value_heads=4, linear_num_key_heads=2,
                  linear_conv_kernel_dim=4),
            lambda shape: (
                [layer.window for layer in shape.layers] == [64, None, None]
                and (shape.layers[2].kv_k, shape.layers[2].state) == (0, 4 * (4 * 16 * 16 + 4 * (64 + 64)))
            ),
        ),
        (
            _with(kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128),
            lambda shape: (shape.layers[0].kv_k, shape.layers[0].kv_v) == (8 * 192, 8 * 128),
        ),
        ({"model_type": "gemma3", "text_config": CONFIG}, lambda shape: shape.hidden == 256),
        (
            _with(model_type="bert", architectures=["BertModel"]),
            lambda shape: (shape.attention, shape.embeds, shape.layers[0].kv_k) == ("encoder", True, 0),
        ),
        (_with(model_type="mamba"), lambda shape: shape.layers[0].state > 0 and shape.layers[0].kv_k == 0),
        (
            _with(quantization_config={"quant_method": "gptq", "bits": 4}),
            lambda shape: shape.quantization == "gptq-4bit",
        ),
    ],
)  # fmt: skip
def test_configurations(config: dict[str, Any], look: Callable[[ModelShape], bool]) -> None:
    assert look(_read(_model(config))[0])


def test_a_configuration_that_says_nothing_leaves_the_size() -> None:
    shape, _ = _read(_model({"model_type": "new"}))
    assert (shape.exact, shape.notes) == (False, ("its config.json does not say how it is made",))


def test_an_index_that_leads_astray_and_a_huge_configuration_are_refused() -> None:
    files = _model(CONFIG)
    with pytest.raises(BadHeader):
        _read({**files, "model.safetensors.index.json": b'{"weight_map": {"a": "../../etc/passwd"}}'})
    with pytest.raises(BadHeader, match="config"):
        read_shape(Reader(files), [File("config.json", 2**40), File("model.safetensors", 10)])
