"""Garbage collection, in the cases that the command line does not easily come to."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rbee_core.contracts import Digest
from rbee_core.store import Store, escape_id, lock
from rbee_core.store.gc import Collector
from rbee_core.store.names import MAX_ESCAPED_BYTES, unescape_id
from rbee_core.store.wanted import model_lock

Publish = Callable[..., Path]


@pytest.mark.parametrize("entry_id", ["x", "hf:Org/Repo-GGUF@v1", "-a.", "con.gguf", "ollama:tiny:7b", "ümläut/=~%"])
def test_an_escaped_id_can_be_read_again(entry_id: str) -> None:
    assert unescape_id(escape_id(entry_id)) == entry_id


@pytest.mark.parametrize("name", ["X", "%zz", "%61", "a b", "%ff", "=", escape_id("A" * MAX_ESCAPED_BYTES)])
def test_a_name_that_is_no_whole_escaped_id_is_told(name: str) -> None:
    assert unescape_id(name) is None


def test_a_replacement_that_was_interrupted_is_undone_and_not_collected(store: Store, publish: Publish) -> None:
    folder = publish("x", {"m": b"123"})
    temp = store.root / "models" / ".tmp"
    (temp / "new-1").mkdir(parents=True)
    folder.rename(temp / f"old-{folder.name}")
    planned = Collector(store, dry_run=True, orphans=True).collect()
    assert [item.path.name for item in planned.removed] == ["new-1"]
    assert Collector(store, orphans=True).collect().wire() == planned.wire()
    assert (folder / "m").read_bytes() == b"123"
    assert not temp.exists()


def test_a_download_whose_id_cannot_be_read_is_left_for_a_day(store: Store) -> None:
    """Its lock cannot be asked for, so that time has to tell."""
    path = store.partial_dir("hf:org/" + "Long" * 60)
    (path / "m.part").write_bytes(b"1")
    assert Collector(store, partials_older_than=0).collect().removed == []
    then = time.time() - 2 * 86_400
    for below in (path / "m.part", path):
        os.utime(below, (then, then))
    assert [item.path for item in Collector(store, partials_older_than=0).collect().removed] == [path]


def test_a_folder_that_somebody_is_making_is_no_orphan(store: Store, publish: Publish) -> None:
    folder = publish("x", {"m": b"123"})
    store.catalog.delete("x")
    with lock(store.root / "locks", model_lock("x")):
        collected = Collector(store, orphans=True).collect()
    assert (collected.removed, collected.kept) == ([], [])
    assert (folder / "m").exists()


def test_a_blob_that_is_wanted_outlives_a_removal_too(store: Store, publish: Publish) -> None:
    publish("x", {"m": b"123"})
    digest = Digest(f"sha256:{hashlib.sha256(b'123').hexdigest()}")
    with store.lock(model_lock("y")), store.wanting("y", [digest]):
        store.remove("x")
        assert store.has_blob(digest) is not None
    assert [item.kind for item in Collector(store).collect().removed] == ["blob"]
    assert store.has_blob(digest) is None


def test_files_that_are_no_blobs_are_left_alone(store: Store, publish: Publish) -> None:
    publish("x", {"m": b"123"})
    note = store.blobs.folder / "README"
    note.write_text("mine")
    assert Collector(store).collect().removed == []
    assert note.exists()
