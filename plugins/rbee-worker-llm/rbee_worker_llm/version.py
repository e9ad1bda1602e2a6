"""Which software this is, for ``GET /info``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

IMPLEMENTATION = "rbee-worker-llm"


@cache
def version() -> str:
    """The version of the distribution that this package was copied from.

    The builder writes it beside the package; in the distribution itself the metadata knows.
    """
    note = Path(__file__).with_name("VERSION")
    if note.is_file():
        return note.read_text(encoding="utf-8").strip()
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    try:
        return of(IMPLEMENTATION)
    except PackageNotFoundError:
        return "0"
