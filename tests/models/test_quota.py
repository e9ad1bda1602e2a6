"""The store's quota: who has to go, who never does, and what is said when it cannot be kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from rbee_core.process_groups import started_at
from rbee_core.store import lock
from rbee_core.store.wanted import model_lock
from rbee_core.testing.cli import clean_env
from rbee_core.workers.running import RunningWorker, RunningWorkers

from .conftest import Shelf

#: A vendor that cannot say beforehand what will come.
SILENT = """
class Vendor(Shelf):
    @hookimpl
    def resolve_model(self, ref, job):
        return None
"""


@pytest.fixture
def full(shelf: Shelf) -> Shelf:
    """A store that may hold 13 kB and holds ``a`` and ``b``, of 5 kB each; ``a`` is the older one."""
    shelf.rbee.env["RBEE_MODELS_MAX_SIZE"] = "13000"
    for name in "abc":
        shelf.put(name, weights=name.encode() * 5000)
    shelf.put("huge", weights=b"h" * 14_000)
    assert _download(shelf, "a") == ["a"]
    assert _download(shelf, "b") == ["a", "b"]
    return shelf


def _download(shelf: Shelf, name: str) -> list[str]:
    """Download a model; the models that are here then."""
    done = shelf.rbee("models", "download", f"shelf:{name}", "--json")
    assert done.returncode == 0, done.stderr
    return _here(shelf)


def _here(shelf: Shelf) -> list[str]:
    models = json.loads((shelf.rbee.models / "catalog.json").read_text())["models"]
    return [model["id"].removeprefix("shelf:") for model in models if model["status"] == "Available"]


def _refused(shelf: Shelf, name: str) -> dict[str, str]:
    before = _here(shelf)
    done = shelf.rbee("models", "download", f"shelf:{name}", "--json")
    assert done.returncode == 1
    error: dict[str, str] = json.loads(done.stderr)["error"]
    assert error["code"] == "INSUFFICIENT_DISK"
    assert "13.0 kB" in error["message"] and "RBEE_MODELS_MAX_SIZE" in error["message"]
    assert _here(shelf) == before, "nothing is evicted in vain"
    return error


def _entry(shelf: Shelf, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(shelf.rbee("models", "show", f"shelf:{name}", "--json").stdout)
    return entry


def test_the_oldest_goes_and_it_is_told(full: Shelf) -> None:
    done = full.rbee("models", "download", "shelf:c")
    assert done.returncode == 0
    assert "Evicted shelf:a (5.0 kB) to stay within 13.0 kB." in done.stderr
    assert _here(full) == ["b", "c"]
    assert len(list((full.rbee.models / "blobs" / "sha256").iterdir())) == 2
    assert sorted(path.name for path in (full.rbee.models / "models").iterdir()) == ["shelf%3ab", "shelf%3ac"]


def test_what_was_used_lately_outlives_what_came_later(full: Shelf) -> None:
    assert "lastUsedAt" not in _entry(full, "a")
    path = full.rbee.models / "catalog.json"
    catalog = json.loads(path.read_text())
    next(model for model in catalog["models"] if model["id"] == "shelf:a")["last_used_at"] = datetime.now(
        UTC
    ).isoformat()
    path.write_text(json.dumps(catalog))
    assert _entry(full, "a")["lastUsedAt"] > _entry(full, "b")["addedAt"]
    assert _download(full, "c") == ["a", "c"]


def test_pinned_models_stay(full: Shelf) -> None:
    assert full.rbee("models", "pin", "shelf:a").returncode == 0
    assert _download(full, "c") == ["a", "c"]
    assert full.rbee("models", "pin", "shelf:c").returncode == 0
    assert "pinned: shelf:a, shelf:c" in _refused(full, "b")["message"]


def test_running_models_stay(full: Shelf) -> None:
    registry = RunningWorkers(full.rbee.path / "state")
    worker = RunningWorker(
        id=registry.new_id("shelf:a", "cpu"), pid=os.getpid(), began=started_at(os.getpid()), host="127.0.0.1", port=1,
        model="shelf:a", worker="w", device="CPU-0", environment="e", log="l", started_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    registry.save(worker)
    assert _download(full, "c") == ["a", "c"]
    full.rbee("models", "pin", "shelf:c")
    assert "running: shelf:a" in _refused(full, "b")["message"]
    registry.forget(worker.id)
    assert _download(full, "b") == ["b", "c"]


def test_a_model_whose_worker_is_yet_to_start_stays(full: Shelf) -> None:
    ask = "from rbee_core import Rbee; Rbee().ensure_model('shelf:a'); print('here', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", ask], env=clean_env(full.rbee.environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"here\n"
    full.rbee("models", "pin", "shelf:b")
    assert "running: shelf:a" in _refused(full, "c")["message"]
    process.kill()
    process.communicate()
    assert _download(full, "c") == ["b", "c"]
    assert not list((full.rbee.models / "locks").glob("*.user"))


def test_a_model_that_somebody_brings_stays(full: Shelf) -> None:
    with lock(full.rbee.models / "locks", model_lock("shelf:a")):
        assert _download(full, "c") == ["a", "c"]


def test_what_models_share_counts_once(shelf: Shelf) -> None:
    shelf.rbee.env["RBEE_MODELS_MAX_SIZE"] = "13000"
    shelf.put("a", weights=b"s" * 9000)
    shelf.put("b", same=b"s" * 9000, more=b"b" * 3000)
    shelf.put("c", weights=b"c" * 4000)
    assert _download(shelf, "a") == ["a"]
    assert _download(shelf, "b") == ["a", "b"], "12 kB in all, not 21"
    # That the older one goes would free nothing, for the other has the same bytes.
    assert _download(shelf, "c") == ["a", "c"]


def test_too_small_for_it_at_all(full: Shelf) -> None:
    error = _refused(full, "huge")
    assert "14.0 kB more are needed" in error["message"]
    assert "unpin" in error["hint"]
    assert not [line for line in full.log if line.startswith("download shelf:huge")]


def test_a_size_that_shows_only_afterwards(full: Shelf) -> None:
    full.vendor(SILENT)
    assert _download(full, "c") == ["b", "c"]
    error = _refused(full, "huge")
    assert "eviction cannot free enough" in error["message"]
    assert not (full.rbee.models / "models" / "shelf%3ahuge").exists()


def test_a_download_of_what_is_here_evicts_nothing_but_what_it_needs(full: Shelf) -> None:
    done = full.rbee("models", "download", "shelf:b", "--force", "--json")
    assert done.returncode == 0
    assert _here(full) == ["a", "b"]


def test_gc_with_a_quota(full: Shelf) -> None:
    planned = json.loads(full.rbee("models", "gc", "--quota", "6k", "--dry-run", "--json").stdout)
    assert [row["id"] for row in planned["evicted"]] == ["shelf:a"]
    assert _here(full) == ["a", "b"]
    done = full.rbee("models", "gc", "--quota", "6k")
    assert "Evicted shelf:a" in done.stderr
    assert _here(full) == ["b"]
    full.rbee("models", "pin", "shelf:b")
    done = full.rbee("models", "gc", "--quota", "1k", "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"]["code"] == "INSUFFICIENT_DISK"
    assert full.rbee("models", "gc", "--quota", "much").returncode == 2
