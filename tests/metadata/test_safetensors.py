"""The safetensors reader and the index of shards."""

from __future__ import annotations

import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbee_core.models.metadata import BadHeader, read_index, read_safetensors

Write = Callable[..., Path]
F32 = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def _file(path: Path, header: object, tail: int = 24) -> Path:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(data)) + data + bytes(tail))
    return path


def test_what_it_tells(tmp_path: Path, write_safetensors: Write) -> None:
    tensors = {"a": ("BF16", [10, 10]), "b": ("F32", [3]), "scalar": ("F32", []), "none": ("F32", [0, 7])}
    header = read_safetensors(write_safetensors(tmp_path / "m", tensors, {"format": "pt"}))
    assert header.parameters == 104
    assert header.dtypes == {"BF16": 100, "F32": 4}
    assert header.dtype == "BF16"
    assert header.metadata == {"format": "pt"}
    assert header.infos == []
    infos = read_safetensors(tmp_path / "m", tensors=True).infos
    assert {info.name: (info.dtype, list(info.shape)) for info in infos} == tensors
    assert [info.size for info in infos] == [200, 12, 4, 0]


def test_a_dtype_of_tomorrow_is_read(tmp_path: Path) -> None:
    assert read_safetensors(_file(tmp_path / "m", {"a": F32 | {"dtype": "F3_X"}})).dtype == "F3_X"


HOSTILE = {
    "nothing": b"",
    "short": b"\x01\x02",
    "length beyond the end": struct.pack("<Q", 100) + b"{}",
    "length of 8 EiB": struct.pack("<Q", 2**63) + b"{}",
    "length 0": struct.pack("<Q", 0) + b"{}",
    "not JSON": struct.pack("<Q", 4) + b"\x80\x04x.",
    "a list": struct.pack("<Q", 2) + b"[]",
    "cut JSON": struct.pack("<Q", 3) + b'{"a',
    "deep": struct.pack("<Q", 100_005) + b'{"a":' + b"[" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bytes_that_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "m").write_bytes(HOSTILE[name])
    with pytest.raises(BadHeader):
        read_safetensors(tmp_path / "m")


def test_a_header_over_the_formats_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(struct.pack("<Q", 100_000_001) + b"{}")
    with path.open("ab") as file:
        file.truncate(2**30)
    tracemalloc.start()
    try:
        with pytest.raises(BadHeader, match="100000001 bytes"):
            read_safetensors(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "tensor",
    [
        None, [], {}, {"dtype": "F32"}, F32 | {"dtype": 3}, F32 | {"dtype": ""}, F32 | {"dtype": "F" * 50},
        F32 | {"dtype": "\x1b[2J"}, F32 | {"shape": None}, F32 | {"shape": [2, -3]}, F32 | {"shape": [2.0, 3]},
        F32 | {"shape": [True, 6]}, F32 | {"shape": [2**62, 2**62]}, F32 | {"shape": [1] * 100},
        F32 | {"shape": [2, 2]},
        F32 | {"data_offsets": [0]}, F32 | {"data_offsets": [24, 0]}, F32 | {"data_offsets": [1, 25]},
        F32 | {"data_offsets": [0, 2**64]}, F32 | {"data_offsets": "0,24"}, F32 | {"dtype": "F16"},
    ],
)  # fmt: skip
def test_tensors_that_are_refused(tmp_path: Path, tensor: object) -> None:
    with pytest.raises(BadHeader):
        read_safetensors(_file(tmp_path / "m", {"t": tensor}))


@pytest.mark.parametrize("spans", [[(0, 24), (0, 24)], [(0, 24), (25, 49)], [(0, 24), (24, 48), (40, 64)]])
def test_overlaps_and_holes_are_refused(tmp_path: Path, spans: list[tuple[int, int]]) -> None:
    header = {str(n): F32 | {"data_offsets": list(span)} for n, span in enumerate(spans)}
    with pytest.raises(BadHeader, match="overlap"):
        read_safetensors(_file(tmp_path / "m", header, tail=spans[-1][1]))


@pytest.mark.parametrize("tail", [0, 23, 25])
def test_a_file_of_another_length_than_its_tensors_is_refused(tmp_path: Path, tail: int) -> None:
    with pytest.raises(BadHeader):
        read_safetensors(_file(tmp_path / "m", {"t": F32}, tail=tail))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_raise_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    good = (struct.pack("<Q", 61) + b'{"t":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}    ').ljust(
        8 + 61
    ) + bytes(24)
    mutated = bytearray(good)
    for at in data.draw(st.lists(st.integers(0, len(good) - 1), max_size=3)):
        mutated[at : at + 1] = data.draw(st.binary(max_size=3))
    (tmp_path / "m").write_bytes(data.draw(st.just(bytes(mutated)) | st.binary(max_size=60)))
    try:
        header = read_safetensors(tmp_path / "m", tensors=True)
    except BadHeader as error:
        assert str(error).isprintable()
        return
    assert header.parameters >= 0
    assert all(info.size >= 0 for info in header.infos)


def test_an_index_names_its_shards(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(
        json.dumps({"weight_map": {"a": "model-2.safetensors", "b": "model-1.safetensors", "c": "model-1.safetensors"}})
    )
    assert read_index(path) == ["model-1.safetensors", "model-2.safetensors"]


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", '{"weight_map": []}', '{"weight_map": {}}', '{"weight_map": {"a": 3}}',
        '{"weight_map": {"a": ""}}',
        '{"weight_map": {"a": "../x"}}', '{"weight_map": {"a": "/etc/passwd"}}', '{"weight_map": {"a": "a\\\\b"}}',
        '{"weight_map": {"a": "x\\u0000"}}', "{" * 5000,
    ],
)  # fmt: skip
def test_an_index_that_leads_astray_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(BadHeader):
        read_index(tmp_path / "index.json")
