"""What ``plugins list`` and ``plugins show`` draw for a person."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import tomllib
from pathlib import Path

import pytest

from rbee_core.plugins.first_party import DISTRIBUTIONS
from rbee_core.plugins.records import GROUPS
from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.dists import BACKEND, VENDOR, PluginFolder, make_dist

#: What is installed for the views: each state there is, a reason too long for any line, and a word too long for one.
WORD = "and_one_word_that_is_longer_than_a_narrow_terminal_is_wide"


@pytest.fixture
def every_state(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "off", VENDOR)
    folder.add("vendor", "bad", f"raise ImportError('a reason that is much longer than this terminal is wide, {WORD}')")
    folder.add("vendor", "new", "rbee_api = 9\nclass Vendor: pass")
    for side in "ab":
        folder.add("backend", "npu", BACKEND, dist=f"rbee-backend-npu-{side}")
    assert rbee("plugins", "check", "bad", "new").returncode == 1
    assert rbee("plugins", "disable", "off").returncode == 0


def on_a_terminal(rbee: RbeeHome, columns: int, *arguments: str, **env: str) -> str:
    """What a command draws on a terminal so wide, with its colours."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "rbee_core", *arguments],
        env={**clean_env(rbee.environment), "TERM": "xterm-256color", **env},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    drawn = b""
    with contextlib.suppress(OSError):  # what Linux raises when the other side is closed
        while piece := os.read(leader, 4096):
            drawn += piece
    os.close(leader)
    assert process.wait(60) == 0
    return drawn.decode().replace("\r\n", "\n")


def test_the_list_groups_by_kind_and_gives_reasons(rbee: RbeeHome, every_state: None) -> None:
    done = rbee("plugins", "list")
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line and not line.startswith(" ")][:3] == [
        "Vendors", "Backends", "Workers",
    ]  # fmt: skip
    lines = [line.split(maxsplit=4) for line in done.stdout.splitlines()]
    assert ["demo", "active", "rbee-vendor-demo"] in [line[:3] for line in lines]
    assert ["off", "disabled", "rbee-vendor-off", "1.0", "turned off; `rbee plugins enable off` turns it on"] in lines
    (bad,) = [line for line in lines if line[:1] == ["bad"]]
    assert (bad[1], bad[4].endswith(WORD)) == ("error", True)
    (new,) = [line for line in lines if line[:1] == ["new"]]
    assert (new[1], "API 9" in new[4]) == ("incompatible", True)
    assert all("rbee plugins prefer npu DIST" in line[4] for line in lines if line[:2] == ["npu", "conflict"])
    assert re.search(r"\d+ active, 1 disabled, 1 with an error, 1 incompatible, 2 in conflict\.\n", done.stdout)
    assert "rbee plugins check NAME" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(rbee: RbeeHome, every_state: None, columns: int) -> None:
    drawn = on_a_terminal(rbee, columns, "plugins", "list", "--all")
    assert "\x1b[31merror" in drawn
    assert "\x1b[32mactive" in drawn
    text = re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    assert max(len(line) for line in text.splitlines()) <= columns
    # Nothing is left out, whatever the width, and name and state stand in one line.
    words = re.sub(r"\s+", "", text)
    assert WORD in words
    for dist in ("rbee-vendor-demo", "rbee-vendor-off1.0", "rbee-backend-npu-a1.0", "rbee-backend-npu-b1.0"):
        assert dist in words
    assert "enableoff`turnsiton" in words
    assert re.search(r"^  bad +error\b", text, re.M)
    assert re.search(r"^  npu +conflict\b", text, re.M)
    beside = re.search(r"^  off +disabled +rbee-vendor-off 1\.0( +turned off)?", text, re.M)
    assert (beside is not None) == (columns > 40)
    assert bool(beside and beside[1]) == (columns == 200)


def test_no_colour_is_drawn_where_none_is_wanted(rbee: RbeeHome, every_state: None) -> None:
    assert "\x1b" not in on_a_terminal(rbee, 80, "plugins", "list", NO_COLOR="1")


