"""Blobs that a download in progress counts on: nobody deletes them meanwhile, though no entry names them yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..contracts.common import Digest
from .atomic import disk_errors
from .locks import lock
from .names import escape_id, unescape_id

_SUFFIX = ".wanted"


def model_lock(entry_id: str) -> str:
    """The name of the lock that whoever brings a model holds."""
    return f"model {entry_id}"


@contextmanager
def wanting(folder: Path, entry_id: str, digests: Iterable[Digest]) -> Iterator[None]:
    """Announce blobs for as long as this lasts. The caller holds the model's lock: it is what makes this count.

    Whoever deletes blobs holds the store's lock. Here it is taken once, so that afterwards a deletion is either over
    or knows what is wanted.

    :param folder: the locks'.
    """
    path = folder / (escape_id(model_lock(entry_id)) + _SUFFIX)
    with disk_errors(str(path)):
        path.write_text(json.dumps({"id": entry_id, "digests": sorted(digests)}), encoding="utf-8")
    try:
        with lock(folder, "store", doing=f"downloading {entry_id}"):
            pass
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def wanted_digests(folder: Path) -> set[Digest]:
    """What downloads in progress count on. The caller holds the store's lock."""
    found: set[Digest] = set()
    for path in folder.glob(f"*{_SUFFIX}"):
        try:
            said = json.loads(path.read_bytes())
            owner, digests = str(said["id"]), {Digest(str(text)) for text in said["digests"]}
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if not is_free(folder, owner):
            found |= digests
    return found


def stale_wishes(folder: Path) -> list[Path]:
    """Announcements of downloads that were killed."""
    stale = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        name = unescape_id(path.name.removesuffix(_SUFFIX))
        if name is not None and is_free(folder, name.removeprefix(model_lock(""))):
            stale.append(path)
    return stale


def is_free(folder: Path, entry_id: str) -> bool:
    """Whether nobody brings that model just now."""
    try:
        with lock(folder, model_lock(entry_id), timeout=0):
            return True
    except (TimeoutError, RuntimeError):
        return False
