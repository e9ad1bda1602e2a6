"""``rbee models gc``: what nobody needs goes, what anybody needs stays, whatever else is going on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbee_core.store import escape_id

from .conftest import Shelf

Wait = Callable[[Callable[[], bool]], None]
WEIGHTS = hashlib.sha256(b"w" * 5000).hexdigest()
WEEK = 7 * 86_400

#: Waits with all it needs decided and nothing fetched yet.
PAUSED = """
class Vendor(Shelf):
    @hookimpl
    def download_model(self, ref, dest, job):
        (dest / "rest.part").write_bytes(b"r" * 100)
        (SHELF / "waiting").touch()
        while not (SHELF / "go").exists():
            job.wait(0.02)
        (dest / "rest.part").unlink()
        return Shelf.download_model(self, ref, dest, job)
"""


def _gc(shelf: Shelf, *arguments: str) -> dict[str, Any]:
    done = shelf.rbee("models", "gc", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _kinds(result: dict[str, Any]) -> list[str]:
    return sorted(row["kind"] for row in result["removed"])


def _tree(root: Path) -> dict[str, tuple[int, int, int]]:
    """Every file of a store, but for the locks' own."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file() and "locks" not in path.relative_to(root).parts:
            status = path.lstat()
            found[str(path)] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    for below in [*path.rglob("*"), path]:
        os.utime(below, (then, then))


@pytest.fixture
def littered(shelf: Shelf) -> Shelf:
    """One model, and one of everything that is left lying about."""
    assert shelf.rbee("models", "download", "shelf:one").returncode == 0
    models = shelf.rbee.models
    (models / "blobs" / "sha256" / hashlib.sha256(b"unused").hexdigest()).write_bytes(b"unused")
    (models / "partial" / escape_id("hf:org/old")).mkdir()
    (models / "partial" / escape_id("hf:org/old") / "x.part").write_bytes(b"p" * 50)
    _age(models / "partial" / escape_id("hf:org/old"), WEEK + 60)
    (models / "partial" / escape_id("hf:org/new")).mkdir()
    (models / "partial" / escape_id("hf:org/new") / "x.part").write_bytes(b"n" * 60)
    (models / "models" / ".tmp" / "new-0123").mkdir(parents=True)
    (models / "models" / ".tmp" / "new-0123" / "half").write_bytes(b"h" * 70)
    (models / "models" / "mine").mkdir()
    (models / "models" / "mine" / "notes").write_bytes(b"o" * 80)
    return shelf


def test_a_dry_run_says_what_would_go_and_touches_nothing(littered: Shelf) -> None:
    before = _tree(littered.rbee.models)
    planned = _gc(littered, "--dry-run")
    assert _tree(littered.rbee.models) == before
    assert _kinds(planned) == ["blob", "leftover", "partial"]
    assert planned["freed"] == 6 + 50 + 70
    assert [row["kind"] for row in planned["kept"]] == ["orphan"]
    done = _gc(littered)
    assert [row["path"] for row in done["removed"]] == [row["path"] for row in planned["removed"]]
    assert (done["freed"], done["kept"]) == (planned["freed"], planned["kept"])
    assert all(not Path(row["path"]).exists() for row in done["removed"])
    assert all({"kind", "path", "size", "reason"} == set(row) and row["reason"] for row in done["removed"])
    assert _gc(littered)["removed"] == []


def test_the_catalogs_models_are_as_they_were(littered: Shelf) -> None:
    done = littered.rbee("models", "gc")
    assert done.returncode == 0
    assert "126 B freed" in done.stderr
    assert "mine" in done.stderr and "--orphans" in done.stderr
    assert (littered.rbee.models / "models" / "mine" / "notes").exists()
    assert (littered.rbee.models / "partial" / escape_id("hf:org/new") / "x.part").exists()
    assert littered.rbee("models", "verify").returncode == 0


def test_the_age_of_partials_and_orphans_on_request(littered: Shelf) -> None:
    models = littered.rbee.models
    first = _gc(littered, "--partials-older-than", "30d", "--orphans")
    assert _kinds(first) == ["blob", "leftover", "orphan"]
    assert not (models / "models" / "mine").exists()
    second = _gc(littered, "--partials-older-than", "0")
    assert _kinds(second) == ["partial", "partial"]
    assert list((models / "partial").iterdir()) == []
    for wrong in ("soon", "-1", "1y"):
        assert littered.rbee("models", "gc", f"--partials-older-than={wrong}").returncode == 2


