"""Settings: flag over environment over file over default, each with its origin; bad ones refused with their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from rbee_core.config import Config
from rbee_core.testing.cli import RbeeHome, run_rbee
from rbee_core.units import human_size, parse_size


def _settings(rbee: RbeeHome, **env: str) -> dict[str, dict[str, Any]]:
    done = rbee("config", "show", "--json", env=env)
    assert done.returncode == 0, done.stderr
    return {row["key"]: row for row in json.loads(done.stdout)["settings"]}


def _write(rbee: RbeeHome, text: str) -> Path:
    file = rbee.path / "config" / "rbee.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_default_then_file_then_environment(rbee: RbeeHome) -> None:
    assert _settings(rbee)["connections"] | {"help": ""} == {
        "key": "connections",
        "value": 16,
        "origin": "default",
        "env": "RBEE_CONNECTIONS",
        "help": "",
    }
    file = _write(rbee, "connections = 8\noffline = true\ndisable_plugins = ['a', 'b']\n")
    settings = _settings(rbee)
    assert (settings["connections"]["value"], settings["connections"]["origin"]) == (8, f"file {file}")
    assert settings["offline"]["value"] is True
    assert settings["disable_plugins"]["value"] == ["a", "b"]
    settings = _settings(rbee, RBEE_CONNECTIONS="4", RBEE_OFFLINE="0", RBEE_DISABLE_PLUGINS="c, d")
    assert (settings["connections"]["value"], settings["connections"]["origin"]) == (4, "env RBEE_CONNECTIONS")
    assert settings["offline"]["value"] is False
    assert settings["disable_plugins"]["value"] == ["c", "d"]


def test_where_models_are(tmp_path: Path) -> None:
    def place(**env: str) -> str:
        done = run_rbee("config", "show", "--json", env={"HOME": str(tmp_path), **env})
        rows = json.loads(done.stdout)["settings"]
        return next(row["value"] for row in rows if row["key"] == "models_dir")

    assert place() == str(tmp_path / ".cache" / "models")
    assert place(XDG_CACHE_HOME=str(tmp_path / "x")) == str(tmp_path / "x" / "models")
    both = {"XDG_CACHE_HOME": str(tmp_path / "x"), "RBEE_HOME": str(tmp_path / "h")}
    assert place(**both) == str(tmp_path / "h" / "models")
    assert place(**both, RBEE_MODELS_DIR=str(tmp_path / "m")) == str(tmp_path / "m")


@pytest.mark.parametrize(
    "env", [{}, {"XDG_CONFIG_HOME": "/x/c", "XDG_DATA_HOME": "/x/d", "XDG_STATE_HOME": "/x/s"}, {"XDG_DATA_HOME": "d"}]
)
def test_the_folders_are_those_of_the_platform(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What rbee works out itself, to be quick, is what platformdirs says."""
    for variable in ("RBEE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in {"HOME": str(tmp_path), **env}.items():
        monkeypatch.setenv(variable, value)
    config = Config()
    found = {"config": config.config_dir, "data": config.data_dir, "state": config.state_dir}
    assert found == {
        "config": platformdirs.user_config_path("rbee", appauthor=False),
        "data": platformdirs.user_data_path("rbee", appauthor=False),
        "state": platformdirs.user_state_path("rbee", appauthor=False),
    }


@pytest.mark.parametrize(
    ("text", "env", "named"),
    [
        ("", {"RBEE_CONNECTIONS": "0"}, "RBEE_CONNECTIONS"),
        ("", {"RBEE_OFFLINE": "perhaps"}, "RBEE_OFFLINE"),
        ("", {"RBEE_MODELS_MAX_SIZE": "12Q"}, "RBEE_MODELS_MAX_SIZE"),
        ("connections = 'many'", {}, "connections"),
        ("connections = [1]", {}, "connections"),
        ("disable_plugins = {}", {}, "disable_plugins"),
        ("connections = ", {}, "rbee.toml"),
    ],
)
def test_a_bad_value_names_its_place(rbee: RbeeHome, text: str, env: dict[str, str], named: str) -> None:
    _write(rbee, text)
    done = rbee("config", "show", "--json", env=env)
    assert done.returncode == 2
    assert named in json.loads(done.stderr)["error"]["message"]
    assert "Traceback" not in rbee("config", "show", env=env).stderr


def test_a_key_that_nobody_reads_is_told(rbee: RbeeHome) -> None:
    _write(rbee, "conections = 8\n")
    done = rbee("config", "show")
    assert done.returncode == 0
    assert "nothing reads the key 'conections'" in done.stderr
    assert _settings(rbee)["conections"]["unknown"] is True


def test_forced_devices_are_shown(rbee: RbeeHome) -> None:
    assert _settings(rbee, RBEE_FORCE_CUDA="[]")["force_cuda"]["origin"] == "env RBEE_FORCE_CUDA"


@pytest.mark.parametrize(
    ("text", "count"), [("0", 0), ("200G", 200 * 10**9), ("1.5 MiB", 3 * 2**19), ("10kB", 10_000), ("7", 7)]
)
def test_sizes_are_read(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "G", "-1", "1X", "nan", "inf", "1 2"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_size(text)


def test_sizes_are_shown_as_in_the_seed() -> None:
    assert [human_size(n) for n in (None, 0, 999, 2_200_000_000)] == ["?", "0 B", "999 B", "2.2 GB"]
