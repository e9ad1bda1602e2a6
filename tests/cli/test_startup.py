"""Start-up, by what a fresh process imports (design §7): counts are exact where times are not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.dists import BACKEND, VENDOR, PluginFolder

#: Runs ``rbee`` as its console script does, then tells on standard error what is loaded.
PROBE = """
import json, sys
sys.argv = ["rbee", *sys.argv[1:]]
from rbee_core.__main__ import main
try:
    main()
finally:
    print("\\n" + json.dumps(sorted(sys.modules)), file=sys.stderr)
"""

TOOL = "import typer\napp = typer.Typer()\n\n@app.command()\ndef go(): 'Go.'\n"
VERSION = ("--version",)
LIST = ("plugins", "list", "--json")
HEAVY = {"pydantic", "typer", "click", "rich", "pluggy", "huggingface_hub", "fsspec", "psutil", "filelock", "numpy"}


def modules(*arguments: str, env: dict[str, str]) -> tuple[str, set[str]]:
    """What a command prints, and the modules that are loaded when it is done."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], env=clean_env(env), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(json.loads(done.stderr.strip().splitlines()[-1]))


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A home without RBEE_HOME, so that finding the platform's own folders is counted as well."""
    return {"HOME": str(tmp_path)}


def heavy(loaded: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in loaded} & HEAVY


def test_the_version_loads_next_to_nothing(home: dict[str, str]) -> None:
    text, loaded = modules(*VERSION, env=home)
    assert text.startswith("rbee ")
    assert len(loaded) <= 60
    assert not heavy(loaded)


def test_the_plugin_list_loads_little(home: dict[str, str]) -> None:
    text, loaded = modules(*LIST, env=home)
    assert {row["name"] for row in json.loads(text)["plugins"]} >= {"demo", "file", "hf", "cpu", "llm-worker"}
    assert len(loaded) <= 150
    assert not heavy(loaded)
    assert not {name for name in loaded if name.startswith(("rbee_vendor", "rbee_backend", "rbee_worker"))}


def test_settings_in_a_file_leave_it_within_its_bounds(home: dict[str, str]) -> None:
    """The most that the list has to read: a settings file where the platform keeps them, and what was disabled."""
    folder = Path(home["HOME"], ".config", "rbee") if sys.platform == "linux" else Path(home["HOME"], "rbee", "config")
    env = home if sys.platform == "linux" else {"RBEE_HOME": str(folder.parent)}
    folder.mkdir(parents=True)
    (folder / "rbee.toml").write_text("disable_plugins = ['demo']\n")
    text, loaded = modules(*LIST, env=env)
    assert {row["name"]: row["status"] for row in json.loads(text)["plugins"]}["demo"] == "disabled"
    assert len(loaded) <= 150


def test_a_hundred_plugins_import_nothing_more(tmp_path: Path, home: dict[str, str]) -> None:
    folder = PluginFolder(tmp_path / "site")
    _, none = modules(*LIST, env=home)
    for number in range(100):
        folder.add("vendor", f"toy{number}", VENDOR)
    text, hundred = modules(*LIST, env={**home, "PYTHONPATH": str(folder.path)})
    assert len(json.loads(text)["plugins"]) >= 100
    assert hundred == none  # the goal is 1.5 times; nothing at all is what it takes


def test_a_heavy_plugin_is_not_imported_by_what_does_not_use_it(tmp_path: Path, rbee: RbeeHome) -> None:
    folder = PluginFolder(tmp_path / "site")
    heavy_import = "import xml.dom.minidom, sqlite3\nopen('{marker}', 'w').close()\n"
    folder.add("vendor", "toy", heavy_import + VENDOR)
    folder.add("backend", "toy", heavy_import + BACKEND)
    folder.add("command", "toy", heavy_import + TOOL, attribute="app")
    env = {**rbee.environment, "PYTHONPATH": str(folder.path)}
    for arguments in (VERSION, LIST, ("plugins", "list"), ("plugins", "show", "toy"), ("--help",), ("config", "show")):
        _, loaded = modules(*arguments, env=env) if arguments in (VERSION, LIST) else ("", set())
        assert not loaded & {"xml.dom.minidom", "sqlite3"}
        done = rbee(*arguments, env=env)
        assert done.returncode == 0, done.stderr
        assert not folder.marker.exists(), arguments
    assert rbee("plugins", "check", "toy", env=env).returncode == 0
    assert folder.marker.exists()  # the mark does tell


def test_the_quick_list_and_the_full_one_agree(tmp_path: Path, rbee: RbeeHome) -> None:
    """Disabled, failed, incompatible and in conflict: the quick way knows them all."""
    folder = PluginFolder(tmp_path / "site")
    env = {"PYTHONPATH": str(folder.path)}
    folder.add("vendor", "off", VENDOR)
    folder.add("vendor", "bad", "raise ImportError('gone')")
    folder.add("vendor", "new", "rbee_api = 9\nclass Vendor: pass")
    for side in "ab":
        folder.add("vendor", "two", VENDOR, dist=f"rbee-vendor-{side}")
    rbee("plugins", "disable", "off", env=env)
    for name in ("bad", "new", "two"):
        rbee("models", "resolve", f"{name}:x", env=env)
    text, loaded = modules(*LIST, env={**rbee.environment, **env})
    quick: list[dict[str, Any]] = json.loads(text)["plugins"]
    assert len(loaded) <= 150
    full = json.loads(rbee("plugins", "list", "--json", "--kind", "vendor", env=env).stdout)["plugins"]
    assert [row for row in quick if row["kind"] == "vendor"] == full
    assert list(quick[0]) == ["name", "kind", "dist", "version", "status", "reason", "entryPoint"]
    expected = {"off": "disabled", "bad": "error", "new": "incompatible", "two": "conflict", "demo": "active"}
    assert {row["name"]: row["status"] for row in full if row["name"] in expected} == expected


def test_a_malformed_setting_is_worded_the_same_in_the_quick_way(rbee: RbeeHome) -> None:
    done = rbee(*LIST, env={"RBEE_PLUGINS": "maybe"})
    assert done.returncode == 2
    assert "RBEE_PLUGINS" in json.loads(done.stderr)["error"]["message"]
