"""Removing: the entry first, then the files; never a byte outside the store or of another model."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rbee_core.contracts import ModelEntry
from rbee_core.store import Store

Publish = Callable[..., Path]


def _blobs(store: Store) -> set[str]:
    return {path.name for path in (store.root / "blobs" / "sha256").iterdir()}


def _name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_everything_of_the_model_goes(store: Store, publish: Publish) -> None:
    folder = publish("x", {"m": b"12345", "sub/n": b"678"})
    (store.partial_dir("x") / "rest").write_bytes(b"90")
    removed = store.remove("x")
    assert removed.entry is not None
    assert removed.entry.id == "x"
    assert removed.freed == 10
    assert not folder.exists()
    assert _blobs(store) == set()
    assert store.catalog.list() == []
    assert sorted(path.name for path in (store.root / "partial").iterdir()) == []
    assert sorted(path.name for path in (store.root / "models").iterdir()) == []
    assert store.remove("x").entry is None


def test_what_another_model_uses_stays(store: Store, publish: Publish) -> None:
    publish("one", {"a": b"shared", "b": b"own"})
    two = publish("two", {"c": b"shared"})
    assert store.remove("one").freed == len(b"own")
    assert _blobs(store) == {_name(b"shared")}
    assert (two / "c").read_bytes() == b"shared"
    assert store.remove("two").freed == len(b"shared")
    assert _blobs(store) == set()


def test_what_another_model_uses_stays_without_hard_links_too(
    store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*args: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", no_link)
    publish("one", {"a": b"shared"})
    publish("two", {"c": b"shared"})
    store.remove("one")
    assert _blobs(store) == {_name(b"shared")}
    assert (store.folder("two") / "c").read_bytes() == b"shared"


def test_a_users_own_file_stays(store: Store, tmp_path: Path, entry: Callable[..., ModelEntry]) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    os.link(mine, store.partial_dir("x") / "m")
    from rbee_core.contracts import ModelFile

    files = [ModelFile.model_validate({"name": "m", "size": 4, "digest": f"sha256:{_name(b'mine')}"})]
    folder = store.publish("x", store.partial_dir("x"), files)
    store.catalog.put(entry("x", path=str(folder), files=files))
    assert store.remove("x").freed == 0
    assert mine.read_bytes() == b"mine"
    assert mine.stat().st_nlink == 1


@pytest.mark.parametrize(
    "path",
    [
        "{outside}",
        "{outside}/m.gguf",
        "{root}",
        "{root}/..",
        "{root}/blobs",
        "{root}/models",
        "{root}/catalog.json",
        "{root}/models/other",
        "",
    ],
)
def test_an_entrys_path_never_leads_astray(
    store: Store, tmp_path: Path, publish: Publish, entry: Callable[..., ModelEntry], path: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "m.gguf").write_bytes(b"mine")
    other = publish("other", {"m": b"other"})
    store.catalog.put(entry("x", path=path.format(outside=outside, root=store.root)))
    store.remove("x")
    assert (outside / "m.gguf").read_bytes() == b"mine"
    assert (other / "m").read_bytes() == b"other"
    assert _blobs(store) == {_name(b"other")}
    assert [model.id for model in store.catalog.list()] == ["other"]


def test_links_are_removed_and_not_followed(store: Store, tmp_path: Path, publish: Publish) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_bytes(b"k")
    folder = publish("x", {"m": b"1"})
    (folder / "link").symlink_to(outside)
    (folder / "file-link").symlink_to(outside / "keep")
    store.remove("x")
    assert (outside / "keep").read_bytes() == b"k"
    assert list((store.root / "models").iterdir()) == []


def test_a_model_folder_that_is_a_link_is_unlinked(
    store: Store, tmp_path: Path, entry: Callable[..., ModelEntry]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_bytes(b"k")
    (store.root / "models").mkdir(parents=True)
    (store.root / "models" / "x").symlink_to(outside)
    store.catalog.put(entry("x"))
    store.remove("x")
    assert (outside / "keep").read_bytes() == b"k"
    assert not os.path.lexists(store.root / "models" / "x")


def test_the_files_of_a_migrated_model_go_if_they_are_in_the_store(
    store: Store, tmp_path: Path, entry: Callable[..., ModelEntry]
) -> None:
    for name in ("tiny", "shared"):
        (store.root / name / "sub").mkdir(parents=True)
        (store.root / name / "sub" / "w").write_bytes(b"123")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "keep").write_bytes(b"k")
    (store.root / "linked").symlink_to(tmp_path / "outside")
    for entry_id, path in {"t": "tiny", "s": "shared", "inner": "shared/sub/w", "l": "linked/keep"}.items():
        store.catalog.put(entry(entry_id, path=str(store.root / path)))
    assert store.remove("t").freed == 3
    assert not (store.root / "tiny").exists()
    store.remove("s")
    assert (store.root / "shared" / "sub" / "w").exists(), "another entry's file is in it"
    store.remove("inner")
    assert not (store.root / "shared" / "sub" / "w").exists()
    store.remove("l")
    assert (tmp_path / "outside" / "keep").read_bytes() == b"k"


def test_files_that_cannot_be_deleted_do_not_keep_the_entry(
    store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("x", {"m": b"1"})

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        patch.setattr(Path, "rmdir", refuse)
        store.remove("x")
    assert store.catalog.list() == []
    assert not store.folder("x").exists()
    store.remove("x")
    assert list((store.root / "models").iterdir()) == []


def test_a_model_can_be_removed_from_a_disk_without_a_byte_free(
    store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("x", {"m": b"1"})
    publish("y", {"m": b"2"})
    blob = store.root / "blobs" / "sha256" / _name(b"1")
    real = os.fsync

    def full(fd: int) -> None:
        if blob.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(fd)

    monkeypatch.setattr(os, "fsync", full)
    assert store.remove("x").freed == 1
    assert [model.id for model in store.catalog.list()] == ["y"]
    assert (store.folder("y") / "m").read_bytes() == b"2"
