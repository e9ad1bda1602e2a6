"""Every ``rbee …`` that the documentation shows exists, with the options it is shown with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from rbee_core.cli.app import COMMANDS, app
from support.markdown import ROOT, blocks, code_spans, pages, title

ALL = [*pages(), *sorted((ROOT / "docs/examples").glob("*/README.md"))]
#: Commands that a plugin brings, here or in a tutorial.
PLUGINS = frozenset({"recipes", "sizes"})
_SHELLS = ("sh", "console", "bash")
#: Where one command ends and another begins.
_BETWEEN = re.compile(r"&&|\|\||[;|<>&]")


@pytest.mark.parametrize("page", dict.fromkeys(ALL), ids=title)
def test_a_command_exists_with_its_options(page: Path) -> None:
    wrong = [f"{line!r}: {why}" for line in _commands(page) if (why := _what_is_wrong(line))]
    assert not wrong, f"{title(page)} shows what there is not:\n" + "\n".join(wrong)


def test_what_does_not_exist_is_noticed() -> None:
    assert _what_is_wrong("rbee plugins list --kind vendor -v  # all that is") == ""
    assert _what_is_wrong("rbee --show-completion fish") == ""
    assert _what_is_wrong("rbee modls list") == "there is no 'modls'"
    assert _what_is_wrong("rbee models lst") == "there is no 'lst'"
    assert _what_is_wrong("rbee models download x --sha255 y") == "there is no --sha255"


def _commands(page: Path) -> Iterator[str]:
    """The command lines of a page, one by one."""
    texts = [block.text.replace("\\\n", " ") for block in blocks(page) if block.language in _SHELLS]
    lines = [line for text in texts for line in text.splitlines()]
    for line in [*lines, *code_spans(page)]:
        for part in _BETWEEN.split(line.strip().removeprefix("$ ")):
            words = part.strip()
            if words.startswith("rbee ") and "=" not in words.partition(" ")[0]:
                yield words


def _what_is_wrong(line: str) -> str:
    try:
        words = shlex.split(line, comments=True)[1:]
    except ValueError:  # an apostrophe in words for people
        words = line.split(" #")[0].split()[1:]
    command: Any = typer.main.get_command(app)
    options = _options(command)
    while words:
        word = words.pop(0)
        if word.startswith("-") and len(word) > 1:
            name = word.partition("=")[0]
            if name not in options:
                return f"there is no {name}"
            if name == word and options[name]:
                words = words[1:]
        elif hasattr(command, "commands") or hasattr(command, "list_commands"):
            if word.isupper() or word.startswith(("…", "[")):
                return ""
            if command.name in (None, "rbee") and word in PLUGINS - set(COMMANDS):
                return ""
            found = command.get_command(_context(command), word)
            if found is None:
                return f"there is no '{word}'"
            command, options = found, options | _options(found)
    return ""


def _options(command: Any) -> dict[str, bool]:
    """The names of a command's options, and whether a value follows."""
    found = dict.fromkeys(("--help", "-h", "-v", "--verbose"), False)
    for one in command.params:
        follows = not getattr(one, "is_flag", True)
        found |= {name: follows for name in (*one.opts, *one.secondary_opts) if name.startswith("-")}
    return found


def _context(command: Any) -> Any:
    return command.make_context(command.name or "rbee", [], resilient_parsing=True)
