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

from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.dists import VENDOR, PluginFolder, make_dist


def test_the_table_groups_by_kind_and_gives_reasons(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "toy", VENDOR)
    rbee("plugins", "disable", "toy")
    done = rbee("plugins", "list")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["demo", "active", "rbee-vendor-demo"] in [line[1:4] for line in lines if line[:1] == ["vendor"]]
    (toy,) = [line for line in lines if line[:1] == ["toy"]]
    assert toy[1:4] == ["disabled", "rbee-vendor-toy", "1.0"]
    assert " ".join(toy[4:]) == "turned off; `rbee plugins enable toy` turns it on"
    assert [line[0] for line in lines if line and line[0] in ("vendor", "backend", "worker")] == [
        "vendor", "backend", "worker",
    ]  # fmt: skip
    assert "\x1b" not in done.stdout


def test_a_narrow_terminal_gets_colours_and_no_line_too_long(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "toy", "raise ImportError('a reason that is much longer than this terminal is wide')")
    rbee("models", "resolve", "toy:x")
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "rbee_core", "plugins", "list"],
        env={**clean_env(rbee.environment), "TERM": "xterm-256color"},
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
    assert b"\x1b[31merror" in drawn
    text = re.sub(r"\x1b\[[0-9;]*m", "", drawn.decode())
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 60
    assert "ImportError" in text


def test_filters(rbee: RbeeHome) -> None:
    done = rbee("plugins", "list", "--kind", "backend", "--json")
    assert {row["name"] for row in json.loads(done.stdout)["plugins"]} == {"cpu"}
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
