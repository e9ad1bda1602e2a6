"""What ``rbee plugins list`` draws: by kind, each plugin in a line, what is wrong with it, and the sum of it all.

Three widths: reasons in a column of their own; below their plugin; and for narrow terminals the distribution below as
well. No line is longer than the terminal is wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import output
from .plugins_common import plain, status_text, wrapped

if TYPE_CHECKING:
    from rich.text import Text

    from ..plugins.first_party import FirstParty
    from ..plugins.records import PluginRecord

#: Characters of width from which on reasons stand beside their plugins, and distributions beside names.
_WIDE, _MIDDLE = 120, 60
#: Most characters that a name may take of a line, so that one long name does not push all others aside.
_LONGEST = 28
_HEADINGS = {"vendor": "Vendors", "backend": "Backends", "worker": "Workers", "command": "Commands"}
_WORDS = {"active": "active", "disabled": "disabled", "error": "with an error", "incompatible": "incompatible"}
_WORDS["conflict"] = "in conflict"
_NOT_HERE = "not installed"

#: A cell of each line, then the line or lines below it, each with its style.
Row = tuple["Text", "Text", "Text", list[tuple[str, str]]]


def draw(records: Sequence[PluginRecord], available: Sequence[FirstParty] = ()) -> None:
    """Print the list.

    :param records: what is installed.
    :param available: what is not.
    """
    screen = output.console()
    groups = list(_groups(records, available))
    rows = [row for _, rows in groups for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*(row[:3] for row in rows), strict=True)]
    widths[0] = min(_LONGEST, widths[0])
    for heading, below in groups:
        screen.print(heading)
        for row in below:
            for line in _lines(row, widths, screen.width):
                screen.print(line, soft_wrap=True)
        screen.print()
    for text in _sum(records):
        for line in wrapped(text, "", screen.width):
            screen.print(line, soft_wrap=True)


def _groups(records: Sequence[PluginRecord], available: Sequence[FirstParty]) -> Iterator[tuple[Text, list[Row]]]:
    from rich.text import Text

    for kind, heading in _HEADINGS.items():
        rows: list[Row] = []
        for record in records:
            if record.kind == kind:
                style = "" if record.status == "disabled" else status_text(record.status).style
                below = [(record.reason, str(style))] if record.reason else []
                rows.append((plain(record.name), status_text(record.status), plain(record.title), below))
        for dist in available:
            if dist.kind == kind:
                names = plain(", ".join(dist.names))
                names.stylize("dim")
                notes = [(dist.summary, "dim"), (dist.command, "")]
                rows.append((names, Text(_NOT_HERE, style="dim"), Text(dist.dist, style="dim"), notes))
        if rows:
            yield Text(heading, style="bold"), rows


def _lines(row: Row, widths: list[int], width: int) -> Iterator[Text]:
    from rich.text import Text

    name, status, dist, below = row
    if width < _MIDDLE:
        yield from _folded(name, status, dist, below, widths, width)
        return
    line = Text("  ").append_text(_cell(name, widths[0])).append("  ").append_text(_cell(status, widths[1]))
    line.append("  ").append_text(dist)
    start = sum(widths) + 8
    if width >= _WIDE and below and start + 30 <= width and line.cell_len <= start - 2:
        first, *more = wrapped("; ".join(text for text, _ in below), " " * start, width, below[0][1])
        line.append(" " * (start - line.cell_len))
        yield line.append_text(first[start:])
        yield from more
        return
    if line.cell_len > width:
        yield from _folded(name, status, dist, below, widths, width)
        return
    yield line
    for text, style in below:
        yield from wrapped(text, "      ", width, style)


def _folded(
    name: Text, status: Text, dist: Text, below: list[tuple[str, str]], widths: list[int], width: int
) -> Iterator[Text]:
    """Name and status; all else below."""
    from rich.text import Text

    if 4 + max(name.cell_len, widths[0]) + status.cell_len <= width:
        yield Text("  ").append_text(_cell(name, widths[0])).append("  ").append_text(status)
    else:
        yield from wrapped(name.plain, "  ", width, str(name.style))
        yield Text("    ").append_text(status)
    yield from wrapped(dist.plain, "    ", width, "dim")
    for text, style in below:
        yield from wrapped(text, "    ", width, style)


def _cell(text: Text, width: int) -> Text:
    cell = text.copy()
    cell.append(" " * (width - cell.cell_len))
    return cell


def _sum(records: Iterable[PluginRecord]) -> Iterator[str]:
    """How many of each, and what to do about those that do not work."""
    records = list(records)
    counts = {status: sum(record.status == status for record in records) for status in _WORDS}
    parts = [f"{count} {_WORDS[status]}" for status, count in counts.items() if count]
    if parts:
        yield f"{', '.join(parts)}."
    if counts["error"]:
        yield "Try one again: rbee plugins check NAME"


def as_json(records: Iterable[PluginRecord], available: Sequence[FirstParty] | None) -> dict[str, Any]:
    """The JSON document; with ``available`` only where that was asked for."""
    rows: dict[str, Any] = {"plugins": [record.row() for record in records]}
    return rows if available is None else {**rows, "available": [dist.row() for dist in available]}
