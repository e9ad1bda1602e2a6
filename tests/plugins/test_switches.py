"""Turning plugins off and on: a plugin that is off is never imported, by whatever turned it off."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import VENDOR, PluginFolder, make_dist

Rows = Callable[..., dict[str, Any]]

MARKING = 'open("{marker}", "a").write("{name} ")\n' + VENDOR


@pytest.fixture
def toy(folder: PluginFolder) -> PluginFolder:
    """A vendor that leaves a mark when it is imported."""
    folder.add("vendor", "toy", MARKING)
    return folder


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"RBEE_PLUGINS": "off"}, "RBEE_PLUGINS"),
        ({"RBEE_DISABLE_PLUGINS": "other,toy"}, "RBEE_DISABLE_PLUGINS"),
        ({"RBEE_DISABLE_PLUGINS": "rbee_vendor.TOY"}, "RBEE_DISABLE_PLUGINS"),
        ({"RBEE_PLUGIN_ALLOWLIST": "rbee-vendor-demo"}, "RBEE_PLUGIN_ALLOWLIST"),
    ],
)
def test_the_environment_turns_plugins_off(
    env: dict[str, str], reason: str, rbee: RbeeHome, toy: PluginFolder, rows: Rows
) -> None:
    row = rows(env=env)["toy"]
    assert row["status"] == "disabled"
    assert reason in row["reason"]
    done = rbee("models", "resolve", "toy:x", "--json", env=env)
    error = json.loads(done.stderr.strip().splitlines()[-1])["error"]
    assert error["code"] == "NO_VENDOR"
    assert reason in error["hint"]
    rbee("plugins", "check", "toy", env=env)
    rbee("plugins", "show", "toy", env=env)
    assert not toy.marker.exists()
    # The same commands do import it when nothing turns it off.
    rbee("plugins", "check", "toy")
    assert toy.marker.exists()


def test_checking_everything_leaves_out_what_is_off(rbee: RbeeHome, toy: PluginFolder, rows: Rows) -> None:
    rbee("plugins", "disable", "toy")
    assert rows("--check", env={"RBEE_PLUGIN_ALLOWLIST": "rbee-vendor-toy"})["toy"]["status"] == "disabled"
    done = rbee("plugins", "check", "--json", env={"RBEE_PLUGIN_ALLOWLIST": "rbee-vendor-toy"})
    assert done.returncode == 0
    assert {row["outcome"] for row in json.loads(done.stdout)["results"]} == {"skipped"}
    assert not toy.marker.exists()


def test_an_allow_list_lets_what_it_names_through(rbee: RbeeHome, toy: PluginFolder, rows: Rows) -> None:
    listed = rows(env={"RBEE_PLUGIN_ALLOWLIST": "rbee-vendor-toy"})
    assert {name for name, row in listed.items() if row["status"] == "active"} == {"toy"}


def test_a_settings_file_turns_plugins_off(rbee: RbeeHome, toy: PluginFolder, rows: Rows) -> None:
    (rbee.path / "config").mkdir()
    (rbee.path / "config" / "rbee.toml").write_text('disable_plugins = ["toy"]\n')
    assert rows()["toy"]["status"] == "disabled"
    assert "rbee.toml" in rows()["toy"]["reason"]


def test_disable_lasts_until_enable(rbee: RbeeHome, toy: PluginFolder, rows: Rows) -> None:
    assert rbee("plugins", "disable", "toy").returncode == 0
    row = rows()["toy"]
    assert (row["status"], row["reason"]) == ("disabled", "turned off; `rbee plugins enable toy` turns it on")
    assert rbee("plugins", "disable", "toy").returncode == 0
    assert rbee("models", "resolve", "toy:x").returncode == 1
    assert rbee("plugins", "enable", "toy").returncode == 0
    assert rows()["toy"]["status"] == "active"
    assert not toy.marker.exists()


def test_a_distribution_name_stands_for_all_it_brings(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    entries = {"rbee.vendors": {"one": "toys:Vendor", "two": "toys:Vendor"}, "rbee.commands": {"three": "toys:app"}}
    make_dist(folder.path, "rbee-toys", "1.0", entries, {"toys.py": VENDOR})
    done = rbee("plugins", "disable", "Rbee_Toys", "--json")
    assert {row["name"] for row in json.loads(done.stdout)["plugins"]} == {"one", "two", "three"}
    assert {rows()[name]["status"] for name in ("one", "two", "three")} == {"disabled"}

    refused = rbee("plugins", "enable", "two")
    assert refused.returncode == 2
    assert "rbee plugins enable Rbee_Toys" in refused.stderr

    assert rbee("plugins", "enable", "rbee-toys").returncode == 0
    assert {rows()[name]["status"] for name in ("one", "two", "three")} == {"active"}
    rbee("plugins", "disable", "one")
    assert [rows()[name]["status"] for name in ("one", "two")] == ["disabled", "active"]
    rbee("plugins", "enable", "rbee-toys")
    assert rows()["one"]["status"] == "active"


def test_enable_says_so_when_the_environment_keeps_it_off(rbee: RbeeHome, toy: PluginFolder) -> None:
    rbee("plugins", "disable", "toy")
    done = rbee("plugins", "enable", "toy", env={"RBEE_DISABLE_PLUGINS": "toy"})
    assert done.returncode == 0
    assert "stays disabled" in done.stderr
    assert "RBEE_DISABLE_PLUGINS" in done.stderr


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (("disable", "tox"), "Did you mean toy?"),
        (("enable", "rbee-vendor-tyo"), "rbee-vendor-toy"),
        (("show", "zzzzzz"), "rbee plugins list"),
        (("check", "tox"), "Did you mean toy?"),
        (("uninstall", "tox"), "Did you mean toy?"),
        (("prefer", "toy", "rbee-vendor-tyo"), "rbee-vendor-toy"),
        (("prefer", "tox", "rbee-vendor-toy"), "rbee plugins list"),
        (("prefer", "toy"), "rbee plugins prefer toy DIST"),
    ],
)
def test_a_name_that_nothing_has_is_wrong_usage(
    command: tuple[str, ...], hint: str, rbee: RbeeHome, toy: PluginFolder
) -> None:
    done = rbee("plugins", *command)
    assert done.returncode == 2, done.stderr
    assert hint in done.stderr
    assert not (rbee.path / "config").exists()  # nothing was chosen


def test_what_is_no_longer_installed_can_be_taken_off_the_list(rbee: RbeeHome, toy: PluginFolder) -> None:
    rbee("plugins", "disable", "toy")
    rbee.env.pop("PYTHONPATH")
    assert rbee("plugins", "disable", "toy").returncode == 2
    assert rbee("plugins", "enable", "toy").returncode == 0
    assert json.loads((rbee.path / "config" / "plugins.json").read_text())["disabled"] == []


@pytest.mark.parametrize("damage", ["", "[]", '{"disabled": 5}'])
def test_a_damaged_settings_file_turns_nothing_on(damage: str, rbee: RbeeHome, toy: PluginFolder, rows: Rows) -> None:
    rbee("plugins", "disable", "toy")
    path = rbee.path / "config" / "plugins.json"
    path.write_text(damage)
    assert rows()["toy"]["status"] == "disabled"  # its copy holds
    done = rbee("plugins", "disable", "demo")
    assert done.returncode == 0
    assert "its copy is used" in done.stderr
    assert (rbee.path / "config" / "plugins.json.damaged").read_text() == damage
    assert {rows()[name]["status"] for name in ("toy", "demo")} == {"disabled"}

    for file in path.parent.glob("plugins.json*"):
        file.write_text(damage)
    done = rbee("plugins", "list", "--json")
    assert done.returncode == 2
    assert str(path) in json.loads(done.stderr)["error"]["message"]
    assert not toy.marker.exists()


def test_ten_processes_changing_the_choices_lose_none(rbee: RbeeHome, folder: PluginFolder) -> None:
    names = [f"toy{number}" for number in range(10)]
    for name in names:
        folder.add("vendor", name, VENDOR)
    running = [rbee.start("plugins", "disable", name) for name in names]
    for process in running:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
    assert json.loads((rbee.path / "config" / "plugins.json").read_text())["disabled"] == names
