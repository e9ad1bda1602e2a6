"""Locks between processes: exclusive, cancellable, free when the holder dies, and able to say who holds them."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rbee_core.contracts import JobEvent
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job
from rbee_core.store.locks import Holder, holder, lock

HOLD = """
import sys
from pathlib import Path
from rbee_core.store.locks import lock
with lock(Path(sys.argv[1]), "a name", doing="downloading hf:o/r"):
    print("held", flush=True)
    sys.stdin.read()
print("free", flush=True)
"""


class Other:
    """Another process, which holds the lock until told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def release(self) -> None:
        self.process.communicate()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def other(tmp_path: Path):
    process = Other(tmp_path)
    yield process
    process.kill()


def test_a_waiter_is_told_who_holds_it(tmp_path: Path, other: Other) -> None:
    told: list[Holder | None] = []

    def waiting(now: Holder | None) -> None:
        told.append(now)
        other.release()

    with lock(tmp_path, "a name", on_wait=waiting):
        assert len(told) == 1
        assert told[0] is not None
        assert told[0].pid == other.process.pid
        assert str(told[0]) == f"process {other.process.pid} (downloading hf:o/r)"
        assert holder(tmp_path, "a name") == Holder(os.getpid(), told[0].host, "")
    assert holder(tmp_path, "a name") is None


def test_a_job_that_waits_tells_it_and_can_be_cancelled(tmp_path: Path, other: Other) -> None:
    events: list[JobEvent] = []

    def listen(event: JobEvent) -> None:
        events.append(event)
        job.cancel()

    job = Job(listener=listen)
    with pytest.raises(RbeeError) as raised, lock(tmp_path, "a name", job=job):
        pytest.fail("it was not held by the other process")
    assert raised.value.code is ErrorCode.CANCELLED
    assert events[0].action == "store_lock_wait"
    assert str(other.process.pid) in events[0].human
    assert events[0].data["holder"]["doing"] == "downloading hf:o/r"


def test_a_cancelled_job_takes_no_lock_even_if_it_is_free(tmp_path: Path) -> None:
    job = Job()
    job.cancel()
    with pytest.raises(RbeeError) as raised, lock(tmp_path, "x", job=job):
        pytest.fail("it went on")
    assert raised.value.code is ErrorCode.CANCELLED


def test_a_killed_holders_lock_is_free(tmp_path: Path, other: Other) -> None:
    with pytest.raises(TimeoutError, match="downloading"), lock(tmp_path, "a name", timeout=0):
        pytest.fail("it was not held by the other process")
    other.kill()
    with lock(tmp_path, "a name", timeout=0):
        pass


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def work() -> None:
        for _ in range(20):
            with lock(tmp_path, "x"):
                # Reading and writing a file lets the others run in between, if they may.
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "80"


def test_taking_it_twice_is_a_mistake_and_not_a_hang(tmp_path: Path) -> None:
    with lock(tmp_path, "x"), pytest.raises(RuntimeError, match="twice"), lock(tmp_path, "x"):
        pytest.fail("taken twice")
    with lock(tmp_path, "x"), lock(tmp_path, "y"):
        pass


def test_it_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path, "x"):
        raise ZeroDivisionError
    with lock(tmp_path, "x", timeout=0):
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_without_flock_there_is_a_lock_all_the_same(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_flock(fd: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", no_flock)
    with lock(tmp_path, "x", doing="first"):
        seen: list[object] = []

        def try_it() -> None:
            try:
                with lock(tmp_path, "x", timeout=0):
                    seen.append("got it")
            except TimeoutError as error:
                seen.append(str(error))

        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        assert len(seen) == 1
        assert "first" in str(seen[0])
    with lock(tmp_path, "x", timeout=0):
        pass


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff" * 10_000])
def test_a_junk_holder_file_is_nobody(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "x.holder").write_bytes(junk)
    assert holder(tmp_path, "x") is None


def test_a_root_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RbeeError) as raised, lock(tmp_path / "file" / "locks", "x"):
        pytest.fail("a file became a folder")
    assert "RBEE_MODELS_DIR" in raised.value.hint
