"""Reading the headers of a model's files: where they lie, or through their vendor while they are elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..models.metadata.reading import open_plain

#: What is asked of a source at first, in bytes; each further request for the same file asks for twice as much, as
#: headers are read from their beginning on and some are long.
FIRST = 1 << 20
LARGEST = 8 << 20


def local_reader(folder: Path) -> Callable[[str, int, int], bytes | None]:
    """Reads parts of the files in a folder.

    :raises BadHeader: (the reader) it is not a regular file, or cannot be read.
    """

    def read(name: str, start: int, length: int) -> bytes | None:
        with open_plain(folder / name) as (file, _size):
            file.seek(start)
            found = bytearray()
            while len(found) < length and (part := file.read(length - len(found))):
                found += part
            return bytes(found)

    return read


class RemoteReader:
    """Reads parts of files that are elsewhere, and keeps what it has read.

    :param fetch: gives a part: name, first byte, length; ``None`` when it cannot.
    """

    def __init__(self, fetch: Callable[[str, int, int], bytes | None]) -> None:
        self._fetch = fetch
        self._kept: dict[str, list[tuple[int, bytes]]] = {}
        self._next: dict[str, int] = {}
        #: Bytes that were fetched so far.
        self.fetched = 0

    def __call__(self, name: str, start: int, length: int) -> bytes | None:
        """As the hook ``read_model``."""
        found = bytearray()
        while len(found) < length:
            at = start + len(found)
            kept = self._look(name, at)
            if kept is None and (kept := self._more(name, at, length - len(found))) is None:
                return None
            if not kept:
                break
            found += kept[: length - len(found)]
        return bytes(found)

    def _look(self, name: str, at: int) -> bytes | None:
        """What is kept from that byte on; empty where the file is known to end."""
        for start, data in self._kept.get(name, ()):
            if start <= at < start + len(data) or (start == at and not data):
                return data[at - start :]
        return None

    def _more(self, name: str, at: int, length: int) -> bytes | None:
        size = self._next.get(name, FIRST)
        self._next[name] = min(size * 2, LARGEST)
        data = self._fetch(name, at, max(length, size))
        if data is not None:
            self.fetched += len(data)
            self._kept.setdefault(name, []).append((at, data))
        return data
