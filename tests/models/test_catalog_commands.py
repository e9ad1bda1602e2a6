"""The catalog's commands: the table of the seed, states, pins, removal, verification, and broken files."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome

from .conftest import Shelf

#: The example of seed 002, to the letter.
SEED = """{
  "version": "1.0",
  "pool_id": "mac.home.arpa",
  "updated_at": "2025-10-09T15:00:00Z",
  "models": [
    {
      "id": "tinyllama",
      "name": "TinyLlama 1.1B Chat",
      "path": ".test-models/tinyllama",
      "format": "safetensors",
      "size_gb": 2.2,
      "architecture": "llama",
      "downloaded": true,
      "backends": ["cpu", "metal", "cuda"],
      "metadata": {
        "repo": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        "context_length": 2048,
        "vocab_size": 32000,
        "quantization": "Q4_K_M"
      }
    }
  ]
}
"""


@pytest.fixture
def one(shelf: Shelf) -> Shelf:
    """A shelf whose model ``shelf:one`` is downloaded."""
    assert shelf.rbee("models", "download", "shelf:one").returncode == 0
    return shelf


def _entry(rbee: RbeeHome, model: str = "shelf:one") -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(rbee("models", "show", model, "--json").stdout)
    return entry


def _write_catalog(rbee: RbeeHome, text: str) -> Path:
    rbee.models.mkdir(exist_ok=True)
    file = rbee.models / "catalog.json"
    file.write_text(text)
    return file


def test_the_table_is_the_seeds(rbee: RbeeHome) -> None:
    _write_catalog(rbee, SEED)
    more = ("models", "register", "qwen-0.5b", "--name", "Qwen2.5 0.5B Instruct", "--architecture", "qwen")
    assert rbee(*more, "--repo", "Qwen/Qwen2.5-0.5B-Instruct").returncode == 0
    lines = [line.split() for line in rbee("models", "catalog").stdout.splitlines() if line.strip()]
    assert lines[0] == "Model Catalog for mac.home.arpa".split()
    assert lines[1] == ["ID", "Name", "Downloaded", "Size"]
    assert "qwen-0.5b Qwen2.5 0.5B Instruct ❌ 0 B".split() in lines
    assert "tinyllama TinyLlama 1.1B Chat ✅ 2.2 GB".split() in lines
    assert lines[-1] == "Total models: 2".split()
    assert rbee("models", "list").stdout == rbee("models", "catalog").stdout


def test_the_seeds_file_is_migrated_and_kept(rbee: RbeeHome) -> None:
    file = _write_catalog(rbee, SEED)
    shown = json.loads(rbee("models", "catalog", "--json").stdout)
    assert (shown["version"], shown["poolId"]) == ("2.0", "mac.home.arpa")
    (model,) = shown["models"]
    assert (model["size"], model["status"], model["source"]) == (
        2_200_000_000,
        "Available",
        "hf:TinyLlama/TinyLlama-1.1B-Chat-v1.0",
    )
    assert model["metadata"]["context_length"] == 2048
    kept = [path for path in rbee.models.iterdir() if path.is_file() and path.read_text() == SEED]
    assert kept and file not in kept
    assert json.loads(file.read_text())["version"] == "2.0"


def test_a_broken_file_is_reported_kept_and_replaced_by_the_backup(one: Shelf) -> None:
    rbee = one.rbee
    assert rbee("models", "pin", "shelf:one").returncode == 0
    good = (rbee.models / "catalog.json").read_text()
    _write_catalog(rbee, good[: len(good) // 2])
    done = rbee("models", "catalog", "--json")
    assert done.returncode == 0
    assert "warning" in done.stderr and "catalog.json" in done.stderr
    assert [model["id"] for model in json.loads(done.stdout)["models"]] == ["shelf:one"]
    assert [path for path in rbee.models.iterdir() if path.is_file() and path.read_text() == good[: len(good) // 2]]
    assert rbee("models", "locate", "shelf:one").returncode == 0


def test_a_newer_file_is_refused_untouched(rbee: RbeeHome) -> None:
    newer = json.dumps({"version": "3.0", "pool_id": "p", "updated_at": "", "models": [], "more": 1})
    file = _write_catalog(rbee, newer)
    for command in (["catalog"], ["register", "a", "--name", "A", "--repo", "o/r", "--architecture", "x"]):
        done = rbee("models", *command, "--json")
        assert done.returncode == 1
        error = json.loads(done.stderr)["error"]
        assert error["code"] == "CATALOG_CORRUPT"
        assert "3.0" in error["message"]
    assert file.read_text() == newer


def test_states_and_pins(one: Shelf) -> None:
    rbee = one.rbee
    assert rbee("models", "retire", "shelf:one").returncode == 0
    assert _entry(rbee)["lifecycle"] == "Retired"
    assert "(retired)" in rbee("models", "catalog").stdout
    assert json.loads(rbee("models", "activate", "shelf:one", "--json").stdout)["lifecycle"] == "Active"
    assert rbee("models", "pin", "shelf:one").returncode == 0
    assert _entry(rbee)["metadata"]["pinned"] is True
    done = rbee("models", "rm", "shelf:one")
    assert done.returncode == 2
    assert "unpin" in done.stderr
    assert rbee("models", "unpin", "shelf:one").returncode == 0
    assert rbee("models", "rm", "shelf:one").returncode == 0
    assert json.loads(rbee("models", "show", "shelf:one", "--json").stderr)["error"]["code"] == "MODEL_NOT_FOUND"


def test_removal_says_what_it_will_do_and_does_it(one: Shelf) -> None:
    rbee = one.rbee
    path = Path(rbee("models", "locate", "shelf:one").stdout.strip())
    planned = json.loads(rbee("models", "rm", "shelf:one", "--dry-run", "--json").stdout)
    assert planned == {"models": [{"id": "shelf:one", "size": 5002, "removed": False}]}
    assert path.exists()
    assert rbee("models", "rm", "shelf:one", "--json").returncode == 0
    assert not path.exists()
    assert not [p for p in (rbee.models / "blobs").rglob("*") if p.is_file()]
    near = rbee("models", "rm", "shelf:oen")
    assert near.returncode == 1


def test_unregistering_keeps_the_files(one: Shelf) -> None:
    path = Path(one.rbee("models", "locate", "shelf:one").stdout.strip())
    assert one.rbee("models", "unregister", "shelf:one").returncode == 0
    assert path.exists()
    assert json.loads(one.rbee("models", "catalog", "--json").stdout)["models"] == []


def test_a_near_miss_is_suggested(one: Shelf) -> None:
    done = one.rbee("models", "show", "shelf:oen", "--json")
    assert "shelf:one" in json.loads(done.stderr)["error"]["hint"]


def test_verify_tells_what_changed(one: Shelf) -> None:
    rbee = one.rbee
    rbee("models", "register", "later", "--name", "L", "--repo", "shelf:two", "--architecture", "x")
    done = rbee("models", "verify", "--json")
    assert done.returncode == 0
    assert [(row["id"], row["outcome"]) for row in json.loads(done.stdout)["results"]] == [("shelf:one", "pass")]
    assert json.loads(rbee("models", "verify", "later", "--json").stdout)["results"][0]["outcome"] == "warn"
    before = _entry(rbee)["lastVerifiedMs"]
    weights = next((rbee.models / "models").rglob("weights"))
    weights.chmod(0o644)
    with weights.open("r+b") as file:
        file.write(b"X")
    done = rbee("models", "verify", "shelf:one", "--json")
    assert done.returncode == 1
    (row,) = json.loads(done.stdout)["results"]
    assert row["outcome"] == "fail"
    assert "weights" in row["reason"]
    assert _entry(rbee)["lastVerifiedMs"] == before
    assert rbee("models", "download", "shelf:one").returncode == 0
    weights.unlink()
    done = rbee("models", "verify")
    assert done.returncode == 1
    assert "missing" in done.stdout


def test_a_store_can_be_moved(one: Shelf) -> None:
    elsewhere = one.root / "moved"
    shutil.move(one.rbee.models, elsewhere)
    env = {"RBEE_MODELS_DIR": str(elsewhere)}
    path = Path(one.rbee("models", "locate", "shelf:one", env=env).stdout.strip())
    assert path.is_relative_to(elsewhere) and path.exists()
    assert one.rbee("models", "verify", env=env).returncode == 0


def test_two_processes_never_lose_each_others_entry(rbee: RbeeHome) -> None:
    started = [
        rbee.start("models", "register", f"m{i}", "--name", "M", "--repo", "o/r", "--architecture", "x")
        for i in range(6)
    ]
    for process in started:
        process.communicate(timeout=60)
        assert process.returncode == 0
    models = json.loads(rbee("models", "catalog", "--json").stdout)["models"]
    assert [model["id"] for model in models] == [f"m{i}" for i in range(6)]


def test_wrong_usage_is_2_and_shows_no_traceback(rbee: RbeeHome) -> None:
    for arguments in (
        ["models", "nope"],
        ["models", "rm"],
        ["models", "download", "a/b", "--max-rate", "fast"],
        ["no"],
    ):
        done = rbee(*arguments)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr
    bad = rbee("models", "register", "x", "--name", "X", "--repo", "o/r", "--architecture", "a", "--backends", "a b")
    assert bad.returncode == 2


def test_a_reader_that_goes_away_is_no_error_to_shout_about(one: Shelf) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    import subprocess
    import sys

    from rbee_core.testing.cli import clean_env

    done = subprocess.run(
        [sys.executable, "-m", "rbee_core", "models", "catalog", "--json"],
        env=clean_env(one.rbee.environment),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
