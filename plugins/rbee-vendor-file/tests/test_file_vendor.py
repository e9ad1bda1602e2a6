"""Models from this machine's disk, through the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.transfer import link_file

WEIGHTS = os.urandom(100_000)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "my models"
    folder.mkdir()
    return folder


def write(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(WEIGHTS + bytes([number]))
    return paths


def clones(folder: Path) -> bool:
    """Whether this file system shares bytes between independent files, which is better than a link."""
    (folder / ".probe").write_bytes(b"x")
    assert link_file(folder / ".probe", folder / ".probe2")
    return not (folder / ".probe2").samefile(folder / ".probe")


def download(rbee: RbeeHome, ref: str | Path, *options: str) -> dict[str, Any]:
    done = rbee("models", "download", str(ref), *options, "--json")
    assert done.returncode == 0, done.stderr
    entry: dict[str, Any] = json.loads(done.stdout)
    return entry


def names(entry: dict[str, Any]) -> list[str]:
    return sorted(file["name"] for file in entry["files"])


def stored(rbee: RbeeHome, entry: dict[str, Any], name: str) -> Path:
    (path,) = [path for path in (rbee.models / "models").rglob(name) if path.is_file()]
    return path


def test_a_file_is_linked_not_copied(rbee: RbeeHome, models: Path) -> None:
    (file,) = write(models, "m.gguf")
    before = file.stat()
    entry = download(rbee, file)
    assert entry["id"] == f"file:{file}"
    assert names(entry) == ["m.gguf"]
    path = Path(entry["path"])
    assert path.read_bytes() == file.read_bytes()
    if not clones(models):
        assert entry["metadata"]["linked"] is True
        assert path.samefile(file)
    assert (file.stat().st_mode, file.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_a_copy_is_independent(rbee: RbeeHome, models: Path) -> None:
    (file,) = write(models, "m.gguf")
    entry = download(rbee, file, "--copy")
    assert "linked" not in entry["metadata"]
    assert not file.samefile(entry["path"])
    file.write_bytes(b"changed")
    assert Path(entry["path"]).read_bytes() == WEIGHTS + b"\0"


def test_a_copy_after_a_link_leaves_the_users_file_alone(rbee: RbeeHome, models: Path) -> None:
    (file,) = write(models, "m.gguf")
    download(rbee, file)
    download(rbee, file, "--copy", "--force")
    assert file.read_bytes() == WEIGHTS + b"\0"


@pytest.mark.parametrize(
    "spelling", ["{path}", "file:{path}", "file://{url}", "./m.gguf", "../my models/m.gguf", "~/m.gguf"]
)
def test_every_way_to_write_a_path(
    rbee: RbeeHome, models: Path, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = write(models, "m.gguf")
    monkeypatch.chdir(models)
    rbee.env["HOME"] = str(models)
    text = spelling.format(path=file, url=str(file).replace(" ", "%20"))
    done = rbee("models", "resolve", text, "--json")
    answer = json.loads(done.stdout)
    assert answer["ref"] == f"file:{file}"
    assert answer["files"] == [{"name": "m.gguf", "size": len(WEIGHTS) + 1, "digest": None}]


def test_the_first_shard_brings_all(rbee: RbeeHome, models: Path) -> None:
    parts = write(models, *[f"m-0000{n}-of-00003.gguf" for n in (1, 2, 3)], "other.gguf")
    assert names(download(rbee, parts[0])) == [part.name for part in parts[:3]]


def test_a_shard_that_is_missing_is_named(rbee: RbeeHome, models: Path) -> None:
    parts = write(models, "m-00001-of-00003.gguf", "m-00003-of-00003.gguf")
    for path in (parts[0], models):
        done = rbee("models", "download", str(path))
        assert done.returncode == 1
        assert "m-00002-of-00003.gguf missing" in done.stderr


def test_a_folder_brings_its_model_files(rbee: RbeeHome, models: Path) -> None:
    good = ["model.safetensors", "config.json", "tokenizer.json", "sub/extra.json"]
    bad = [
        ".hidden",
        ".git/config",
        "pytorch_model.bin",
        "sub/x.pt",
        "y.pkl",
        "m.gguf.part",
        "m.gguf.incomplete",
        "m.gguf.crdownload",
        "m.gguf.downloadInProgress",
    ]
    write(models, *good, *bad)
    assert names(download(rbee, models)) == sorted(good)


def test_include_and_exclude(rbee: RbeeHome, models: Path) -> None:
    write(models, "a.gguf", "b.gguf", "x.bin", "notes.txt")
    assert names(download(rbee, models, "--include", "*.gguf", "--exclude", "b*", "--id", "one")) == ["a.gguf"]
    assert names(download(rbee, models, "--include", "*.bin", "--include", "a*", "--id", "two")) == ["a.gguf", "x.bin"]


def test_a_hugging_face_cache_snapshot(rbee: RbeeHome, models: Path) -> None:
    """It is nothing but symbolic links to ../../blobs."""
    blobs = write(models / "blobs", "0" * 64, "1" * 64)
    snapshot = models / "snapshots" / ("c" * 40)
    (snapshot / "sub").mkdir(parents=True)
    (snapshot / "m.gguf").symlink_to(Path("../../blobs") / blobs[0].name)
    (snapshot / "sub" / "config.json").symlink_to(Path("../../../blobs") / blobs[1].name)
    entry = download(rbee, snapshot)
    assert names(entry) == ["m.gguf", "sub/config.json"]
    path = stored(rbee, entry, "m.gguf")
    assert not path.is_symlink()
    assert path.read_bytes() == blobs[0].read_bytes()


def test_a_file_that_others_can_write_is_copied(rbee: RbeeHome, models: Path) -> None:
    (file,) = write(models, "m.gguf")
    file.chmod(0o666)
    entry = download(rbee, file)
    assert not file.samefile(entry["path"])
    assert "linked" not in entry["metadata"]


def test_a_relative_word_is_not_a_path(rbee: RbeeHome, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(models, "m.gguf")
    monkeypatch.chdir(models)
    done = rbee("models", "download", "m.gguf")
    assert done.returncode == 1
    assert "./m.gguf" in done.stderr
