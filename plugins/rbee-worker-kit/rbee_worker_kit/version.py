"""Which software this is, for ``GET /info``."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from .program import Program


@cache
def version(program: Program) -> str:
    """The version of the distribution that the worker's package was copied from.

    The builder writes it beside the package; in the distribution itself the metadata knows.
    """
    spec = importlib.util.find_spec(program.package)
    if spec is not None and spec.origin is not None:
        note = Path(spec.origin).with_name("VERSION")
        if note.is_file():
            return note.read_text(encoding="utf-8").strip()
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    try:
        return of(program.implementation)
    except PackageNotFoundError:
        return "0"
