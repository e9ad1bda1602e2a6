"""`receive_all`: several files at a time, one outcome."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rbee_core.contracts.common import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job, JobOptions
from rbee_core.transfer import Source, Tally, receive_all


def source(number: int, open_at: Callable[[int], Iterator[bytes]] | None = None) -> Source:
    data = bytes([number]) * 100_000
    digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
    return Source(f"{number}.gguf", open_at or (lambda offset: iter([data[offset:]])), len(data), digest, str(number))


def test_all_arrive_in_the_order_asked_for(tmp_path: Path) -> None:
    tally = Tally(Job(), 10 * 100_000)
    files = receive_all([(source(n), tmp_path / f"{n}.gguf") for n in range(10)], tally)
    assert [file.name for file in files] == [f"{n}.gguf" for n in range(10)]
    assert all((tmp_path / file.name).read_bytes() == bytes([n]) * 100_000 for n, file in enumerate(files))
    assert tally.done == tally.total


def test_they_run_at_the_same_time_but_not_more_than_asked(tmp_path: Path) -> None:
    together = threading.Barrier(3)
    running, most, lock = 0, 0, threading.Lock()

    def counted(number: int) -> Callable[[int], Iterator[bytes]]:
        def open_at(offset: int) -> Iterator[bytes]:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            together.wait(30)
            yield bytes([number]) * 100_000
            with lock:
                running -= 1

        return open_at

    receive_all([(source(n, counted(n)), tmp_path / f"{n}.gguf") for n in range(6)], Tally(Job()), at_once=3)
    assert most == 3


def test_one_failure_stops_the_others_and_is_the_one_told(tmp_path: Path) -> None:
    until, begun = threading.Event(), threading.Event()

    def silent(offset: int) -> Iterator[bytes]:
        yield b"\1" * 50_000
        begun.set()
        until.wait(60)

    def refused(offset: int) -> Iterator[bytes]:
        begun.wait(60)
        raise RbeeError(ErrorCode.AUTH_REQUIRED, "log in")

    files = [source(1, silent), source(2, refused), *[source(n) for n in range(3, 9)]]
    try:
        with pytest.raises(RbeeError) as caught:
            receive_all(
                [(file, tmp_path / file.name) for file in files],
                Tally(Job(options=JobOptions(stall_timeout=600))),
                at_once=2,
            )
    finally:
        until.set()
    assert caught.value.code is ErrorCode.AUTH_REQUIRED
    assert (tmp_path / "1.gguf.part").stat().st_size == 50_000
    assert not (tmp_path / "8.gguf").exists()


def test_an_interrupt_stops_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    until = threading.Event()

    def silent(offset: int) -> Iterator[bytes]:
        until.wait(60)
        yield b""

    def interrupt(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules[receive_all.__module__], "wait", interrupt)
    job = Job(options=JobOptions(stall_timeout=600))
    try:
        with pytest.raises(KeyboardInterrupt):
            receive_all([(source(n, silent), tmp_path / f"{n}.gguf") for n in range(4)], Tally(job))
    finally:
        until.set()