def test_an_orphans_blobs_go_with_it_and_a_dry_run_counts_them_once(shelf: Shelf) -> None:
    assert shelf.rbee("models", "download", "shelf:one").returncode == 0
    assert shelf.rbee("models", "unregister", "shelf:one").returncode == 0
    assert _gc(shelf)["removed"] == [], "files that nobody registered are the user's"
    planned = _gc(shelf, "--orphans", "--dry-run")
    assert _kinds(planned) == ["blob", "blob", "orphan"]
    assert planned["freed"] == 5002
    assert _gc(shelf, "--orphans")["freed"] == 5002
    assert list((shelf.rbee.models / "blobs" / "sha256").iterdir()) == []


@pytest.mark.parametrize("how", ["not JSON", "a broken entry", "newer"])
def test_nothing_goes_while_the_catalog_is_broken(littered: Shelf, how: str) -> None:
    file = littered.rbee.models / "catalog.json"
    catalog = json.loads(file.read_text())
    if how == "not JSON":
        file.write_text(file.read_text()[:-20])
    elif how == "a broken entry":
        file.write_text(json.dumps(catalog | {"models": [*catalog["models"], {"id": "odd", "size": "huge"}]}))
    else:
        file.write_text(json.dumps(catalog | {"version": "3.0"}))
    before = {path: facts for path, facts in _tree(littered.rbee.models).items() if "catalog" not in path}
    done = littered.rbee("models", "gc", "--json", "--orphans", "--partials-older-than", "0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == "CATALOG_CORRUPT"
    after = {path: facts for path, facts in _tree(littered.rbee.models).items() if "catalog" not in path}
    assert after == before


def test_a_running_download_loses_neither_its_part_nor_the_blobs_it_counts_on(shelf: Shelf, wait_for: Wait) -> None:
    assert shelf.rbee("models", "download", "shelf:one").returncode == 0
    folder = Path(shelf.rbee("models", "locate", "shelf:one").stdout.strip())
    assert shelf.rbee("models", "unregister", "shelf:one").returncode == 0
    shutil.rmtree(shelf.rbee.models / "models" / folder.relative_to(shelf.rbee.models / "models").parts[0])
    shelf.put("two", same=b"w" * 5000, other=b"x")
    shelf.vendor(PAUSED)
    process = shelf.rbee.start("models", "download", "shelf:two")
    wait_for(lambda: (shelf.folder / "waiting").exists())
    collected = _gc(shelf, "--partials-older-than", "0", "--orphans")
    assert [Path(row["path"]).name for row in collected["removed"]] == [hashlib.sha256(b"{}").hexdigest()]
    assert next((shelf.rbee.models / "partial").rglob("rest.part")).exists()
    (shelf.folder / "go").touch()
    assert process.communicate(timeout=60) and process.returncode == 0
    assert shelf.log[-1] == "download shelf:two ['same']", "the blob was to be used, not fetched"
    assert shelf.rbee("models", "verify").returncode == 0


def test_a_killed_download_keeps_its_part_until_it_is_stale(shelf: Shelf, wait_for: Wait) -> None:
    assert shelf.rbee("models", "download", "shelf:one").returncode == 0
    shelf.put("two", same=b"w" * 5000, other=b"x")
    shelf.vendor(PAUSED)
    process = shelf.rbee.start("models", "download", "shelf:two")
    wait_for(lambda: (shelf.folder / "waiting").exists())
    process.kill()
    process.communicate()
    assert _kinds(_gc(shelf)) == ["leftover"], "only its announcement, which nobody stands by any more"
    assert _kinds(_gc(shelf, "--partials-older-than", "0")) == ["partial"]
    assert (shelf.rbee.models / "blobs" / "sha256" / WEIGHTS).exists()


def test_there_is_nothing_to_do_where_there_is_no_store(shelf: Shelf) -> None:
    assert _gc(shelf) == {"removed": [], "freed": 0, "kept": [], "evicted": [], "dryRun": False}
    assert not shelf.rbee.models.exists()
