"""What goes wrong with the Hub's Xet storage, and what becomes of it: the same bytes over plain HTTP, and a warning."""

from __future__ import annotations

import hashlib
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.drive import drive
from support.hub import FakeHub, Seen

DATA = hashlib.shake_256(b"faults").digest(3_000_000)
LARGE = hashlib.shake_256(b"large").digest(12 << 20)
XORBS, PLANS, TOKENS, CDN = "/xorbs/*", "/v?/reconstructions/*", "*/xet-read-token/*", "/org/m/" + "?" * 40 + "/m.gguf"


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    folder = tmp_path / "partial"
    folder.mkdir()
    return folder


@pytest.fixture
def model(hub: FakeHub) -> FakeHub:
    hub.repo("org/m", {"m.gguf": DATA}, xet=True)
    return hub


def download(hub: FakeHub, dest: Path, env: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    more = {"HOME": str(dest.parent), "HF_HOME": str(dest.parent / "hf"), **(env or {})}
    return drive("download_model", "org/m", dest, env=hub.env(**more), backoff=0.01, **options)


def told(answer: dict[str, Any]) -> list[str]:
    return [event["human"] for event in answer["events"] if event["action"] == "transfer_without_xet"]


def whole(dest: Path, data: bytes = DATA) -> bool:
    return (dest / "m.gguf").read_bytes() == data


# --- trouble that passes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [XORBS, PLANS, TOKENS])
def test_a_storage_that_stumbles(model: FakeHub, dest: Path, path: str) -> None:
    model.fault(path, status=503, times=2)
    answer = download(model, dest)
    assert whole(dest)
    assert told(answer) == []
    assert model.seen(server="cdn") == []


@pytest.mark.parametrize("path", [XORBS, PLANS])
def test_a_storage_that_asks_for_patience(model: FakeHub, dest: Path, path: str) -> None:
    model.fault(path, status=429, headers={"Retry-After": "1"})
    answer = download(model, dest)
    assert whole(dest)
    assert [event["data"]["delay"] for event in answer["events"] if event["action"] == "transfer_retry"] == [1]
    assert told(answer) == []


def test_a_cut_connection_is_taken_up_where_it_broke(model: FakeHub, dest: Path) -> None:
    model.fault(XORBS, cut_after=700_000)
    assert told(download(model, dest)) == []
    assert whole(dest)
    first, second, *_ = [seen.headers["range"] for seen in model.seen(PLANS)]
    assert first == f"bytes=0-{len(DATA) - 1}"
    assert 500_000 < int(second[len("bytes=") :].partition("-")[0]) <= 700_000


def test_every_answer_is_cut(model: FakeHub, dest: Path) -> None:
    model.fault(XORBS, times=None, cut_after=300_000)
    assert told(download(model, dest)) == []
    assert whole(dest)


def test_signed_addresses_that_ran_out_are_asked_for_again(model: FakeHub, dest: Path) -> None:
    once = threading.Event()

    def expire(seen: Seen) -> None:
        if seen.server == "xorbs" and not once.is_set():
            once.set()
            model.xet.expire()

    model.on_request = expire
    answer = download(model, dest)
    assert whole(dest)
    assert len(model.seen(PLANS)) == 2
    assert told(answer) == []
    assert not any(event["action"] == "transfer_retry" for event in answer["events"])


def test_a_token_that_ran_out_is_asked_for_again(model: FakeHub, dest: Path) -> None:
    once = threading.Event()

    def revoke(seen: Seen) -> None:
        if seen.server == "cas" and not once.is_set():
            once.set()
            model.xet_tokens.clear()

    model.on_request = revoke
    assert told(download(model, dest)) == []
    assert whole(dest)
    assert len(model.seen(TOKENS)) == 2


def test_a_token_near_its_end_is_not_used(hub: FakeHub, dest: Path) -> None:
    hub.repo("org/m", {"m.gguf": LARGE}, xet=True)
    hub.xet_lifetime = 30
    assert told(download(hub, dest)) == []
    assert whole(dest, LARGE)
    assert len(hub.seen(TOKENS)) == len(hub.seen(PLANS)) > 1


# --- trouble that stays ----------------------------------------------------------------------------------------------


def _fault(path: str, **what: Any) -> Callable[[FakeHub], None]:
    return lambda hub: hub.fault(path, times=None, **what)


def _lie(what: str, **fields: Any) -> Callable[[FakeHub], None]:
    def arrange(hub: FakeHub) -> None:
        hub.xet.lie = lambda told, answer: {**answer, **fields} if told == what else answer

    return arrange


def _url(make: Callable[[FakeHub, str], str]) -> Callable[[FakeHub], None]:
    """Other addresses of the xorbs."""

    def arrange(hub: FakeHub) -> None:
        def lie(told: str, answer: Any) -> Any:
            if told == "reconstruction":
                for (entry,) in answer["xorbs"].values():
                    entry["url"] = make(hub, entry["url"])
            return answer

        hub.xet.lie = lie

    return arrange


def _xorb(change: Callable[[bytes], bytes]) -> Callable[[FakeHub], None]:
    def arrange(hub: FakeHub) -> None:
        hub.xet.add(DATA)
        for name, file in hub.xet.xorbs.items():
            hub.xet.xorbs[name] = replace(file, data=change(file.data))

    return arrange


TROUBLE = {
    "no token": (_fault(TOKENS, status=403), "403"),
    "a Hub without Xet": (_fault(TOKENS, status=404), ""),
    "a token that is none": (_lie("token", accessToken="a b"), "token"),
    "a token without an end": (_lie("token", exp=None), "token"),
    "a token endpoint that says something else": (
        lambda hub: setattr(hub.xet, "lie", lambda what, answer: []),
        "token",
    ),
    "a storage that cannot be reached": (_lie("token", casUrl="http://127.0.0.1:1"), "cannot be reached"),
    "a storage at no address": (_lie("token", casUrl="file:///etc"), "address"),
    "a storage with a password": (_lie("token", casUrl="http://me:secret@127.0.0.1:1"), "address"),
    "a storage that is down": (_fault(PLANS, status=500), "500"),
    "a storage that refuses": (_fault(PLANS, status=403), "403"),
    "a storage that refuses every token": (_fault(PLANS, status=401), "401"),
    "a storage without the file": (_fault(PLANS, status=404), "404"),
    "no JSON": (_fault(PLANS, status=200, body=b"<html>"), "JSON"),
    "JSON of another kind": (_fault(PLANS, status=200, body=b"[1]"), "protocol"),
    "JSON without end": (_fault(PLANS, status=200, body=b"[" * 200_000), "JSON"),
    "no terms": (_lie("reconstruction", terms=[]), "add up"),
    "an offset beyond the file": (_lie("reconstruction", offset_into_first_range=1 << 40), "add up"),
    "another protocol": (_url(lambda hub, url: "ftp" + url[4:]), "address"),
    "an address with a password": (_url(lambda hub, url: url.replace("://", "://me:secret@")), "address"),
    "xorbs elsewhere that are none": (_url(lambda hub, url: f"{hub.url}/api/models/org/m"), "range"),
    "xorbs that are gone": (_fault(XORBS, status=404), "404"),
    "xorbs that are down": (_fault(XORBS, status=500), "500"),
    "xorbs behind a circle": (_fault(XORBS, status=302, headers={"Location": "/xorbs/again"}), "circle"),
    "xorbs with wrong bytes": (_fault(XORBS, corrupt=True), "chunk"),
    "xorbs compressed in between": (_fault(XORBS, encoding="gzip"), "compressed"),
    "chunks compressed in a new way": (_xorb(lambda data: data[:4] + b"\7" + data[5:]), "nobody knows"),
    "chunks of another size": (_xorb(lambda data: data[:5] + b"\xff\xff\xff" + data[8:]), "16777215"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_the_bytes_come_over_plain_http_instead(model: FakeHub, dest: Path, trouble: str) -> None:
    arrange, why = TROUBLE[trouble]
    arrange(model)
    answer = download(model, dest)
    assert "result" in answer, answer
    assert whole(dest)
    (warning,) = told(answer)
    assert why in warning
    assert not {"secret", "signature"} & set(warning.split())
    assert model.seen(CDN, server="cdn")


def test_a_storage_that_falls_silent_again_and_again(model: FakeHub, dest: Path) -> None:
    model.fault(XORBS, times=None, stall_after=700_000)
    assert told(download(model, dest, stall_timeout=0.3)) == []
    assert whole(dest)


def test_a_silent_storage(model: FakeHub, dest: Path) -> None:
    model.fault(XORBS, times=None, stall_after=0)
    (warning,) = told(download(model, dest, stall_timeout=0.3))
    assert "in time" in warning
    assert whole(dest)


def test_wrong_bytes_in_right_chunks_are_never_published(model: FakeHub, dest: Path) -> None:
    """The storage gives no digest of a part: sha256 over the whole file tells."""
    _xorb(lambda data: data[:1000] + bytes([data[1000] ^ 1]) + data[1001:])(model)
    error = download(model, dest)["error"]
    assert error["code"] == "CHECKSUM_MISMATCH"
    assert list(dest.iterdir()) == []


def test_nothing_works(model: FakeHub, dest: Path) -> None:
    model.fault(XORBS, times=None, status=500)
    model.fault(CDN, times=None, status=500)
    error = download(model, dest)["error"]
    assert error["code"] == "DOWNLOAD_FAILED"


def test_a_storage_that_fails_on_the_way_loses_nothing(hub: FakeHub, dest: Path) -> None:
    """What it brought is kept; the rest comes over plain HTTP."""
    hub.repo("org/m", {"m.gguf": LARGE}, xet=True)
    hub.on_request = lambda seen: hub.fault(XORBS, times=None, status=500) if len(hub.seen(XORBS)) == 3 else None
    answer = download(hub, dest, connections=1)
    assert whole(dest, LARGE)
    assert len(told(answer)) == 1
    spans = [seen.headers["range"][6:].split("-") for seen in hub.seen(CDN, server="cdn")]
    assert 0 < sum(int(last) - int(first) + 1 for first, last in spans) < 0.8 * len(LARGE)


# --- resuming --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", ["xet", "http"])
def test_what_came_is_kept_for_either_way(model: FakeHub, dest: Path, then: str) -> None:
    model.fault(XORBS, cut_after=700_000)
    model.fault(XORBS, times=None, status=500)
    model.fault(CDN, times=None, status=500)
    assert download(model, dest)["error"]["code"] == "DOWNLOAD_FAILED"
    kept = (dest / "m.gguf.part").stat().st_size
    assert 500_000 < kept <= 700_000
    model.faults.clear()
    model.requests.clear()
    download(model, dest, {"HF_HUB_DISABLE_XET": "1"} if then == "http" else None)
    assert whole(dest)
    server, path = ("cdn", CDN) if then == "http" else ("cas", PLANS)
    (asked,) = model.seen(path, server=server)
    assert asked.headers["range"].startswith(f"bytes={kept}-")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_and_run_again_fetches_only_the_rest(model: FakeHub, rbee: RbeeHome, number: signal.Signals) -> None:
    rbee.env |= model.env()
    model.fault(XORBS, times=None, stall_after=1_500_000)
    process = rbee.start("models", "download", "org/m")
    tick = threading.Event()
    while not any(part.stat().st_size > 1_400_000 for part in rbee.models.rglob("*.part")):
        assert process.poll() is None, process.communicate()
        tick.wait(0.05)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130}[number]
    model.faults.clear()
    model.requests.clear()
    done = rbee("models", "download", "org/m")
    assert done.returncode == 0, done.stderr
    (asked,) = model.seen(PLANS)
    assert 1_400_000 < int(asked.headers["range"][6:].partition("-")[0]) <= 1_500_000


def test_interrupted_while_the_storage_says_nothing(model: FakeHub, rbee: RbeeHome) -> None:
    rbee.env |= model.env()
    asked = threading.Event()

    def silence(seen: Seen) -> None:
        if seen.server == "cas":
            asked.set()
            model.closing.wait(60)

    model.on_request = silence
    process = rbee.start("models", "download", "org/m")
    assert asked.wait(30)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)  # it would listen for 30 seconds
    assert process.returncode == 130
