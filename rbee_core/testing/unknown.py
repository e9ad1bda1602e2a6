"""What is said of a name that the kit does not know."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A sentence that has the names that are near, or all of them where none is."""
    listed = sorted(known)
    near = get_close_matches(name.lower(), listed, n=3, cutoff=0.5)
    guess = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(listed) or 'none'}"
    return f"there is no {what} {name!r}; {guess}"
