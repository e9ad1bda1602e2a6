"""What is written where: data to standard output, everything for the person to standard error."""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from ..config import Config
from ..errors import RbeeError, UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_verbose = False


def set_verbose() -> None:
    """Show tracebacks and debug events from here on."""
    global _verbose
    _verbose = True


def verbose() -> bool:
    """Whether ``-v`` was given."""
    return _verbose


@cache
def config() -> Config:
    """The settings of this process."""
    return Config()


def prepare_streams() -> None:
    """Never fail to print because a terminal's encoding lacks a character."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def print_json(data: Any) -> None:
    """Print one JSON document to standard output."""
    sys.stdout.write(_to_json(data) + "\n")


def _to_json(data: Any) -> str:
    # Twenty times as fast for ten thousand models; not worth an import where nothing else needed it.
    if (core := sys.modules.get("pydantic_core")) is not None:
        with suppress(core.PydanticSerializationError):
            text: str = core.to_json(data, indent=2, inf_nan_mode="constants").decode()
            return text
    return json.dumps(data, indent=2, ensure_ascii=False)


@cache
def console(*, stderr: bool = False) -> Console:
    """A rich console. Off a terminal it has no colour and does not fold long lines; ``NO_COLOR`` is honoured."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    plain = not stream.isatty() or no_color()
    return Console(
        stderr=stderr,
        highlight=False,
        emoji=False,
        width=None if stream.isatty() else int(os.environ.get("COLUMNS", "240")),
        soft_wrap=not stream.isatty(),
        # Without a colour system there is no bold and no italic either.
        color_system=None if plain else "auto",
    )


def no_color() -> bool:
    """Whether the person wants neither colour nor a bar (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def note(text: str) -> None:
    """Tell the person something, on standard error."""
    console(stderr=True).print(text, markup=False)


def warn(text: str) -> None:
    """Warn the person, on standard error."""
    console(stderr=True).print(f"warning: {text}", style="yellow", markup=False)


@cache
def warn_once(text: str) -> None:
    """Warn the person, but only the first time."""
    warn(text)


def table(*headings: str, title: str | None = None, caption: str | None = None) -> Table:
    """A table to fill with ``add_row`` and print with ``console().print``."""
    from rich import box
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, title=title, caption=caption, title_justify="left", caption_justify="left")
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    return drawn


def show_error(error: RbeeError | UsageError, *, as_json: bool) -> None:
    """Say what went wrong and what to do, on standard error; the traceback only with ``-v``."""
    if verbose():
        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        sys.stderr.write(json.dumps(error.as_json(), ensure_ascii=False) + "\n")
        return
    screen = console(stderr=True)
    screen.print(f"error: {error.message}", style="red", markup=False)
    if error.hint:
        screen.print(error.hint, markup=False)
    if isinstance(error, RbeeError) and not verbose():
        screen.print(f"({error.code})", style="dim", markup=False)


def abandon_stdout() -> None:
    """The reader went away: let the interpreter's last flush go nowhere instead of complaining."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def interactive() -> bool:
    """Whether a person can be asked something."""
    return sys.stdin.isatty() and sys.stderr.isatty()
