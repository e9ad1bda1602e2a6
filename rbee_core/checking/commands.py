"""A command plugin's application: whether it can be reached, and the help of every command in it be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ..plugins.guard import FaultyPluginError
from ..plugins.isolation import reason_of
from ..plugins.problems import PluginProblem, place
from ..plugins.records import PluginRecord

#: Commands whose help is written, at most.
_MOST = 300


def check_command(record: PluginRecord, command: Any, reserved: list[str]) -> None:
    """Write the help of a mounted application. No command of it runs.

    :param reserved: the names of rbee's own commands.
    :raises FaultyPluginError: it cannot be reached, or a help text cannot be written.
    """
    if record.name in reserved:
        raise FaultyPluginError(
            f"{record.name!r} is a command of rbee itself: it is never reached", rule="command-name"
        )
    if record.name.startswith("-") or len(record.name.split()) != 1:
        raise FaultyPluginError(f"{record.name!r} cannot be typed as a command", rule="command-name")
    problems = list(_help_problems(command, record.name))
    if problems:
        raise FaultyPluginError(problems[0].message, rule="command-app", problems=problems)


def _help_problems(command: Any, name: str) -> Iterator[PluginProblem]:
    """Go through a tree of commands, from the outermost on."""
    waiting = [(command, f"rbee {name}", None)]
    for _ in range(_MOST):
        if not waiting:
            return
        command, words, parent = waiting.pop()
        context = command.context_class(command, info_name=words.rpartition(" ")[2], parent=parent)
        try:
            with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), context:
                nowhere.write(command.get_help(context) or "")
            inner = [(one, command.get_command(context, one)) for one in _names(command, context)]
        except Exception as error:  # noqa: BLE001 — what a plugin's help is made of may raise anything
            reason = f"the help of `{words}` cannot be written: {reason_of(error)}"
            yield PluginProblem("command-app", reason, place(command.callback) if command.callback else None)
            continue
        waiting += [(one, f"{words} {key}", context) for key, one in inner if one is not None]


def _names(command: Any, context: Any) -> list[str]:
    return list(command.list_commands(context)) if hasattr(command, "list_commands") else []
