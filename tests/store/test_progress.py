"""Who waits for a lock sees how far its holder is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rbee_core.contracts.job import JobEvent
from rbee_core.jobs import Job
from rbee_core.store.locks import lock


def test_waiting_shows_the_holders_progress(tmp_path: Path) -> None:
    held, shown, progress = threading.Event(), threading.Event(), []

    def hold() -> None:
        job = Job()
        with lock(tmp_path, "m", job=job), job.stage("model_download", "x"):
            job.progress(5, 10)
            held.set()
            shown.wait(30)

    def watch(event: JobEvent) -> None:
        if event.action == "model_download_progress":
            progress.append((event.data["done"], event.data["total"]))
            shown.set()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(30)
    with lock(tmp_path, "m", job=Job(listener=watch)):
        assert progress[0] == (5, 10)
    holder.join()
    assert not list(tmp_path.glob("*.progress"))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"stage": "x"}', '{"stage": 1, "done": 1, "total": 1}', '{"stage":"a b","done":1,"total":2}'],
)
def test_what_cannot_be_read_is_not_shown(text: str, tmp_path: Path) -> None:
    from rbee_core.store.progress import show_progress

    (tmp_path / "m.progress").write_text(text)
    events: list[JobEvent] = []
    show_progress(tmp_path / "m", Job(listener=events.append))
    assert events == []
