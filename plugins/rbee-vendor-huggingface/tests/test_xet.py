"""Files in the Hub's Xet storage: the same bytes as the Hub's own client gets, and what that costs."""

from __future__ import annotations

import hashlib
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rbee_vendor_huggingface.xet import Cas, XetFile, xet_source
from rbee_vendor_huggingface.xet.chunks import ChunkReader

from rbee_core.jobs import Job
from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.drive import drive
from rbee_core.transfer import Source
from rbee_core.transfer.http import HttpClient
from support.hub import TOKEN, FakeHub
from support.hub.xet import CHUNK


def noise(size: int, seed: bytes = b"xet") -> bytes:
    return hashlib.shake_256(seed).digest(size)


#: Some of it cannot be compressed, some as it is, some with its bytes in groups.
FLOATS = b"".join(struct.pack("<f", 1 + number / 7919) for number in range(300_000))
MIXED = noise(1_700_000) + b"Once upon a time there was a fox. " * 20_000 + FLOATS
#: The same chunks again and again, and a tail that is no whole chunk.
LARGE = MIXED[: len(MIXED) // CHUNK * CHUNK] * 3 + bytes(6 * CHUNK) + noise(12_345, b"tail")

_FETCH = """
import sys
from huggingface_hub import hf_hub_download
sys.stdout.write(hf_hub_download("org/m", "m.gguf"))
"""
_UPLOAD = """
import sys
import hf_xet
url, token, until = sys.argv[1:]
hf_xet.upload_bytes([sys.stdin.buffer.read()], url, (token, int(until)), None, None, "model")
"""


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    folder = tmp_path / "partial"
    folder.mkdir()
    return folder


def download(hub: FakeHub, dest: Path, env: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    more = {"HOME": str(dest.parent), "HF_HOME": str(dest.parent / "hf"), **(env or {})}
    return drive("download_model", "org/m", dest, env=hub.env(**more), backoff=0.01, **options)


def warnings(answer: dict[str, Any]) -> list[str]:
    return [event["human"] for event in answer["events"] if event["level"] == "warn"]


def real_client(hub: FakeHub, home: Path) -> Path:
    """What huggingface_hub and hf_xet bring."""
    env = hub.env(HF_HOME=str(home), HOME=str(home), HF_HUB_DISABLE_TELEMETRY="1")
    done = subprocess.run(
        [sys.executable, "-c", _FETCH], env=clean_env(env), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout)


@pytest.mark.parametrize("versions", [{1, 2}, {1}])
def test_the_real_client_and_rbee_get_the_same_bytes(hub: FakeHub, dest: Path, versions: set[int]) -> None:
    hub.repo("org/m", {"m.gguf": LARGE, "config.json": b"{}"}, xet=True)
    hub.xet.versions = versions
    assert real_client(hub, dest.parent / "real").read_bytes() == LARGE
    assert hub.xet.schemes == {0, 1, 2}
    # It did come from there.
    assert hub.seen(f"/v{max(versions)}/reconstructions/*", server="cas")
    assert hub.seen(server="cdn") == []
    hub.requests.clear()
    answer = download(hub, dest)
    assert answer["result"]["files"][0]["digest"] == "sha256:" + hashlib.sha256(LARGE).hexdigest()
    assert (dest / "m.gguf").read_bytes() == LARGE
    assert hub.seen(f"/v{max(versions)}/reconstructions/*", server="cas")
    assert hub.seen(server="cdn") == []
    assert warnings(answer) == []


@pytest.mark.parametrize("policy", ["auto", "none", "lz4", "bg4-lz4"])
def test_what_the_real_client_packs_is_unpacked(hub: FakeHub, tmp_path: Path, policy: str) -> None:
    access = hub.xet_access()
    env = {"HF_HOME": str(tmp_path), "HF_XET_XORB_COMPRESSION_POLICY": policy, "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _UPLOAD, access["casUrl"], access["accessToken"], str(access["exp"])],
        env=clean_env(env),
        input=MIXED,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (xorb,) = hub.xet.uploaded.values()
    reader = ChunkReader()
    chunks = list(reader.chunks(xorb))
    assert b"".join(chunk.content() for chunk in chunks) == MIXED
    assert not reader.pending
    expected = {"none": set(), "lz4": {1}, "bg4-lz4": {2}}
    assert {chunk.scheme for chunk in chunks} - {0} == expected.get(policy, {1, 2} & {chunk.scheme for chunk in chunks})


def test_it_is_not_used_where_the_hub_s_client_would_not(hub: FakeHub, dest: Path) -> None:
    hub.repo("org/m", {"m.gguf": MIXED}, xet=True)
    assert warnings(download(hub, dest, {"HF_HUB_DISABLE_XET": "1"})) == []
    assert (dest / "m.gguf").read_bytes() == MIXED
    assert hub.seen(server="cdn")
    (dest / "m.gguf").unlink()
    hub.repos["org/m"].listing["m.gguf"] = {"xetHash": None}
    assert warnings(download(hub, dest)) == []
    assert (dest / "m.gguf").read_bytes() == MIXED
    assert hub.seen(server="cas") == hub.seen(server="xorbs") == hub.seen("*xet-read-token*") == []


def test_each_token_goes_where_it_belongs(hub: FakeHub, dest: Path) -> None:
    hub.repo("org/m", {"m.gguf": LARGE}, private=True, xet=True)
    answer = download(hub, dest, {"HF_TOKEN": TOKEN})
    assert (dest / "m.gguf").read_bytes() == LARGE
    (token,) = hub.xet_tokens
    assert {seen.headers["authorization"] for seen in hub.seen(server="cas")} == {f"Bearer {token}"}
    assert {seen.headers["authorization"] for seen in hub.seen(server="hub")} == {f"Bearer {TOKEN}"}
    assert hub.seen(server="xorbs")
    assert not any(token in str(seen) or TOKEN in str(seen) for seen in hub.seen(server="xorbs"))
    assert not any(secret in answer["output"] for secret in (token, TOKEN, "signature"))


def test_a_redirect_takes_no_token_along(hub: FakeHub, dest: Path) -> None:
    hub.repo("org/m", {"m.gguf": MIXED}, xet=True)
    hub.fault("/v2/reconstructions/*", status=307, headers={"Location": f"{hub.xorb_url}/elsewhere"})
    answer = download(hub, dest)
    assert (dest / "m.gguf").read_bytes() == MIXED
    (there,) = hub.seen("/elsewhere")
    assert "authorization" not in there.headers
    assert len(warnings(answer)) == 1


@pytest.mark.parametrize("version", [1, 2])
def test_any_span_is_exactly_its_bytes(hub: FakeHub, version: int) -> None:
    hub.repo("org/m", {}, xet=True)
    hub.xet.versions = {version}
    hub.xet.xorb_chunks = 7
    data = LARGE[:900_000] + LARGE[:300_000] + LARGE[400_000:700_000]
    choose = random.Random(version)
    edges = [choose.choice([choose.randrange(len(data)), choose.randrange(20) * CHUNK]) for _ in range(80)]
    spans = [
        (0, len(data)),
        (len(data) - 1, len(data)),
        *((a, max(a + 1, b)) for a, b in zip(edges[::2], edges[1::2], strict=True)),
    ]
    job = Job()
    with HttpClient(job) as client:
        cas = Cas(client, job, f"{hub.url}/api/models/org/m/xet-read-token/main", {})
        file = XetFile(hub.xet.add(data), cas, Source("m.gguf", _never, len(data)))
        open_range = xet_source(file).open_range
        assert open_range is not None
        for start, end in spans:
            assert b"".join(bytes(piece) for piece in open_range(start, end)) == data[start:end], (start, end)
        assert b"".join(xet_source(file).open_at(123_456)) == data[123_456:]
    assert cas.usable
    assert len(hub.xet_tokens) == 1


def _never(offset: int) -> Iterator[bytes]:
    raise AssertionError("plain HTTP was used")


def test_what_repeats_itself_is_fetched_once(hub: FakeHub, dest: Path) -> None:
    """Within a span that is asked for; a file of less than 8 MiB is one."""
    once = MIXED[: 20 * CHUNK]
    hub.repo("org/m", {"m.gguf": once + noise(3 * CHUNK) + bytes(30 * CHUNK) + once[: 5 * CHUNK]}, xet=True)
    answer = download(hub, dest)
    assert (dest / "m.gguf").read_bytes() == hub.repos["org/m"].commits[hub.repos["org/m"].head]["m.gguf"].data
    spans = [seen.headers["range"][6:].split("-") for seen in hub.seen(server="xorbs")]
    fetched = sum(int(last) - int(first) + 1 for first, last in spans)
    assert fetched <= 1.1 * sum(len(xorb.data) for xorb in hub.xet.xorbs.values())
    assert warnings(answer) == []


def test_bytes_that_are_here_already_are_not_asked_for(hub: FakeHub, rbee: RbeeHome) -> None:
    rbee.env |= hub.env()
    hub.repo("org/m", {"m.gguf": LARGE}, xet=True)
    hub.repo("org/n", {"n.gguf": LARGE}, xet=True)
    assert rbee("models", "download", "org/m").returncode == 0
    assert hub.seen(server="xorbs")
    hub.requests.clear()
    done = rbee("models", "download", "org/n")
    assert done.returncode == 0, done.stderr
    assert hub.seen(server="xorbs") == hub.seen(server="cas") == hub.seen(server="cdn") == []
    assert hub.seen("*xet-read-token*") == []


def test_three_at_once_cost_one_transfer(hub: FakeHub, rbee: RbeeHome) -> None:
    rbee.env |= hub.env()
    hub.repo("org/m", {"m.gguf": LARGE}, xet=True)
    three = [rbee.start("models", "download", "org/m", "--json") for _ in range(3)]
    answers = [process.communicate(timeout=100) for process in three]
    assert [process.returncode for process in three] == [0, 0, 0], answers
    assert len({stdout for stdout, _stderr in answers}) == 1
    # Who fetches asks for a token first.
    assert len(hub.seen("*xet-read-token*")) == 1
    assert hub.seen(server="cdn") == []
