"""Publishing: verified files become a model at once, stored once, and nothing else ever shows under ``models``."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from rbee_core.contracts import Digest, ModelFile
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.store import Store

Stage = Callable[..., tuple[Path, list[ModelFile]]]
Publish = Callable[..., Path]


def _content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _blob(store: Store, data: bytes) -> Path:
    return store.root / "blobs" / "sha256" / hashlib.sha256(data).hexdigest()


def _visible(store: Store) -> list[str]:
    models = store.root / "models"
    return sorted(path.name for path in models.iterdir()) if models.exists() else []


def test_a_model_is_its_files_linked_to_sealed_blobs(store: Store, publish: Publish) -> None:
    contents = {"m.gguf": b"weights", "sub/dir/b.gguf": b"more", "empty": b""}
    folder = publish("hf:Org/repo", contents)
    assert folder == store.folder("hf:Org/repo") == store.root / "models" / "hf%3a=org%2frepo"
    assert _content(folder) == contents
    for name, data in contents.items():
        blob = _blob(store, data)
        assert blob.samefile(folder / name)
        assert not blob.stat().st_mode & 0o222
        assert store.has_blob(f"sha256:{blob.name}") == blob
    assert _content(store.partial_dir("hf:Org/repo")) == {}
    assert _visible(store) == ["hf%3a=org%2frepo"]


def test_a_model_of_no_files_is_an_empty_folder(store: Store) -> None:
    folder = store.publish("x", store.partial_dir("x"), [])
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("names", [("A", "a"), ("sub/X", "Sub/x"), ("\u00e9", "e\u0301"), ("a", "a/b")])
def test_names_that_are_one_on_some_disks_are_refused_on_all(
    store: Store, publish: Publish, names: tuple[str, str]
) -> None:
    publish("x", {"old": b"0"})
    folder = store.partial_dir("x")
    files = [ModelFile(name=name, size=1) for name in names]
    with pytest.raises(RbeeError) as raised:
        store.publish("x", folder, files)
    assert raised.value.code is ErrorCode.UNSAFE_PATH
    assert _content(store.folder("x")) == {"old": b"0"}


def test_should_the_disk_take_two_names_for_one_it_is_refused_too(
    store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def link(source: Path, dest: Path) -> None:
        if dest.name == "ss":  # which a disk might take for the other's name
            raise FileExistsError(errno.EEXIST, "File exists")
        real(source, dest)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(RbeeError) as raised:
        publish("x", {"a": b"1", "ss": b"2"})
    assert raised.value.code is ErrorCode.UNSAFE_PATH
    assert _visible(store) == []


def test_the_same_bytes_are_stored_once(store: Store, publish: Publish) -> None:
    one = publish("one", {"m.gguf": b"same", "again.gguf": b"same"})
    two = publish("two", {"other.gguf": b"same"})
    inodes = {
        path.stat().st_ino for path in (one / "m.gguf", one / "again.gguf", two / "other.gguf", _blob(store, b"same"))
    }
    assert len(inodes) == 1
    assert len(list((store.root / "blobs" / "sha256").iterdir())) == 1


def test_publishing_again_replaces_the_model(store: Store, publish: Publish) -> None:
    publish("x", {"old": b"1", "both": b"2"})
    folder = publish("x", {"new": b"3", "both": b"2"})
    assert _content(folder) == {"new": b"3", "both": b"2"}
    assert _visible(store) == ["x"]


def test_a_file_that_is_not_staged_comes_from_the_blobs(store: Store, stage: Stage, publish: Publish) -> None:
    publish("one", {"m.gguf": b"same"})
    folder, files = stage("two", {"m.gguf": b"same", "own": b"x"})
    (folder / "m.gguf").unlink()
    assert _content(store.publish("two", folder, files)) == {"m.gguf": b"same", "own": b"x"}


def test_a_file_that_is_nowhere_is_said(store: Store, stage: Stage) -> None:
    folder, files = stage("x", {"m.gguf": b"same"})
    (folder / "m.gguf").unlink()
    with pytest.raises(RbeeError) as raised:
        store.publish("x", folder, files)
    assert raised.value.code is ErrorCode.DOWNLOAD_FAILED
    assert _visible(store) == []


def test_a_file_without_a_digest_is_hashed(store: Store, stage: Stage) -> None:
    folder, files = stage("x", {"a": b"1", "b": b"2"})
    files[0] = ModelFile(name="a", size=1)
    files[1] = ModelFile(name="b", size=1, digest=Digest("sha512:" + hashlib.sha512(b"2").hexdigest()))
    assert _content(store.publish("x", folder, files)) == {"a": b"1", "b": b"2"}
    assert _blob(store, b"1").exists()
    assert _blob(store, b"2").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/x", "a\\b", "C:x", "", "x\0", "con"])
def test_names_that_leave_the_folder_are_refused(store: Store, stage: Stage, name: str) -> None:
    folder, files = stage("x", {"good": b"1"})
    with pytest.raises(RbeeError) as raised:
        store.publish("x", folder, [*files, ModelFile(name=name, size=1)])
    assert raised.value.code is ErrorCode.UNSAFE_PATH
    assert _content(folder) == {"good": b"1"}
    assert _visible(store) == []


@pytest.mark.parametrize("kind", ["link", "dangling", "linked folder", "folder", "fifo"])
def test_only_plain_files_are_published(store: Store, stage: Stage, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    folder = store.partial_dir("x")
    name = "f"
    if kind == "link":
        (folder / "f").symlink_to(outside / "secret")
    elif kind == "dangling":
        (folder / "f").symlink_to("nowhere")
    elif kind == "linked folder":
        (folder / "sub").symlink_to(outside)
        name = "sub/secret"
    elif kind == "folder":
        (folder / "f").mkdir()
    else:
        os.mkfifo(folder / "f")
    with pytest.raises(RbeeError) as raised:
        store.publish("x", folder, [ModelFile(name=name, size=1)])
    assert raised.value.code is ErrorCode.UNSAFE_PATH
    assert (outside / "secret").read_bytes() == b"s"
    assert _visible(store) == []


def test_a_file_that_changed_size_since_it_was_verified_is_refused(store: Store, stage: Stage) -> None:
    folder, files = stage("x", {"f": b"verified"})
    (folder / "f").write_bytes(b"verified, and then some")
    with pytest.raises(RbeeError) as raised:
        store.publish("x", folder, files)
    assert raised.value.code is ErrorCode.CHECKSUM_MISMATCH
    assert _visible(store) == []


# --- what cannot be sealed ------------------------------------------------------------------------------------------


def _link_from_user(store: Store, tmp_path: Path, data: bytes) -> tuple[Path, list[ModelFile]]:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(data)
    mine.chmod(0o644)
    os.link(mine, store.partial_dir("x") / "m.gguf")
    digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
    store.publish("x", store.partial_dir("x"), [ModelFile(name="m.gguf", size=len(data), digest=digest)])
    return mine, [ModelFile(name="m.gguf", size=len(data), digest=digest)]


def test_a_users_own_file_is_never_made_read_only(store: Store, tmp_path: Path) -> None:
    mine, _ = _link_from_user(store, tmp_path, b"mine")
    assert stat.S_IMODE(mine.stat().st_mode) == 0o644
    assert mine.samefile(store.folder("x") / "m.gguf")
    blob = store.has_blob("sha256:" + hashlib.sha256(b"mine").hexdigest())
    assert blob == _blob(store, b"mine")


def test_a_blob_that_the_user_wrote_to_is_no_blob_any_more(store: Store, stage: Stage, tmp_path: Path) -> None:
    mine, files = _link_from_user(store, tmp_path, b"mine")
    mine.write_bytes(b"ENIM")
    assert files[0].digest is not None
    assert store.has_blob(files[0].digest) is None
    assert not _blob(store, b"mine").exists()
    assert mine.read_bytes() == b"ENIM"
    # And the right bytes, brought again, are stored and do not touch the user's file.
    folder, files = stage("y", {"m.gguf": b"mine"})
    assert _content(store.publish("y", folder, files)) == {"m.gguf": b"mine"}
    assert mine.read_bytes() == b"ENIM"


def test_a_private_copy_takes_the_place_of_a_blob_that_is_a_users_file(
    store: Store, stage: Stage, tmp_path: Path
) -> None:
    mine, _ = _link_from_user(store, tmp_path, b"mine")
    folder, files = stage("y", {"m.gguf": b"mine"})
    other = store.publish("y", folder, files)
    mine.write_bytes(b"ENIM")
    assert (other / "m.gguf").read_bytes() == b"mine"
    assert _blob(store, b"mine").read_bytes() == b"mine"
    assert not _blob(store, b"mine").stat().st_mode & 0o222


def test_a_second_link_to_a_users_file_is_dropped(store: Store, tmp_path: Path) -> None:
    mine, files = _link_from_user(store, tmp_path, b"mine")
    os.link(mine, store.partial_dir("y") / "m.gguf")
    store.publish("y", store.partial_dir("y"), files)
    assert (store.folder("y") / "m.gguf").samefile(mine)
    assert stat.S_IMODE(mine.stat().st_mode) == 0o644
    assert mine.stat().st_nlink == 4  # the user's, the blob, and two models'


def test_a_wrong_unsealed_blob_is_not_reused_by_a_publication(store: Store, stage: Stage) -> None:
    blob = _blob(store, b"right")
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"wrong")
    folder, files = stage("x", {"m": b"right"})
    assert _content(store.publish("x", folder, files)) == {"m": b"right"}


def test_a_sealed_blob_is_trusted_without_reading_it(
    store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("x", {"m": b"data"})

    def no_reading(path: Path) -> Digest:
        raise AssertionError(f"{path} was hashed")

    monkeypatch.setattr("rbee_core.store.blobs.hash_of", no_reading)
    assert store.has_blob("sha256:" + hashlib.sha256(b"data").hexdigest()) == _blob(store, b"data")


def test_what_is_no_file_is_no_blob(store: Store, tmp_path: Path) -> None:
    blob = _blob(store, b"data")
    blob.parent.mkdir(parents=True)
    (tmp_path / "data").write_bytes(b"data")
    (tmp_path / "data").chmod(0o444)
    blob.symlink_to(tmp_path / "data")
    assert store.has_blob("sha256:" + blob.name) is None
    assert (tmp_path / "data").read_bytes() == b"data"
    assert store.has_blob("sha512:" + "0" * 128) is None


# --- disks that cannot do everything --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOTSUP])
def test_without_hard_links_the_files_are_copied(
    store: Store, publish: Publish, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", no_link)
    folder = publish("x", {"m.gguf": b"weights"})
    assert _content(folder) == {"m.gguf": b"weights"}
    assert not (folder / "m.gguf").stat().st_mode & 0o222
    assert publish("x", {"m.gguf": b"again"}) == folder
    assert store.remove("x").freed == 2 * len(b"again")


@pytest.mark.parametrize("step", ["fsync", "link", "replace", "mkdir"])
def test_a_full_disk_publishes_nothing_and_loses_nothing(
    store: Store, stage: Stage, publish: Publish, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("x", {"m": b"old"})
    folder, files = stage("x", {"m": b"new", "sub/n": b"too"})

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(RbeeError) as raised:
            store.publish("x", folder, files)
    assert raised.value.code is ErrorCode.INSUFFICIENT_DISK
    assert "x" in raised.value.message
    assert _content(store.folder("x")) == {"m": b"old"}
    assert [entry.id for entry in store.catalog.list()] == ["x"]
    assert _content(store.publish("x", folder, files)) == {"m": b"new", "sub/n": b"too"}
    assert _visible(store) == ["x"]


@pytest.mark.parametrize("failing", range(1, 6))
def test_whichever_rename_fails_the_old_model_stays(
    store: Store, stage: Stage, publish: Publish, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("x", {"m": b"old"})
    folder, files = stage("x", {"m": b"new", "n": b"too"})
    real, calls = os.replace, 0

    def replace(source: object, target: object) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        if failing <= 4:  # two blobs, the old folder away, the new one in
            with pytest.raises(OSError, match="Input/output"):
                store.publish("x", folder, files)
            assert _content(store.folder("x")) == {"m": b"old"}
            patch.undo()
            store.publish("x", folder, files)
        else:
            store.publish("x", folder, files)
            assert calls == 4
    assert _content(store.folder("x")) == {"m": b"new", "n": b"too"}
    assert _visible(store) == ["x"]
