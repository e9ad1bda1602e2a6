"""`receive` in many ranges at once, from sources that behave and from sources that do not."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rbee_core.contracts.common import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job, JobOptions
from rbee_core.transfer import (
    ContentChangedError,
    RestartNeeded,
    Source,
    Tally,
    TryLaterError,
    budget,
    positioned,
    ranged,
    receive,
    receive_all,
    retry,
    schedule,
    sparse,
)
from rbee_core.transfer.intervals import Intervals

SIZE = 2_000_000
DATA = hashlib.shake_256(b"ranged").digest(SIZE)
CHUNK = 10_000


def sha256(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's sizes, a hundredth of the real ones."""
    monkeypatch.setattr(retry, "BACKOFF", 0.001)
    monkeypatch.setattr(ranged, "RANGED_FROM", 1)
    monkeypatch.setattr(schedule, "SMALLEST", 50_000)
    monkeypatch.setattr(schedule, "LARGEST", 200_000)
    monkeypatch.setattr(schedule, "WORTH_SHARING", SIZE)  # what is read ahead of a shared tail is given twice
    monkeypatch.setattr(sparse, "NOTED_EVERY", 0.0)
    monkeypatch.setattr(sparse, "SYNCED_EVERY", 0.0)


Ask = Callable[[int, int], Iterator[bytes]]


class Server:
    """A file in ranges; ``trouble`` is called with each range before it is given, and may give something else."""

    def __init__(self, trouble: Callable[[int, int, int], Iterator[bytes] | None] | None = None) -> None:
        self.data = DATA
        self.asked: list[tuple[int, int]] = []
        self.whole = 0
        self.given = 0
        self.open = self.most = 0
        self._trouble = trouble or (lambda number, start, end: None)
        self._lock = threading.Lock()

    def open_range(self, start: int, end: int) -> Iterator[bytes]:
        with self._lock:
            self.asked.append((start, end))
            number = len(self.asked)
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            for piece in self._trouble(number, start, end) or self.give(start, end):
                with self._lock:
                    self.given += len(piece)
                yield piece
        finally:
            with self._lock:
                self.open -= 1

    def give(self, start: int, end: int) -> Iterator[bytes]:
        for begin in range(start, end, CHUNK):
            yield self.data[begin : min(begin + CHUNK, end)]

    def open_at(self, offset: int) -> Iterator[bytes]:
        if offset:
            raise RestartNeeded
        self.whole += 1
        yield from self.give(0, len(self.data))

    def source(self, **changes: Any) -> Source:
        facts: dict[str, Any] = {
            "size": SIZE,
            "digest": sha256(DATA),
            "identity": "v1",
            "open_range": self.open_range,
        }
        return Source("model.gguf", self.open_at, **(facts | changes))


@pytest.fixture
def job() -> Job:
    return Job(options=JobOptions(stall_timeout=5, connections=4))


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def left(dest: Path) -> list[str]:
    return sorted(path.name for path in dest.parent.iterdir())


def refused(source: Source, dest: Path, job: Job) -> RbeeError:
    with pytest.raises(RbeeError) as caught:
        receive(source, dest, Tally(job, source.size))
    return caught.value


def noted(dest: Path) -> list[list[int]]:
    done: list[list[int]] = json.loads(dest.with_name("model.gguf.part.json").read_text())["done"]
    return done


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


def interrupted(dest: Path, after: int = 900_000, **changes: Any) -> int:
    """Leave a part behind; how much of it is noted."""
    lock, given = threading.Lock(), [0]

    def trouble(number: int, start: int, end: int) -> Iterator[bytes]:
        for begin in range(start, end, CHUNK):
            with lock:
                given[0] += CHUNK
                if given[0] > after:
                    raise RbeeError(ErrorCode.CANCELLED, "stop")
            yield DATA[begin : min(begin + CHUNK, end)]

    refused(Server(trouble).source(**changes), dest, Job(options=JobOptions(connections=4)))
    assert left(dest) == ["model.gguf.part", "model.gguf.part.json"]
    return sum(end - start for start, end in noted(dest))


def test_a_later_run_fetches_only_what_is_missing(dest: Path, job: Job) -> None:
    kept = interrupted(dest)
    assert kept >= 800_000
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


def parts(data: bytes, size: int = 250_000) -> tuple[tuple[int, int, Digest], ...]:
    edges = [(start, min(start + size, len(data))) for start in range(0, len(data), size)]
    return tuple((start, end, sha256(data[start:end])) for start, end in edges)


@pytest.mark.parametrize("digest", [sha256(DATA), None], ids=["digest of the whole", "of the parts only"])
def test_only_the_wrong_part_is_fetched_again(digest: Digest | None, dest: Path, job: Job) -> None:
    server = Server()

    def trouble(number: int, start: int, end: int) -> Iterator[bytes] | None:
        broken = [(s, e) for s, e in server.asked if s <= 600_000 < e]
        if not start <= 600_000 < end or len(broken) > 1:
            return None
        wrong = bytearray(DATA[start:end])
        wrong[600_000 - start] ^= 1
        return iter([bytes(wrong)])

    server._trouble = trouble
    tally = Tally(job, SIZE)
    receive(server.source(part_digests=parts(DATA), digest=digest), dest, tally)
    assert dest.read_bytes() == DATA
    assert server.given == SIZE + 250_000
    assert tally.done == SIZE


def test_a_part_that_stays_wrong_is_given_up(dest: Path, job: Job) -> None:
    server = Server()
    server.data = DATA[:600_000] + b"\0" * 10 + DATA[600_010:]
    error = refused(server.source(part_digests=parts(DATA)), dest, job)
    assert error.code is ErrorCode.CHECKSUM_MISMATCH
    assert SIZE < server.given <= SIZE + 3 * 250_000
    assert left(dest) == []


