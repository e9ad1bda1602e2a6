"""What the modules of ``rbee plugins`` share: arguments, the manager, the question, text of plugins made safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from . import complete, output

if TYPE_CHECKING:
    from rich.text import Text

    from ..checking.check import Checked
    from ..plugins import PluginManager, PluginRecord

_STYLES = {"active": "green", "disabled": "dim", "error": "red", "incompatible": "red", "conflict": "yellow"}

_NAMED = "An entry point, or a distribution for all it brings."
Name = Annotated[str, typer.Argument(metavar="NAME", help=_NAMED, autocompletion=complete.plugin_names)]
NameOn = Annotated[str, typer.Argument(metavar="NAME", help=_NAMED, autocompletion=complete.enabled_plugins)]
NameOff = Annotated[str, typer.Argument(metavar="NAME", help=_NAMED, autocompletion=complete.disabled_plugins)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds each plugin may take.")]


def the_manager() -> PluginManager:
    """The plugins of this environment, under the settings of this process."""
    from ..plugins import PluginManager

    return PluginManager(output.config(), on_problem=output.warn_once)


def all_named(manager: PluginManager, names: list[str]) -> list[PluginRecord]:
    """What is meant by ``names``, each once, in the order of the list."""
    from ..plugins.settings import named

    records = manager.records()
    wanted = {record.key for name in names for record in named(records, name)}
    return [record for record in records if record.key in wanted]


def again(manager: PluginManager, records: list[PluginRecord]) -> list[PluginRecord]:
    """The same plugins, as they stand now."""
    keys = {record.key for record in records}
    return [record for record in manager.records() if record.key in keys]


def confirm(question: str) -> None:
    """Ask, and stop unless the answer is yes.

    :raises UsageError: there is nobody to ask.
    """
    import sys

    if not sys.stdin.isatty():
        raise UsageError("This wants an answer, and there is nobody to ask.", "Say --yes.")
    typer.confirm(question, abort=True, err=True)


def run_checks(manager: PluginManager, records: list[PluginRecord], timeout: float = 10.0) -> list[Checked]:
    """Really load plugins; with ``-v`` their tracebacks are shown."""
    from ..checking.check import check_all
    from .app import COMMANDS

    results = check_all(manager, records, limit=timeout, reserved=COMMANDS)
    if output.verbose():
        for result in results:
            if result.traceback:
                output.note(f"{result.record.name} ({result.record.title}):\n{result.traceback}")
    return results


def status_text(status: str) -> Text:
    """A status in its colour."""
    from rich.text import Text

    return Text(status, style=_STYLES.get(status, ""))


def plain(cell: str) -> Text:
    """What a plugin says of itself, as text: never markup, never control characters."""
    from rich.text import Text

    return Text("".join(c if c.isprintable() else "?" for c in cell), overflow="fold")


def wrapped(text: str, indent: str, width: int, style: str = "") -> list[Text]:
    """Lines of words, none too long for the screen; what has no space is cut."""
    from rich.text import Text

    whole = plain(text)
    whole.stylize(style)
    lines = whole.wrap(output.console(), max(10, width - len(indent)), overflow="fold")
    for line in lines:
        line.rstrip()
    return [Text(indent).append_text(line) for line in lines]
