"""How a span of a file is put together, as the storage tells it: checked before anything is fetched.

Source: https://huggingface.co/docs/xet/download-protocol; versions 1 and 2 of the answer differ in how they name what
is to be fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .chunks import HEADER, MAX_CHUNK, MAX_PACKED, XetError

#: Chunks that the terms of one span may have; far more than any span has that the engine asks for.
_MAX_CHUNKS = 1 << 18
#: Bytes of the longest address.
_MAX_URL = 16 << 10
_HASH = re.compile(r"[0-9a-f]{64}")
#: No position in a file or a xorb is beyond this.
_MAX = 1 << 53


@dataclass(frozen=True, slots=True)
class Fetch:
    """Bytes ``[start, end)`` of a xorb behind a signed address: its chunks ``[first, last)``."""

    url: str
    start: int
    end: int
    first: int
    last: int

    @property
    def size(self) -> int:
        """How many bytes that is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Term:
    """Chunks ``[first, last)`` of a xorb, ``size`` bytes of the file; ``fetch`` holds them, and perhaps more."""

    fetch: Fetch
    first: int
    last: int
    size: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The terms of a span, in order; the first ``skip`` bytes of the first are before the span."""

    terms: tuple[Term, ...]
    skip: int


def parse_plan(answer: Any, size: int, allowed: Callable[[str], bool]) -> Plan:
    """The plan for a span of ``size`` bytes.

    :param answer: the JSON document of ``/v1/reconstructions`` or ``/v2/reconstructions``.
    :param allowed: whether an address may be fetched from.
    :raises XetError: it cannot be right.
    """
    try:
        fetches = {}
        for xorb, entries in _fetches(answer).items():
            if _HASH.fullmatch(xorb) is None:
                raise XetError("the storage names a xorb by something that is no hash")
            fetches[xorb] = list(entries)
        terms = tuple(_term(found, fetches) for found in answer["terms"])
        skip = _number(answer["offset_into_first_range"])
    except (KeyError, TypeError, AttributeError):
        raise XetError("the storage does not answer as the Xet protocol says") from None
    if any(not _is_address(url) or not allowed(url) for url in {term.fetch.url for term in terms}):
        raise XetError("the storage sends to an address that is not to be asked")
    if not terms or skip >= terms[0].size or sum(term.size for term in terms) - skip < size:
        raise XetError("the terms of the file do not add up to it")
    if sum(term.last - term.first for term in terms) > _MAX_CHUNKS:
        raise XetError("the file is said to be in more chunks than it can be")
    return Plan(terms, skip)


def _fetches(answer: Any) -> dict[str, Iterator[Fetch]]:
    if "xorbs" in answer:
        return {
            xorb: (_fetch(entry["url"], part["chunks"], part["bytes"]) for entry in entries for part in entry["ranges"])
            for xorb, entries in answer["xorbs"].items()
        }
    return {
        xorb: (_fetch(entry["url"], entry["range"], entry["url_range"]) for entry in entries)
        for xorb, entries in answer["fetch_info"].items()
    }


def _fetch(url: Any, chunks: Any, span: Any) -> Fetch:
    first, last = _number(chunks["start"]), _number(chunks["end"])
    start, end = _number(span["start"]), _number(span["end"]) + 1  # its end is the last byte
    count = last - first
    if count <= 0 or not count * (HEADER + 1) <= end - start <= count * (HEADER + MAX_PACKED):
        raise XetError(f"{count} chunks are said to be in {end - start} bytes")
    return Fetch(url, start, end, first, last)


def _term(found: Any, fetches: dict[str, list[Fetch]]) -> Term:
    first, last = _number(found["range"]["start"]), _number(found["range"]["end"])
    size = _number(found["unpacked_length"])
    if not last - first <= size <= (last - first) * MAX_CHUNK or not size:
        raise XetError(f"{last - first} chunks are said to have {size} bytes")
    for fetch in fetches.get(found["hash"], ()):
        if fetch.first <= first and last <= fetch.last:
            return Term(fetch, first, last, size)
    raise XetError("the storage does not say where a part of the file is")


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MAX:
        raise XetError("the storage answers with a number that is none")
    return value


def _is_address(url: Any) -> bool:
    return isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url and len(url) <= _MAX_URL
