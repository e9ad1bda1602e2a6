"""Chunks and plans of Xet storage: what is right is read, what cannot be right is refused before it does harm."""

from __future__ import annotations

import copy
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rbee_vendor_huggingface.xet.chunks import MAX_CHUNK, ChunkReader, XetError
from rbee_vendor_huggingface.xet.content import Content, TooDearError
from rbee_vendor_huggingface.xet.plan import Fetch, Plan, Term, parse_plan


def chunk(data: bytes, scheme: int = 0, *, size: int | None = None, version: int = 0) -> bytes:
    """A chunk as it stands in a xorb; ``size`` is what it says of itself."""
    from lz4.frame import compress

    grouped = b"".join(data[lane::4] for lane in range(4)) if scheme == 2 else data
    packed = compress(grouped) if scheme in (1, 2) else data
    sizes = len(packed).to_bytes(3, "little"), (len(data) if size is None else size).to_bytes(3, "little")
    return bytes([version]) + sizes[0] + bytes([scheme]) + sizes[1] + packed


def read(*pieces: bytes) -> bytes:
    reader = ChunkReader()
    return b"".join(found.content() for piece in pieces for found in reader.chunks(piece))


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=70), st.sampled_from([0, 1, 2]))), st.integers(1, 40))
def test_chunks_come_out_as_they_went_in_whatever_the_pieces(chunks: list[tuple[bytes, int]], step: int) -> None:
    raw = b"".join(chunk(data, scheme) for data, scheme in chunks)
    pieces = [raw[start : start + step] for start in range(0, len(raw), step)]
    assert read(*pieces) == b"".join(data for data, _scheme in chunks)


