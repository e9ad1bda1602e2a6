"""What the Hub keeps in Xet storage: files cut into chunks, chunks packed into xorbs, and how a file is put together.

As the protocol has it (https://huggingface.co/docs/xet), except that chunks have a fixed size, and that hashes, which a
reader only passes on, are sha256.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable
from typing import Any

from .repos import FakeFile

#: Bytes of a chunk: not a multiple of four, so that byte grouping has something left over.
CHUNK = 50_003
#: Chunks of a xorb, unless a store says otherwise.
XORB = 40
_PLAIN, _LZ4, _GROUPED = 0, 1, 2

#: ``(xorb, index, size)`` of one chunk of a file.
Place = tuple[str, int, int]


class XetStore:
    """Files in chunks. The same chunk is stored once, whichever file it is of.

    :ivar versions: of the reconstruction API that are spoken.
    :ivar xorb_chunks: how many go into one xorb.
    :ivar front: what stands in signed addresses instead of the storage itself: something in front of it.
    :ivar lie: what becomes of an answer before it is sent: of ``token`` or of ``reconstruction``.
    """

    def __init__(self) -> None:
        self.versions = {1, 2}
        self.xorb_chunks = XORB
        self.front = ""
        self.lie: Callable[[str, Any], Any] = lambda what, answer: answer
        self.files: dict[str, list[Place]] = {}
        self.xorbs: dict[str, FakeFile] = {}
        self.uploaded: dict[str, bytes] = {}
        #: Compression schemes in use, for tests that want to see all of them.
        self.schemes: set[int] = set()
        self._offsets: dict[str, list[int]] = {}
        self._places: dict[bytes, Place] = {}
        self._round = 0
        self._lock = threading.Lock()

    # --- putting in -------------------------------------------------------------------------------------------------

    def add(self, data: bytes) -> str:
        """Take in a file, if it is not here; returns its Xet hash."""
        name = hashlib.sha256(b"xet" + data).hexdigest()
        with self._lock:
            if name not in self.files:
                chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
                fresh = list(dict.fromkeys(chunk for chunk in chunks if chunk not in self._places))
                for start in range(0, len(fresh), self.xorb_chunks):
                    self._pack(fresh[start : start + self.xorb_chunks])
                self.files[name] = [self._places[chunk] for chunk in chunks]
        return name

    def _pack(self, chunks: list[bytes]) -> None:
        serialized, offsets = bytearray(), [0]
        for chunk in chunks:
            scheme, packed = _smallest(chunk)
            self.schemes.add(scheme)
            sizes = len(packed).to_bytes(3, "little"), len(chunk).to_bytes(3, "little")
            serialized += b"\0" + sizes[0] + bytes([scheme]) + sizes[1] + packed
            offsets.append(len(serialized))
        # After the chunks stands a footer, which no reader of a range has a right to.
        name = hashlib.sha256(serialized).hexdigest()
        self.xorbs[name] = FakeFile(name, bytes(serialized) + b"footer")
        self._offsets[name] = offsets
        for index, chunk in enumerate(chunks):
            self._places[chunk] = (name, index, len(chunk))

    # --- telling how ------------------------------------------------------------------------------------------------

    def size(self, file: str) -> int:
        """Of a file, in bytes."""
        return sum(size for _xorb, _index, size in self.files[file])

    def reconstruction(self, file: str, start: int, end: int, version: int) -> dict[str, Any]:
        """The terms of ``[start, end)`` of a file, and signed addresses of the chunks in them."""
        needed: list[Place] = []
        position = skip = 0
        for place in self.files[file]:
            after = position + place[2]
            if after > start and position < end:
                if not needed:
                    skip = start - position
                needed.append(place)
            position = after
        answer: dict[str, Any] = {"offset_into_first_range": skip, "terms": _terms(needed)}
        spans = {
            name: _joined(term["range"] for term in answer["terms"] if term["hash"] == name) for name, *_ in needed
        }
        if version == 2:
            answer["xorbs"] = {name: [self._signed_together(name, found)] for name, found in spans.items()}
        else:
            answer["fetch_info"] = {name: [self._signed(name, span) for span in found] for name, found in spans.items()}
        return answer

    def expire(self) -> None:
        """All signed addresses that were given out have run out."""
        self._round += 1

    def allows(self, xorb: str, query: dict[str, str], asked: str) -> bool:
        """Whether a signed address is good for this range (``bytes=0-99``), at this time."""
        spans = query.get("ranges", "")
        fresh = query.get("round") == str(self._round)
        return fresh and query.get("signature") == self._signature(xorb, spans) and asked[6:] in spans.split(",")

    def _signed(self, xorb: str, span: tuple[int, int]) -> dict[str, Any]:
        where = self._bytes(xorb, span)
        url = self._url(xorb, [where])
        return {"range": _edges(span), "url": url, "url_range": where}

    def _signed_together(self, xorb: str, spans: list[tuple[int, int]]) -> dict[str, Any]:
        ranges = [{"chunks": _edges(span), "bytes": self._bytes(xorb, span)} for span in spans]
        return {"url": self._url(xorb, [found["bytes"] for found in ranges]), "ranges": ranges}

    def _bytes(self, xorb: str, span: tuple[int, int]) -> dict[str, int]:
        offsets = self._offsets[xorb]
        return {"start": offsets[span[0]], "end": offsets[span[1]] - 1}

    def _url(self, xorb: str, ranges: list[dict[str, int]]) -> str:
        spans = ",".join(f"{span['start']}-{span['end']}" for span in ranges)
        query = f"ranges={spans}&round={self._round}&signature={self._signature(xorb, spans)}"
        return f"{self.front}/xorbs/default/{xorb}?{query}"

    def _signature(self, xorb: str, spans: str) -> str:
        return hmac.new(b"key", f"{xorb} {spans} {self._round}".encode(), "sha256").hexdigest()


def _smallest(chunk: bytes) -> tuple[int, bytes]:
    """Compression scheme and compressed bytes, whichever are the fewest."""
    from lz4.frame import compress

    grouped = b"".join(chunk[lane::4] for lane in range(4))
    return min(((_PLAIN, chunk), (_LZ4, compress(chunk)), (_GROUPED, compress(grouped))), key=lambda one: len(one[1]))


def _terms(places: list[Place]) -> list[dict[str, Any]]:
    """Neighbours of one xorb in one term."""
    terms: list[dict[str, Any]] = []
    for xorb, index, size in places:
        last = terms[-1] if terms else None
        if last and last["hash"] == xorb and last["range"]["end"] == index:
            last["range"]["end"] += 1
            last["unpacked_length"] += size
        else:
            terms.append({"hash": xorb, "unpacked_length": size, "range": {"start": index, "end": index + 1}})
    return terms


def _joined(ranges: Iterable[dict[str, int]]) -> list[tuple[int, int]]:
    """Ranges in order, those that touch joined."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted((found["start"], found["end"]) for found in ranges):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _edges(span: tuple[int, int]) -> dict[str, int]:
    return {"start": span[0], "end": span[1]}
