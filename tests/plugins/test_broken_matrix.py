"""Broken plugins of every kind, in every way, all installed at once: other commands work, each one has its reason.

What each does to whoever uses it stands in `test_isolation` and `test_detection`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import BACKEND, VENDOR, PluginFolder, make_dist

from .bad_plugins import COMMAND, RECIPE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HANG = "import threading\nthreading.Event().wait()\n"
QUIT = "import os\nos._exit(0)\n"
#: Ways to break while being imported → what is told of it.
AT_IMPORT = {
    "import-error": ("raise ImportError('libfoo.so.1 is missing')", "ImportError: libfoo.so.1 is missing"),
    "syntax-error": ("def", "SyntaxError"),
    "no-dependency": ("import surely_absent", "No module named 'surely_absent'"),
    "exits": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "quits": (QUIT, "loading it ended its process (exit status 0)"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "hangs": (HANG, "loading it took longer than"),
}
#: Ways of a healthy plugin to break when it is asked.
IN_A_HOOK = {
    "raises": ("raise ValueError('boom')", "ValueError: boom"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "quits": ("import os; os._exit(0)", "ended its process"),
    "hangs": ("import threading; threading.Event().wait()", "took longer than"),
    "nonsense": ("return 5", "returned 5 (int)"),
}
#: Kind → what a plugin of it begins its hook with, and a healthy one.
HOOKED = {"vendor": ("        return True", VENDOR), "backend": ("        return [", BACKEND)}


def install(folder: PluginFolder) -> dict[str, str]:
    """Install all of them; the name of each → what its reason says."""
    expected: dict[str, str] = {}
    for kind in ("vendor", "backend", "command"):
        for way, (source, reason) in AT_IMPORT.items():
            folder.add(kind, f"{kind}-{way}", source, attribute="app" if kind == "command" else "")
            expected[f"{kind}-{way}"] = reason
    for kind, (begin, healthy) in HOOKED.items():
        for way, (body, reason) in IN_A_HOOK.items():
            folder.add(kind, f"{kind}-hook-{way}", healthy.replace(begin, f"        {body}\n{begin}"))
            expected[f"{kind}-hook-{way}"] = reason
        marked = healthy.replace("@hookimpl\n    def ", "@hookimpl\n    def x", 1)
        folder.add(kind, f"{kind}-misspelt", marked)
        expected[f"{kind}-misspelt"] = "unknown hook"
        folder.add(kind, f"{kind}-too-new", f"rbee_api = 7\n{healthy}")
        expected[f"{kind}-too-new"] = "wants API 7"
    folder.add("command", "command-unmountable", COMMAND.replace("int", "'Nowhere'"), attribute="app")
    expected["command-unmountable"] = "it cannot be mounted"
    folder.add("vendor", "loud", "print('noise'); import os; os.write(1, b'noise')\n" + VENDOR)
    folder.add("backend", "loud", "print('noise'); import os; os.write(1, b'noise')\n" + BACKEND)
    folder.add("command", "hides", COMMAND, attribute="app", dist="rbee-command-models")
    for package, recipe in {"worker_broken": "[", "worker_absent": None, "worker_dotted": RECIPE}.items():
        name, inner = package.replace("_", "-"), f"{package}/inner"
        modules = {f"{package}/__init__.py": QUIT, f"{inner}/__init__.py": HANG}
        if recipe is not None:
            modules[f"{inner}/worker.toml"] = recipe.replace("{name}", name)
        value = f"{package}.inner"
        make_dist(folder.path, f"rbee-{name}", "1.0", {"rbee.workers": {name: value}}, modules)
    expected |= {"worker-broken": "is not TOML", "worker-absent": "carries no worker.toml"}
    return {**expected, **_rivals(folder)}


def _rivals(folder: PluginFolder) -> dict[str, str]:
    for dist in ("one", "two"):
        for kind, source in {"backend": BACKEND, "command": COMMAND}.items():
            attribute = "app" if kind == "command" else ""
            folder.add(kind, f"{kind}-duel", source, dist=f"rbee-{kind}-{dist}", attribute=attribute)
        package = f"duel_{dist}"
        files = {f"{package}/__init__.py": "", f"{package}/worker.toml": RECIPE.replace("{name}", "worker-duel")}
        make_dist(folder.path, f"rbee-worker-{dist}", "1.0", {"rbee.workers": {"worker-duel": package}}, files)
    return dict.fromkeys(("backend-duel", "command-duel", "worker-duel"), "decide with: rbee plugins prefer")


class Broken:
    """An rbee with all of it, and its own plugins."""

    def __init__(self, root: Path) -> None:
        folder = PluginFolder(root / "site")
        self.reasons = install(folder)
        self.rbee = RbeeHome(root / "home", {"PYTHONPATH": str(folder.path)})

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in json.loads(self.rbee("plugins", "list", "--json").stdout)["plugins"]}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Broken:
    return Broken(tmp_path_factory.mktemp("broken"))


def _devices(text: str) -> bool:
    return {device["backend"] for device in json.loads(text)["devices"]} >= {"cpu", "loud"}


#: Command → what its output has to be.
COMMANDS: dict[str, Callable[[str], Any]] = {
    "--version": lambda text: text.startswith("rbee "),
    "--help": lambda text: "command-hangs" in text,
    "plugins --help": lambda text: "uninstall" in text,
    "plugins list": lambda text: "vendor-hangs" in text,
    "plugins list --json": lambda text: len(json.loads(text)["plugins"]) > 50,
    "plugins list --all --json": lambda text: "available" in json.loads(text),
    "plugins show vendor-hangs --json": lambda text: json.loads(text)["plugins"][0]["version"] == "1.0",
    "plugins check demo cpu --json": lambda text: (
        [row["outcome"] for row in json.loads(text)["results"]] == ["pass"] * 2
    ),
    "plugins uninstall vendor-hangs --dry-run": lambda text: "rbee-vendor-vendor-hangs" in text,
    "plugins disable vendor-quits": lambda text: True,
    "plugins enable vendor-quits": lambda text: True,
    "plugins prefer demo rbee-vendor-demo": lambda text: True,
    "models catalog --json": lambda text: json.loads(text)["models"] == [],
    "models resolve demo:stories --json": lambda text: json.loads(text)["dist"] == "rbee-vendor-demo",
    "models resolve loud:x --json": lambda text: json.loads(text)["vendor"] == "loud",
    "models download demo:stories --json": lambda text: json.loads(text)["status"] == "Available",
    "models verify --json": lambda text: json.loads(text)["results"][0]["outcome"] == "pass",
    "hardware --json": _devices,
    "workers list --json": lambda text: "llm-worker" in {worker["id"] for worker in json.loads(text)["workers"]},
    "workers show llm-worker --json": lambda text: json.loads(text),
    "plan demo:stories --backend cpu --json": lambda text: json.loads(text)["chosen"]["variant"] == "llm-worker-cpu",
    "ps --json": lambda text: json.loads(text)["workers"] == [],
    "contracts export --format jsonschema": lambda text: json.loads(text),
    "config show --json": lambda text: json.loads(text)["settings"],
    "--show-completion bash": lambda text: "_RBEE_COMPLETE" in text,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_other_command_works(command: str, broken: Broken) -> None:
    done = broken.rbee(*command.split(), timeout=200)
    assert done.returncode == 0, done.stderr
    assert COMMANDS[command](done.stdout), done.stdout
    assert "Traceback" not in done.stderr


def test_completion_goes_on(broken: Broken) -> None:
    env = {"_RBEE_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": "rbee models resolve vendor-"}
    done = broken.rbee(env=env)
    assert done.returncode == 0
    assert "vendor-hangs:" in done.stdout


def test_a_check_finds_each_and_the_list_tells_its_reason_from_then_on(broken: Broken) -> None:
    done = broken.rbee("plugins", "check", "--timeout", "5", "--json", timeout=280)
    assert done.returncode == 1
    assert json.loads(done.stdout)["results"]
    rows = broken.rows()
    told = {name: str(rows[name]["reason"]) for name in broken.reasons}
    assert {name: reason for name, reason in broken.reasons.items() if reason not in told[name]} == {}
    healthy = {"demo", "file", "hf", "cpu", "loud", "llm-worker", "worker-dotted"}
    assert {name: rows[name]["status"] for name in healthy} == dict.fromkeys(healthy, "active")
    statuses = {rows[name]["status"] for name in broken.reasons}
    assert statuses == {"error", "incompatible", "conflict"}
    # At a glance: in words, each with its reason.
    listed = " ".join(broken.rbee("plugins", "list", env={"COLUMNS": "60"}).stdout.split())
    for reason in ("libfoo.so.1 is missing", "loading it took longer than 5 s", "wants API 7"):
        assert reason in listed
