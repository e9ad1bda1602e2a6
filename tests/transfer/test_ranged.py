"""`receive` in many ranges at once: how a file comes together, and how a later run goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rbee_core.errors import ErrorCode
from rbee_core.jobs import Job, JobOptions
from rbee_core.transfer import (
    Source,
    Tally,
    receive,
    receive_all,
)
from rbee_core.transfer.fetch import Fetch
from rbee_core.transfer.positioned import ClosedError
from rbee_core.transfer.schedule import Schedule, Segment
from rbee_core.transfer.sparse import SparsePart

from .ranges import CHUNK, DATA, SIZE, Server, interrupted, left, refused, sha256

pytestmark = pytest.mark.usefixtures("small_ranges")


def test_many_ranges_make_one_file(dest: Path, job: Job) -> None:
    together = threading.Barrier(4)

    def wait(number: int, start: int, end: int) -> None:
        if 2 <= number <= 5:
            together.wait(30)  # four at a time, after the first has shown that ranges work

    server, tally = Server(wait), Tally(job, SIZE)
    file = receive(server.source(), dest, tally)
    assert file.digest == sha256(DATA)
    assert dest.read_bytes() == DATA
    assert left(dest) == ["model.gguf"]
    assert job.recorded_digest(dest) == sha256(DATA)
    assert tally.done == SIZE
    assert server.most == 4
    assert server.given == SIZE


def test_the_last_byte_is_counted_before_it_is_over(dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the connection that brought it sleeps from then on."""
    wake, written = threading.Event(), Schedule.written

    def held_up(self: Schedule, segment: Segment) -> bool:
        last = written(self, segment)
        if self.arrived(0) == SIZE:
            wake.wait(30)
        return last

    monkeypatch.setattr(Schedule, "written", held_up)
    tally = Tally(job, SIZE)
    try:
        receive(Server().source(), dest, tally)
        assert tally.done == SIZE
    finally:
        wake.set()


def test_what_comes_when_it_is_over_is_not_counted(dest: Path, job: Job) -> None:
    tally = Tally(job, SIZE)
    with SparsePart(Server().source(), dest, tally) as part:
        fetch = Fetch(part, tally)
        fetch.run()
        with pytest.raises(ClosedError):
            fetch.count(CHUNK)
    assert tally.done == fetch.counted == SIZE


def test_a_broken_range_is_taken_up_where_it_broke(dest: Path, job: Job) -> None:
    def trouble(number: int, start: int, end: int) -> Iterator[bytes] | None:
        return cut(start, end) if number in (1, 3, 4) else None

    def cut(start: int, end: int) -> Iterator[bytes]:
        yield DATA[start : start + 12_345]
        raise ConnectionResetError("reset")

    server, tally = Server(trouble), Tally(job, SIZE)
    receive(server.source(), dest, tally)
    assert dest.read_bytes() == DATA
    assert tally.done == SIZE
    assert server.given == SIZE


def test_a_range_that_ends_early_is_completed(dest: Path, job: Job) -> None:
    server = Server(lambda number, start, end: iter([DATA[start : start + 30_000]]) if number % 2 else None)
    receive(server.source(), dest, Tally(job, SIZE))
    assert dest.read_bytes() == DATA


def test_more_bytes_than_asked_for_are_not_written(dest: Path, job: Job) -> None:
    server = Server(lambda number, start, end: iter([DATA[start:end] + b"!" * 5000]))
    receive(server.source(), dest, Tally(job, SIZE))
    assert dest.read_bytes() == DATA


def test_a_later_run_fetches_only_what_is_missing(dest: Path, job: Job) -> None:
    kept = interrupted(dest)
    assert kept >= 500_000  # 900,000 less what was read ahead and not yet written
    server, tally = Server(), Tally(job, SIZE)
    receive(server.source(), dest, tally)
    assert server.given == SIZE - kept
    assert dest.read_bytes() == DATA
    assert tally.done == SIZE
    assert left(dest) == ["model.gguf"]


def test_a_full_part_needs_no_connection(dest: Path, job: Job) -> None:
    interrupted(dest)
    dest.with_name("model.gguf.part").write_bytes(DATA)
    note = dest.with_name("model.gguf.part.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "done": [[0, SIZE]]}))
    dest.with_name("model.gguf.part.json~").write_text("a note that was cut off")
    server = Server()
    receive(server.source(), dest, Tally(job, SIZE))
    assert server.asked == []
    assert dest.read_bytes() == DATA
    assert left(dest) == ["model.gguf"]


def test_files_share_one_number_of_connections(tmp_path: Path) -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def counted(number: int, start: int, end: int) -> Iterator[bytes]:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        try:
            yield from Server().give(start, end)
        finally:
            with lock:
                running[0] -= 1

    class Direct:
        """Read by the connection's own thread, since it can be woken."""

        def __init__(self, start: int, end: int) -> None:
            self._pieces = counted(0, start, end)

        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            return next(self._pieces)

        def abort(self) -> None: ...

        def close(self) -> None:
            self._pieces.close()  # type: ignore[attr-defined]

    job = Job(options=JobOptions(connections=5))
    whole = partial(counted, 0, end=SIZE)
    large = [replace(Server().source(open_range=Direct), name=f"{n}") for n in range(4)]
    small = Source("small", lambda offset: whole(start=offset), SIZE, sha256(DATA), "v1")
    received = receive_all([(source, tmp_path / source.name) for source in [*large, small]], Tally(job))
    assert [file.digest for file in received] == [sha256(DATA)] * 5
    assert 1 < most[0] <= 5


def test_a_part_that_was_begun_from_front_to_back_is_continued(dest: Path, job: Job) -> None:
    dest.with_name("model.gguf.part").write_bytes(DATA[:500_000])
    dest.with_name("model.gguf.part.json").write_text(json.dumps({"identity": "v1", "size": SIZE}))
    server = Server()
    receive(server.source(), dest, Tally(job, SIZE))
    assert server.given == SIZE - 500_000
    assert dest.read_bytes() == DATA


@pytest.mark.parametrize("changes", [{"identity": "v2"}, {"identity": ""}], ids=["another", "none"])
def test_a_part_of_something_else_is_not_continued(changes: dict[str, str], dest: Path, job: Job) -> None:
    interrupted(dest)
    server = Server()
    receive(server.source(**changes), dest, Tally(job, SIZE))
    assert server.given == SIZE
    assert dest.read_bytes() == DATA


@pytest.mark.parametrize("note", ["", "{", "[]", "null", '{"done": [[0, 9999999999]]}', '{"done": "all"}', "[" * 9999])
def test_a_broken_note_means_beginning_again(note: str, dest: Path, job: Job) -> None:
    interrupted(dest)
    dest.with_name("model.gguf.part.json").write_text(note)
    server = Server()
    receive(server.source(), dest, Tally(job, SIZE))
    assert server.given == SIZE


def test_a_part_that_came_to_harm_is_fetched_anew(dest: Path, job: Job) -> None:
    interrupted(dest)
    with dest.with_name("model.gguf.part").open("r+b") as file:
        file.write(b"harm")
    server, tally = Server(), Tally(job, SIZE)
    receive(server.source(), dest, tally)
    assert dest.read_bytes() == DATA
    assert tally.done == SIZE


def test_wrong_bytes_are_thrown_away(dest: Path, job: Job) -> None:
    server = Server()
    server.data = DATA[:-1] + b"!"
    error = refused(server.source(), dest, job)
    assert error.code is ErrorCode.CHECKSUM_MISMATCH
    assert sha256(DATA) in error.message
    assert server.given == SIZE
    assert left(dest) == []
