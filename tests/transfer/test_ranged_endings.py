"""`receive` in ranges, and how it ends: cancelled, silent, out of disk; and that nobody writes afterwards."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rbee_core.errors import ErrorCode
from rbee_core.jobs import Job, JobOptions
from rbee_core.transfer import (
    Tally,
    positioned,
    ranged,
    receive,
    sparse,
)
from rbee_core.transfer.intervals import Intervals

from .ranges import CHUNK, DATA, SIZE, Server, interrupted, noted, refused

pytestmark = pytest.mark.usefixtures("small_ranges")


def silent(until: threading.Event) -> Callable[[int, int, int], Iterator[bytes] | None]:
    def trouble(number: int, start: int, end: int) -> Iterator[bytes]:
        yield DATA[start : start + CHUNK]
        until.wait(30)

    return trouble


def test_a_cancel_is_heard_while_nothing_comes(dest: Path, job: Job) -> None:
    until, reached = threading.Event(), threading.Event()
    job.options.stall_timeout = 600
    job.listener = lambda event: reached.set()
    threading.Thread(target=lambda: (reached.wait(30), job.cancel())).start()
    began = time.monotonic()
    try:
        error = refused(Server(silent(until)).source(), dest, job)
    finally:
        until.set()
    assert error.code is ErrorCode.CANCELLED
    assert time.monotonic() - began < 20
    assert dest.with_name("model.gguf.part").exists()


def test_a_silent_range_is_given_up_not_the_download(dest: Path) -> None:
    until = threading.Event()
    silence = silent(until)
    server = Server(lambda number, start, end: silence(number, start, end) if number == 2 else None)
    try:
        receive(server.source(), dest, Tally(Job(options=JobOptions(stall_timeout=0.3, connections=3)), SIZE))
    finally:
        until.set()
    assert dest.read_bytes() == DATA


class Wakeable:
    """A range that blocks until it is woken."""

    def __init__(self, started: threading.Event) -> None:
        self.woken = threading.Event()
        self.started = started

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.started.set()
        self.woken.wait(60)
        raise ConnectionError("woken")

    def abort(self) -> None:
        self.woken.set()


def test_blocked_reads_are_woken(dest: Path, job: Job) -> None:
    started = threading.Event()
    ranges: list[Wakeable] = []

    def open_range(start: int, end: int) -> Wakeable:
        ranges.append(Wakeable(started))
        return ranges[-1]

    threading.Thread(target=lambda: (started.wait(30), job.cancel())).start()
    error = refused(Server().source(open_range=open_range), dest, job)
    assert error.code is ErrorCode.CANCELLED
    assert all(one.woken.is_set() for one in ranges)


def test_nobody_writes_after_the_end(dest: Path, job: Job) -> None:
    """A connection that comes to life when the download is long over changes nothing."""
    until, late = threading.Event(), threading.Event()

    class Late(Wakeable):
        def __next__(self) -> bytes:
            self.started.set()
            until.wait(60)
            late.set()
            return b"late" * 100

    started = threading.Event()
    threading.Thread(target=lambda: (started.wait(30), job.cancel())).start()
    refused(Server().source(open_range=lambda start, end: Late(started)), dest, job)
    before = dest.with_name("model.gguf.part").read_bytes()
    until.set()
    assert late.wait(30)
    for thread in threading.enumerate():
        if thread.name == "rbee-range":
            thread.join(30)
    assert dest.with_name("model.gguf.part").read_bytes() == before == bytes(SIZE)


def test_a_closed_file_takes_nothing(tmp_path: Path) -> None:
    file = positioned.PositionedFile(tmp_path / "x", new=True)
    file.write(3, b"abc")
    file.close()
    with pytest.raises(positioned.ClosedError):
        file.write(0, b"x")
    assert (tmp_path / "x").read_bytes() == b"\0\0\0abc"


@pytest.mark.parametrize("windows", [False, True])
def test_a_file_is_written_and_read_anywhere(windows: bool, tmp_path: Path) -> None:
    file = positioned.PositionedFile(tmp_path / "x", new=True)
    if windows:  # no pread and pwrite there
        file._seek = threading.Lock()
    file.resize(10)
    file.write(6, b"def")
    file.write(2, memoryview(b"abc"))
    view = memoryview(bytearray(5))
    assert file.read_into(4, view) == 5
    assert bytes(view) == b"c\0def"
    assert file.read_into(8, view) == 2
    file.close()
    assert (tmp_path / "x").read_bytes() == b"\0\0abc\0def\0"


def test_a_full_disk_is_named_and_what_is_noted_is_kept(dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = interrupted(dest)
    write = positioned.PositionedFile.write
    room = [400_000]

    def limited(self: positioned.PositionedFile, offset: int, piece: bytes | memoryview) -> None:
        room[0] -= len(piece)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "no room")
        write(self, offset, piece)

    monkeypatch.setattr(positioned.PositionedFile, "write", limited)
    error = refused(Server().source(), dest, job)
    assert error.code is ErrorCode.INSUFFICIENT_DISK
    assert sum(end - start for start, end in noted(dest)) >= kept
    monkeypatch.undo()
    monkeypatch.setattr(ranged, "RANGED_FROM", 1)
    server = Server()
    receive(server.source(), dest, Tally(job, SIZE))
    assert server.given < SIZE - kept
    assert dest.read_bytes() == DATA


def test_the_last_note_has_room_on_a_full_disk(dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    with sparse.SparsePart(Server().source(), dest, Tally(job)) as part:
        part.remember(Intervals([(0, 10)]))
        opened = Path.open

        def full(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
            if mode in ("xb", "wb"):
                raise OSError(errno.ENOSPC, "no room")
            return opened(self, mode, *args, **options)

        monkeypatch.setattr(Path, "open", full)
        part.remember(Intervals([(0, 10), (20, 30)]), now=True)
    monkeypatch.undo()
    assert noted(dest) == [[0, 10], [20, 30]]


def test_the_rate_is_kept_over_all_connections(dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(Tally, "wait", lambda self, seconds: waited.append(seconds))
    job.options.max_rate = 1000  # so slow that what the test itself takes is nothing beside it
    receive(Server().source(), dest, Tally(job))
    assert max(waited) == pytest.approx(SIZE / 1000, rel=0.05)


def test_bytes_are_on_the_disk_before_they_are_noted_where_no_digest_will_tell(
    dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = dest.with_name("model.gguf.part")
    on_disk, notes, enough = [b""], list[Intervals](), threading.Event()
    sync, note = positioned.PositionedFile.sync, sparse.SparsePart._write_note

    def synced(file: positioned.PositionedFile) -> None:
        before = part.read_bytes()
        sync(file)
        on_disk[0] = before

    def noting(self: sparse.SparsePart, done: Intervals, *, last: bool = False) -> None:
        assert all(on_disk[0][start:end] == DATA[start:end] for start, end in done)
        notes.append(done)
        note(self, done, last=last)
        if done.total:
            enough.set()

    def patient(number: int, start: int, end: int) -> None:
        if start:
            assert enough.wait(30)

    monkeypatch.setattr(positioned.PositionedFile, "sync", synced)
    monkeypatch.setattr(sparse.SparsePart, "_write_note", noting)
    receive(Server(patient).source(digest=None), dest, Tally(job, SIZE))
    assert dest.read_bytes() == DATA
    assert notes[0].total == 0
    assert enough.is_set()


def test_a_disk_that_fails_behind_our_back_is_heard(dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system tells of a write only when it is synced, and only once, is not lost."""

    def full(file: positioned.PositionedFile) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(positioned.PositionedFile, "sync", full)
    monkeypatch.setattr(sparse, "SYNCED_BYTES", 1)
    error = refused(Server().source(), dest, job)
    assert error.code is ErrorCode.INSUFFICIENT_DISK
    assert not dest.exists()
    monkeypatch.undo()
    monkeypatch.setattr(ranged, "RANGED_FROM", 1)
    receive(Server().source(), dest, Tally(job, SIZE))
    assert dest.read_bytes() == DATA
