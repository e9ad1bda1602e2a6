"""``rbee models import`` from folders, and what every source has in common."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome

from .caches import fingerprint, gguf, safetensors


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A folder that a test fills; at the end it must be what it was when `imported` first saw it."""
    folder = tmp_path / "source"
    folder.mkdir()
    yield folder


def imported(rbee: RbeeHome, source: Path | str, *options: str) -> dict[str, dict[str, Any]]:
    """Import, and have it proven that a folder is not changed by it; the outcomes by id."""
    before = fingerprint(source) if isinstance(source, Path) and source.is_dir() else None
    done = rbee("models", "import", str(source), "--json", *options)
    assert done.returncode == 0, done.stderr
    if isinstance(source, Path) and before is not None:
        assert fingerprint(source) == before
    return {row["id"]: row for row in json.loads(done.stdout)["models"]}


def catalog(rbee: RbeeHome) -> dict[str, dict[str, Any]]:
    """The entries by id."""
    models = json.loads(rbee("models", "catalog", "--json").stdout)["models"]
    return {model["id"]: model for model in models}


def test_a_folder_as_lm_studio_keeps_it(rbee: RbeeHome, source: Path) -> None:
    model = source / "models" / "pub" / "Tiny-GGUF" / "tiny-Q4_K_M.gguf"
    data = gguf(model)
    gguf(model.with_name("mmproj-tiny-f16.gguf"), "eyes")
    model.with_name("other.gguf.part").write_bytes(b"x")
    (model.with_name("notes.txt")).write_text("mine")
    (source / "models" / "pub" / "round").symlink_to(source)
    key = f"file:{model}"
    found = imported(rbee, source / "models")
    assert {row["id"]: row["outcome"] for row in found.values()} == {
        key: "imported",
        f"file:{model.with_name('other.gguf.part')}": "skipped",
    }
    assert {file["name"] for file in found[key]["files"]} == {"tiny-Q4_K_M.gguf", "mmproj-tiny-f16.gguf"}
    entry = catalog(rbee)[key]
    assert (entry["source"], entry["status"], entry["format"]) == (key, "Available", "gguf")
    assert (entry["architecture"], entry["metadata"]["context_length"]) == ("llama", 128)
    path = Path(rbee("models", "locate", key).stdout.strip())
    assert path.read_bytes() == data
    assert path.samefile(model), "linked, not copied"
    assert rbee("models", "verify").returncode == 0
    assert imported(rbee, source / "models")[key]["outcome"] == "exists"
    assert rbee("models", "rm", key).returncode == 0
    assert model.read_bytes() == data, "what is removed here stays there"


def test_a_word_finds_the_default_place(rbee: RbeeHome) -> None:
    model = rbee.path / ".lmstudio" / "models" / "pub" / "repo" / "m.gguf"
    gguf(model)
    found = imported(rbee, "lmstudio")
    assert found[f"file:{model}"]["outcome"] == "imported"
    assert catalog(rbee)[f"file:{model}"]["metadata"]["repo"] == "pub/repo"
    for word in ("hf", "ollama"):
        done = rbee("models", "import", word, "--json")
        assert json.loads(done.stderr)["error"]["code"] == "MODEL_NOT_FOUND"


def test_a_dry_run_lists_and_changes_nothing(rbee: RbeeHome, source: Path) -> None:
    gguf(source / "a.gguf")
    (source / "b.bin").write_bytes(b"\x80")
    planned = imported(rbee, source, "--dry-run")
    assert {row["outcome"] for row in planned.values()} == {"planned", "skipped"}
    assert planned[f"file:{source}/a.gguf"]["size"] == (source / "a.gguf").stat().st_size
    assert "pickle" in planned[f"file:{source}/b.bin"]["reason"]
    assert not rbee.models.exists()


def test_copies_on_request(rbee: RbeeHome, source: Path) -> None:
    gguf(source / "a.gguf")
    imported(rbee, source, "--copy")
    path = Path(rbee("models", "locate", f"file:{source}/a.gguf").stdout.strip())
    assert not path.samefile(source / "a.gguf")
    assert path.read_bytes() == (source / "a.gguf").read_bytes()


