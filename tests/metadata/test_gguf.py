"""The GGUF reader: against the gguf package's on good files, and against everything else on bad ones."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbee_core.models.metadata import BadHeader, gguf, read_gguf
from rbee_core.models.metadata.reading import open_plain

Write = Callable[..., Path]
TOKENS = [f"<token {number}>" for number in range(40_000)]


def _string(text: bytes, width: str = "Q", order: str = "<") -> bytes:
    return struct.pack(order + width, len(text)) + text


def _file(path: Path, body: bytes, *, tensors: int = 0, keys: int = 0, version: int = 3, order: str = "<") -> Path:
    width = "I" if version == 1 else "Q"
    path.write_bytes(b"GGUF" + struct.pack(f"{order}I{width}{width}", version, tensors, keys) + body)
    return path


@pytest.mark.parametrize("big_endian", [False, True])
def test_it_says_what_the_gguf_package_says(tmp_path: Path, write_gguf: Write, big_endian: bool) -> None:
    path = write_gguf(
        tmp_path / "m.gguf",
        big_endian=big_endian,
        general__name="Tïny",
        general__file_type=7,
        llama__context_length=2048,
        llama__rope__freq_base=10000.0,
        llama__attention__head_count_kv=[4, 2, 4],
        tokenizer__ggml__add_bos_token=True,
        tokenizer__ggml__tokens=TOKENS,
        tokenizer__ggml__scores=[0.5] * 40_000,
        tensors={"a": (3, 5), "b": (7,), "c": (2, 3, 4, 5)},
    )
    header = read_gguf(path)
    from gguf import GGUFReader

    reader = GGUFReader(path)
    theirs = {key: field for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    assert set(header.values) | set(header.lengths) == set(theirs)
    for key, value in header.values.items():
        assert value == theirs[key].contents(), key
    for key, length in header.lengths.items():
        assert length == len(theirs[key].data), key
    assert header.big_endian is big_endian
    assert header.tensors == len(reader.tensors) == 3
    assert header.parameters == sum(int(tensor.n_elements) for tensor in reader.tensors) == 15 + 7 + 120
    assert header.types == {0: 142}
    assert header.lengths["tokenizer.ggml.tokens"] == 40_000
    assert "tokenizer.ggml.tokens" not in header.values


def test_a_real_model_is_read_as_the_gguf_package_reads_it() -> None:
    from gguf import GGUFReader

    found = list((Path(__file__).parents[2] / "plugins").glob("*/*/data/*.gguf"))
    assert found
    for path in found:
        header, reader = read_gguf(path), GGUFReader(path)
        assert header.parameters == sum(int(tensor.n_elements) for tensor in reader.tensors)
        assert header.text("general.architecture") == reader.fields["general.architecture"].contents()


@pytest.mark.parametrize(
    ("version", "width", "order"), [(1, "I", "<"), (2, "Q", "<"), (3, "Q", "<"), (2, "Q", ">"), (3, "Q", ">")]
)
def test_all_versions_and_byte_orders(tmp_path: Path, version: int, width: str, order: str) -> None:
    nested = struct.pack(f"{order}I{width}", 9, 2) + (
        struct.pack(f"{order}I{width}", 8, 1)
        + _string(b"x", width, order)
        + struct.pack(f"{order}I{width}2H", 2, 2, 1, 2)
    )
    body = (
        _string(b"general.architecture", width, order) + struct.pack(order + "I", 8) + _string(b"llama", width, order)
        + _string(b"nested", width, order) + struct.pack(order + "I", 9) + nested
        + _string(b"n", width, order) + struct.pack(order + "Ii", 5, -7)
        + _string(b"t", width, order) + struct.pack(f"{order}I{width}{width}IQ", 2, 6, 7, 12, 0)
    )  # fmt: skip
    header = read_gguf(_file(tmp_path / "m.gguf", body, tensors=1, keys=3, version=version, order=order))
    assert (header.version, header.big_endian) == (version, order == ">")
    assert header.values == {"general.architecture": "llama", "n": -7}
    assert header.lengths == {"nested": 2}
    assert (header.parameters, header.types) == (42, {12: 42})


_KEY = _string(b"k")
_BIG = 2**63
_ONE_KEY = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + _KEY
_ONE_TENSOR = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + _KEY

HOSTILE = {
    "nothing": (b"", "not a GGUF"),
    "short": (b"GGUF", "not a GGUF"),
    "another magic": (b"GGML" + bytes(40), "not a GGUF"),
    "version 0": (b"GGUF" + struct.pack("<IQQ", 0, 0, 0), "version 0"),
    "version 4": (b"GGUF" + struct.pack("<IQQ", 4, 0, 0), "version 4"),
    "version 4, big-endian": (b"GGUF" + struct.pack(">IQQ", 4, 0, 0), "version 4"),
    "no counts": (b"GGUF" + struct.pack("<I", 3), "ends within"),
    "keys beyond the end": (b"GGUF" + struct.pack("<IQQ", 3, 0, 5), "ends within"),
    "tensors": (b"GGUF" + struct.pack("<IQQ", 3, _BIG, 0), "tensors"),
    "keys": (b"GGUF" + struct.pack("<IQQ", 3, 0, _BIG), "keys"),
    "key length": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, _BIG), "bytes in a key"),
    "string length": (_ONE_KEY + struct.pack("<IQ", 8, _BIG), "ends within"),
    "array length": (_ONE_KEY + struct.pack("<IIQ", 9, 4, _BIG), "ends within"),
    "small array": (_ONE_KEY + struct.pack("<IIQ", 9, 12, 1024), "ends within"),
    "string array": (_ONE_KEY + struct.pack("<IIQ", 9, 8, _BIG), "strings"),
    "string array beyond the end": (
        _ONE_KEY + struct.pack("<IIQ", 9, 8, 1_000_000), "ends within",
    ),
    "a string in an array": (
        _ONE_KEY + struct.pack("<IIQQQ", 9, 8, 2, _BIG, 0), "ends within",
    ),
    "nesting": (_ONE_KEY + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50, "nested"),
    "type of a value": (_ONE_KEY + struct.pack("<I", 13), "unknown type 13"),
    "type of an array": (_ONE_KEY + struct.pack("<IIQ", 9, 99, 1), "unknown type 99"),
    "dimensions": (_ONE_TENSOR + struct.pack("<I", 2**32 - 1), "dimensions"),
    "elements": (_ONE_TENSOR + struct.pack("<I4QIQ", 4, *[2**40] * 4, 0, 0), "parameters"),
    "tensor cut short": (_ONE_TENSOR + struct.pack("<IQ", 1, 3), "ends within"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    data, reason = HOSTILE[name]
    (tmp_path / "m.gguf").write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(BadHeader, match=reason):
            read_gguf(tmp_path / "m.gguf")
        assert tracemalloc.get_traced_memory()[1] < 2**20, "a number from the file decided how much was allocated"
    finally:
        tracemalloc.stop()


def test_a_file_cut_short_anywhere_in_its_header_is_refused(tmp_path: Path, write_gguf: Write) -> None:
    whole = write_gguf(tmp_path / "m.gguf", general__name="x", llama__a=[1, 2], tokenizer__b=["x", "yy"]).read_bytes()
    ends = whole.index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 2 * 8 + 4 + 8
    for length in range(ends):
        (tmp_path / "cut.gguf").write_bytes(whole[:length])
        with pytest.raises(BadHeader):
            read_gguf(tmp_path / "cut.gguf")
    (tmp_path / "cut.gguf").write_bytes(whole[:ends])
    assert read_gguf(tmp_path / "cut.gguf").parameters == 32


class _Counting(io.FileIO):
    """A file that counts the bytes read from it."""

    total = 0

    def read(self, size: int | None = -1, /) -> bytes:  # type: ignore[override]
        data = super().read(size if size is not None else -1)
        _Counting.total += len(data)
        return data


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[_Counting]:
    """Counts what `read_gguf` reads."""

    @contextmanager
    def counting(path: Path) -> Iterator[tuple[io.FileIO, int]]:
        with open_plain(path) as (_, size), _Counting(path) as file:
            yield file, size

    monkeypatch.setattr(gguf, "open_plain", counting)
    _Counting.total = 0
    return _Counting


def test_tensors_are_not_read(tmp_path: Path, write_gguf: Write, counted: type[_Counting]) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    with path.open("ab") as file:
        file.truncate(2**33)
    assert read_gguf(path).parameters == 32
    assert counted.total <= 2**16


def test_big_arrays_and_texts_are_skipped_and_not_read(tmp_path: Path, counted: type[_Counting]) -> None:
    body = (
        _string(b"numbers") + struct.pack("<IIQ", 9, 6, 5_000_000) + bytes(20_000_000)
        + _string(b"template") + struct.pack("<I", 8) + _string(bytes(10_000_000))
        + _string(b"last") + struct.pack("<II", 4, 11)
    )  # fmt: skip
    header = read_gguf(_file(tmp_path / "m.gguf", body, keys=3))
    assert header.values == {"last": 11}
    assert header.lengths == {"numbers": 5_000_000, "template": 10_000_000}
    assert counted.total < 2**19


def test_a_header_longer_than_any_is_given_up(tmp_path: Path, counted: type[_Counting]) -> None:
    path = _file(tmp_path / "m.gguf", _KEY + struct.pack("<IIQ", 9, 0, gguf.MAX_HEADER), keys=2)
    with path.open("ab") as file:
        file.truncate(2**33)
    with pytest.raises(BadHeader, match="longer than"):
        read_gguf(path)
    assert counted.total < 2**19


def test_a_key_given_twice_counts_once(tmp_path: Path) -> None:
    body = _KEY + struct.pack("<II", 4, 1) + _KEY + struct.pack("<II", 4, 2)
    assert read_gguf(_file(tmp_path / "m.gguf", body, keys=2)).values == {"k": 1}


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    import os

    path = tmp_path / "m.gguf"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(BadHeader, match=r"cannot be read|not a regular file"):
        read_gguf(path)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small valid file's bytes."""
    key = _string(b"general.architecture") + struct.pack("<I", 8) + _string(b"llama")
    array = _string(b"tokens") + struct.pack("<IIQ", 9, 8, 2) + _string(b"a") + _string(b"bc")
    numbers = _string(b"numbers") + struct.pack("<IIQ3I", 9, 4, 3, 1, 2, 3)
    tensor = _string(b"t") + struct.pack("<IQQIQ", 2, 6, 7, 12, 0)
    path = _file(tmp_path_factory.mktemp("sample") / "m", key + array + numbers + tensor, tensors=1, keys=3)
    return path.read_bytes()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_raise_anything_else(data: st.DataObject, sample: bytes, tmp_path: Path) -> None:
    mutated = bytearray(sample)
    for at in data.draw(st.lists(st.integers(0, len(sample) - 1), max_size=4)):
        mutated[at : at + 8] = data.draw(
            st.binary(max_size=8) | st.just(b"\xff" * 8) | st.just(struct.pack("<Q", 2**31))
        )
    content = data.draw(st.just(bytes(mutated)) | st.binary(max_size=200).map(lambda tail: sample[:24] + tail))
    (tmp_path / "m.gguf").write_bytes(content)
    try:
        header = read_gguf(tmp_path / "m.gguf", tensors=data.draw(st.booleans()))
    except BadHeader as error:
        assert str(error).isprintable()
        return
    assert len(header.infos) in (0, header.tensors)
    assert 0 <= header.parameters <= gguf.MAX_PARAMETERS
    assert all(len(value) <= gguf.MAX_TEXT for value in header.values.values() if isinstance(value, str | list))


