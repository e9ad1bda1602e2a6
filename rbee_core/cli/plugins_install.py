"""``rbee plugins uninstall``: distributions into and out of the environment."""

from __future__ import annotations

from typing import Annotated

import typer

from . import output
from .plugins_common import Names, all_named, confirm, the_manager


def uninstall(
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the command that would do it.")] = False,
) -> None:
    """Remove the distributions that plugins came with. Nothing of them is imported, so a broken one goes too."""
    import shlex

    from ..plugins import installer

    manager = the_manager()
    dists = installer.distributions(all_named(manager, names))
    command = installer.uninstall_command(dists)
    if dry_run:
        typer.echo(shlex.join(command))
        return
    brought = [record for record in manager.records() if any(record.dist == dist.dist for dist in dists)]
    for dist in dists:
        ways = ", ".join(f"{record.kind} {record.name}" for record in brought if record.dist == dist.dist)
        output.note(f"{dist.title} brings: {ways}")
    if not yes:
        confirm(f"Uninstall {', '.join(dist.title for dist in dists)}?")
    installer.uninstall(dists)
    for dist in dists:
        output.note(f"Uninstalled {dist.title}.")
