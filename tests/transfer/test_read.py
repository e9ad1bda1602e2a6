"""`read_range`: a part of a file that is somewhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job, JobOptions
from rbee_core.testing.servers.web import WebServer
from rbee_core.transfer import Source, read, read_range, retry
from rbee_core.transfer.http import HttpClient, http_source

from .ranges import DATA, SIZE, Server


def source_of(server: Server) -> Source:
    return Source("m.gguf", lambda offset: server.give(offset, SIZE), SIZE, open_range=server.open_range)


@given(st.integers(0, SIZE + 10), st.integers(0, 5000))
@settings(max_examples=50, deadline=None)
def test_just_the_bytes_asked_for(start: int, length: int) -> None:
    server = Server()
    assert read_range(source_of(server), start, length, Job()) == DATA[start : start + length]
    assert server.given == len(DATA[start : start + length])


def test_a_broken_connection_is_taken_up_where_it_broke(monkeypatch: pytest.MonkeyPatch, job: Job) -> None:
    monkeypatch.setattr(retry, "BACKOFF", 0.001)

    def trouble(number: int, start: int, end: int) -> Iterator[bytes] | None:
        def breaks() -> Iterator[bytes]:
            yield DATA[start : start + 1000]
            raise ConnectionError("cut")

        return breaks() if number < 4 else None

    server = Server(trouble)
    assert read_range(source_of(server), 10_000, 50_000, job) == DATA[10_000:60_000]
    assert server.asked == [(10_000 + 1000 * i, 60_000) for i in range(4)]


def test_it_is_given_up_after_some_tries(monkeypatch: pytest.MonkeyPatch, job: Job) -> None:
    monkeypatch.setattr(retry, "BACKOFF", 0.001)

    def trouble(number: int, start: int, end: int) -> Iterator[bytes]:
        raise ConnectionError("cut")
        yield b""

    server = Server(trouble)
    with pytest.raises(RbeeError, match="cut") as caught:
        read_range(source_of(server), 0, 10, job)
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
    assert len(server.asked) == read.TRIES


def test_a_silent_source_does_not_hold_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACKOFF", 0.001)
    released = threading.Event()

    def trouble(number: int, start: int, end: int) -> Iterator[bytes]:
        released.wait(30)
        yield b""

    try:
        with pytest.raises(RbeeError) as caught:
            read_range(source_of(Server(trouble)), 0, 10, Job(options=JobOptions(stall_timeout=0.2)))
    finally:
        released.set()
    assert caught.value.code is ErrorCode.DOWNLOAD_TIMEOUT


def test_a_cancelled_job_stops(job: Job) -> None:
    job.cancel()
    with pytest.raises(RbeeError) as caught:
        read_range(source_of(Server()), 0, 10, job)
    assert caught.value.code is ErrorCode.CANCELLED


@pytest.mark.parametrize("known", [True, False])
def test_a_server_without_ranges_is_read_from_its_beginning(web: WebServer, job: Job, known: bool) -> None:
    url = web.page("/m.gguf", DATA, ranges=False)
    with HttpClient(job) as client:
        source = http_source("m.gguf", url, client=client, size=SIZE if known else None)
        assert read_range(source, 1_000_000, 1000, job) == DATA[1_000_000:1_001_000]
        assert read_range(source, SIZE - 10, 1000, job) == DATA[-10:]


def test_no_file_is_read_to_its_far_end_for_a_few_bytes(
    web: WebServer, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MAX_SKIP", 1_000_000)
    url = web.page("/m.gguf", DATA, ranges=False)
    with HttpClient(job) as client:
        source = http_source("m.gguf", url, client=client, size=SIZE)
        assert read_range(source, 1_000_001, 1000, job) is None
        assert read_range(source, 1_000_000, 1000, job) == DATA[1_000_000:1_001_000]


def test_a_file_that_changes_between_two_answers_is_read_anew(web: WebServer, job: Job) -> None:
    other = DATA[::-1]
    url = web.page("/m.gguf", DATA, headers={"ETag": '"1"'})
    with HttpClient(job) as client:
        source = http_source("m.gguf", url, client=client, size=SIZE)
        assert read_range(source, 0, 100, job) == DATA[:100]
        web.page("/m.gguf", other, headers={"ETag": '"2"'})
        assert read_range(source, 0, 100, job) == other[:100]


@pytest.mark.parametrize(("start", "length"), [(-1, 10), (0, -1), (0, read.MAX_READ + 1)])
def test_bounds_are_kept(start: int, length: int, job: Job) -> None:
    with pytest.raises(ValueError, match="not a range"):
        read_range(source_of(Server()), start, length, job)
