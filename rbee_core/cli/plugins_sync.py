"""``rbee plugins sync`` and ``export``: what is on record brought back; what is installed, for elsewhere."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ErrorCode, RbeeError, UsageError
from . import complete, output, plugins_trust
from .options import Offline
from .plugins_common import AsJson, Yes
from .plugins_install import tell

if TYPE_CHECKING:
    from ..plugins.installing.export import Exported
    from ..plugins.installing.prepare import Prepared
    from ..plugins.installing.record import Entry, InstallRecord
    from ..plugins.installing.sync import Synced


def sync(
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PREFIX",
            help="Take over what is on record for another environment.",
            autocompletion=complete.recorded_environments,
        ),
    ] = None,
    upgrade: Annotated[bool, typer.Option("--upgrade", "-U", help="The newest versions, not those on record.")] = False,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would come.")] = False,
    offline: Offline = None,
    as_json: AsJson = False,
) -> None:
    """Restore plugins that are on record and gone, as after an upgrade of rbee's environment.

    What a person agreed to comes back unasked if it is the very same file. Exit status 1 if something cannot.
    """
    import tempfile

    from ..plugins.installing.environment import Environment, installer
    from ..plugins.installing.keepers import Keeper
    from ..plugins.installing.plan import Installer
    from ..plugins.installing.record import InstallRecord
    from ..plugins.installing.sync import Sync, Synced, lacking, settle

    record = InstallRecord(output.config(), on_problem=output.warn_once)
    if not dry_run:
        with suppress(UsageError), record.working():  # an unreadable record is told below
            settle(record)
    missing = lacking(record.entries(source))
    result = Synced()
    if missing:
        here = Environment.here()
        here.refuse_if_not_ours(entry.requirement for entry in missing)
        keeper = Keeper.of(here.prefix)
        with tempfile.TemporaryDirectory(prefix="rbee-install-") as folder:
            stay = bool(output.config()["offline"]) if offline is None else offline
            tool = Installer(installer(here), Path(folder), stay)
            accept = _accept(yes=yes or dry_run, as_json=as_json)
            work = Sync(tool, record, keeper, accept, output.warn, newest=upgrade, dry_run=dry_run)
            result = work.restore(missing)
        for prepared, done in result.done:
            tell(prepared, done, keeper, dry_run=dry_run)
    _report(result, record, source, dry_run=dry_run, as_json=as_json)
    if result.failed:
        raise typer.Exit(1)


def export(
    hashes: Annotated[bool, typer.Option("--hashes", help="Add the digests of wheels that are on record.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the plugins of this environment as requirements for `rbee plugins install -r`.

    Also what pip or uv installed; not what another plugin brings along. What is on record and gone is printed, too.
    """
    from ..plugins.installing.export import export as exported
    from ..plugins.installing.record import InstallRecord

    try:
        entries = InstallRecord(output.config(), on_problem=output.warn_once).entries()
    except UsageError as error:
        output.warn(f"{error.message} What is not installed any more is missing here.")
        entries = []
    found = exported(entries)
    for one in found:
        _point_out(one, hashes=hashes)
    if as_json:
        output.print_json({"plugins": [one.row() for one in found]})
        return
    for one in found:
        typer.echo(one.line(hashes=hashes))


# --- helpers --------------------------------------------------------------------------------------------------------


def _accept(*, yes: bool, as_json: bool) -> Any:
    """Show what would come, and ask about what nobody agreed to; a no concerns this alone."""

    def accept(prepared: Prepared) -> None:
        if not as_json:
            plugins_trust.show(prepared)
        if prepared.strangers and not yes:
            try:
                plugins_trust.agree(prepared, as_json=as_json)
            except typer.Abort:
                raise RbeeError(
                    ErrorCode.PLUGIN_ERROR,
                    f"You did not agree to {', '.join(prepared.strangers)}.",
                    "To forget it: rbee plugins uninstall NAME",
                ) from None

    return accept


def _report(result: Synced, record: InstallRecord, source: str | None, *, dry_run: bool, as_json: bool) -> None:
    for entry, error in result.failed:
        output.warn(f"{entry.title} cannot be restored: {error.message} {error.hint}".rstrip())
    if not result.restored and not result.failed:
        known = bool(record.entries(source))
        output.note(f"Nothing is {'missing: all that is on record is installed' if known else 'on record'}.")
        if source is None and not known:
            for prefix, count in record.others().items():
                output.note(f"On record for {prefix}: {count}. To take that over: rbee plugins sync --from {prefix}")
    if as_json:
        output.print_json(_json(result, dry_run=dry_run))
    elif dry_run:
        for prepared, _ in result.done:
            for line in plugins_trust.lines(prepared):
                typer.echo(line)


def _json(result: Synced, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dryRun": dry_run,
        "restored": [_row(entry) for entry in result.restored],
        "failed": [{**_row(entry), **error.as_json()["error"]} for entry, error in result.failed],
        "plan": [
            {"name": one.name, "version": one.version, "sha256": one.sha256}
            for prepared, _ in result.done
            for one in prepared.plan
        ],
        "plugins": [record.row() for _, done in result.done for record in done.came],
        "recorded": not dry_run and not any(done.unrecorded for _, done in result.done),
    }


def _row(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "version": entry.version, "requirement": entry.requirement, "restore": entry.restore}


def _point_out(one: Exported, *, hashes: bool) -> None:
    if not one.here:
        output.warn(f"{one.name} {one.version} is on record and gone. To bring it back: rbee plugins sync")
    if one.editable:
        output.warn(f"{one.name} is a checkout that is worked on; installed from this line, it is a copy.")
    if hashes and not one.sha256:
        output.warn(f"No digest of {one.name} {one.version} is on record.")
