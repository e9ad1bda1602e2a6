"""What would be installed, shown to the person, and their answer whether it is to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from ..errors import ErrorCode, RbeeError
from . import output

if TYPE_CHECKING:
    from ..plugins.installing.prepare import Prepared
    from ..plugins.installing.trust import WheelFacts


def agree(prepared: Prepared, *, as_json: bool) -> None:
    """Ask whether to trust what nobody agreed to yet.

    :raises RbeeError: ``PLUGIN_ERROR``: there is nobody to ask.
    :raises typer.Abort: the answer is no.
    """
    if as_json or not output.interactive():
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            "Not first-party, and there is nobody to ask whether it is to be trusted: "
            f"{', '.join(prepared.strangers)}.",
            "Nothing was installed. --dry-run shows what it is; if you trust it, say --yes.",
        )
    typer.confirm("A plugin can do all that you can. Install it?", abort=True, err=True)


def show(prepared: Prepared) -> None:
    """Tell the person what would come; what they agreed to before, only by its name."""
    from ..plugins.installing.addresses import without_secrets

    for facts in prepared.facts:
        if facts.sha256 not in prepared.known:
            _show_wheel(facts)
    for source in prepared.sources:
        if source.requirement not in prepared.known:
            output.note(
                f"{without_secrets(source.given)}\n"
                "  source: building it runs its code, and nothing is known of it before that"
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


def lines(prepared: Prepared) -> list[str]:
    """What would come, as ``--dry-run`` prints it."""
    from ..plugins.installing.addresses import without_secrets

    return [f"{one.name}=={one.version}" for one in prepared.plan] + [
        without_secrets(one.requirement) for one in prepared.sources
    ]
