"""``rbee contracts``: the data contracts, for programs in other languages."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import output

app = typer.Typer(no_args_is_help=True, help="The data contracts, for programs in other languages.")


class Format(StrEnum):
    """What to export as."""

    JSONSCHEMA = "jsonschema"
    TYPESCRIPT = "typescript"


@app.callback()
def group() -> None:
    """The data contracts, for programs in other languages."""


@app.command()
def export(
    form: Annotated[Format, typer.Option("--format", help="What to export as.")] = Format.JSONSCHEMA,
    to: Annotated[Path | None, typer.Option("--output", "-o", help="A file, instead of standard output.")] = None,
) -> None:
    """Write the contracts as JSON Schema or TypeScript."""
    import json

    from ..contracts.export import json_schema, typescript

    text = typescript() if form is Format.TYPESCRIPT else json.dumps(json_schema(), indent=2) + "\n"
    if to is None:
        sys.stdout.write(text)
        return
    to.write_text(text, encoding="utf-8")
    output.note(f"Wrote {to}")
