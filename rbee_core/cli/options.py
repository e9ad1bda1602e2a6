"""Options that several commands share, and how they become a job's."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..jobs import MOST_CONNECTIONS, JobOptions
from . import output

if TYPE_CHECKING:
    from ..rbee import Rbee

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Offline = Annotated[
    bool | None, typer.Option("--offline/--online", help="Never touch the network.", show_default=False)
]
Paths = Annotated[
    list[Path] | None, typer.Option("--path", help="Also look for workers in this folder; may be repeated.")
]


@cache
def facade() -> Rbee:
    """The facade over the settings of this process."""
    from ..rbee import Rbee

    return Rbee(output.config(), on_problem=output.warn_once)


def download_options(
    *,
    revision: str | None = None,
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    copy: bool = False,
    insecure: bool = False,
    offline: bool | None = None,
    connections: int | None = None,
    max_rate: int | None = None,
    stall_timeout: float | None = None,
) -> JobOptions:
    """A job's options: the flags given, else the settings."""
    config = output.config()
    # Who names a number, here or in the settings, gets no more than that.
    named = connections is not None or config.resolve("connections").origin != "default"
    return JobOptions(
        revision=revision,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        copy=copy,
        insecure=insecure,
        offline=config["offline"] if offline is None else offline,
        connections=connections or config["connections"],
        most_connections=0 if named else MOST_CONNECTIONS,
        max_rate=max_rate or config["max_rate"],
        stall_timeout=stall_timeout or config["stall_timeout"],
    )
