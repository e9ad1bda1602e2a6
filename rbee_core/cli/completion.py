"""Shell completion: what the shells ask, and how they are answered. No plugin is imported, nothing is written.

Whatever goes wrong, the answer is that there is nothing to complete: a Tab must not print an error into the line.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .completion_scripts import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLE = "_RBEE_COMPLETE"
_POWERSHELL = ("powershell", "pwsh")
#: What bash reads as it stands. The rest is escaped: a candidate goes into the command line to be run.
_SPECIAL = re.compile(r"([^\w@%+=:,./-])", re.ASCII)


def script(shell: str) -> str:
    """The completion script of a shell.

    :param shell: its name, or its path, as ``$SHELL`` has it.
    :raises UsageError: there is none for it.
    """
    name = PurePath(shell.replace("\\", "/")).name.removesuffix(".exe").lower()
    if name in SCRIPTS:
        return SCRIPTS[name]
    if name in _POWERSHELL:
        from typer._completion_shared import get_completion_script

        return get_completion_script(prog_name="rbee", complete_var=VARIABLE, shell=name) + "\n"
    raise UsageError(f"No completion for {shell!r}.", f"Use one of: {', '.join([*SCRIPTS, *_POWERSHELL])}.")


def shells(incomplete: str) -> list[str]:
    """The shells there is a script for."""
    return [*SCRIPTS, *_POWERSHELL]


def answer(command: Any) -> None:
    """Print the candidates for what the environment describes.

    :param command: the root command.
    """
    _, _, shell = os.environ.get(VARIABLE, "").partition("_")
    if shell in _POWERSHELL:
        from typer._completion_classes import completion_init

        completion_init()
        command.main([], prog_name="rbee", complete_var=VARIABLE)
        return
    if shell not in SCRIPTS:
        return
    try:
        lines = _lines(command, shell, os.environ.get("_TYPER_COMPLETE_ARGS", ""), os.environ.get("_RBEE_WORD"))
    except Exception:  # noqa: BLE001 — a broken file anywhere completes nothing, and says so when a command meets it
        return
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _lines(command: Any, shell: str, typed: str, word: str | None) -> Iterable[str]:
    arguments, incomplete = _split(typed)
    found = _candidates(command, arguments, incomplete)
    # `--backend=cp` is one word to zsh and fish, and ends in `cp` for the command.
    option, sign, value = incomplete.partition("=")
    joined = f"{option}=" if sign and option.startswith("-") else ""
    values = {
        f"{joined}{text}": help_text
        for text, help_text in found
        if text.isprintable() and text.startswith(value if joined else incomplete)
    }
    if shell == "bash":
        return _for_bash(values, incomplete, incomplete if word is None else word)
    return [f"{text}\t{shown}" if (shown := _one_line(help_text)) else text for text, help_text in values.items()]


def _split(typed: str) -> tuple[list[str], str]:
    """The arguments before the word at the cursor, and what there is of that word."""
    from typer._click.shell_completion import split_arg_string

    words = split_arg_string(typed)
    while len(words) > 1 and re.match(r"\w+=", words[0]):
        del words[0]  # RBEE_OFFLINE=1 rbee …
    if len(words) < 2 or typed[-1:].isspace():
        return words[1:], ""
    return words[1:-1], words[-1]


def _candidates(command: Any, arguments: list[str], incomplete: str) -> list[tuple[str, str]]:
    from typer._click.shell_completion import ShellComplete

    class Asked(ShellComplete):
        """Only what walks the commands is used of it: every shell here has a protocol of its own."""

        source_template = ""

        def source_vars(self) -> dict[str, Any]:
            return {}

        def get_completion_args(self) -> tuple[list[str], str]:
            return arguments, incomplete

        def format_completion(self, item: Any) -> str:
            return str(item.value)

    found = Asked(command, {}, "rbee", VARIABLE).get_completions(list(arguments), incomplete)
    return [(str(item.value), item.help or "") for item in found if item.type == "plain"]


def _for_bash(values: Iterable[str], incomplete: str, word: str) -> list[str]:
    """What replaces bash's own idea of the word: the part behind the last ``:`` or ``=``, unless it is quoted."""
    quoted = word[:1] in ("'", '"')
    start = 0
    if not quoted:
        word = word.replace("\\", "")
        start = len(incomplete) if word in (":", "=") else max(0, len(incomplete) - len(word))
        if word not in (":", "=") and not incomplete.endswith(word):
            start = 0
    texts = [text[start:] for text in values]
    if quoted:
        return [text for text in texts if not _SPECIAL.search(text)]
    return [_SPECIAL.sub(r"\\\1", text) for text in texts]


def _one_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return "".join(c if c.isprintable() else " " for c in line).strip()
