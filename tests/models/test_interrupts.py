"""Ctrl-C, kills, and several processes at once."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest

from .conftest import Shelf

Wait = Callable[[Callable[[], bool]], None]

SLOW = """
class Vendor(Shelf):
    @hookimpl
    def download_model(self, ref, dest, job):
        part = dest / "weights.part"
        log("begin " + str(part.stat().st_size if part.exists() else 0))
        if not part.exists():
            part.write_bytes(b"w" * 3000)
            (SHELF / "waiting").touch()
            while True:
                job.wait(0.05)
        part.unlink()
        return Shelf.download_model(self, ref, dest, job)
"""


def _begun(shelf: Shelf) -> bool:
    return (shelf.folder / "waiting").exists()


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_ends_with_130_and_keeps_what_arrived(shelf: Shelf, wait_for: Wait, as_json: bool) -> None:
    shelf.vendor(SLOW)
    process = shelf.rbee.start("models", "download", "shelf:one", *(["--json"] if as_json else []))
    wait_for(lambda: _begun(shelf))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    if as_json:
        assert json.loads(err)["error"]["code"] == "CANCELLED"
    (entry,) = json.loads(shelf.rbee("models", "catalog", "--json").stdout)["models"]
    assert entry["status"] == "Failed"
    assert "interrupted" in entry["error"]
    assert shelf.rbee("models", "download", "shelf:one").returncode == 0
    assert [line for line in shelf.log if line.startswith("begin")] == ["begin 0", "begin 3000"]


def test_a_killed_download_is_taken_up_where_it_was(shelf: Shelf, wait_for: Wait) -> None:
    shelf.vendor(SLOW)
    process = shelf.rbee.start("models", "download", "shelf:one")
    wait_for(lambda: _begun(shelf))
    process.kill()
    process.communicate()
    assert json.loads(shelf.rbee("models", "catalog", "--json").stdout)["models"][0]["status"] == "Downloading"
    assert shelf.rbee("models", "download", "shelf:one").returncode == 0
    assert [line for line in shelf.log if line.startswith("begin")] == ["begin 0", "begin 3000"]


def test_several_processes_share_one_download(shelf: Shelf) -> None:
    processes = [shelf.rbee.start("models", "download", "shelf:one", "--json") for _ in range(4)]
    results = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, results
    assert len({out for out, _ in results}) == 1
    assert len([line for line in shelf.log if line.startswith("download")]) == 1


def test_a_waiter_takes_over_from_one_that_dies(shelf: Shelf, wait_for: Wait) -> None:
    shelf.vendor(SLOW)
    first = shelf.rbee.start("models", "download", "shelf:one")
    wait_for(lambda: _begun(shelf))
    second = shelf.rbee.start("models", "download", "shelf:one")
    assert second.stderr is not None
    assert f"process {first.pid}" in second.stderr.readline(), "a waiter says whom it waits for"
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    _, err = second.communicate(timeout=30)
    assert second.returncode == 0, err
    assert [line for line in shelf.log if line.startswith("begin")] == ["begin 0", "begin 3000"]
