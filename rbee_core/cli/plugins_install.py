"""``rbee plugins install`` and ``uninstall``: distributions into and out of the environment that rbee runs in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ErrorCode, RbeeError
from ..refs.model_ref import redact
from . import complete, output
from .options import Offline
from .plugins_common import AsJson, Names, all_named, confirm, the_manager

if TYPE_CHECKING:
    from ..plugins.installing.prepare import Prepared
    from ..plugins.installing.trust import WheelFacts
    from ..plugins.records import PluginRecord

_WHAT = "Short names (ollama), distributions (rbee-vendor-x==1.0), wheels; and folders or git+URLs with --allow-source."
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def install(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]…", help=_WHAT, autocompletion=complete.installable)
    ] = None,
    requirements: Annotated[
        list[Path] | None, typer.Option("--requirement", "-r", metavar="FILE", help="What a file lists, too.")
    ] = None,
    upgrade: Annotated[bool, typer.Option("--upgrade", "-U", help="The newest version, if one is here.")] = False,
    pre: Annotated[bool, typer.Option("--pre", help="Versions before a release, too.")] = False,
    allow_source: Annotated[bool, typer.Option("--allow-source", help="Allow what has to be built.")] = False,
    yes: _Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would come.")] = False,
    offline: Offline = None,
    as_json: AsJson = False,
) -> None:
    """Install plugins. What is not first-party is shown and asked about first; nothing of it is executed for that."""
    import tempfile

    from ..plugins.installing.environment import Environment, installer
    from ..plugins.installing.names import wanted
    from ..plugins.installing.plan import Installer
    from ..plugins.installing.prepare import install as put_in
    from ..plugins.installing.prepare import prepare

    asked = wanted(names or [], requirements or [])
    here = Environment.here()
    here.refuse_if_not_ours(one.requirement for one in asked)
    with tempfile.TemporaryDirectory(prefix="rbee-install-") as folder:
        stay = bool(output.config()["offline"]) if offline is None else offline
        tool = Installer(installer(here), Path(folder), stay)
        prepared = prepare(asked, tool, upgrade=upgrade, pre=pre, allow_source=allow_source)
        if not as_json:
            _show(prepared)
        came: list[PluginRecord] = []
        if not dry_run and not prepared.nothing:
            if prepared.strange and not yes:
                _agree(prepared, as_json=as_json)
            came = put_in(prepared)
            _tell(prepared, came)
        elif prepared.nothing:
            output.note("All of it is installed already. -U looks for newer versions.")
        if as_json:
            output.print_json(_json(prepared, came, dry_run=dry_run))
        elif dry_run:
            for line in _lines(prepared):
                typer.echo(line)


def uninstall(
    names: Names,
    yes: _Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the command that would do it.")] = False,
) -> None:
    """Remove the distributions that plugins came with. Nothing of them is imported, so a broken one goes too."""
    import shlex

    from ..plugins.installing import remove

    manager = the_manager()
    dists = remove.distributions(all_named(manager, names))
    command = remove.uninstall_command(dists)
    if dry_run:
        typer.echo(shlex.join(command))
        return
    brought = [record for record in manager.records() if any(record.dist == dist.dist for dist in dists)]
    for dist in dists:
        ways = ", ".join(f"{record.kind} {record.name}" for record in brought if record.dist == dist.dist)
        output.note(f"{dist.title} brings: {ways}")
    if not yes:
        confirm(f"Uninstall {', '.join(dist.title for dist in dists)}?")
    remove.uninstall(dists)
    for dist in dists:
        output.note(f"Uninstalled {dist.title}.")


# --- helpers --------------------------------------------------------------------------------------------------------


def _agree(prepared: Prepared, *, as_json: bool) -> None:
    if as_json or not output.interactive():
        strangers = [f"{one.name} {one.version}" for one in prepared.facts]
        strangers += [redact(one.given) for one in prepared.sources]
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"Not first-party, and there is nobody to ask whether it is to be trusted: {', '.join(strangers)}.",
            "Nothing was installed. --dry-run shows what it is; if you trust it, say --yes.",
        )
    typer.confirm("A plugin can do all that you can. Install it?", abort=True, err=True)


def _show(prepared: Prepared) -> None:
    """Tell the person what would come."""
    for facts in prepared.facts:
        _show_wheel(facts)
    for source in prepared.sources:
        output.note(
            f"{redact(source.given)}\n  source: building it runs its code, and nothing is known of it before that"
        )
    if prepared.plan:
        output.note("Would come: " + ", ".join(f"{one.name} {one.version}" for one in prepared.plan))


def _show_wheel(facts: WheelFacts) -> None:
    lines = [
        f"{facts.name} {facts.version} is not first-party:",
        f"origin        {facts.origin}",
        f"summary       {facts.summary or 'none given'}",
        f"author        {facts.author or 'none given'} (as it says itself)",
        f"brings        {', '.join(facts.plugins)}",
        *(
            f"entry point   [{group}] {name} = {value}"
            for group, values in facts.entry_points.items()
            for name, value in values.items()
        ),
        f"requires      {', '.join(facts.requires) or 'nothing'}",
        f"sha256        {facts.sha256}",
        f"attestations  {facts.attestations}",
    ]
    if facts.at_start:
        lines.append(f"careful       runs whenever Python starts: {', '.join(facts.at_start)}")
    if facts.native:
        lines.append(f"careful       machine code in {facts.native} file(s)")
    if facts.resembles:
        lines.append(f"careful       its name resembles {facts.resembles}, which is first-party and another")
    output.note("\n  ".join(lines))


def _tell(prepared: Prepared, came: list[PluginRecord]) -> None:
    for planned in prepared.plan:
        ways = [f"{one.kind} {one.name}" for one in came if one.dist.lower() == planned.name.lower()]
        output.note(f"Installed {planned.name} {planned.version}" + (f": {', '.join(ways)}" if ways else "") + ".")
    if prepared.sources and not came:
        output.warn("What was built brings no plugin that was not here before.")
    for record in came if prepared.sources else []:
        output.note(f"{record.title} brings: {record.kind} {record.name}")


def _lines(prepared: Prepared) -> list[str]:
    return [f"{one.name}=={one.version}" for one in prepared.plan] + [
        redact(one.requirement) for one in prepared.sources
    ]


def _json(prepared: Prepared, came: list[PluginRecord], *, dry_run: bool) -> dict[str, Any]:
    return {
        "dryRun": dry_run,
        "plan": [
            {"name": one.name, "version": one.version, "url": redact(one.url), "sha256": one.sha256}
            for one in prepared.plan
        ],
        "sources": [redact(one.given) for one in prepared.sources],
        "notFirstParty": [facts.as_json() for facts in prepared.facts],
        "plugins": [record.row() for record in came],
    }
