"""Downloads that are killed, interrupted or wrong, through the command line."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.faults import FAULTS, FaultProxy
from support.hub import FakeHub

DATA = os.urandom(3_000_000)
SENT = 1_500_000
#: The file on the delivery network; the Hub's own address of it has one part more.
CDN = "/org/m/" + "?" * 40 + "/m.gguf"


@pytest.fixture
def rbee(rbee: RbeeHome, hub: FakeHub) -> RbeeHome:
    rbee.env |= hub.env()
    hub.repo("org/m", {"m.gguf": DATA})
    return rbee


def begun(rbee: RbeeHome, hub: FakeHub) -> subprocess.Popen[str]:
    """Start a download, and come back when half of it has arrived and nothing more comes."""
    hub.fault(CDN, stall_after=SENT, times=None)
    process = rbee.start("models", "download", "org/m")
    tick = threading.Event()
    for _ in range(600):
        if any(part.stat().st_size == SENT for part in rbee.models.rglob("*.part")):
            return process
        assert process.poll() is None, process.communicate()
        tick.wait(0.1)
    raise AssertionError("the download did not get on")


def finished(rbee: RbeeHome, hub: FakeHub) -> list[str | None]:
    """Run it to its end; the ranges that were asked for."""
    hub.faults.clear()
    hub.requests.clear()
    done = rbee("models", "download", "org/m", "--json")
    assert done.returncode == 0, done.stderr
    entry: dict[str, Any] = json.loads(done.stdout)
    assert Path(entry["path"]).read_bytes() == DATA
    assert list(rbee.models.rglob("*.part*")) == []
    return [seen.headers.get("range") for seen in hub.seen(server="cdn")]


def published(rbee: RbeeHome) -> list[Path]:
    """What is visible as a model or as a blob."""
    return [path for name in ("models", "blobs") for path in (rbee.models / name).rglob("*") if path.is_file()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_stopped_and_run_again_fetches_only_the_rest(rbee: RbeeHome, hub: FakeHub, number: signal.Signals) -> None:
    process = begun(rbee, hub)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert published(rbee) == []
    assert finished(rbee, hub) == [f"bytes={SENT}-"]


@pytest.mark.slow
def test_killed_in_the_middle_of_many_ranges_fetches_only_the_rest(rbee: RbeeHome, hub: FakeHub) -> None:
    data = hashlib.shake_256(b"ranges").digest(24 << 20)
    hub.repo("org/m", {"m.gguf": data})
    with FaultProxy(hub.cdn_url) as proxy:
        hub.cdn_front = proxy.url
        proxy.set(replace(FAULTS["slow"], rate=3e5))
        process = rbee.start("models", "download", "org/m")
        tick = threading.Event()
        while _noted(rbee) < 0.6 * len(data):
            assert process.poll() is None, process.communicate()
            tick.wait(0.02)
        process.kill()
        process.communicate(timeout=20)
        assert len({passed.headers["range"] for passed in proxy.fetched}) > 4
        proxy.requests.clear()
        proxy.set(None)
        done = rbee("models", "download", "org/m", "--json")
        assert done.returncode == 0, done.stderr
        assert Path(json.loads(done.stdout)["path"]).read_bytes() == data
        assert 0 < proxy.bytes_sent < 0.45 * len(data)


def _noted(rbee: RbeeHome) -> int:
    """Bytes that are noted as here."""
    for note in rbee.models.rglob("*.part.json"):
        with contextlib.suppress(OSError, ValueError):
            return sum(end - start for start, end in json.loads(note.read_text())["done"])
    return 0


def test_three_at_once_cost_one_transfer(rbee: RbeeHome, hub: FakeHub) -> None:
    data = hashlib.shake_256(b"three").digest(9 << 20)
    hub.repo("org/m", {"m.gguf": data})
    with FaultProxy(hub.cdn_url) as proxy:
        hub.cdn_front = proxy.url
        three = [rbee.start("models", "download", "org/m", "--json") for _ in range(3)]
        answers = [process.communicate(timeout=100) for process in three]
        assert [process.returncode for process in three] == [0, 0, 0], answers
        assert len({stdout for stdout, _stderr in answers}) == 1
        # Two transfers would be twice as much; one is a little more than once, where the tail of a slow one is shared.
        assert len(data) <= proxy.bytes_sent < 1.7 * len(data)


def test_wrong_bytes_of_the_right_size_are_not_published(rbee: RbeeHome, hub: FakeHub) -> None:
    hub.fault(CDN, corrupt=True, times=None)
    done = rbee("models", "download", "org/m", "--json")
    assert done.returncode == 1
    assert '"CHECKSUM_MISMATCH"' in done.stderr
    assert published(rbee) == []
    (entry,) = json.loads(rbee("models", "catalog", "--json").stdout)["models"]
    assert entry["status"] == "Failed"
    assert finished(rbee, hub) == [None]


def test_two_at_once_share_one_download(rbee: RbeeHome, hub: FakeHub) -> None:
    both = [rbee.start("models", "download", "org/m", "--json") for _ in range(2)]
    answers = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert len(hub.seen(server="cdn")) == 1
