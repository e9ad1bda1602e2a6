"""Which catalog entry a person means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contracts.model import ModelEntry
from ..errors import ErrorCode, RbeeError
from ..refs import ModelRef

if TYPE_CHECKING:
    from ..store import CatalogStore


def find_entry(catalog: CatalogStore, text: str) -> ModelEntry | None:
    """The entry whose id is ``text``, or whose canonical reference ``text`` is another way to write.

    An id wins over a reference, so any word can be an id.
    """
    text = text.strip()
    if (entry := catalog.get(text)) is not None:
        return entry
    try:
        canonical = str(ModelRef.parse(text))
    except RbeeError:
        return None
    if (entry := catalog.get(canonical)) is not None:
        return entry
    same = [entry for entry in catalog.list() if entry.source == canonical]
    # The same model may stand under several ids; one that is here serves.
    return next((entry for entry in same if entry.downloaded), same[0] if same else None)


def require_entry(catalog: CatalogStore, text: str) -> ModelEntry:
    """As `find_entry`.

    :raises RbeeError: ``MODEL_NOT_FOUND``, with the nearest ids.
    """
    entry = find_entry(catalog, text)
    if entry is not None:
        return entry
    import difflib

    near = difflib.get_close_matches(text, [entry.id for entry in catalog.list()], n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else "See what is there: rbee models catalog"
    raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{text!r} is not in the catalog.", hint)
