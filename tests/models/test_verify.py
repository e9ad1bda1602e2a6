"""``rbee models verify``: what is wrong is found, put aside, named for every model that has it, and mended."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from .conftest import Shelf

SHARED = hashlib.sha256(b"w" * 5000).hexdigest()


@pytest.fixture
def two(shelf: Shelf) -> Shelf:
    """Two models that have a file of the same bytes, and one that has not."""
    shelf.put("two", same=b"w" * 5000, own=b"2" * 40)
    shelf.put("three", own=b"3" * 30)
    for name in ("one", "two", "three"):
        assert shelf.rbee("models", "download", f"shelf:{name}").returncode == 0
    return shelf


def _verify(shelf: Shelf, *ids: str, status: int = 0) -> dict[str, tuple[str, str]]:
    done = shelf.rbee("models", "verify", "--json", *ids)
    assert done.returncode == status, done.stderr
    return {row["id"]: (row["outcome"], row["reason"]) for row in json.loads(done.stdout)["results"]}


def _catalog(shelf: Shelf) -> dict[str, Any]:
    models = json.loads(shelf.rbee("models", "catalog", "--json").stdout)["models"]
    return {model["id"]: model for model in models}


def _damage(path: Path) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"X")


def test_a_pass_is_dated_and_its_progress_told(two: Shelf) -> None:
    before = {key: model["lastVerifiedMs"] for key, model in _catalog(two).items()}
    assert {outcome for outcome, _ in _verify(two).values()} == {"pass"}
    after = {key: model["lastVerifiedMs"] for key, model in _catalog(two).items()}
    assert all(after[key] > before[key] for key in before)
    # 5 kB shared, and what each has of its own: each file is read once.
    told = two.rbee("-v", "models", "verify").stderr
    assert f"{5000 + 2 + 40 + 30} of {5000 + 2 + 40 + 30} bytes" in told


def test_a_bad_blob_is_put_aside_and_all_who_use_it_are_named(two: Shelf) -> None:
    blob = two.rbee.models / "blobs" / "sha256" / SHARED
    _damage(blob)
    bytes_now = blob.read_bytes()
    found = _verify(two, "shelf:one", status=1)
    assert sorted(found) == ["shelf:one", "shelf:two"], "also the one that was not asked for"
    assert found["shelf:one"][0] == found["shelf:two"][0] == "fail"
    assert "weights" in found["shelf:one"][1] and "same" in found["shelf:two"][1]
    assert not blob.exists()
    assert (two.rbee.models / "quarantine" / SHARED).read_bytes() == bytes_now
    catalog = _catalog(two)
    assert {key: model["status"] for key, model in catalog.items()} == {
        "shelf:one": "Failed", "shelf:two": "Failed", "shelf:three": "Available",
    }  # fmt: skip
    assert "mismatch" in catalog["shelf:two"]["error"]
    assert two.rbee("models", "locate", "shelf:two").returncode == 1
    assert _verify(two, status=1)["shelf:two"][0] == "fail", "until it is mended"


def test_a_download_mends_it_and_fetches_what_is_missing(two: Shelf) -> None:
    _damage(two.rbee.models / "blobs" / "sha256" / SHARED)
    _verify(two, status=1)
    assert two.rbee("models", "download", "shelf:two").returncode == 0
    assert two.log[-1] == "download shelf:two ['own']"
    assert two.rbee("models", "download", "shelf:one").returncode == 0
    assert two.log[-1] == "download shelf:one ['sub/config', 'weights']", "the other has fetched it already"
    assert {outcome for outcome, _ in _verify(two).values()} == {"pass"}
    gone = json.loads(two.rbee("models", "gc", "--json").stdout)
    assert gone["removed"] == []
    assert (two.rbee.models / "quarantine" / SHARED).exists()


def test_a_missing_file_is_mended_from_its_blob(two: Shelf) -> None:
    next((two.rbee.models / "models").rglob("weights")).unlink()
    assert "missing" in _verify(two, "shelf:one", status=1)["shelf:one"][1]
    assert _catalog(two)["shelf:one"]["status"] == "Failed"
    assert two.rbee("models", "download", "shelf:one").returncode == 0
    assert two.log[-1] == "download shelf:one ['sub/config', 'weights']"
    assert _verify(two, "shelf:one")["shelf:one"][0] == "pass"


def test_a_file_that_its_owner_edits(shelf: Shelf, tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(b"GGUF" + b"m" * 3000)
    assert shelf.rbee("models", "download", str(mine)).returncode == 0
    _damage(mine)
    (result,) = _verify(shelf, status=1).values()
    assert result[0] == "fail"
    assert mine.read_bytes() == b"XGUF" + b"m" * 3000, "it is the owner's"
    assert shelf.rbee("models", "download", str(mine)).returncode == 0
    assert [outcome for outcome, _ in _verify(shelf).values()] == ["pass"]


def test_a_folder_where_a_file_should_be(two: Shelf) -> None:
    path = next((two.rbee.models / "models").rglob("weights"))
    kept = path.with_name("kept")
    path.rename(kept)
    path.mkdir()
    assert _verify(two, "shelf:one", status=1)["shelf:one"][0] == "fail"
    path.rmdir()
    kept.rename(path)
    assert two.rbee("models", "download", "shelf:one").returncode == 0
    assert _verify(two, "shelf:one")["shelf:one"][0] == "pass"


def test_ctrl_c_changes_nothing(shelf: Shelf, tmp_path: Path) -> None:
    big = tmp_path / "big.gguf"
    with big.open("wb") as file:
        file.truncate(1 << 30)  # a hole: read for a second, stored in no time
    assert shelf.rbee("models", "download", str(big)).returncode == 0
    before = _catalog(shelf)
    process = shelf.rbee.start("-v", "models", "verify")
    assert process.stderr is not None
    assert "bytes" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert _catalog(shelf) == before
