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

    models = [model for model in measure(Rbee().catalog.list()) if model.idle_days >= idle]
    models.sort(key=_KEYS[by])
    if as_json:
        rows = [model.as_json() for model in models]
        typer.echo(json.dumps({"models": rows, "total": sum(model.alone for model in models)}, indent=2))
    elif models:
        _print_table(models)
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