def test_tensors_are_described_where_asked(tmp_path: Path, write_gguf: Write) -> None:
    from gguf import GGUFReader

    path = write_gguf(tmp_path / "m.gguf", tensors={"a": (3, 5), "b": (7,), "c": (2, 3, 4, 5)})
    assert read_gguf(path).infos == []
    theirs = {tensor.name: tensor for tensor in GGUFReader(path).tensors}
    found = read_gguf(path, tensors=True).infos
    assert [info.name for info in found] == list(theirs)
    for info in found:
        tensor = theirs[info.name]
        assert info.dims == tuple(tensor.shape)
        assert (info.kind, info.size) == (tensor.tensor_type, tensor.n_bytes)


def test_sizes_of_types_are_those_of_the_gguf_package() -> None:
    from gguf import GGML_QUANT_SIZES

    from rbee_core.models.metadata.ggml_types import BLOCKS

    # Of Q8_1 it has an older, wider form than ggml; no file has tensors of that type.
    theirs = {int(kind): block for kind, block in GGML_QUANT_SIZES.items() if kind.name != "Q8_1"}
    assert {kind: BLOCKS[kind] for kind in theirs} == theirs


def test_the_size_of_an_unknown_type_is_where_the_next_tensor_begins(tmp_path: Path) -> None:
    body = b"".join(
        _string(name) + struct.pack("<IQIQ", 1, 32, kind, offset)
        for name, kind, offset in ((b"a", 77, 0), (b"b", 0, 640), (b"c", 78, 768))
    )
    header = read_gguf(_file(tmp_path / "m.gguf", body, tensors=3), tensors=True)
    assert [info.size for info in header.infos] == [640, 128, -1]


def test_what_is_elsewhere_is_read_in_growing_parts(tmp_path: Path, write_gguf: Write) -> None:
    from rbee_core.models.metadata import UNKNOWN_SIZE, RangedSource, read_gguf_from

    path = write_gguf(
        tmp_path / "m.gguf", tokenizer__ggml__tokens=TOKENS, tokenizer__ggml__scores=[0.5] * 500_000, general__name="x"
    )
    content = path.read_bytes()
    asked: list[tuple[int, int]] = []

    def read(start: int, length: int) -> bytes:
        asked.append((start, length))
        return content[start : start + length]

    source = RangedSource(read, UNKNOWN_SIZE, first=1 << 16)
    assert read_gguf_from(source, UNKNOWN_SIZE, tensors=True) == read_gguf(path, tensors=True)
    assert [length for _, length in asked] == [1 << 16 << number for number in range(len(asked))]
    # The two megabytes of scores are skipped, and not asked for.
    assert source.total < 1_500_000 < len(content)
