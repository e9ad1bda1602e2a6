"""From a folder of files to what the catalog says of the model."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbee_core.models.metadata import Described, describe, quant_label
from rbee_core.models.metadata.quant import FILE_TYPES, TENSOR_TYPES, file_type_name

Write = Callable[..., Path]


def _describe(folder: Path) -> Described:
    return describe(folder, [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()])


def _quantized(**config: Any) -> dict[str, Any]:
    return {"quantization_config": config}


def _json(path: Path, **content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


# --- GGUF -----------------------------------------------------------------------------------------------------------


def test_a_gguf_file(tmp_path: Path, write_gguf: Write) -> None:
    write_gguf(
        tmp_path / "model.gguf",
        general__name="Tiny Stories",
        general__file_type=7,
        general__license="apache-2.0",
        llama__context_length=512,
        tokenizer__ggml__tokens=["a", "b", "c"],
        tokenizer__chat_template="{{ messages }}",
        tensors={"a": (10, 10)},
    )
    found = _describe(tmp_path)
    assert (found.format.value, found.path, found.architecture, found.name) == (
        "gguf",
        "model.gguf",
        "llama",
        "Tiny Stories",
    )
    assert found.metadata == {
        "context_length": 512,
        "vocab_size": 3,
        "quantization": "Q8_0",
        "parameters": 100,
        "license": "apache-2.0",
        "chat_template": True,
    }


def test_the_vocabulary_size_that_is_said_wins(tmp_path: Path, write_gguf: Write) -> None:
    write_gguf(tmp_path / "m.gguf", llama__vocab_size=7, tokenizer__ggml__tokens=["a"])
    assert _describe(tmp_path).metadata["vocab_size"] == 7


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"general__file_type": 15}, "x.gguf", "Q4_K_M"),
        ({"general__file_type": 32}, "x.gguf", "BF16"),
        ({"general__file_type": 1024 + 18}, "x.gguf", "Q6_K"),
        ({"general__file_type": 999}, "x-Q5_K_M.gguf", "Q5_K_M"),
        ({}, "x.IQ4_XS.gguf", "IQ4_XS"),
        ({}, "x.gguf", "F32"),
    ],
)
def test_quantization(tmp_path: Path, write_gguf: Write, values: dict[str, int], name: str, expected: str) -> None:
    write_gguf(tmp_path / name, **values)
    assert _describe(tmp_path).metadata["quantization"] == expected


def test_shards_are_one_model(tmp_path: Path, write_gguf: Write) -> None:
    for number, shape in enumerate([(10,), (20,), (30,)], 1):
        values = {"llama__context_length": 64, "general__name": "Big"} if number == 1 else {}
        write_gguf(tmp_path / f"big-0000{number}-of-00003.gguf", tensors={f"t{number}": shape}, **values)
    found = _describe(tmp_path)
    assert found.path == "big-00001-of-00003.gguf"
    assert found.name == "Big"
    assert found.metadata["parameters"] == 60
    assert "problem" not in found.metadata


def test_a_missing_shard_is_said(tmp_path: Path, write_gguf: Write) -> None:
    write_gguf(tmp_path / "big-00001-of-00003.gguf")
    write_gguf(tmp_path / "big-00003-of-00003.gguf", tensors={"t": (1,)})
    assert "1 of its 3 parts are missing" in _describe(tmp_path).metadata["problem"]


@pytest.mark.parametrize("pattern", ["m.Q2_K.gguf-0000{}-of-00002", "m.Q2_K.gguf-0000{}-of-00002.gguf"])
def test_parts_cut_by_bytes_are_said_to_be_so(tmp_path: Path, write_gguf: Write, pattern: str) -> None:
    whole = write_gguf(tmp_path / "whole", tensors={"t": (1000,)}).read_bytes()
    (tmp_path / "whole").unlink()
    (tmp_path / pattern.format(1)).write_bytes(whole[:2000])
    (tmp_path / pattern.format(2)).write_bytes(whole[2000:])
    found = _describe(tmp_path)
    assert (found.format.value, found.path) == ("gguf", pattern.format(1))
    assert found.metadata["parameters"] == 1000
    assert "joined into one file" in found.metadata["problem"]


@pytest.mark.parametrize(
    ("name", "architecture", "values"),
    [
        ("mmproj-F16.gguf", "clip", {}),
        ("a-mmproj.gguf", "llama", {}),
        ("a.gguf", "clip", {}),
        ("a.gguf", "llama", {"general__type": "mmproj"}),
    ],
)
def test_a_projector_is_not_the_model(
    tmp_path: Path, write_gguf: Write, name: str, architecture: str, values: dict[str, str]
) -> None:
    write_gguf(tmp_path / name, architecture, tensors={"v": (10_000,)}, **values)
    write_gguf(tmp_path / "model.gguf", "gemma3", tensors={"t": (10,)})
    found = _describe(tmp_path)
    assert (found.path, found.architecture) == ("model.gguf", "gemma3")
    assert found.metadata["projector"] == name


def test_of_several_models_the_largest_is_the_one(tmp_path: Path, write_gguf: Write) -> None:
    write_gguf(tmp_path / "a-draft.gguf", tensors={"t": (10,)})
    write_gguf(tmp_path / "b-model.gguf", tensors={"t": (5000,)})
    write_gguf(tmp_path / "c-lora.gguf", general__type="adapter", tensors={"t": (9000,)})
    assert _describe(tmp_path).path == "b-model.gguf"


@pytest.mark.parametrize("name", ["sha256-abc", "model", "model.gguf.1", "weights.dat"])
def test_a_gguf_file_is_known_by_its_first_bytes(tmp_path: Path, write_gguf: Write, name: str) -> None:
    write_gguf(tmp_path / name)
    (tmp_path / "LICENSE").write_text("text")
    found = _describe(tmp_path)
    assert (found.format.value, found.path, found.architecture) == ("gguf", name, "llama")


def test_a_damaged_header_leaves_the_format(tmp_path: Path) -> None:
    (tmp_path / "m-Q4_K_M.gguf").write_bytes(b"<html>not found</html>")
    found = _describe(tmp_path)
    assert (found.format.value, found.path, found.architecture, found.name) == (
        "gguf",
        "m-Q4_K_M.gguf",
        "unknown",
        None,
    )
    assert found.metadata["quantization"] == "Q4_K_M"
    assert "m-Q4_K_M.gguf: it is not a GGUF file" in found.metadata["problem"]


def test_texts_that_could_upset_a_terminal_are_left_out(tmp_path: Path, write_gguf: Write) -> None:
    write_gguf(tmp_path / "m.gguf", "lla\x1b[2Jma", general__name="x\x1b]0;evil\x07", general__license="a\nb")
    found = _describe(tmp_path)
    assert (found.architecture, found.name) == ("unknown", None)
    assert "license" not in found.metadata


# --- the others -----------------------------------------------------------------------------------------------------


def test_a_safetensors_repository(tmp_path: Path, write_safetensors: Write) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"a": ("BF16", [10, 10]), "b": ("F32", [5])})
    _json(tmp_path / "config.json", model_type="llama", max_position_embeddings=2048, vocab_size=32000)
    _json(tmp_path / "tokenizer_config.json", chat_template="{{ x }}")
    found = _describe(tmp_path)
    assert (found.format.value, found.path, found.architecture) == ("safetensors", ".", "llama")
    assert found.metadata == {
        "context_length": 2048,
        "vocab_size": 32000,
        "quantization": "BF16",
        "parameters": 105,
        "chat_template": True,
    }


def test_shards_are_those_of_the_index(tmp_path: Path, write_safetensors: Write) -> None:
    for name, shape in {"model-1": [10], "model-2": [20], "consolidated": [30]}.items():
        write_safetensors(tmp_path / f"{name}.safetensors", {"t": ("F16", shape)})
    _json(tmp_path / "config.json", model_type="llama")
    _json(
        tmp_path / "model.safetensors.index.json", weight_map={"a": "model-1.safetensors", "b": "model-2.safetensors"}
    )
    assert _describe(tmp_path).metadata == {"quantization": "F16", "parameters": 30}
    (tmp_path / "model-2.safetensors").unlink()
    found = _describe(tmp_path)
    assert "1 of its 2 shards are missing: model-2.safetensors" in found.metadata["problem"]
    assert "parameters" not in found.metadata
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../../etc/passwd"}}')
    assert "no plain file name" in _describe(tmp_path).metadata["problem"]


def test_a_second_copy_of_the_weights_is_not_counted(tmp_path: Path, write_safetensors: Write) -> None:
    for name in ("model", "consolidated"):
        write_safetensors(tmp_path / f"{name}.safetensors", {"t": ("F16", [30])})
    assert _describe(tmp_path).metadata["parameters"] == 30
    (tmp_path / "model.safetensors").unlink()
    assert _describe(tmp_path).metadata["parameters"] == 30


def test_a_model_in_a_subfolder(tmp_path: Path, write_safetensors: Write) -> None:
    write_safetensors(tmp_path / "sub" / "model.safetensors", {"t": ("F16", [30])})
    _json(tmp_path / "sub" / "config.json", model_type="phi")
    found = _describe(tmp_path)
    assert (found.path, found.architecture) == ("sub", "phi")


def test_one_file_alone_is_what_is_loaded(tmp_path: Path, write_safetensors: Write) -> None:
    write_safetensors(tmp_path / "lora.safetensors", {"t": ("F16", [30])})
    found = _describe(tmp_path)
    assert (found.path, found.architecture) == ("lora.safetensors", "unknown")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"n_positions": 1024}, {"context_length": 1024}),
        ({"max_sequence_length": 9}, {"context_length": 9}),
        ({"text_config": {"max_position_embeddings": 77, "vocab_size": 8}}, {"context_length": 77, "vocab_size": 8}),
        ({"max_position_embeddings": 10**30}, {}),
        ({"max_position_embeddings": -1}, {}),
        ({"max_position_embeddings": "long"}, {}),
        ({"max_position_embeddings": True}, {}),
        ({"vocab_size": 1.5}, {}),
        ({"text_config": [1]}, {}),
        (_quantized(quant_method="gptq", bits=4), {"quantization": "gptq-4bit", "parameters": None}),
        (_quantized(quant_method="bnb", load_in_4bit=True), {"quantization": "bnb-4bit", "parameters": None}),
        (_quantized(quant_method="fp8"), {"quantization": "fp8"}),
        (_quantized(quant_method="\x1b"), {"quantization": "quantized", "parameters": None}),
        ({"quantization_config": "gptq"}, {}),
    ],
)  # fmt: skip
def test_configurations(
    tmp_path: Path, write_safetensors: Write, config: dict[str, Any], expected: dict[str, Any]
) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"t": ("F16", [30])})
    _json(tmp_path / "config.json", **config)
    wanted = {"quantization": "F16", "parameters": 30} | expected
    assert _describe(tmp_path).metadata == {key: value for key, value in wanted.items() if value is not None}


@pytest.mark.parametrize(
    ("config", "architecture"),
    [
        ({"model_type": "qwen2"}, "qwen2"),
        ({"architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM"),
        ({"model_type": "\x1b[2J", "architectures": []}, "unknown"),
        ({"model_type": "x" * 100}, "unknown"),
        ({"model_type": 3, "architectures": [None]}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_architectures(tmp_path: Path, config: dict[str, Any], architecture: str) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK")
    _json(tmp_path / "config.json", **config)
    assert _describe(tmp_path).architecture == architecture


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 100_000, "\x00"])
def test_a_damaged_configuration_is_told(tmp_path: Path, write_safetensors: Write, content: str) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"t": ("F16", [30])})
    (tmp_path / "config.json").write_text(content)
    found = _describe(tmp_path)
    assert found.format.value == "safetensors"
    assert found.metadata["problem"].startswith("config.json: it is not")


def test_a_huge_configuration_is_not_read(tmp_path: Path, write_safetensors: Write) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"t": ("F16", [30])})
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(2**34)
    assert "more than the" in _describe(tmp_path).metadata["problem"]


@pytest.mark.parametrize(
    ("names", "format_", "path"),
    [
        (["pytorch_model.bin", "config.json"], "pytorch", "."),
        (["model.pt"], "pytorch", "model.pt"),
        (["a.pth", "b.pth"], "pytorch", "."),
        (["model.onnx"], "onnx", "model.onnx"),
        (["onnx/a.onnx", "onnx/b.onnx"], "onnx", "onnx"),
        (["pytorch_model.bin", "onnx/model.onnx", "config.json"], "pytorch", "."),
        (["README.md"], "other", "README.md"),
        (["a.txt", "b.txt"], "other", "."),
        (["deep/a.txt", "deep/b.txt"], "other", "deep"),
        ([], "other", "."),
    ],
)
def test_formats_by_their_files(tmp_path: Path, names: list[str], format_: str, path: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = describe(tmp_path, names)
    assert (found.format.value, found.path) == (format_, path)
    assert "problem" not in found.metadata


def test_gguf_wins_over_safetensors(tmp_path: Path, write_gguf: Write, write_safetensors: Write) -> None:
    write_gguf(tmp_path / "m.gguf")
    write_safetensors(tmp_path / "model.safetensors", {"t": ("F16", [30])})
    assert _describe(tmp_path).path == "m.gguf"


def test_files_that_vanished_are_told(tmp_path: Path) -> None:
    for names in (["m.gguf"], ["model.safetensors", "config.json"]):
        assert "cannot be read" in describe(tmp_path, names).metadata["problem"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["m.gguf", "a-00001-of-00002.gguf", "model.safetensors", "config.json", "x.bin", "m"]),
    head=st.sampled_from(
        [b"", b"GGUF\x03\0\0\0", struct.pack("<Q", 40) + b'{"a":', b'{"text_config":', b'{"model_type":']
    ),
    tail=st.binary(max_size=80),
)
def test_it_never_fails(tmp_path: Path, name: str, head: bytes, tail: bytes) -> None:
    (tmp_path / name).write_bytes(head + tail)
    found = describe(tmp_path, [name, "config.json", "model.safetensors.index.json", "model.safetensors"])
    json.dumps(found.metadata)


# --- names of quantizations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Llama-3.2-1B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("llama-2-7b.q8_0.gguf", "Q8_0"),
        ("model-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("model-f16.gguf", "F16"),
        ("model-BF16-00001-of-00002.gguf", "BF16"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("Q4_K_M/model-Q8_0.gguf", "Q8_0"),
        ("model-IQ2_XXS.gguf", "IQ2_XXS"),
        ("model-Q4_K_M-of-F16.gguf", "F16"),
        ("model-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("model.gguf", None),
        ("qF16x.gguf", None),
        ("", None),
    ],
)
def test_labels_in_names(name: str, label: str | None) -> None:
    assert quant_label(name) == label


def test_the_tables_are_those_of_the_gguf_package() -> None:
    from gguf.constants import GGMLQuantizationType, LlamaFileType

    assert {kind.value: kind.name for kind in GGMLQuantizationType}.items() <= TENSOR_TYPES.items()
    for kind in LlamaFileType:
        if kind.value != 1024:
            assert FILE_TYPES[kind.value] == kind.name.removeprefix("MOSTLY_").removeprefix("ALL_")
    assert file_type_name(None) is None