@pytest.mark.parametrize("scheme", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, MAX_CHUNK - 1, MAX_CHUNK])
def test_every_size_of_a_chunk(scheme: int, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    assert read(chunk(data, scheme)) == data


@pytest.mark.parametrize(
    "raw",
    [
        chunk(b"abc", version=1),
        chunk(b"abc", scheme=3),
        chunk(b"abc", scheme=99),
        chunk(b"abc", size=4),
        chunk(b"abc", size=0),
        chunk(b"abc" * 99, scheme=1, size=296),
        chunk(b"abc" * 99, scheme=1, size=298),
        chunk(b"abc" * 99, scheme=2, size=298),
        chunk(b"a" * (MAX_CHUNK + 1)),
        chunk(b"a" * (MAX_CHUNK + 1), scheme=1),
        b"\0\x14\0\0\x01\x64\0\0" + b"no LZ4 frame is this",
        chunk(b"abc" * 99, scheme=1)[:1] + b"\x06\0\0" + chunk(b"abc" * 99, scheme=1)[4:14],
        b"\0\0\0\0\0\0\0\0",
        b"XETBLOB\0" * 4,
    ],
)
def test_what_is_no_chunk_is_refused(raw: bytes) -> None:
    with pytest.raises(XetError):
        read(raw)


def test_a_bomb_does_not_go_off() -> None:
    bomb = chunk(bytes(30_000_000), scheme=1, size=MAX_CHUNK)
    tracemalloc.start()
    try:
        with pytest.raises(XetError):
            read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


# --- plans ---------------------------------------------------------------------------------------------------------

X, Y = "1" * 64, "2" * 64
V1 = {
    "offset_into_first_range": 5,
    "terms": [
        {"hash": X, "unpacked_length": 300, "range": {"start": 1, "end": 3}},
        {"hash": Y, "unpacked_length": 200, "range": {"start": 0, "end": 2}},
    ],
    "fetch_info": {
        X: [{"range": {"start": 1, "end": 4}, "url": "https://a/x", "url_range": {"start": 100, "end": 599}}],
        Y: [{"range": {"start": 0, "end": 2}, "url": "https://a/y", "url_range": {"start": 0, "end": 215}}],
    },
}
V2 = {
    **{key: V1[key] for key in ("offset_into_first_range", "terms")},
    "xorbs": {
        X: [
            {"url": "https://a/x", "ranges": [{"chunks": {"start": 1, "end": 4}, "bytes": {"start": 100, "end": 599}}]}
        ],
        Y: [{"url": "https://a/y", "ranges": [{"chunks": {"start": 0, "end": 2}, "bytes": {"start": 0, "end": 215}}]}],
    },
}


@pytest.mark.parametrize("answer", [V1, V2], ids=["v1", "v2"])
def test_both_versions_say_the_same(answer: Any) -> None:
    plan = parse_plan(answer, 495, lambda url: True)
    x, y = Fetch("https://a/x", 100, 600, 1, 4), Fetch("https://a/y", 0, 216, 0, 2)
    assert plan == Plan((Term(x, 1, 3, 300), Term(y, 0, 2, 200)), 5)


def _put(*path: Any, value: Any) -> Callable[[Any], None]:
    def change(answer: Any) -> None:
        for key in path[:-1]:
            answer = answer[key]
        answer[path[-1]] = value

    return change


LIES = {
    "an offset beyond the first term": _put("offset_into_first_range", value=300),
    "an offset before it": _put("offset_into_first_range", value=-1),
    "an offset that is no number": _put("offset_into_first_range", value=True),
    "no terms": _put("terms", value=[]),
    "terms that are none": _put("terms", value={"0": 1}),
    "too few bytes": _put("terms", 0, "unpacked_length", value=299),
    "more bytes than the chunks can have": _put("terms", 0, "unpacked_length", value=2 * MAX_CHUNK + 1),
    "fewer bytes than chunks": _put("terms", 0, "unpacked_length", value=1),
    "a size as text": _put("terms", 0, "unpacked_length", value="300"),
    "a size that is endless": _put("terms", 0, "unpacked_length", value=1e300),
    "chunks the wrong way round": _put("terms", 0, "range", value={"start": 3, "end": 1}),
    "chunks that are nowhere": _put("terms", 0, "range", value={"start": 3, "end": 5}),
    "millions of chunks": _put(
        "terms", value=[{"hash": X, "unpacked_length": 3 << 20, "range": {"start": 0, "end": 3 << 20}}]
    ),
    "a xorb that is nowhere": _put("terms", 0, "hash", value="3" * 64),
    "a hash that is a list": _put("terms", 0, "hash", value=[X]),
    "bytes without end": _put("fetch_info", X, 0, "url_range", value={"start": 0, "end": 1 << 60}),
    "more bytes than the chunks can take": _put("fetch_info", X, 0, "url_range", value={"start": 0, "end": 1 << 30}),
    "bytes the wrong way round": _put("fetch_info", X, 0, "url_range", value={"start": 9, "end": 3}),
    "an address with a line break": _put("fetch_info", X, 0, "url", value="https://a/x\r\nHost: b"),
    "an address that is none": _put("fetch_info", X, 0, "url", value=None),
    "an address of a megabyte": _put("fetch_info", X, 0, "url", value="https://a/" + "x" * (1 << 20)),
    "an address that is not allowed": _put("fetch_info", X, 0, "url", value="file:///etc/passwd"),
    "a xorb by another name": _put("fetch_info", "../../x", value=[]),
    "nothing to fetch": _put("fetch_info", value=None),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_plan_that_cannot_be_right_is_refused(lie: str) -> None:
    answer = copy.deepcopy(V1)
    if lie == "millions of chunks":
        _put("fetch_info", X, 0, "range", value={"start": 0, "end": 3 << 20})(answer)
        _put("fetch_info", X, 0, "url_range", value={"start": 0, "end": 50 << 20})(answer)
    LIES[lie](answer)
    with pytest.raises(XetError):
        parse_plan(answer, 495, lambda url: url.startswith("https:"))


@pytest.mark.parametrize(
    "answer", [None, [], "x", 3, {}, {"terms": []}, {"xorbs": [], "terms": [], "offset_into_first_range": 0}]
)
def test_an_answer_of_another_kind_is_refused(answer: Any) -> None:
    with pytest.raises(XetError):
        parse_plan(answer, 1, lambda url: True)


# --- content -------------------------------------------------------------------------------------------------------


def _plan(serialized: bytes, count: int, *terms: tuple[int, int, int]) -> Plan:
    fetch = Fetch("https://a/x", 0, len(serialized), 0, count)
    return Plan(tuple(Term(fetch, first, last, size) for first, last, size in terms), 0)


def _content(serialized: bytes, plan: Plan, size: int) -> tuple[bytes, int]:
    """What comes of it, and how many bytes were fetched for that."""
    fetched = 0

    def fetch(wanted: Fetch) -> Iterator[memoryview]:
        nonlocal fetched
        for start in range(0, len(serialized), 1000):
            piece = serialized[start : start + 1000]
            fetched += len(piece)
            yield memoryview(piece)

    return b"".join(Content(plan, fetch, size)), fetched  # type: ignore[arg-type]


PARTS = [bytes([number]) * 700 for number in range(20)]
SERIALIZED = b"".join(chunk(part) for part in PARTS)


def test_a_chunk_that_is_wanted_again_is_not_fetched_again() -> None:
    plan = _plan(SERIALIZED, 20, (0, 20, 14_000), (3, 4, 700), (3, 5, 1400), (19, 20, 700))
    content, fetched = _content(SERIALIZED, plan, 16_800)
    assert content == b"".join([*PARTS, PARTS[3], PARTS[3], PARTS[4], PARTS[19]])
    assert fetched == len(SERIALIZED)


def test_what_is_behind_the_last_wanted_chunk_is_not_fetched() -> None:
    content, fetched = _content(SERIALIZED, _plan(SERIALIZED, 20, (1, 2, 700)), 700)
    assert content == PARTS[1]
    assert fetched == 2000


def test_what_costs_too_much_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbee_vendor_huggingface.xet.content.ANYHOW", 0)
    monkeypatch.setattr("rbee_vendor_huggingface.xet.content.MOST_KEPT", 0)
    plan = _plan(SERIALIZED, 20, *[(19, 20, 700)] * 4)
    with pytest.raises(TooDearError):
        _content(SERIALIZED, plan, 2800)


@pytest.mark.parametrize(
    ("serialized", "count", "term"),
    [
        (SERIALIZED, 20, (0, 20, 13_999)),
        (SERIALIZED, 20, (0, 20, 14_001)),
        (SERIALIZED, 19, (0, 19, 13_300)),
        (SERIALIZED, 21, (0, 21, 14_000)),
        (SERIALIZED[:-1], 20, (0, 20, 14_000)),
        (SERIALIZED + b"\0", 20, (0, 20, 14_000)),
    ],
)
def test_sizes_that_lie_are_found_out(serialized: bytes, count: int, term: tuple[int, int, int]) -> None:
    with pytest.raises(XetError):
        _content(serialized, _plan(serialized, count, term), 14_000)
