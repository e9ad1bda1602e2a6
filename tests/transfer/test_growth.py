"""More connections where a server holds each one back; not where it does not pay, and never against anybody's word."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbee_core.cli.options import download_options
from rbee_core.contracts.common import Digest
from rbee_core.jobs import MOST_CONNECTIONS, Job, JobOptions
from rbee_core.transfer import Tally, growth, receive
from rbee_core.transfer.budget import Budget
from rbee_core.transfer.growth import Growth

from .ranges import Server

Line = Callable[[int], float]
MB = 1_000_000


class Simulation:
    """A line and a clock of their own: what arrives depends on how many connections are in use, and on nothing else."""

    def __init__(self, line: Line, most: int = 32, start: int = 16) -> None:
        self.now = self.received = 0.0
        self.line = line
        self.budget = Budget(start)
        self.growth = Growth(self.budget, most, clock=lambda: self.now)
        self.highest = start

    def run(self, seconds: float, left: int | None = None) -> int:
        """So many seconds, all connections that there may be in use; how many there may be in the end."""
        for _ in range(round(seconds / 0.05)):
            while self.budget.wanted:
                self.budget.give()
            while self.budget.take_spare():
                pass
            self.highest = max(self.highest, self.budget.limit)
            self.now += 0.05
            self.received += self.line(self.budget._used) * 0.05
            self.growth.look(int(self.received), left)
        return self.budget.limit


def each(count: int) -> float:
    """25 MB/s for each connection."""
    return 25 * MB * count


def together(count: int) -> float:
    """400 MB/s, however many share it."""
    return 400 * MB


def test_it_doubles_where_each_connection_is_held_back() -> None:
    assert Simulation(each).run(5) == 32
    assert Simulation(each, most=100).run(10) == 100
    assert Simulation(each, most=24).run(5) == 24


def test_it_goes_back_where_more_bring_no_more() -> None:
    line = Simulation(together)
    assert line.run(30) == 16
    assert line.highest == 32
    assert line.growth.over
    assert line.budget._used == 16


def test_a_line_that_is_full_in_between_stops_it_there() -> None:
    assert Simulation(lambda count: min(each(count), 900 * MB), most=64).run(20) == 32


def test_a_slow_beginning_does_not_make_it_look_better_than_it_is() -> None:
    line = Simulation(together)
    line.line = lambda count: min(1.0, line.now / 2) * together(count)
    assert line.run(30) == 16


@pytest.mark.parametrize("most", [0, 8, 16])
def test_who_names_a_number_gets_no_more(most: int) -> None:
    line = Simulation(each, most=most)
    assert (line.run(30), line.highest) == (16, 16)


def test_a_refusal_ends_it_for_good() -> None:
    line = Simulation(each)
    while line.budget.limit == 16:
        line.run(0.05)
    line.run(0.05)
    line.budget.refused()
    assert line.run(30) == 16
    line = Simulation(each)
    line.run(0.05)
    line.budget.refused()
    assert (line.run(30), line.highest) == (15, 16)


def test_new_connections_may_take_a_while_to_gather_speed() -> None:
    line = Simulation(each)
    line.run(0.5)
    while line.budget.limit == 16:
        line.run(0.05)
    grown = line.now
    line.line = lambda count: each(16) + each(count - 16) * min(1.0, (line.now - grown) / 2)
    assert line.run(30) == 32


def test_a_line_that_is_never_quite_steady_is_measured_all_the_same() -> None:
    chance = random.Random(1)
    assert Simulation(lambda count: each(count) * chance.uniform(0.7, 1.3)).run(10) == 32
    assert Simulation(lambda count: together(count) * chance.uniform(0.8, 1.2)).run(10) == 16


def test_nothing_is_tried_when_it_is_nearly_over() -> None:
    assert Simulation(each).run(30, left=100 * MB) == 16


def test_nothing_is_measured_while_connections_are_idle() -> None:
    line = Simulation(each)
    line.budget._used = 3  # and no more work to be had
    for _ in range(100):
        line.now += 0.05
        line.received += each(3) * 0.05
        line.growth.look(int(line.received), None)
    assert line.budget.limit == 16


def test_a_rate_limit_leaves_nothing_to_gain() -> None:
    assert Tally(Job(options=JobOptions(max_rate=10 * MB, most_connections=32))).growth.over
    assert not Tally(Job(options=JobOptions(most_connections=32))).growth.over


def test_the_number_of_the_settings_is_as_good_as_the_flag_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from rbee_core.cli import output

    monkeypatch.setenv("RBEE_HOME", str(tmp_path))

    def most(**flags: Any) -> tuple[int, int]:
        output.config.cache_clear()
        options = download_options(**flags)
        return options.connections, options.most_connections

    try:
        assert most() == (16, MOST_CONNECTIONS)
        assert most(connections=16) == (16, 0)
        monkeypatch.setenv("RBEE_CONNECTIONS", "20")
        assert most() == (20, 0)
    finally:
        output.config.cache_clear()


@pytest.mark.usefixtures("small_ranges")
def test_a_download_grows_on_a_server_that_holds_each_connection_back(
    dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real engine, with a server each of whose connections waits between pieces: it works with more than it began
    with, and with no more than it may."""
    monkeypatch.setattr(growth, "SPAN", 0.1)
    monkeypatch.setattr(growth, "PATIENCE", 60.0)
    monkeypatch.setattr(growth, "RISING", 0.5)
    data = os.urandom(16_000_000)
    grown = threading.Event()

    def trouble(number: int, start: int, end: int) -> Any:
        for begin in range(start, end, 10_000):
            if not grown.is_set():
                time.sleep(0.05)  # what the server does; nothing waits for this to have happened
                if server.open > 4:
                    grown.set()
            yield data[begin : min(begin + 10_000, end)]

    server = Server(trouble)
    server.data = data
    digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
    job = Job(options=JobOptions(connections=4, most_connections=8))
    receive(server.source(size=len(data), digest=digest), dest, Tally(job, len(data)))
    assert grown.is_set()
    assert 4 < server.most <= 8
    assert dest.read_bytes() == data
