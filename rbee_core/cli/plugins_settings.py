"""``rbee plugins enable``, ``disable`` and ``prefer``: which plugins are used."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import UsageError
from . import complete, output
from .plugins_common import AsJson, NameOff, NameOn, again, the_manager


def enable(name: NameOff, as_json: AsJson = False) -> None:
    """Turn a plugin on again."""
    from ..plugins.settings import enable as turn_on

    manager = the_manager()
    meant = turn_on(manager.registry.settings, manager.records(), name)
    now = again(manager, meant)
    if not meant:
        output.note(f"{name} is no longer turned off; it is not installed.")
    for record in now:
        if record.status == "disabled":
            output.warn(f"{record.name} ({record.title}) stays disabled: {record.reason}")
        else:
            output.note(f"Enabled {record.name} ({record.title}).")
    if as_json:
        output.print_json({"plugins": [record.row() for record in now]})


def disable(name: NameOn, as_json: AsJson = False) -> None:
    """Turn a plugin off: it is never imported, until it is enabled again."""
    from ..plugins.settings import disable as turn_off

    manager = the_manager()
    now = again(manager, turn_off(manager.registry.settings, manager.records(), name))
    for record in now:
        output.note(f"Disabled {record.name} ({record.title}).")
    if as_json:
        output.print_json({"plugins": [record.row() for record in now]})


def prefer(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SCHEME",
            help="A scheme, backend, worker or command.",
            autocompletion=complete.routed_names,
        ),
    ],
    dist: Annotated[
        str | None,
        typer.Argument(metavar="DIST", help="The distribution that decides for it.", autocompletion=complete.rivals),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the preference back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Choose which distribution wins where several answer to one name."""
    from ..plugins import settings

    manager = the_manager()
    if clear == (dist is not None):
        raise UsageError("Say which distribution, or --clear.", f"rbee plugins prefer {name} DIST")
    if dist is None:
        had = settings.forget_preference(manager.registry.settings, name)
        output.note(f"No distribution is preferred for {name} {'any more' if had else '(none was)'}.")
        now = [record for record in manager.records() if record.name.lower() == name.lower()]
    else:
        now = again(manager, settings.prefer(manager.registry.settings, manager.records(), name, dist))
        for record in now:
            output.note(f"{record.dist} is preferred for {record.name}.")
    if as_json:
        output.print_json({"plugins": [record.row() for record in now]})
