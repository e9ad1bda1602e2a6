"""Which bytes are here, and who fetches the rest."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbee_core.transfer import schedule as scheduling
from rbee_core.transfer.intervals import Intervals, Span, parse_spans
from rbee_core.transfer.schedule import Schedule

SIZE = 60
SPANS = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=12)


def positions(spans: Any) -> set[int]:
    return {position for start, end in spans for position in range(start, end)}


@given(spans=SPANS, gone=SPANS)
def test_intervals_are_a_set_of_positions(spans: list[Span], gone: list[Span]) -> None:
    here = Intervals(spans)
    wanted = positions(spans)
    assert positions(here) == wanted
    assert here.total == len(wanted)
    assert positions(here.missing(SIZE)) == set(range(SIZE)) - wanted
    edges = [edge for span in here for edge in span]
    assert edges == sorted(set(edges)), "neighbours are not joined"
    assert positions(here.without(gone)) == wanted - positions(gone)
    for position in range(SIZE):
        run = position
        while run in wanted:
            run += 1
        assert here.end_at(position) == run


@pytest.mark.parametrize(
    "note", [None, {}, [1], [[1]], [[1, 2, 3]], [["0", 1]], [[0.0, 1]], [[True, 2]], [[2, 1]], [[-1, 2]], [[0, 11]]]
)
def test_a_note_that_makes_no_sense_is_refused(note: Any) -> None:
    with pytest.raises(ValueError, match="span"):
        parse_spans(note, 10)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "SMALLEST", 4)
    monkeypatch.setattr(scheduling, "LARGEST", 8)
    monkeypatch.setattr(scheduling, "WINDOW", 40)
    monkeypatch.setattr(scheduling, "WORTH_SHARING", 4)
    monkeypatch.setattr(scheduling, "WORTH_SECONDS", 0)


@pytest.mark.usefixtures("small")
def test_every_byte_is_written_once_whoever_is_slow() -> None:
    """Any order of progress, hand-backs and sharing covers the file without two writing one byte."""

    @given(kept_spans=SPANS, seed=st.integers(0, 1 << 32))
    def run(kept_spans: list[Span], seed: int) -> None:
        chance = random.Random(seed)
        kept = Intervals(kept_spans)
        schedule = Schedule(SIZE, Intervals(kept), lambda: 3)
        written: list[int] = []
        active: list[scheduling.Segment] = []
        hashed = 0
        while not schedule.complete:
            fresh = schedule.next(hashed) if len(active) < 3 else None
            if fresh is not None:
                active.append(fresh)
            hashed = schedule.arrived(hashed)
            if not active:
                continue
            segment = chance.choice(active)
            count = schedule.claim(segment, chance.randint(0, 5))
            written += range(segment.position, segment.position + count)
            if schedule.written(segment) or chance.random() < 0.1:
                schedule.release(segment)
                active.remove(segment)
        assert sorted(written) == sorted(set(range(SIZE)) - positions(kept))
        assert schedule.arrived(0) == SIZE

    run()


@pytest.mark.usefixtures("small")
def test_nobody_runs_further_ahead_of_the_hash_than_the_window() -> None:
    schedule = Schedule(1000, Intervals(), lambda: 100)
    starts = []
    while (segment := schedule.next(0)) is not None and segment.start not in starts and len(starts) < 200:
        starts.append(segment.start)
    assert max(starts) < 40 + 8


@pytest.mark.usefixtures("small")
def test_the_tail_of_the_slowest_is_shared() -> None:
    schedule = Schedule(7, Intervals(), lambda: 1)
    first = schedule.next(0)
    assert first is not None
    assert (first.start, first.end) == (0, 7)
    schedule.claim(first, 1)
    second = schedule.next(0)
    assert second is not None
    assert (first.end, second.start, second.end) == (4, 4, 7)
    assert schedule.next(0) is None  # not worth it


@pytest.mark.usefixtures("small")
def test_a_tail_that_will_be_here_in_a_moment_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "WORTH_SECONDS", 60)
    schedule = Schedule(7, Intervals(), lambda: 1)
    assert schedule.next(0) is not None
    assert schedule.next(0) is None


@pytest.mark.usefixtures("small")
def test_wrong_parts_are_handed_out_again() -> None:
    schedule = Schedule(20, Intervals([(0, 20)]), lambda: 1)
    assert schedule.complete
    schedule.again([(8, 12)])
    segment = schedule.next(20)
    assert segment is not None
    assert (segment.start, segment.end) == (8, 12)
    assert list(schedule.done()) == [(0, 8), (12, 20)]
