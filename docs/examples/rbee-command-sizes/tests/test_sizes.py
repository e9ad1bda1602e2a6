"""The command with real models in the catalog."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rbee_core.testing.cli import RbeeHome


@pytest.fixture
def models(rbee: RbeeHome, tmp_path: Path) -> list[str]:
    """Two models of 3 kB, of which 2 kB are one file in both; their ids, the first one pinned."""
    ids = []
    for number in (1, 2):
        folder = tmp_path / f"model-{number}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(bytes(2000))
        (folder / "config.json").write_bytes(bytes(999) + bytes([number]))
        done = rbee("models", "download", str(folder), "--id", f"model-{number}", "--json")
        assert done.returncode == 0, done.stderr
        ids.append(json.loads(done.stdout)["id"])
    rbee("models", "pin", ids[0])
    return ids


def test_what_two_models_share_is_freed_with_neither(models: list[str], rbee: RbeeHome) -> None:
    told = json.loads(rbee("sizes", "--by", "name", "--json").stdout)
    row = {"size": 3000, "alone": 1000, "idleDays": 0}
    assert told == {
        "models": [
            {"id": "model-1", **row, "pinned": True},
            {"id": "model-2", **row, "pinned": False},
        ],
        "total": 2000,
    }


def test_one_is_named_by_its_id(models: list[str], rbee: RbeeHome) -> None:
    (row,) = json.loads(rbee("sizes", models[1], "--json").stdout)["models"]
    assert row["id"] == models[1]


def test_people_get_a_table(models: list[str], rbee: RbeeHome) -> None:
    lines = rbee("sizes", "--by", "name").stdout.splitlines()
    assert lines[0].split() == ["model", "size", "only", "here", "idle"]
    assert lines[1].split() == ["model-1", "3.0", "kB", "1.0", "kB", "0", "d", "pinned"]
    assert len(lines) == 3


def test_where_there_is_nothing_standard_output_is_empty(rbee: RbeeHome) -> None:
    done = rbee("sizes", "--idle", "30")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no such model" in done.stderr
    assert json.loads(rbee("sizes", "--json").stdout) == {"models": [], "total": 0}


def test_a_wrong_option_is_wrong_usage(rbee: RbeeHome) -> None:
    assert rbee("sizes", "--idle", "-1").returncode == 2
