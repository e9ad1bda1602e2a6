"""``rbee plugins install``: distributions into the environment that rbee runs in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import complete, output, plugins_trust
from .options import Offline
from .plugins_common import AsJson, Yes

if TYPE_CHECKING:
    from ..plugins.installing.keepers import Keeper
    from ..plugins.installing.perform import Performed
    from ..plugins.installing.prepare import Prepared

_WHAT = "Short names (ollama), distributions (rbee-vendor-x==1.0), wheels; and folders or git+URLs with --allow-source."


def install(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]…", help=_WHAT, autocompletion=complete.installable)
    ] = None,
    requirements: Annotated[
        list[Path] | None,
        typer.Option("--requirement", "-r", metavar="FILE", help="What a file lists, too; - is standard input."),
    ] = None,
    upgrade: Annotated[bool, typer.Option("--upgrade", "-U", help="The newest version, if one is here.")] = False,
    pre: Annotated[bool, typer.Option("--pre", help="Versions before a release, too.")] = False,
    allow_source: Annotated[bool, typer.Option("--allow-source", help="Allow what has to be built.")] = False,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would come.")] = False,
    offline: Offline = None,
    as_json: AsJson = False,
) -> None:
    """Install plugins. What is not first-party is shown and asked about first; nothing of it is executed for that."""
    import tempfile

    from ..plugins.installing.environment import Environment, installer
    from ..plugins.installing.keepers import Keeper
    from ..plugins.installing.names import wanted
    from ..plugins.installing.perform import Performed, note_present, perform
    from ..plugins.installing.plan import Installer
    from ..plugins.installing.prepare import prepare
    from ..plugins.installing.record import InstallRecord

    asked = wanted(names or [], requirements or [])
    here = Environment.here()
    here.refuse_if_not_ours(one.requirement for one in asked)
    keeper = Keeper.of(here.prefix)
    record = InstallRecord(output.config(), on_problem=output.warn_once)
    with tempfile.TemporaryDirectory(prefix="rbee-install-") as folder:
        stay = bool(output.config()["offline"]) if offline is None else offline
        tool = Installer(installer(here), Path(folder), stay)
        prepared = prepare(asked, tool, upgrade=upgrade, pre=pre, allow_source=allow_source)
        if not as_json:
            plugins_trust.show(prepared)
        done = Performed([])
        if not dry_run and not prepared.nothing:
            if prepared.strangers and not yes:
                plugins_trust.agree(prepared, as_json=as_json)
            done = perform(prepared, record, keeper, output.warn)
        elif not dry_run:
            done = Performed([], note_present(prepared, record))
        tell(prepared, done, keeper, dry_run=dry_run)
        if as_json:
            output.print_json(_json(prepared, done, dry_run=dry_run))
        elif dry_run:
            for line in plugins_trust.lines(prepared):
                typer.echo(line)


def tell(prepared: Prepared, done: Performed, keeper: Keeper | None, *, dry_run: bool) -> None:
    """What came of it, in words."""
    if prepared.nothing:
        output.note("All of it is installed already. -U looks for newer versions.")
    if done.unrecorded and not dry_run:
        output.warn(f"It is installed, but not on record, so `rbee plugins sync` cannot restore it: {done.unrecorded}")
    if dry_run or prepared.nothing:
        return
    for planned in prepared.plan:
        ways = [f"{one.kind} {one.name}" for one in done.came if one.dist.lower() == planned.name.lower()]
        output.note(f"Installed {planned.name} {planned.version}" + (f": {', '.join(ways)}" if ways else "") + ".")
    if prepared.sources and not done.came:
        output.warn("What was built brings no plugin that was not here before.")
    for record in done.came if prepared.sources else []:
        output.note(f"{record.title} brings: {record.kind} {record.name}")
    if keeper is not None:
        _tell_of_keeper(prepared, done, keeper)


def _tell_of_keeper(prepared: Prepared, done: Performed, keeper: Keeper) -> None:
    """Whether it survives the upgrades of the tool that keeps the environment, and what to do when it does not."""
    from ..plugins.installing.keepers import Keeper

    now = Keeper(keeper.tool, keeper.prefix)  # the tool may have just learnt of it
    built = {record.dist for record in done.came} if prepared.sources else set()
    kept = any(now.lists(name) for name in built)  # a source without a name is what came
    asked = [one for one in prepared.wanted if not (now.lists(one.name) if one.name else kept)]
    if asked:
        output.note(
            f"{keeper.tool} keeps this environment: {keeper.wipes()} Then `rbee plugins sync` brings them back. "
            f"To have {keeper.tool} keep it: {now.keeping(one.requirement for one in asked)}"
        )


def _json(prepared: Prepared, done: Performed, *, dry_run: bool) -> dict[str, Any]:
    from ..plugins.installing.addresses import without_secrets

    return {
        "dryRun": dry_run,
        "plan": [
            {"name": one.name, "version": one.version, "url": without_secrets(one.url), "sha256": one.sha256}
            for one in prepared.plan
        ],
        "sources": [without_secrets(one.given) for one in prepared.sources],
        "notFirstParty": [facts.as_json() for facts in prepared.facts],
        "plugins": [record.row() for record in done.came],
        "recorded": not dry_run and not done.unrecorded,
    }
