"""`receive` on sources that behave, and on sources that do not."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rbee_core.contracts import DownloadedFile
from rbee_core.contracts.common import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job, JobOptions
from rbee_core.transfer import RestartNeeded, Source, Tally, TryLaterError, receive
from rbee_core.transfer import part as part_module
from rbee_core.transfer import retry as retrying

DATA = bytes(range(256)) * 4096  # 1 MiB
CHUNK = 10_000


def sha256(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


Step = Callable[[bytes], Iterator[bytes]]


class Script:
    """A source that does something else at each opening; after the last step it simply gives its bytes."""

    def __init__(self, *steps: Step | BaseException, data: bytes = DATA) -> None:
        self.steps = list(steps)
        self.data = data
        self.offsets: list[int] = []

    def open_at(self, offset: int) -> Iterator[bytes]:
        self.offsets.append(offset)
        step = self.steps.pop(0) if self.steps else give
        if isinstance(step, BaseException):
            raise step
        yield from step(self.data[offset:])

    def source(self, **changes: Any) -> Source:
        facts: dict[str, Any] = {"size": len(DATA), "digest": sha256(DATA), "identity": "v1"}
        return Source("model.gguf", self.open_at, **(facts | changes))


def give(data: bytes) -> Iterator[bytes]:
    for begin in range(0, len(data), CHUNK):
        yield data[begin : begin + CHUNK]


def cut(after: int, error: BaseException | None = None) -> Step:
    def step(data: bytes) -> Iterator[bytes]:
        yield from give(data[:after])
        if error is not None:
            raise error

    return step


def silent(after: int, until: threading.Event) -> Step:
    def step(data: bytes) -> Iterator[bytes]:
        yield from give(data[:after])
        until.wait(30)

    return step


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "BACKOFF", 0.001)


@pytest.fixture
def job() -> Job:
    return Job(options=JobOptions(stall_timeout=5))


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "model.gguf"


def left(dest: Path) -> list[str]:
    return sorted(path.name for path in dest.parent.iterdir()) if dest.parent.exists() else []


def refused(source: Source, dest: Path, job: Job) -> RbeeError:
    with pytest.raises(RbeeError) as caught:
        receive(source, dest, Tally(job, source.size))
    return caught.value


def test_bytes_arrive_with_their_digest(dest: Path, job: Job) -> None:
    tally = Tally(job, len(DATA))
    file = receive(Script().source(), dest, tally)
    assert file == DownloadedFile(name="model.gguf", size=len(DATA), digest=sha256(DATA))
    assert dest.read_bytes() == DATA
    assert left(dest) == ["model.gguf"]
    assert job.recorded_digest(dest) == sha256(DATA)
    assert tally.done == len(DATA)


def test_a_source_that_promises_nothing(dest: Path, job: Job) -> None:
    file = receive(Script().source(size=None, digest=None, identity=""), dest, Tally(job))
    assert (file.size, file.digest) == (len(DATA), sha256(DATA))


def test_an_empty_file_needs_no_connection(dest: Path, job: Job) -> None:
    script = Script(data=b"")
    receive(script.source(size=0, digest=sha256(b"")), dest, Tally(job, 0))
    assert dest.read_bytes() == b""
    assert script.offsets == []


@pytest.mark.parametrize(
    "trouble", [cut(300_000), cut(300_000, ConnectionResetError("reset")), cut(300_000, TimeoutError("late"))]
)
def test_a_lost_connection_is_taken_up_where_it_broke(trouble: Step, dest: Path, job: Job) -> None:
    script, tally = Script(trouble), Tally(job, len(DATA))
    receive(script.source(), dest, tally)
    assert script.offsets == [0, 300_000]
    assert dest.read_bytes() == DATA
    assert tally.done == len(DATA)


def interrupted(dest: Path, after: int = 400_000, **changes: Any) -> None:
    """Leave a part behind, as a stopped run does."""
    stop = RbeeError(ErrorCode.CANCELLED, "stop")
    refused(Script(cut(after, stop)).source(**changes), dest, Job())
    assert left(dest) == ["model.gguf.part", "model.gguf.part.json"]


def test_a_later_run_goes_on(dest: Path, job: Job) -> None:
    interrupted(dest)
    script, tally = Script(), Tally(job, len(DATA))
    receive(script.source(), dest, tally)
    assert script.offsets == [400_000]
    assert dest.read_bytes() == DATA
    assert left(dest) == ["model.gguf"]
    assert tally.done == len(DATA)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"identity": "v0"}, {}),
        ({"size": len(DATA) + 1}, {}),
        ({"identity": ""}, {"identity": ""}),
        ({"size": None, "digest": None}, {}),
    ],
    ids=["another identity", "another size", "no identity", "size was unknown"],
)
def test_a_part_of_something_else_is_not_continued(
    before: dict[str, Any], after: dict[str, Any], dest: Path, job: Job
) -> None:
    interrupted(dest, **before)
    script = Script()
    receive(script.source(**after), dest, Tally(job))
    assert script.offsets == [0]
    assert dest.read_bytes() == DATA


@pytest.mark.parametrize("note", ["", "{", "[]", '"v1"', "\0\0", '{"identity": "v1"}'])
def test_a_broken_note_means_beginning_again(note: str, dest: Path, job: Job) -> None:
    interrupted(dest)
    dest.with_name("model.gguf.part.json").write_text(note)
    script = Script()
    receive(script.source(), dest, Tally(job))
    assert script.offsets == [0]


def test_a_part_that_is_too_long_means_beginning_again(dest: Path, job: Job) -> None:
    interrupted(dest)
    with dest.with_name("model.gguf.part").open("ab") as file:
        file.truncate(len(DATA) + 1)
    script = Script()
    receive(script.source(), dest, Tally(job))
    assert script.offsets == [0]
    assert dest.read_bytes() == DATA


def test_a_full_part_needs_no_connection(dest: Path, job: Job) -> None:
    interrupted(dest)
    dest.with_name("model.gguf.part").write_bytes(DATA)
    script = Script()
    receive(script.source(), dest, Tally(job))
    assert script.offsets == []
    assert dest.read_bytes() == DATA


def test_wrong_bytes_are_thrown_away(dest: Path, job: Job) -> None:
    wrong = DATA[:-1] + b"!"
    error = refused(Script(data=wrong).source(), dest, job)
    assert error.code is ErrorCode.CHECKSUM_MISMATCH
    assert "model.gguf" in error.message
    assert sha256(DATA) in error.message
    assert sha256(wrong) in error.message
    assert left(dest) == []


def test_a_part_that_came_to_harm_is_fetched_anew(dest: Path, job: Job) -> None:
    interrupted(dest)
    with dest.with_name("model.gguf.part").open("r+b") as file:
        file.write(b"harm")
    script, tally = Script(), Tally(job, len(DATA))
    receive(script.source(), dest, tally)
    assert script.offsets == [400_000, 0]
    assert dest.read_bytes() == DATA
    assert tally.done == len(DATA)


def test_more_than_announced_is_refused_at_once(dest: Path, job: Job) -> None:
    script = Script(data=DATA + b"more")
    error = refused(script.source(), dest, job)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert str(len(DATA)) in error.message
    assert script.offsets == [0]
    assert left(dest) == []


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (ConnectionResetError("reset by peer"), ErrorCode.DOWNLOAD_FAILED),
        (TimeoutError("late"), ErrorCode.DOWNLOAD_TIMEOUT),
    ],
)
def test_six_tries_without_progress_are_enough(trouble: OSError, code: ErrorCode, dest: Path, job: Job) -> None:
    script = Script(cut(300_000), *[trouble] * 100)
    error = refused(script.source(), dest, job)
    assert error.code is code
    assert str(trouble) in error.message
    assert script.offsets == [0] + [300_000] * 5
    assert dest.with_name("model.gguf.part").stat().st_size == 300_000


def test_progress_sets_the_count_back(dest: Path, job: Job) -> None:
    steps: list[Step | BaseException] = []
    for _round in range(4):
        steps += [*[ConnectionError("no")] * 4, cut(10_000)]
    script = Script(*steps)
    receive(script.source(), dest, Tally(job))
    assert dest.read_bytes() == DATA


def test_a_source_that_cannot_resume_and_always_breaks_is_given_up(dest: Path, job: Job) -> None:
    script = Script(*[cut(300_000), RestartNeeded()] * 100)
    error = refused(script.source(), dest, job)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert script.offsets.count(0) == 6


def test_a_source_that_cannot_resume_is_read_from_its_beginning(dest: Path, job: Job) -> None:
    script, tally = Script(cut(300_000), RestartNeeded()), Tally(job, len(DATA))
    receive(script.source(), dest, tally)
    assert script.offsets == [0, 300_000, 0]
    assert dest.read_bytes() == DATA
    assert tally.done == len(DATA)


def test_what_the_source_calls_final_is_final(dest: Path, job: Job) -> None:
    script = Script(RbeeError(ErrorCode.AUTH_REQUIRED, "log in"))
    assert refused(script.source(), dest, job).code is ErrorCode.AUTH_REQUIRED
    assert script.offsets == [0]


def test_a_silent_connection_is_given_up_not_the_download(dest: Path) -> None:
    until = threading.Event()
    script = Script(silent(300_000, until))
    try:
        receive(script.source(), dest, Tally(Job(options=JobOptions(stall_timeout=0.2))))
    finally:
        until.set()
    assert script.offsets == [0, 300_000]
    assert dest.read_bytes() == DATA


def test_a_cancel_is_heard_while_nothing_comes(dest: Path, job: Job) -> None:
    until, reached = threading.Event(), threading.Event()
    job.options.stall_timeout = 600
    job.listener = lambda event: reached.set()
    threading.Thread(target=lambda: (reached.wait(30), job.cancel())).start()
    try:
        error = refused(Script(silent(300_000, until)).source(), dest, job)
    finally:
        until.set()
    assert error.code is ErrorCode.CANCELLED
    assert dest.with_name("model.gguf.part").exists()


def test_a_cancel_is_heard_while_waiting_for_the_next_try(
    dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "BACKOFF", 600)
    monkeypatch.setattr(retrying, "LONGEST_WAIT", 600)
    job.listener = lambda event: job.cancel() if event.action == "transfer_retry" else None
    began = time.monotonic()
    assert refused(Script(ConnectionError("no")).source(), dest, job).code is ErrorCode.CANCELLED
    assert time.monotonic() - began < 60


def test_patience_is_given_where_it_is_asked_for(dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(Tally, "wait", lambda self, seconds: waited.append(seconds))
    script = Script(TryLaterError("busy", 7), TryLaterError("busy", 9999))
    receive(script.source(), dest, Tally(job))
    assert waited == [7, retrying.LONGEST_PATIENCE]


def test_the_rate_is_kept(dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(Tally, "wait", lambda self, seconds: waited.append(seconds))
    job.options.max_rate = 1000
    receive(Script().source(), dest, Tally(job))
    assert max(waited) == pytest.approx(len(DATA) / 1000, rel=0.05)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_the_part_is_kept(
    number: int, dest: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(dest)

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(number, "no room")

        def close(self) -> None: ...

    take_in = part_module.Part._take_in

    def fill_the_disk(part: part_module.Part, file: Any) -> None:
        take_in(part, file)
        file.close()
        part._file = Full()  # type: ignore[assignment]

    monkeypatch.setattr(part_module.Part, "_take_in", fill_the_disk)
    error = refused(Script().source(), dest, job)
    assert error.code is ErrorCode.INSUFFICIENT_DISK
    assert dest.with_name("model.gguf.part").stat().st_size == 400_000


def test_a_folder_that_cannot_be_written_is_named(dest: Path, job: Job) -> None:
    dest.parent.write_bytes(b"a file where a folder should be")
    error = refused(Script().source(), dest, job)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert str(dest) in error.message


def test_a_git_blob_is_checked_by_its_own_id(dest: Path, job: Job) -> None:
    header = b"blob %d\0" % len(DATA)
    blob = Digest(f"sha1:{hashlib.sha1(header + DATA).hexdigest()}")
    facts: dict[str, Any] = {"digest": blob, "digest_prefix": header}
    assert receive(Script().source(**facts), dest, Tally(job)).digest == sha256(DATA)
    dest.unlink()
    wrong = Script(data=DATA[:-1] + b"!").source(**facts)
    assert refused(wrong, dest, job).code is ErrorCode.CHECKSUM_MISMATCH


def test_a_file_that_is_complete_already_is_read_not_fetched(dest: Path, job: Job) -> None:
    receive(Script().source(), dest, Tally(Job()))
    script, tally = Script(), Tally(job, len(DATA))
    assert receive(script.source(), dest, tally).digest == sha256(DATA)
    assert script.offsets == []
    assert tally.done == len(DATA)
    assert job.recorded_digest(dest) == sha256(DATA)


def test_a_complete_file_with_other_bytes_is_replaced(dest: Path, job: Job) -> None:
    dest.parent.mkdir()
    dest.write_bytes(DATA[:-1] + b"!")
    receive(Script().source(), dest, Tally(job))
    assert dest.read_bytes() == DATA


def test_what_the_store_has_is_not_fetched(dest: Path, job: Job) -> None:
    known = DownloadedFile(name="model.gguf", size=len(DATA), digest=sha256(DATA))
    job.present["model.gguf"] = known
    script = Script()
    assert receive(script.source(), dest, Tally(job)) == known
    assert script.offsets == []


@pytest.mark.parametrize("name", ["x.gguf.part", "x.gguf.part.json"])
def test_names_of_parts_are_not_for_models(name: str, tmp_path: Path, job: Job) -> None:
    assert refused(Script().source(), tmp_path / name, job).code is ErrorCode.UNSAFE_PATH


def test_the_longest_name_there_is(tmp_path: Path, job: Job) -> None:
    dest = tmp_path / ("x" * 250 + ".gguf")
    interrupted_at = Script(cut(100_000, RbeeError(ErrorCode.CANCELLED, "stop")))
    refused(interrupted_at.source(), dest, Job())
    script = Script()
    receive(script.source(), dest, Tally(job))
    assert script.offsets == [100_000]
    assert dest.read_bytes() == DATA


def test_the_note_says_what_the_part_is_of(dest: Path) -> None:
    interrupted(dest)
    assert json.loads(dest.with_name("model.gguf.part.json").read_text()) == {"identity": "v1", "size": len(DATA)}
