"""A job's events: numbered, ended exactly once, stopped when asked."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rbee_core import ErrorCode, Job, RbeeError
from rbee_core.contracts import Digest, JobEvent

DIGEST = Digest("sha256:" + "a" * 64)


def _job() -> tuple[Job, list[JobEvent]]:
    events: list[JobEvent] = []
    return Job(listener=events.append), events


def test_events_are_numbered_without_gaps_from_any_thread() -> None:
    job, events = _job()
    threads = [threading.Thread(target=lambda: [job.emit("step", "A step.") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.seq for event in events] == list(range(200))
    assert {event.job_id for event in events} == {job.id}


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (None, "done"),
        (RbeeError(ErrorCode.DOWNLOAD_FAILED, "no"), "error"),
        (RbeeError(ErrorCode.CANCELLED, "stop"), "cancelled"),
        (ValueError("bug"), "error"),
        (KeyboardInterrupt(), "cancelled"),
    ],
)
def test_a_job_ends_with_exactly_one_of_three(error: BaseException | None, last: str) -> None:
    job, events = _job()
    try:
        with job.running():
            job.emit("step", "A step.")
            if error is not None:
                raise error
    except BaseException as caught:
        assert caught is error
    job.emit("late", "Nobody hears this.")
    assert [event.action for event in events] == ["step", last]


def test_progress_is_told_now_and_then_and_at_the_end() -> None:
    job, events = _job()
    with job.stage("model_download", "somebody"):
        for done in range(1, 1001):
            job.progress(done, 1000)
    assert len(events) < 20
    assert events[-1].action == "model_download_progress"
    assert events[-1].actor == "somebody"
    assert events[-1].data == {"done": 1000, "total": 1000}


def test_a_cancelled_job_stops_at_its_next_check_and_wakes_from_a_wait() -> None:
    job, _ = _job()
    job.check_cancelled()
    threading.Timer(0.05, job.cancel).start()
    with pytest.raises(RbeeError) as caught:
        job.wait(60)
    assert caught.value.code is ErrorCode.CANCELLED
    with pytest.raises(RbeeError):
        job.check_cancelled()


def test_a_digest_is_forgotten_when_the_file_is_touched(tmp_path: Path) -> None:
    job, _ = _job()
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    assert job.recorded_digest(file) is None
    job.record_digest(file, DIGEST)
    assert job.recorded_digest(file) == DIGEST
    file.write_bytes(b"abcd")
    assert job.recorded_digest(file) is None
    job.record_digest(file, DIGEST)
    other = tmp_path / "g"
    other.write_bytes(b"abcd")
    other.replace(file)
    assert job.recorded_digest(file) is None


def test_what_was_found_once_is_found_for_the_whole_job() -> None:
    job, found = Job(), []

    def find() -> list[int]:
        found.append(1)
        return list(found)

    assert job.once("a", find) is job.once("a", find)
    assert job.once("b", find) == [1, 1]
    assert Job().once("a", find) == [1, 1, 1]


def test_what_could_not_be_found_is_looked_for_again() -> None:
    job = Job()
    with pytest.raises(RbeeError):
        job.once("a", lambda: (_ for _ in ()).throw(RbeeError(ErrorCode.DOWNLOAD_FAILED, "no")))
    assert job.once("a", lambda: 7) == 7


def test_threads_that_look_at_once_get_the_same() -> None:
    job, both = Job(), threading.Barrier(2)

    def find() -> object:
        both.wait(timeout=30)
        return object()

    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(job.once("a", find))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 2
    assert got[0] is got[1]
