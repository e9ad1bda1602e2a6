"""Reading headers: few requests, nothing twice, and just the bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbee_core.models.metadata.reading import BadHeader
from rbee_core.planning import headers
from rbee_core.planning.headers import RemoteReader, local_reader

DATA = bytes(number % 251 for number in range(5000))


class Elsewhere:
    """Files behind a slow line."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int]] = []

    def __call__(self, name: str, start: int, length: int) -> bytes | None:
        self.asked.append((name, start, length))
        return None if name == "no" else DATA[start : start + length]


@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 3000)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_bytes_are_right_in_any_order(reads: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headers, "FIRST", 100)
        patch.setattr(headers, "LARGEST", 400)
        reader = RemoteReader(Elsewhere())
        for start, length in reads:
            assert reader("m", start, length) == DATA[start : start + length]


def test_a_header_read_piece_by_piece_takes_few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "FIRST", 100)
    monkeypatch.setattr(headers, "LARGEST", 1600)
    elsewhere = Elsewhere()
    reader = RemoteReader(elsewhere)
    for start in range(0, 3000, 10):
        assert reader("m", start, 10) == DATA[start : start + 10]
    assert [length for _, _, length in elsewhere.asked] == [100, 200, 400, 800, 1600]
    assert reader.fetched == 3100


def test_a_source_that_cannot_is_told_as_one() -> None:
    elsewhere = Elsewhere()
    assert RemoteReader(elsewhere)("no", 0, 10) is None


def test_files_here_are_read_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(DATA)
    read = local_reader(tmp_path)
    assert read("m", 4990, 100) == DATA[4990:]
    with pytest.raises(BadHeader):
        read("gone", 0, 1)