def test_all_lists_what_is_not_installed_with_the_line_that_installs_it(tmp_path: Path) -> None:
    """Without any plugin: rbee-core alone, as it is imported from elsewhere."""
    alone = tmp_path / "alone"
    alone.mkdir()
    code = (
        "import sys, importlib_metadata\n"
        "found = importlib_metadata.distributions\n"
        "mine = [dist for dist in found() if dist.name in ('rbee-core', 'rbee-vendor-demo')]\n"
        "mine = mine if sys.argv.pop(1) == 'demo' else []\n"
        "importlib_metadata.distributions = lambda **k: mine if k['path'] == [sys.path[-1]] else []\n"
        "from rbee_core.__main__ import main\n"
        "main()\n"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        env = clean_env({"RBEE_HOME": str(alone)})
        return subprocess.run([sys.executable, "-c", code, *arguments], env=env, capture_output=True, text=True)

    empty = run("none", "plugins", "list")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert "rbee plugins list --all" in empty.stderr
    every = run("none", "plugins", "list", "--all")
    assert every.returncode == 0, every.stderr
    for dist in DISTRIBUTIONS:
        line = next(line for line in every.stdout.splitlines() if f" {dist.dist} " in line)
        assert line.split()[0].rstrip(",") == dist.names[0]
        assert "not installed" in line
        assert line.endswith(f"rbee plugins install {dist.dist}")
    found = json.loads(run("demo", "plugins", "list", "--all", "--json").stdout)
    assert [row["name"] for row in found["plugins"]] == ["demo"]
    assert len(found["available"]) == len(DISTRIBUTIONS) - 1
    assert {"dist": "rbee-vendor-ollama", "install": "rbee plugins install rbee-vendor-ollama"}.items() <= next(
        row for row in found["available"] if row["names"] == ["ollama"]
    ).items()
    workers = json.loads(run("demo", "plugins", "list", "--all", "--kind", "worker", "--json").stdout)
    assert {row["kind"] for row in workers["available"]} == {"worker"}
    assert run("demo", "plugins", "list", "--all", "--status", "error").returncode == 2


def test_what_could_be_installed_is_what_this_repository_has() -> None:
    published = {}
    for file in (Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml"):
        project = tomllib.loads(file.read_text())["project"]
        for group, entries in project.get("entry-points", {}).items():
            published[project["name"]] = (GROUPS[group], tuple(sorted(entries)))
    assert {dist.dist: (dist.kind, dist.names) for dist in DISTRIBUTIONS} == published


def test_filters(rbee: RbeeHome) -> None:
    done = rbee("plugins", "list", "--kind", "backend", "--json")
    backends = json.loads(done.stdout)["plugins"]
    assert {row["kind"] for row in backends} == {"backend"}
    assert "cpu" in {row["name"] for row in backends}
    nothing = rbee("plugins", "list", "--status", "conflict")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "No plugins match" in nothing.stderr
    assert json.loads(rbee("plugins", "list", "--status", "conflict", "--json").stdout) == {"plugins": []}
    assert rbee("plugins", "list", "--kind", "vender").returncode == 2


def test_a_name_is_never_taken_for_markup_or_control(rbee: RbeeHome, folder: PluginFolder) -> None:
    make_dist(folder.path, "rbee-odd", "1.0", {"rbee.vendors": {"[red]x\x1b[2J": "odd:V"}})
    done = rbee("plugins", "list")
    assert done.returncode == 0
    assert "[red]x?[2J" in done.stdout
    assert "\x1b" not in done.stdout


def test_show_tells_what_the_metadata_tells(rbee: RbeeHome, folder: PluginFolder) -> None:
    headers = {
        "Summary": "Toys for all",
        "Author": "Ada",
        "License-Expression": "MIT",
        "Project-URL": "Homepage, https://toys.example",
        "Requires-Dist": "rbee-core",
    }
    info = make_dist(
        folder.path,
        "rbee-toys",
        "3.1",
        {"rbee.vendors": {"a": "t:V", "b": "t:V"}},
        {"t.py": "raise SystemExit"},
        headers,
    )
    done = rbee("plugins", "show", "rbee-toys", "--json")
    assert done.returncode == 0
    first, second = json.loads(done.stdout)["plugins"]
    assert (first["name"], second["name"]) == ("a", "b")
    assert first == {
        "name": "a",
        "kind": "vendor",
        "dist": "rbee-toys",
        "version": "3.1",
        "status": "active",
        "reason": None,
        "entryPoint": "t:V",
        "summary": "Toys for all",
        "author": "Ada",
        "license": "MIT",
        "homepage": "https://toys.example",
        "requires": ["rbee-core"],
        "hooks": None,
        "location": str(info),
        "installer": "make_dist",
        "editable": False,
    }
    text = rbee("plugins", "show", "a").stdout
    for word in ("Toys for all", "Ada", "MIT", "https://toys.example", str(info)):
        assert word in text
