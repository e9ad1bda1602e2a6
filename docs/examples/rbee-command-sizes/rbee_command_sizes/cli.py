"""`rbee sizes`: what the models of the catalog take on the disk, and what would be free without them."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .usage import Usage


class Order(StrEnum):
    """What a table can be sorted by."""

    SIZE = "size"
    NAME = "name"
    IDLE = "idle"


app = typer.Typer()


@app.command()
def sizes(
    models: Annotated[list[str] | None, typer.Argument(metavar="[MODEL]…", help="All, when none is named.")] = None,
    by: Annotated[
        Order, typer.Option(help="What comes first: the largest, the first name, the longest idle.")
    ] = Order.SIZE,
    idle: Annotated[
        int,
        typer.Option(metavar="DAYS", min=0, help="Only models that nobody used for so many days."),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """What each model takes on the disk, and how much of that no other model has."""
    from rbee_core import Rbee  # here and not above: `rbee sizes --help` is quick without it

    from .usage import measure

    rbee = Rbee()
    wanted = {rbee.require(model).id for model in models or ()}  # an RbeeError becomes a message and exit status 1
    found = [one for one in measure(rbee.catalog.list()) if one.idle_days >= idle and one.id in (wanted or {one.id})]
    found.sort(key=_KEYS[by])
    if as_json:
        rows = [one.as_json() for one in found]
        typer.echo(json.dumps({"models": rows, "total": sum(one.alone for one in found)}, indent=2))
    elif found:
        _print_table(found)
    else:
        typer.echo("There is no such model in the catalog.", err=True)  # not data: the table is empty


_KEYS = {
    Order.SIZE: lambda model: (-model.size, model.id),
    Order.NAME: lambda model: model.id,
    Order.IDLE: lambda model: (-model.idle_days, model.id),
}


def _print_table(models: list[Usage]) -> None:
    from rbee_core.units import human_size

    widest = max(len(model.id) for model in models)
    typer.echo(f"{'model':{widest}}  {'size':>9}  {'only here':>9}  {'idle':>7}")
    for model in models:
        pin = "  pinned" if model.pinned else ""
        size, alone = human_size(model.size), human_size(model.alone)
        typer.echo(f"{model.id:{widest}}  {size:>9}  {alone:>9}  {model.idle_days:>4} d{pin}")
