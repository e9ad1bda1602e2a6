"""``plugins check``: each plugin really loaded, in a process of its own, and what is remembered of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import BACKEND, VENDOR, PluginFolder, make_dist

from .bad_plugins import COMMAND, RECIPE

Rows = Callable[..., dict[str, Any]]

REFUSAL = "from rbee_core import RbeeError; raise RbeeError('BACKEND_UNAVAILABLE', 'No driver.')"
SEGFAULT = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"


def check(rbee: RbeeHome, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and results by name."""
    done = rbee("plugins", "check", *options, "--json")
    return done.returncode, {row["name"]: row for row in json.loads(done.stdout)["results"]}


def test_a_healthy_plugin_passes_and_its_hooks_are_known_from_then_on(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "toy", "print('noise')\n" + VENDOR)
    assert json.loads(rbee("plugins", "show", "toy", "--json").stdout)["plugins"][0]["hooks"] is None
    status, results = check(rbee, "toy")
    assert status == 0
    assert results["toy"]["outcome"] == "pass"
    assert results["toy"]["hooks"] == ["download_model", "supports_model"]
    assert json.loads(rbee("plugins", "show", "toy", "--json").stdout)["plugins"][0]["hooks"] == results["toy"]["hooks"]


def test_every_kind_is_checked_for_what_it_has_to_be(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    folder.add("vendor", "raises", VENDOR.replace("return True", "raise ValueError('boom')"))
    folder.add("vendor", "crash", SEGFAULT)
    folder.add("vendor", "quits", "import os\nos._exit(0)")
    folder.add("vendor", "un_typable", VENDOR)
    folder.add("backend", "fine", BACKEND)
    folder.add("backend", "absent", BACKEND.replace("return [", f"{REFUSAL}\n        return ["))
    folder.add("backend", "crashes", BACKEND.replace("return [", "import os; os.abort()\n        return ["))
    folder.add("backend", "odd", BACKEND.replace('backend="{name}"', 'backend="other"'))
    folder.add("command", "tool", COMMAND, attribute="app")
    folder.add("command", "notool", "app = 5", attribute="app")
    for name, files in {
        "no-recipe": {},
        "good-recipe": {"worker.toml": RECIPE.replace("{name}", "good-recipe")},
        "other-recipe": {"worker.toml": RECIPE.replace("{name}", "another")},
        "bad-recipe": {"worker.toml": "["},
    }.items():
        package = name.replace("-", "_")
        modules = {f"{package}/__init__.py": "raise SystemExit(1)", **{f"{package}/{n}": t for n, t in files.items()}}
        make_dist(folder.path, name, "1.0", {"rbee.workers": {name: package}}, modules)
    added = ["raises", "crash", "quits", "un_typable", "fine", "absent", "crashes", "odd", "tool", "notool"]
    status, results = check(rbee, *added, "no-recipe", "good-recipe", "other-recipe", "bad-recipe")
    assert status == 1
    expected = {
        "raises": "supports_model: ValueError: boom",
        "crash": "loading it crashed its process (SIGSEGV)",
        "quits": "loading it ended its process (exit status 0)",
        "un_typable": "its name 'un_typable' cannot be the scheme of a reference",
        "fine": None,
        "absent": None,
        "crashes": "detect_hardware: crashed its process (SIGABRT)",
        "odd": "detect_hardware: returned a device of backend 'other', not 'odd'",
        "tool": None,
        "notool": "rbee_command_notool:app is a int, not a typer.Typer",
        "no-recipe": "no_recipe carries no worker.toml",
        "good-recipe": None,
        "other-recipe": "its worker.toml describes 'another', its entry point is called 'other-recipe'",
    }
    assert {name: results[name]["reason"] for name in expected} == expected
    assert results["bad-recipe"]["reason"].startswith("its worker.toml cannot be used: is not TOML")
    listed = rows()
    for name, reason in expected.items():
        assert listed[name]["status"] == ("active" if reason is None else "error")
        assert listed[name]["reason"] == reason


def test_a_hanging_plugin_is_ended_with_all_it_started(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    pid = folder.path / "pid"
    hang = f"""import subprocess, sys, threading
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(pid)!r}, "w").write(str(child.pid))
threading.Event().wait()
"""
    folder.add("vendor", "stuck", hang)
    folder.add("vendor", "toy", VENDOR)
    status, results = check(rbee, "stuck", "toy", "--timeout", "2")
    assert status == 1
    assert (results["stuck"]["outcome"], results["toy"]["outcome"]) == ("fail", "pass")
    assert rows()["stuck"]["reason"] == "loading it took longer than 2 s"
    assert not _alive(int(pid.read_text()))
    # Loading it would hang rbee too, so it is not tried but in a child.
    done = rbee("models", "resolve", "stuck:x")
    assert done.returncode == 1
    assert "rbee plugins check stuck" in done.stderr


def _alive(pid: int) -> bool:
    """Whether a process runs: one that was ended may wait, as a zombie, for somebody to collect it."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_list_check_really_loads(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    folder.add("vendor", "bad", "raise ImportError('gone')")
    env = {"RBEE_PLUGIN_ALLOWLIST": "rbee-vendor-bad"}
    assert rows(env=env)["bad"]["status"] == "active"
    assert rows("--check", env=env)["bad"]["status"] == "error"
    assert rows(env=env)["bad"]["reason"] == "ImportError: gone"


def test_verbose_check_shows_the_traceback(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "bad", "raise ImportError('gone')")
    done = rbee("plugins", "check", "bad", "-v")
    assert done.returncode == 1
    assert "failed" in done.stdout
    assert "Traceback" not in done.stdout
    assert "rbee_vendor_bad.py" in done.stderr


@pytest.mark.parametrize("change", ["upgrade", "reinstall", "edit", "check", "use"])
def test_a_failure_stands_until_the_plugin_changes_or_passes(
    change: str, rbee: RbeeHome, folder: PluginFolder, rows: Rows
) -> None:
    # Fails or not by something outside of it, so that passing again needs no change of it.
    source = f"if not __import__('os').path.exists({str(folder.marker)!r}): raise ImportError('no driver')\n" + VENDOR
    module = folder.add("vendor", "toy", source, version="1.0")
    assert rbee("models", "resolve", "toy:x").returncode == 1
    assert rows()["toy"]["status"] == "error"
    folder.marker.touch()
    assert rows()["toy"]["status"] == "error"
    if change == "upgrade":
        folder.add("vendor", "toy", source, version="1.1")
    elif change == "reinstall":
        os.utime(folder.path / "rbee_vendor_toy-1.0.dist-info" / "RECORD", (1, 1))
    elif change == "edit":
        module.write_text(source + "# mended\n")
    elif change == "check":
        assert check(rbee, "toy")[0] == 0
    else:
        assert rbee("models", "resolve", "toy:x").returncode == 0
    assert rows()["toy"]["status"] == "active"


def test_a_hooks_failure_is_not_forgotten_because_another_hook_passes(
    rbee: RbeeHome, folder: PluginFolder, rows: Rows
) -> None:
    folder.add("vendor", "toy", VENDOR.replace("return 5", "raise ValueError('half')"))
    assert rbee("models", "download", "toy:x").returncode == 1
    assert rbee("models", "resolve", "toy:x").returncode == 0
    assert rows()["toy"]["reason"] == "download_model: ValueError: half"
    # A check cannot download anything, but somebody asked for its verdict.
    assert check(rbee, "toy")[0] == 0
    assert rows()["toy"]["status"] == "active"


@pytest.mark.parametrize(
    "damage", ["{", '{"failures": [], "conflicts": 7}', '{"failures": {"vendor:bad:rbee-vendor-bad": 1}}']
)
def test_a_damaged_memory_only_forgets(damage: str, rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    folder.add("vendor", "bad", "raise ImportError('gone')")
    (rbee.path / "state").mkdir()
    (rbee.path / "state" / "plugin-failures.json").write_text(damage)
    assert rows()["bad"]["status"] == "active"
    assert rbee("models", "resolve", "bad:x").returncode == 1
    assert rows()["bad"]["status"] == "error"


def test_a_state_folder_that_cannot_be_written_breaks_nothing(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    folder.add("vendor", "toy", VENDOR)
    folder.add("vendor", "bad", "raise ImportError('gone')")
    (rbee.path / "state").write_text("a file where the folder should be")
    assert rbee("models", "resolve", "toy:x").returncode == 0
    done = rbee("models", "resolve", "bad:x")
    assert done.returncode == 1
    assert "ImportError: gone" in done.stderr
    assert rows()["bad"]["status"] == "active"


def test_uninstall_removes_a_culprit_that_cannot_even_be_imported(tmp_path: Path, rbee: RbeeHome) -> None:
    # A real environment with a real installed distribution, whose every import raises.
    env = tmp_path / "env"
    subprocess.run(["uv", "venv", "--quiet", "--system-site-packages", str(env)], check=True)
    site = next(env.glob("lib/python*/site-packages"))
    (site / "rbee.pth").write_text("\n".join(path for path in __import__("sys").path if path))
    make_dist(
        site, "rbee-vendor-bad", "1.0", {"rbee.vendors": {"bad": "badly:V"}}, {"badly.py": "raise SystemExit('no')"}
    )
    (site / "rbee_vendor_bad-1.0.dist-info" / "INSTALLER").write_text("uv\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(env / "bin" / "python"), "-m", "rbee_core", "plugins", *arguments],
            env={**os.environ, **rbee.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    assert "bad" in {row["name"] for row in json.loads(run("list", "--json").stdout)["plugins"]}
    assert run("check", "bad").returncode == 1
    dry = run("uninstall", "bad", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "rbee-vendor-bad" in dry.stdout
    assert (site / "badly.py").exists()
    unasked = run("uninstall", "bad")
    assert (unasked.returncode, (site / "badly.py").exists()) == (2, True)
    assert "--yes" in unasked.stderr

    done = run("uninstall", "bad", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert not (site / "badly.py").exists()
    assert "bad" not in {row["name"] for row in json.loads(run("list", "--json").stdout)["plugins"]}


def test_uninstall_owns_up_when_a_distribution_is_still_there(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "toy", VENDOR)  # on PYTHONPATH, where no installer looks
    done = rbee("plugins", "uninstall", "toy", "--yes")
    assert done.returncode == 1
    assert str(folder.path) in done.stderr
    assert "rbee plugins disable rbee-vendor-toy" in done.stderr