def test_a_server_that_ignores_ranges_is_read_once(dest: Path, job: Job) -> None:
    def ignore(number: int, start: int, end: int) -> Iterator[bytes]:
        raise RestartNeeded

    server, tally = Server(ignore), Tally(job, SIZE)
    receive(server.source(), dest, tally)
    assert (len(server.asked), server.whole) == (1, 1)
    assert dest.read_bytes() == DATA
    assert tally.done == SIZE


def test_a_server_that_has_come_to_ignore_ranges_costs_nothing_that_is_right(dest: Path, job: Job) -> None:
    """What an earlier run kept stays; the stream fills the gaps."""
    kept = interrupted(dest)

    def ignore(number: int, start: int, end: int) -> Iterator[bytes]:
        raise RestartNeeded

    server, tally = Server(ignore), Tally(job, SIZE)
    added: list[int] = []
    add = Tally.add
    tally_add = lambda self, count, file=None: (added.append(count), add(self, count, file))[1]  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tally, "add", tally_add)
        receive(server.source(), dest, tally)
    assert added[0] == kept
    assert all(count >= 0 for count in added)
    assert dest.read_bytes() == DATA


def test_a_stream_longer_than_announced_is_refused(dest: Path, job: Job) -> None:
    def ignore(number: int, start: int, end: int) -> Iterator[bytes]:
        raise RestartNeeded

    server = Server(ignore)
    server.data = DATA + b"more"
    error = refused(server.source(), dest, job)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "more than" in error.message
    assert left(dest) == []


def test_a_range_that_is_ignored_now_and_then_is_asked_for_again(dest: Path, job: Job) -> None:
    def trouble(number: int, start: int, end: int) -> Iterator[bytes] | None:
        if number in (3, 5):
            raise RestartNeeded
        return None

    server = Server(trouble)
    receive(server.source(), dest, Tally(job, SIZE))
    assert server.whole == 0
    assert dest.read_bytes() == DATA


def test_a_file_that_changes_once_is_fetched_anew(dest: Path, job: Job) -> None:
    other = hashlib.shake_256(b"other").digest(SIZE)

    def trouble(number: int, start: int, end: int) -> Iterator[bytes] | None:
        if number == 4:
            server.data = other
            raise ContentChangedError
        return None

    server, tally = Server(trouble), Tally(job, SIZE)
    file = receive(server.source(digest=None), dest, tally)
    assert dest.read_bytes() == other
    assert file.digest == sha256(other)
    assert tally.done == SIZE


def test_a_file_that_keeps_changing_is_refused(dest: Path, job: Job) -> None:
    def trouble(number: int, start: int, end: int) -> Iterator[bytes] | None:
        if start:
            raise ContentChangedError
        return None

    error = refused(Server(trouble).source(digest=None), dest, job)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "changes" in error.message
    assert left(dest) == []


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(ConnectionResetError("reset"), ErrorCode.DOWNLOAD_FAILED), (TimeoutError("late"), ErrorCode.DOWNLOAD_TIMEOUT)],
)
def test_a_range_that_never_comes_ends_it(trouble: OSError, code: ErrorCode, dest: Path, job: Job) -> None:
    def never(number: int, start: int, end: int) -> Iterator[bytes] | None:
        if start <= 1_500_000 < end:
            yield from server.give(start, 1_500_000)
            raise trouble
        yield from server.give(start, end)

    server = Server(never)
    error = refused(server.source(), dest, job)
    assert error.code is code
    assert str(trouble) in error.message
    assert sum(end - start for start, end in noted(dest)) > 1_000_000


def test_fewer_connections_where_a_server_wants_fewer(dest: Path, job: Job) -> None:
    """All but two are refused for ever; the two do the work."""
    job.options.connections = 8
    lock, active = threading.Lock(), [0]

    def limited(number: int, start: int, end: int) -> Iterator[bytes]:
        with lock:
            active[0] += 1
            crowded = active[0] > 2
        try:
            if crowded:
                raise TryLaterError("too many connections", 600)
            for piece in server.give(start, end):
                time.sleep(0.0005)
                yield piece
        finally:
            with lock:
                active[0] -= 1

    server = Server(limited)
    receive(server.source(), dest, Tally(job, SIZE))
    assert dest.read_bytes() == DATA


def test_the_budget_shrinks_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = budget.Budget(4)
    assert all(shared.take_spare() for _ in range(4))
    assert not shared.take_spare()
    shared.refused()
    assert shared.limit == 3
    shared.give()
    assert not shared.take_spare()
    shared.served()
    assert shared.limit == 3
    monkeypatch.setattr(budget, "CALM", -1.0)
    shared.served()
    assert shared.limit == 4
    for _ in range(9):
        shared.refused()
    assert shared.limit == 1


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
    job.options.max_rate = 5 << 20
    receive(Server().source(), dest, Tally(job))
    assert max(waited) == pytest.approx(SIZE / (5 << 20), rel=0.2)


def test_bytes_are_on_the_disk_before_they_are_noted_where_no_digest_will_tell(
    dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, note = positioned.PositionedFile.sync, sparse.SparsePart._write_note
    monkeypatch.setattr(positioned.PositionedFile, "sync", lambda self: (order.append("sync"), sync(self))[1])
    monkeypatch.setattr(
        sparse.SparsePart, "_write_note", lambda self, done, **how: (order.append("note"), note(self, done, **how))[1]
    )
    receive(Server().source(digest=None), dest, Tally(job, SIZE))
    assert order[0] == "note"  # of nothing yet
    assert len(order) > 1
    assert order[1:] == ["sync", "note"] * ((len(order) - 1) // 2)
