"""Command plugins: mounted beside the built-in commands, loaded when called, isolated like the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import PluginFolder

from .bad_plugins import COMMAND

Rows = Callable[..., dict[str, Any]]

TOOL = """
import sys, typer
open("{marker}", "w").close()
app = typer.Typer(help="A tool from elsewhere.")

@app.command()
def greet(name: str, times: int = 1):
    print("hello " * times + name)

@app.command()
def fail(how: str):
    if how == "exit":
        raise typer.Exit(7)
    if how == "sys":
        sys.exit(8)
    if how == "no":
        from rbee_core import RbeeError
        raise RbeeError("BUILD_FAILED", "It does not build.")
    raise ValueError("boom")
"""


@pytest.fixture
def tool(folder: PluginFolder) -> PluginFolder:
    """The command ``rbee tool``."""
    folder.add("command", "tool", TOOL, attribute="app")
    return folder


def test_a_command_is_listed_without_being_imported_and_runs_when_called(rbee: RbeeHome, tool: PluginFolder) -> None:
    help_text = rbee("--help").stdout
    assert "tool" in help_text
    assert "(from rbee-command-tool)" in help_text
    assert not tool.marker.exists()
    done = rbee("tool", "greet", "Ada", "--times", "2")
    assert (done.returncode, done.stdout) == (0, "hello hello Ada\n")
    assert "A tool from elsewhere." in rbee("tool", "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("fail", "exit"), 7),
        (("fail", "sys"), 8),
        (("fail", "no"), 1),
        (("greet",), 2),
        (("greet", "A", "--times", "x"), 2),
    ],
)
def test_how_a_command_ends_is_its_own_affair(
    arguments: tuple[str, ...], status: int, rbee: RbeeHome, tool: PluginFolder, rows: Rows
) -> None:
    done = rbee("tool", *arguments)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert rows()["tool"]["status"] == "active"


def test_a_command_that_breaks_is_an_error_of_its_plugin(rbee: RbeeHome, tool: PluginFolder, rows: Rows) -> None:
    done = rbee("tool", "fail", "otherwise")
    assert done.returncode == 1
    assert "'tool' (rbee-command-tool 1.0) failed in its command: ValueError: boom" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows()["tool"]["reason"] == "its command: ValueError: boom"


@pytest.mark.parametrize(
    "source",
    [
        "raise SystemExit(0)",
        "app = 5",
        "import nowhere",
        COMMAND.replace("int", "'Nowhere'"),
        "import typer\napp = typer.Typer()",
    ],
    ids=["exits", "no application", "no module", "no such type", "no command"],
)
def test_a_command_that_cannot_be_loaded_leaves_the_others_alone(
    source: str, rbee: RbeeHome, folder: PluginFolder, rows: Rows
) -> None:
    folder.add("command", "tool", source, attribute="app")
    done = rbee("tool", "greet", "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"]["code"] == "PLUGIN_ERROR"
    assert rows()["tool"]["status"] == "error"
    assert rbee("--help").returncode == 0
    assert rbee("config", "show", "--json").returncode == 0


def test_a_help_that_cannot_be_written_is_the_plugins_error(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    source = COMMAND.replace("Typer()", "Typer(rich_markup_mode='rich')").replace("'Go.'", "'Go [/nowhere].'")
    folder.add("command", "tool", source, attribute="app")
    done = rbee("tool", "--help")
    assert done.returncode == 1
    assert "'tool' (rbee-command-tool 1.0) failed in its command: MarkupError" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows()["tool"]["status"] == "error"


def test_a_command_cannot_take_a_built_in_ones_name(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("command", "config", TOOL, attribute="app")
    assert json.loads(rbee("config", "show", "--json").stdout)["settings"]
    assert not folder.marker.exists()


def test_a_command_that_is_off_says_so(rbee: RbeeHome, tool: PluginFolder) -> None:
    rbee("plugins", "disable", "tool")
    done = rbee("tool", "greet", "Ada")
    assert done.returncode == 1
    assert "is disabled" in done.stderr
    assert "rbee plugins enable tool" in done.stderr
    assert not tool.marker.exists()
