"""Which bytes of a file are here: disjoint spans ``[start, end)`` in order, neighbours joined."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

Span = tuple[int, int]


class Intervals:
    """A set of byte positions, kept as few spans."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in spans:
            self.add(start, end)

    def __iter__(self) -> Iterator[Span]:
        return iter(list(zip(self._starts, self._ends, strict=True)))

    @property
    def total(self) -> int:
        """How many bytes that is."""
        return sum(self._ends) - sum(self._starts)

    def add(self, start: int, end: int) -> None:
        """Put a span in; it may overlap others."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last], self._ends[first:last] = [start], [end]

    def end_at(self, position: int) -> int:
        """The end of the span that holds ``position``; ``position`` itself where none does."""
        index = bisect_right(self._starts, position) - 1
        return max(position, self._ends[index]) if index >= 0 else position

    def missing(self, size: int) -> list[Span]:
        """What of ``[0, size)`` is not here."""
        gaps, begin = [], 0
        for start, end in self:
            if begin < min(start, size):
                gaps.append((begin, min(start, size)))
            begin = end
        if begin < size:
            gaps.append((begin, size))
        return gaps

    def without(self, spans: Iterable[Span]) -> Intervals:
        """The same without these."""
        gone = Intervals(spans)
        top = max((end for _start, end in self), default=0)
        both = Intervals([*self.missing(top), *gone])
        return Intervals(both.missing(top))


def parse_spans(found: Any, size: int) -> Intervals:
    """Spans as they stand in a note of a partial file.

    :raises ValueError: they are none, or reach beyond ``size``.
    """
    if not isinstance(found, list):
        raise ValueError("no list of spans")
    done = Intervals()
    for span in found:
        if not isinstance(span, list) or len(span) != 2 or not all(type(edge) is int for edge in span):
            raise ValueError("not a span")
        start, end = span
        if not 0 <= start < end <= size:
            raise ValueError("a span outside of the file")
        done.add(start, end)
    return done
