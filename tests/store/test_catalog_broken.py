"""Broken, old and newer catalogs: nothing is lost, nothing is deleted, and the person is told."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rbee_core.contracts import LifecycleState, ModelEntry
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.store import FsCatalog, Store

Make = Callable[..., ModelEntry]

BROKEN = {
    "empty": b"",
    "blank": b" \n\n",
    "zeros": bytes(4096),
    "garbage": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "not UTF-8": b'{"version": "2.0", "models": [], "pool_id": "\xff\xfe"}',
    "a list": b"[]",
    "null": b"null",
    "no version": b'{"models": []}',
    "version is an object": b'{"version": {}, "models": []}',
    "no models": b'{"version": "2.0"}',
    "models are an object": b'{"version": "2.0", "models": {}}',
    "pool_id is a list": b'{"version": "2.0", "models": [], "pool_id": []}',
    "two documents": b'{"version": "2.0", "models": []}{"version": "2.0", "models": []}',
    "deep": b'{"version": "2.0", "models": ' + b"[" * 100_000,
}


def _files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}


def _kept(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in root.glob("catalog.json.corrupt-*")]


@pytest.mark.parametrize("name", [*BROKEN, "cut short"])
@pytest.mark.parametrize("command", ["list", "put"])
def test_a_broken_catalog_is_replaced_by_its_backup_and_kept(
    name: str, command: str, catalog: FsCatalog, root: Path, problems: list[str], entry: Make
) -> None:
    catalog.put(entry("a"))
    catalog.put(entry("b"))
    whole = (root / "catalog.json").read_bytes()
    broken = whole[: len(whole) // 2] if name == "cut short" else BROKEN[name]
    (root / "catalog.json").write_bytes(broken)
    if command == "put":
        catalog.put(entry("c"))
    found = [model.id for model in catalog.list()]
    assert found == (["a", "b", "c"] if command == "put" else ["a", "b"])
    assert _kept(root) == [broken]
    assert len(problems) == 1
    assert "catalog.json" in problems[0]
    assert "backup" in problems[0]
    assert "corrupt-" in problems[0]
    assert json.loads((root / "catalog.json").read_bytes())["version"] == "2.0"


def test_a_vanished_catalog_is_put_back(catalog: FsCatalog, root: Path, problems: list[str], entry: Make) -> None:
    catalog.put(entry("a"))
    (root / "catalog.json").unlink()
    assert [model.id for model in catalog.list()] == ["a"]
    assert "has vanished" in problems[0]
    assert (root / "catalog.json").exists()


def test_every_broken_file_is_kept_under_its_own_name(catalog: FsCatalog, root: Path, entry: Make) -> None:
    catalog.put(entry("a"))
    for content in (b"one", b"two", b"three"):
        (root / "catalog.json").write_bytes(content)
        assert [model.id for model in catalog.list()] == ["a"]
    assert sorted(_kept(root)) == [b"one", b"three", b"two"]


@pytest.mark.parametrize("backup", [None, b"", b"garbage", b'{"version": "9.0", "models": []}'])
def test_without_a_good_backup_nothing_is_touched(
    backup: bytes | None, catalog: FsCatalog, root: Path, entry: Make
) -> None:
    root.mkdir()
    (root / "catalog.json").write_bytes(b'{"version": "2.0", "mod')
    if backup is not None:
        (root / "catalog.json.bak").write_bytes(backup)
    before = _files(root)
    commands: list[Callable[[], object]] = [
        catalog.list,
        lambda: catalog.get("a"),
        lambda: catalog.put(entry("a")),
        lambda: catalog.delete("a"),
        lambda: catalog.set_state("a", LifecycleState.RETIRED),
        lambda: catalog.locate("a"),
    ]
    for command in commands:
        with pytest.raises(RbeeError) as raised:
            command()
        assert raised.value.code is ErrorCode.CATALOG_CORRUPT
        assert str(root / "catalog.json") in raised.value.message
        assert "catalog.json.bak" in raised.value.hint
    assert _files(root) == before


@pytest.mark.parametrize("version", ["2.1", "3.0", "10", "1.1", "0.9", "2", "", "latest", 3, 2.5, 1e400, "2.0.0"])
def test_another_version_is_refused_untouched(
    version: object, catalog: FsCatalog, root: Path, entry: Make, problems: list[str]
) -> None:
    catalog.put(entry("a"))
    data = json.dumps({"version": version, "models": [{"id": "new", "shape": "unknown"}], "x": 1}).encode()
    (root / "catalog.json").write_bytes(data)
    before = _files(root)
    for command in (
        catalog.list,
        lambda: catalog.put(entry("b")),
        lambda: catalog.delete("new"),
        lambda: catalog.delete("a"),
    ):
        with pytest.raises(RbeeError) as raised:
            command()
        assert raised.value.code is ErrorCode.CATALOG_CORRUPT
        assert "left as it is" in raised.value.message or "It was left" in raised.value.message
        assert "pip install -U rbee-core" in raised.value.hint
    assert _files(root) == before
    assert problems == []


@pytest.mark.parametrize("kind", ["folder", "unreadable"])
def test_a_catalog_that_cannot_be_read_is_no_broken_one(
    kind: str, catalog: FsCatalog, root: Path, entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.put(entry("a"))
    if kind == "folder":
        (root / "catalog.json").unlink()
        (root / "catalog.json").mkdir()
    else:
        real = Path.read_bytes

        def refuse(path: Path) -> bytes:
            if path.name == "catalog.json":
                raise PermissionError(errno.EACCES, "Permission denied")
            return real(path)

        monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(RbeeError) as raised:
        catalog.list()
    assert raised.value.code is ErrorCode.CATALOG_CORRUPT
    assert "cannot be read" in raised.value.message
    assert list(root.glob("*corrupt*")) == []


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
@pytest.mark.parametrize("state", ["broken", "version 1.0"])
def test_where_nothing_can_be_written_it_is_still_read(
    code: int, state: str, catalog: FsCatalog, root: Path, entry: Make, monkeypatch: pytest.MonkeyPatch, seed_002: bytes
) -> None:
    catalog.put(entry("tinyllama"))
    (root / "catalog.json").write_bytes(b"{" if state == "broken" else seed_002)
    before = _files(root)
    real = os.open

    def no_writing(path: object, flags: int, *args: object, **kwargs: object) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(code, os.strerror(code))
        return real(path, flags, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", no_writing)
    assert [model.id for model in catalog.list()] == ["tinyllama"]
    with pytest.raises(RbeeError) as raised:
        catalog.put(entry("b"))
    assert raised.value.code is (ErrorCode.INSUFFICIENT_DISK if code == errno.ENOSPC else ErrorCode.UNSAFE_PATH)
    assert _files(root) == before


# --- the disk is full -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("step", ["fsync", "write", "replace"])
def test_a_full_disk_leaves_the_catalog_as_it_was(
    code: int, step: str, catalog: FsCatalog, root: Path, entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.put(entry("a"))
    before = _files(root)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr("rbee_core.store.rescue.write_synced", full)
        else:
            patch.setattr(os, step, full)
        with pytest.raises(RbeeError) as raised:
            catalog.put(entry("b"))
    assert raised.value.code is ErrorCode.INSUFFICIENT_DISK
    assert "rbee models rm" in raised.value.hint
    assert _files(root) == before
    assert [model.id for model in catalog.list()] == ["a"]
    catalog.put(entry("b"))
    assert [model.id for model in catalog.list()] == ["a", "b"]


def test_what_a_killed_writer_left_is_no_hindrance(catalog: FsCatalog, root: Path, entry: Make) -> None:
    catalog.put(entry("a"))
    for name in (".catalog.json.tmp", ".catalog.json.bak.tmp"):
        (root / name).write_bytes(b"{ half of it")
    catalog.put(entry("b"))
    assert [model.id for model in catalog.list()] == ["a", "b"]
    assert list(root.glob(".catalog*")) == []


# --- version 1.0 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["list", "put"])
def test_the_example_of_seed_002_is_migrated_and_kept(
    command: str, catalog: FsCatalog, root: Path, problems: list[str], entry: Make, seed_002: bytes
) -> None:
    root.mkdir()
    (root / "catalog.json").write_bytes(seed_002)
    if command == "put":
        catalog.put(entry("b"))
    loaded = catalog.load()
    assert (loaded.version, loaded.pool_id) == ("2.0", "mac.home.arpa")
    tiny = loaded.models[-1]
    assert tiny.wire() == {
        "id": "tinyllama",
        "name": "TinyLlama 1.1B Chat",
        "source": "hf:TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        "path": str(root / ".test-models" / "tinyllama"),
        "size": 2_200_000_000,
        "format": "safetensors",
        "architecture": "llama",
        "backends": ["cpu", "metal", "cuda"],
        "status": "Available",
        "lifecycle": "Active",
        "files": [],
        "addedAt": "2025-10-09T15:00:00Z",
        "metadata": {
            "repo": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
            "context_length": 2048,
            "vocab_size": 32000,
            "quantization": "Q4_K_M",
        },
    }
    on_disk = json.loads((root / "catalog.json").read_bytes())
    assert on_disk["version"] == "2.0"
    assert not {"size_gb", "downloaded"} & set(on_disk["models"][-1])
    assert (root / "catalog.json.v1").read_bytes() == seed_002
    assert len(problems) == 1
    assert "catalog.json.v1" in problems[0]
    assert [model.id for model in catalog.list()] == (["b", "tinyllama"] if command == "put" else ["tinyllama"])
    assert len(problems) == 1, "it is migrated once"


def test_originals_are_never_overwritten(catalog: FsCatalog, root: Path, seed_002: bytes) -> None:
    root.mkdir()
    second = seed_002.replace(b"tinyllama", b"otherllama")
    for data in (seed_002, second, seed_002):
        (root / "catalog.json").write_bytes(data)
        assert len(catalog.list()) == 1
    assert (root / "catalog.json.v1").read_bytes() == seed_002
    assert (root / "catalog.json.v1.1").read_bytes() == second
    assert not (root / "catalog.json.v1.2").exists()


def _v1(root: Path, *models: object, **top: object) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "catalog.json").write_text(json.dumps({"version": "1.0", "models": models} | top), encoding="utf-8")


def test_registered_but_not_downloaded_is_downloading(catalog: FsCatalog, root: Path) -> None:
    _v1(root, {"id": "phi3", "name": "Phi-3", "size_gb": 0.0, "downloaded": False, "metadata": {"repo": "m/Phi-3"}})
    found = catalog.list()[0]
    assert (found.status.value, found.downloaded, found.size, found.source) == ("Downloading", False, 0, "hf:m/Phi-3")


@pytest.mark.parametrize(
    ("raw", "field", "value"),
    [
        ({"format": "GGUF"}, "format", "gguf"),
        ({"format": "bin"}, "format", "pytorch"),
        ({"format": "tar"}, "format", "other"),
        ({}, "format", "other"),
        ({"size_gb": 0.1}, "size", 100_000_000),
        ({"size_gb": "big"}, "size", 0),
        ({"size_gb": -1}, "size", 0),
        ({"size_gb": 1e400}, "size", 0),
        ({"size_gb": True}, "size", 0),
        ({"downloaded": "yes"}, "status", "Downloading"),
        ({"backends": ["CPU", "Metal"]}, "backends", ["cpu", "metal"]),
        ({"name": None}, "name", "x"),
        ({"architecture": None}, "architecture", "unknown"),
        ({"metadata": None}, "metadata", {}),
        ({"metadata": {"repo": 3}}, "source", "file:{root}/x"),
        ({"path": "/srv/m/../x"}, "path", "/srv/x"),
        ({"path": "/srv/x", "metadata": {}}, "source", "file:/srv/x"),
        ({"path": None}, "path", ""),
        ({"path": "a\0b"}, "path", ""),
        ({"colour": "red"}, "colour", "red"),
    ],
)
def test_odd_version_1_entries(
    catalog: FsCatalog, root: Path, raw: dict[str, object], field: str, value: object
) -> None:
    _v1(root, {"id": "x", "path": "x", "metadata": {"repo": "o/x"}} | raw)
    expected = value.format(root=root) if isinstance(value, str) else value
    assert getattr(catalog.list()[0], field) == expected


def test_what_is_no_version_1_entry_is_kept_and_told(catalog: FsCatalog, root: Path, problems: list[str]) -> None:
    _v1(root, 7, {"name": "no id"}, {"id": "good"}, {"id": "bad", "backends": "cpu"}, extra=[1])
    assert [model.id for model in catalog.list()] == ["good"]
    assert sum("is skipped" in problem for problem in problems) == 3
    on_disk = json.loads((root / "catalog.json").read_bytes())
    assert 7 in on_disk["models"]
    assert {"name": "no id"} in on_disk["models"]
    assert on_disk["extra"] == [1]


def test_version_1_paths_began_where_the_original_was_started(tmp_path: Path) -> None:
    root = tmp_path / ".test-models"
    _v1(
        root,
        {"id": "t", "path": ".test-models/t"},
        {"id": "up", "path": "../../up"},
        {"id": "in", "path": ".test-models/in"},
    )
    (root / ".test-models" / "in").mkdir(parents=True)
    paths = {model.id: model.path for model in FsCatalog(root, lambda _: None).list()}
    assert paths == {
        "t": str(root / "t"),
        "up": os.path.normpath(root.parent / "../../up"),
        "in": str(root / ".test-models" / "in"),
    }


@pytest.mark.parametrize("data", [b'{"version": "1.0"}', b'{"version": "1.0", "models": {}}'])
def test_a_broken_version_1_catalog_is_a_broken_catalog(data: bytes, catalog: FsCatalog, root: Path) -> None:
    root.mkdir()
    (root / "catalog.json").write_bytes(data)
    with pytest.raises(RbeeError) as raised:
        catalog.list()
    assert raised.value.code is ErrorCode.CATALOG_CORRUPT
    assert _files(root) == {"catalog.json": data}


def test_without_a_listener_problems_go_to_the_log(
    root: Path, caplog: pytest.LogCaptureFixture, seed_002: bytes
) -> None:
    from rbee_core.config import Config

    root.mkdir()
    (root / "catalog.json").write_bytes(seed_002)
    Store(Config(env={"RBEE_MODELS_DIR": str(root)})).catalog.list()
    assert "has been migrated" in caplog.text
