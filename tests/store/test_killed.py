"""Processes killed at any moment, and many at once: the catalog is readable, and what was promised is there."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from rbee_core.config import Config
from rbee_core.store import FsCatalog, Store

HERE = Path(__file__).parent
OLD = {"m": b"old", "both": b"same"}
NEW = {"m": b"new", "sub/n": b"more", "both": b"same"}


def _run(program: str, *args: object) -> str:
    done = subprocess.run(
        [sys.executable, str(HERE / program), *map(str, args)], capture_output=True, text=True, timeout=110, check=True
    )
    assert done.stderr == ""
    return done.stdout


def _content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _stores(root: Path, steps: int) -> list[tuple[Store, list[str]]]:
    stores = []
    for step in range(1, steps + 1):
        problems: list[str] = []
        config = Config(env={"RBEE_MODELS_DIR": str(root / str(step))})
        stores.append((Store(config, on_problem=problems.append), problems))
    return stores


def _assert_sound(store: Store, problems: list[str]) -> None:
    """Nothing half-done shows: the catalog is whole without help, blobs are what their names say."""
    json.loads((store.root / "catalog.json").read_bytes())
    store.catalog.list()
    assert problems == []
    for blob in (store.root / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    models = {path.name for path in (store.root / "models").iterdir()}
    assert models <= {"x", ".tmp"}
    if "x" in models:
        assert _content(store.root / "models" / "x") in (OLD, NEW)


def test_a_publication_killed_at_any_step_leaves_the_old_model_or_the_new(tmp_path: Path) -> None:
    steps = int(_run("killed.py", tmp_path, "publish"))
    assert steps > 15
    seen = []
    for store, problems in _stores(tmp_path, steps):
        _assert_sound(store, problems)
        # The next process to open the store finds one of the two, and no trace of the accident.
        assert store.catalog.locate("x") == store.folder("x")
        found = _content(store.folder("x"))
        assert found in (OLD, NEW)
        seen.append(found == NEW)
        assert [path.name for path in (store.root / "models").iterdir()] == ["x"]
        _retry(store)
    assert seen == sorted(seen), "first the old one, then the new one, and not to and fro"
    assert seen[0] is False
    assert seen[-1] is True


def _retry(store: Store) -> None:
    sys.path.insert(0, str(HERE))
    try:
        import killed  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(HERE))
    killed.publish(store, NEW)
    assert _content(store.folder("x")) == NEW
    assert [path.name for path in (store.root / "models").iterdir()] == ["x"]
    for blob in (store.root / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name


def test_a_removal_killed_at_any_step_can_be_done_again(tmp_path: Path) -> None:
    steps = int(_run("killed.py", tmp_path, "remove"))
    assert steps > 8
    for store, _ in _stores(tmp_path, steps):
        json.loads((store.root / "catalog.json").read_bytes())
        if store.catalog.get("x") is not None:
            assert _content(store.root / "models" / "x") == OLD, "what is in the catalog is whole"
        store.remove("x")
        assert store.catalog.list() == []
        assert list((store.root / "models").iterdir()) == []


def test_a_change_of_the_catalog_killed_at_any_step_is_done_or_undone(tmp_path: Path) -> None:
    steps = int(_run("killed.py", tmp_path, "update"))
    assert steps > 5
    names = []
    for store, problems in _stores(tmp_path, steps):
        _assert_sound(store, problems)
        entry = store.catalog.get("x")
        assert entry is not None
        names.append(entry.name)
        backup = json.loads((store.root / "catalog.json.bak").read_bytes())
        assert backup["models"][0]["name"] in ("x", "new")
        store.catalog.delete("x")
        assert store.catalog.list() == []
    assert names == sorted(names, key=["x", "new"].index)
    assert names[0] == "x"
    assert names[-1] == "new"


@pytest.mark.slow
def test_writers_killed_in_a_loop_lose_nothing_they_promised(tmp_path: Path) -> None:
    lines = _run("writer.py", tmp_path, "w", 1000, 60).split()
    promised = {line for line in lines if line.startswith("w-")}
    catalog = FsCatalog(tmp_path)
    found = {entry.id for entry in catalog.list()}
    assert lines.count("read") == 60
    assert len(promised) > 60
    assert promised <= found
    # A put that was killed after its rename is in, though nobody was told; at most one for each kill.
    assert len(found - promised) <= 61
    catalog.delete("first-0")
    assert list(tmp_path.glob("*corrupt*")) == []
    assert list(tmp_path.glob(".catalog*")) == []


@pytest.mark.slow
def test_eight_processes_adding_fifty_entries_each_lose_none(tmp_path: Path) -> None:
    args = [sys.executable, str(HERE / "writer.py"), str(tmp_path)]
    writers = [subprocess.Popen([*args, f"p{n}", "50"], stdout=subprocess.DEVNULL) for n in range(8)]
    assert [writer.wait(timeout=110) for writer in writers] == [0] * 8
    ids = [entry.id for entry in FsCatalog(tmp_path).list()]
    assert ids == sorted(f"p{process}-{number}" for process in range(8) for number in range(50))