def test_safetensors_with_their_configuration_and_shards(rbee: RbeeHome, source: Path) -> None:
    whole = source / "whole"
    whole.mkdir()
    for number in (1, 2):
        (whole / f"model-0000{number}-of-00002.safetensors").write_bytes(safetensors(number))
    (whole / "config.json").write_text('{"model_type": "llama", "max_position_embeddings": 64}')
    (whole / "pytorch_model.bin").write_bytes(b"\x80")
    lacking = source / "lacking"
    lacking.mkdir()
    (lacking / "model-00001-of-00002.gguf").write_bytes(gguf(source / "x.gguf"))
    found = imported(rbee, source)
    assert found[f"file:{whole}"]["outcome"] == "imported"
    assert len(found[f"file:{whole}"]["files"]) == 3
    assert catalog(rbee)[f"file:{whole}"]["format"] == "safetensors"
    (row,) = [row for key, row in found.items() if "lacking" in key]
    assert row["outcome"] == "skipped"
    assert "model-00002-of-00002.gguf missing" in row["reason"]


def test_one_file(rbee: RbeeHome, source: Path) -> None:
    gguf(source / "a.gguf")
    gguf(source / "b.gguf", fill=1)
    assert list(imported(rbee, source / "b.gguf")) == [f"file:{source}/b.gguf"]
    (source / "c.txt").write_text("no model")
    assert [row["outcome"] for row in imported(rbee, source / "c.txt").values()] == ["skipped"]


def test_hostile_folders(rbee: RbeeHome, source: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.gguf"
    gguf(secret)
    (source / "link.gguf").symlink_to(secret)
    (source / "loop.gguf").symlink_to("loop.gguf")
    (source / "gone.gguf").symlink_to("nowhere")
    os.mkfifo(source / "pipe.gguf")
    (source / "folder.gguf").mkdir()
    (source / "back\\slash.gguf").write_bytes(b"GGUF")
    (source / "empty.gguf").write_bytes(b"")
    gguf(source / "good.gguf")
    done = rbee("models", "import", str(source), "--json", timeout=30)
    rows = {Path(row["source"]).name: row for row in json.loads(done.stdout)["models"]}
    assert {name for name, row in rows.items() if row["outcome"] == "imported"} == {"good.gguf"}
    assert "leads out" in rows["link.gguf"]["reason"]
    assert "named pipe" in rows["pipe.gguf"]["reason"]
    assert "not complete" in rows["gone.gguf"]["reason"] and "not complete" in rows["empty.gguf"]["reason"]
    assert rows["loop.gguf"]["reason"] and rows["back\\slash.gguf"]["reason"]
    assert list(catalog(rbee)) == [f"file:{source}/good.gguf"]


def test_what_is_no_source_is_a_sentence(rbee: RbeeHome, source: Path) -> None:
    for place in (source, source / "not there"):
        error = json.loads(rbee("models", "import", str(place), "--json").stderr)["error"]
        assert error["code"] == "MODEL_NOT_FOUND"
        assert "ollama" in error["hint"]
    gguf(rbee.models / "models" / "x" / "m.gguf")
    error = json.loads(rbee("models", "import", str(rbee.models), "--json").stderr)["error"]
    assert error["code"] == "UNSAFE_PATH"
    assert rbee("models", "import", str(rbee.path)).returncode == 1, "the store's own files are not found below it"


def test_a_quota_lets_in_what_fits_and_evicts_nothing(rbee: RbeeHome, source: Path) -> None:
    size = len(gguf(source / "a.gguf"))
    gguf(source / "b.gguf", fill=1)
    rbee.env["RBEE_MODELS_MAX_SIZE"] = str(size + size // 2)
    found = imported(rbee, source)
    assert [row["outcome"] for row in found.values()] == ["imported", "skipped"]
    assert "RBEE_MODELS_MAX_SIZE" in found[f"file:{source}/b.gguf"]["reason"]
    assert list(catalog(rbee)) == [f"file:{source}/a.gguf"]


def test_ctrl_c_leaves_nothing_half_done(rbee: RbeeHome, source: Path) -> None:
    with (source / "big.gguf").open("wb") as file:
        file.truncate(1 << 30)
    before = fingerprint(source)
    process = rbee.start("-v", "models", "import", str(source))
    assert process.stderr is not None
    assert "bytes" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert fingerprint(source) == before
    assert catalog(rbee) == {}
    assert list((rbee.models / "partial").iterdir()) == []
    assert (source / "big.gguf").stat().st_nlink == 1


def test_the_same_bytes_from_elsewhere_are_not_stored_twice(rbee: RbeeHome, source: Path) -> None:
    data = gguf(source / "a.gguf")
    (source / "again.gguf").write_bytes(data)
    imported(rbee, source, "--copy")
    blobs = list((rbee.models / "blobs" / "sha256").iterdir())
    assert [blob.name for blob in blobs] == [hashlib.sha256(data).hexdigest()]
    assert len(catalog(rbee)) == 2
