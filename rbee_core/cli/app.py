"""The root command: what there is, loaded lazily; and the one place where errors become messages and exit statuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..errors import ErrorCode, RbeeError, UsageError
from . import completion, output

#: Command → its module, and its line in ``rbee --help``. Help needs no import; a command imports its own module.
COMMANDS = {
    "plan": ("plan", "What a model would run on here, whether it fits, and why."),
    "run": ("run", "Ask a model: download, build and start whatever that takes."),
    "serve": ("serve", "Serve a model behind an OpenAI-compatible API."),
    "ps": ("ps", "List the workers that are running."),
    "stop": ("stop", "Stop running workers."),
    "logs": ("logs", "Show a worker's log."),
    "models": ("models", "The model catalog: find, download, verify, remove."),
    "workers": ("workers", "The workers that run models: list, build, remove."),
    "hardware": ("hardware", "What this machine can compute on."),
    "plugins": ("plugins", "Vendors, backends, workers and commands that are installed."),
    "contracts": ("contracts", "The data contracts, for programs in other languages."),
    "config": ("config", "The settings in force, and where each comes from."),
}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called, not when they are listed."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """The built-in commands in their order, then those of plugins."""
        return [*COMMANDS, *sorted(set(self._plugin_commands(ctx)) - set(COMMANDS))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command itself; while help is written, only its name and its line."""
        if cmd_name in COMMANDS:
            module, line = COMMANDS[cmd_name]
            if self._listing:
                return TyperCommand(cmd_name, help=line, callback=lambda: None)
            from importlib import import_module

            return _as_command(import_module(f"{__package__}.{module}").app, cmd_name, line)
        dist = self._plugin_commands(ctx).get(cmd_name)
        if dist is None:
            if not (self._listing or ctx.resilient_parsing):
                _say_if_gone(cmd_name)
            return None
        if self._listing or ctx.resilient_parsing:  # a Tab runs nobody's code
            return TyperCommand(cmd_name, help=f"(from {dist})", callback=lambda: None)
        from ..plugins import PluginManager

        plugins = PluginManager(output.config())
        command = plugins.command(cmd_name, partial(_as_command, name=cmd_name, line=f"(from {dist})"))
        for stage in ("make_context", "invoke"):  # its help is written in the first of them
            setattr(command, stage, partial(plugins.run_command, cmd_name, getattr(command, stage)))
        return command

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help text from the table alone."""
        with self._from_the_table():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete command names from the table alone."""
        with self._from_the_table():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _from_the_table(self) -> Iterator[None]:
        self._listing = True
        try:
            yield
        finally:
            self._listing = False

    @staticmethod
    def _plugin_commands(ctx: Any) -> dict[str, str]:
        from ..plugins.records import discover, scan

        try:
            records = discover(output.config())
        except UsageError:
            if not ctx.resilient_parsing:
                raise
            records = scan()  # a Tab does not tell of malformed settings
        return {record.name: record.dist for record in records if record.kind == "command"}


def _say_if_gone(name: str) -> None:
    """A command that a plugin brought which is gone is no typing error.

    :raises RbeeError: it is on record.
    """
    from ..plugins import missing

    missing.say_if_recorded(output.config(), "command", name)


def _as_command(app: Any, name: str, line: str) -> Any:
    if isinstance(app, typer.Typer):
        app._add_completion = False  # the root command offers it, once
    command = typer.main.get_command(app) if isinstance(app, typer.Typer) else app
    command.name = name
    command.help = command.help or line
    return command


app = typer.Typer(
    cls=LazyGroup,
    name="rbee",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(ctx: typer.Context, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from .._version import __version__

        sys.stdout.write(f"rbee {__version__}\n")
        raise typer.Exit


def _completion(ctx: typer.Context, shell: str | None) -> None:
    if shell is not None and not ctx.resilient_parsing:
        sys.stdout.write(completion.script(shell))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks and debug events.")] = False,
    show_completion: Annotated[
        str | None,
        typer.Option(
            "--show-completion",
            metavar="SHELL",
            help="Print the completion script of bash, zsh, fish or powershell; $SHELL will do.",
            autocompletion=completion.shells,
            is_eager=True,
            callback=_completion,
        ),
    ] = None,
) -> None:
    """Any AI model, from anywhere, onto any hardware."""
    if verbose:
        output.set_verbose()


def main(arguments: list[str]) -> None:
    """Run one command line and leave the process with its exit status (design §6)."""
    output.prepare_streams()
    if completion.VARIABLE in os.environ:
        completion.answer(typer.main.get_command(app))
        return
    arguments = _take_verbose(arguments)
    as_json = "--json" in arguments
    try:
        typer.main.get_command(app).main(arguments, prog_name="rbee")
    except RbeeError as error:
        output.show_error(error, as_json=as_json)
        sys.exit(130 if error.code is ErrorCode.CANCELLED else 1)
    except UsageError as error:
        output.show_error(error, as_json=as_json)
        sys.exit(2)
    except BrokenPipeError:
        output.abandon_stdout()
        sys.exit(1)


def _take_verbose(arguments: list[str]) -> list[str]:
    """Accept ``-v`` anywhere after a built-in command too, where people put it."""
    if not arguments or arguments[0] not in COMMANDS:
        return arguments
    options, rest = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        options, rest = arguments[:cut], arguments[cut:]
    if "-v" in options[1:] or "--verbose" in options[1:]:
        output.set_verbose()
        options = [argument for argument in options if argument not in ("-v", "--verbose")]
    return [*options, *rest]
