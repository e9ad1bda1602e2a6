"""What goes wrong between the Hub and here, and what becomes of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.drive import drive
from support.hub import FakeHub

DATA = os.urandom(2_000_000)
#: The file on the delivery network, whatever the commit; the Hub's own address has one part more.
CDN = "/org/m/" + "?" * 40 + "/m.gguf"
CONFIG = b'{"model_type": "llama"}'


@pytest.fixture
def model(hub: FakeHub) -> FakeHub:
    hub.repo("org/m", {"m.gguf": DATA, "config.json": CONFIG})
    return hub


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    folder = tmp_path / "partial"
    folder.mkdir()
    return folder


def download(hub: FakeHub, dest: Path, ref: str = "org/m", **options: Any) -> dict[str, Any]:
    env = hub.env(HOME=str(dest.parent), HF_HOME=str(dest.parent / "hf"))
    return drive("download_model", ref, dest, env=env, backoff=0.01, **options)


def ranges(hub: FakeHub, path: str = "*/m.gguf") -> list[str | None]:
    return [seen.headers.get("range") for seen in hub.seen(path, server="cdn")]


def left(dest: Path) -> list[str]:
    return sorted(path.name for path in dest.iterdir())


def test_a_cut_connection_is_taken_up_with_a_range(model: FakeHub, dest: Path) -> None:
    model.fault(CDN, cut_after=700_000)
    answer = download(model, dest)
    assert answer["result"]["files"][0]["digest"] == "sha256:" + hashlib.sha256(DATA).hexdigest()
    assert (dest / "m.gguf").read_bytes() == DATA
    (first, second) = ranges(model)
    assert first is None
    assert second is not None
    assert second.startswith("bytes=")
    # All that was sent before the cut is kept; the last piece may be lost with the connection.
    assert 0 < int(second[len("bytes=") : -1]) <= 700_000


def test_every_answer_is_cut(model: FakeHub, dest: Path) -> None:
    model.fault(CDN, method="GET", times=None, cut_after=300_000)
    download(model, dest)
    assert (dest / "m.gguf").read_bytes() == DATA
    assert len(ranges(model)) >= 7


def test_wrong_bytes_of_the_right_size_are_refused(model: FakeHub, dest: Path) -> None:
    model.fault(CDN, times=None, corrupt=True)
    error = download(model, dest)["error"]
    assert error["code"] == "CHECKSUM_MISMATCH"
    assert "m.gguf" in error["message"]
    assert hashlib.sha256(DATA).hexdigest() in error["message"]
    assert left(dest) == []


def test_a_wrong_small_file_is_refused_too(model: FakeHub, dest: Path) -> None:
    """It lies in git, whose own id for it is checked."""
    model.fault("*/config.json", times=None, corrupt=True)
    error = download(model, dest, "org/m/config.json")["error"]
    assert error["code"] == "CHECKSUM_MISMATCH"
    assert left(dest) == []
    model.faults.clear()
    file = download(model, dest, "org/m/config.json")["result"]["files"][0]
    assert file["digest"] == "sha256:" + hashlib.sha256(CONFIG).hexdigest()


def test_a_server_without_ranges(model: FakeHub, dest: Path) -> None:
    model.fault(CDN, cut_after=700_000)
    model.fault(CDN, times=None, ignore_range=True)
    download(model, dest)
    assert (dest / "m.gguf").read_bytes() == DATA


def test_more_bytes_than_listed(model: FakeHub, dest: Path) -> None:
    model.fault(CDN, times=None, extra=1000)
    error = download(model, dest)["error"]
    assert error["code"] == "DOWNLOAD_FAILED"
    assert "more than" in error["message"]
    assert left(dest) == []


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1])
def test_a_listing_that_is_wrong_about_the_size(model: FakeHub, dest: Path, size: int) -> None:
    repo = model.repos["org/m"]
    digest = hashlib.sha256(DATA).hexdigest()
    repo.listing["m.gguf"] = {"size": size, "lfs": {"oid": digest, "size": size, "pointerSize": 134}}
    error = download(model, dest)["error"]
    assert error["code"] == "DOWNLOAD_FAILED"
    assert not (dest / "m.gguf").exists()


def test_a_range_that_is_of_another_file(model: FakeHub, dest: Path) -> None:
    model.fault(CDN, cut_after=700_000)
    model.fault(CDN, times=None, total=len(DATA) + 5)
    error = download(model, dest)["error"]
    assert error["code"] == "DOWNLOAD_FAILED"
    assert str(len(DATA) + 5) in error["message"]


def test_a_proxy_that_compresses(model: FakeHub, dest: Path) -> None:
    model.fault(CDN, times=None, encoding="gzip")
    error = download(model, dest)["error"]
    assert error["code"] == "DOWNLOAD_FAILED"
    assert "compressed" in error["message"]


@pytest.mark.parametrize("path", ["/org/m/resolve/*", CDN, "/api/models/org/m"])
def test_a_server_that_stumbles(model: FakeHub, dest: Path, path: str) -> None:
    model.fault(path, status=503, times=2)
    download(model, dest)
    assert (dest / "m.gguf").read_bytes() == DATA


def test_a_server_that_asks_for_patience(model: FakeHub, dest: Path) -> None:
    model.fault("/org/m/resolve/*", status=429, headers={"Retry-After": "1"})
    answer = download(model, dest)
    (waited,) = [event["data"]["delay"] for event in answer["events"] if event["action"] == "transfer_retry"]
    assert waited == 1
    assert (dest / "m.gguf").read_bytes() == DATA


@pytest.mark.parametrize("path", ["/org/m/resolve/*", CDN, "/api/models/org/m"])
def test_a_server_that_is_down(model: FakeHub, dest: Path, path: str) -> None:
    model.fault(path, status=500, times=None)
    error = download(model, dest)["error"]
    assert error["code"] == "DOWNLOAD_FAILED"
    assert "500" in error["message"]
    assert len(model.seen(path)) >= 3


def test_a_silent_delivery_network(model: FakeHub, dest: Path) -> None:
    model.fault(CDN, stall_after=700_000)
    download(model, dest, stall_timeout=0.5)
    assert (dest / "m.gguf").read_bytes() == DATA
    model.fault(CDN, times=None, stall_after=0)
    (dest / "m.gguf").unlink()
    error = download(model, dest, stall_timeout=0.3)["error"]
    assert error["code"] == "DOWNLOAD_TIMEOUT"


def test_a_signed_address_that_ran_out_is_asked_for_again(model: FakeHub, dest: Path) -> None:
    model.fault(CDN, status=403)
    download(model, dest)
    assert (dest / "m.gguf").read_bytes() == DATA
    assert len(model.seen("/org/m/resolve/*")) == 2


def test_a_part_of_the_same_bytes_serves_another_commit(model: FakeHub, dest: Path) -> None:
    """What is fetched is known by its digest: a new commit that leaves the file alone loses nothing."""
    repo = model.repos["org/m"]
    model.fault(CDN, cut_after=700_000)
    model.fault(CDN, times=None, status=500)
    assert download(model, dest)["error"]["code"] == "DOWNLOAD_FAILED"
    kept = (dest / "m.gguf.part").stat().st_size
    assert 0 < kept <= 700_000
    repo.commit({"m.gguf": DATA, "config.json": b"{}"})
    model.faults.clear()
    model.requests.clear()
    download(model, dest)
    assert ranges(model) == [f"bytes={kept}-"]
    assert (dest / "m.gguf").read_bytes() == DATA


def test_a_part_of_other_bytes_is_not_mixed_in(model: FakeHub, dest: Path) -> None:
    repo = model.repos["org/m"]
    model.fault(CDN, cut_after=700_000)
    model.fault(CDN, times=None, status=500)
    assert download(model, dest)["error"]["code"] == "DOWNLOAD_FAILED"
    other = os.urandom(len(DATA))
    repo.commit({"m.gguf": other})
    model.faults.clear()
    model.requests.clear()
    download(model, dest)
    assert ranges(model) == [None]
    assert (dest / "m.gguf").read_bytes() == other


def test_a_file_that_vanished_between(model: FakeHub, dest: Path) -> None:
    model.fault("/org/m/resolve/*", status=404, times=None, headers={"X-Error-Code": "EntryNotFound"})
    error = download(model, dest)["error"]
    assert error["code"] == "MODEL_NOT_FOUND"
    assert "m.gguf" in error["message"]


def test_what_no_digest_is_known_of_is_still_fetched(model: FakeHub, dest: Path) -> None:
    """Some mirrors list no ids; the size is all there is to hold it against."""
    model.repos["org/m"].listing["config.json"] = {"oid": "unknown"}
    download(model, dest, "org/m/config.json")
    assert (dest / "config.json").read_bytes() == CONFIG


def test_a_listing_page_that_stumbles_is_asked_for_again(model: FakeHub, dest: Path) -> None:
    model.fault("/api/models/org/m/tree/*", status=503)
    answer = download(model, dest)
    assert (dest / "m.gguf").read_bytes() == DATA
    assert "503" not in answer["output"]


def test_a_silent_hub(model: FakeHub, dest: Path) -> None:
    """Its listing has no time-out of its own in the library."""
    model.on_request = lambda seen: model.closing.wait(60) if "/tree/" in seen.path else None
    error = download(model, dest, stall_timeout=0.5)["error"]
    assert error["code"] == "DOWNLOAD_TIMEOUT"
