"""`receive` in ranges from sources that do not behave: wrong bytes, ignored ranges, changes, refusals."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbee_core.contracts.common import Digest
from rbee_core.errors import ErrorCode
from rbee_core.jobs import Job
from rbee_core.transfer import (
    ContentChangedError,
    RestartNeeded,
    Tally,
    TryLaterError,
    budget,
    receive,
    retry,
)
from rbee_core.transfer.fetch import Fetch

from .ranges import DATA, SIZE, Server, interrupted, left, noted, refused, sha256

pytestmark = pytest.mark.usefixtures("small_ranges")


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


def test_a_refusal_because_of_others_is_not_waited_out_when_they_are_done(
    dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that was one too many asks anew at once, not after ten minutes, when it has become the only one."""
    job.options.connections = 2
    others_left, refused_once = threading.Event(), threading.Event()
    left = Fetch.left

    def leaving(fetch: Fetch) -> None:
        left(fetch)
        others_left.set()

    def trouble(number: int, start: int, end: int) -> Iterator[bytes] | None:
        if number == 1 or refused_once.is_set():
            return None
        refused_once.set()
        assert others_left.wait(30)
        raise TryLaterError("too many connections", 600)

    monkeypatch.setattr(Fetch, "left", leaving)
    monkeypatch.setattr(retry.Retry, "failed", lambda self, error: pytest.fail("it waits"))
    receive(Server(trouble).source(), dest, Tally(job, SIZE))
    assert refused_once.is_set()
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
