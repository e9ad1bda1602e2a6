"""What a person sees: a bar with speed and time left on a terminal, no colour where none is wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping

from support.terminal import Terminal

from .conftest import Shelf

PACED = """
class Vendor(Shelf):
    @hookimpl
    def download_model(self, ref, dest, job):
        for step in range(1, 13):
            job.progress(step * 1_000_000, 12_000_000)
            job.wait(0.1)
        return Shelf.download_model(self, ref, dest, job)
"""


def _on_a_terminal(shelf: Shelf, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    with Terminal(shelf.rbee, *arguments, env=env) as terminal:
        seen = terminal.read()
        assert terminal.process.wait(timeout=30) == 0, seen
    return seen


def test_a_bar_with_speed_and_time_left(shelf: Shelf) -> None:
    shelf.vendor(PACED)
    seen = _on_a_terminal(shelf, "models", "download", "shelf:one")
    assert re.search(r"\d+%", seen)
    assert re.search(r"\d+\.\d/12\.0 MB", seen)
    assert re.search(r"\d+\.\d MB/s", seen)
    assert re.search(r"0:00:0\d", seen)
    assert "shelf:one is ready" in seen


def test_colours_on_a_terminal_unless_unwanted(shelf: Shelf) -> None:
    assert _on_a_terminal(shelf, "models", "download", "shelf:one")
    assert "\x1b[32m" in _on_a_terminal(shelf, "models", "catalog")
    assert "\x1b[3" not in _on_a_terminal(shelf, "models", "catalog", env={"NO_COLOR": "1"})
    assert "\x1b" not in shelf.rbee("models", "catalog").stdout


def test_no_bar_where_colours_are_unwanted(shelf: Shelf) -> None:
    shelf.vendor(PACED)
    seen = _on_a_terminal(shelf, "models", "download", "shelf:one", env={"NO_COLOR": "1"})
    assert "MB/s" not in seen
    assert "\x1b" not in seen
    assert "shelf:one is ready" in seen
