"""What ``rbee plugins check`` draws: each plugin in a line, and below it what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from . import output
from .plugins_common import wrapped

if TYPE_CHECKING:
    from rich.text import Text

    from ..checking.check import Checked
    from ..checking.rules import Finding
    from ..plugins import PluginRecord

_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}
_OUTCOMES = {"passed": "green", "failed": "red", "skipped": "dim"}

Row = tuple["PluginRecord", "Checked | None"]


def draw(rows: Sequence[Row], *, strict: bool) -> None:
    """Print what came of a check.

    :param rows: each plugin, with ``None`` where it was left out.
    :param strict: warnings fail too.
    """
    screen = output.console()
    told: set[tuple[str, Finding]] = set()
    counts = dict.fromkeys((*_OUTCOMES, *_STYLES), 0)
    for record, result in rows:
        outcome = "skipped" if result is None else "passed" if result.passes(strict=strict) else "failed"
        counts[outcome] += 1
        for line in _heading(record, result, outcome, screen.width):
            screen.print(line, soft_wrap=True)
        # What is wrong with a distribution is told below the first of its plugins.
        new = [one for one in (result.findings if result is not None else []) if (record.dist, one) not in told]
        told.update((record.dist, one) for one in new)
        for one in new:
            counts[one.severity] += 1
        for line in _below(new, screen.width):
            screen.print(line, soft_wrap=True)
    for line in wrapped(_sum(counts), "", screen.width):
        screen.print(line, soft_wrap=True)


def _heading(record: PluginRecord, result: Checked | None, outcome: str, width: int) -> Iterator[Text]:
    from rich.text import Text

    text = f"{record.kind} {record.name} ({record.title})"
    if result is None:
        text += f": {record.reason}"
    elif result.modules is not None and result.import_ms is not None:
        noun = "module" if result.modules == 1 else "modules"
        text += f": {result.import_ms:.0f} ms, {result.modules} {noun}"
    for number, line in enumerate(wrapped(text, " " * 9, width)):
        yield line if number else Text(f"{outcome:9}", style=_OUTCOMES[outcome]).append_text(_unstyled(line[9:]))


def _unstyled(text: Text) -> Text:
    from rich.text import Text

    return Text(text.plain, style="default")


def _below(findings: list[Finding], width: int) -> Iterator[Text]:
    """Errors and warnings with what to do; what only concerns publishing in a line, and with ``-v`` in full."""
    for one in findings:
        if one.severity != "note" or output.verbose():
            where = f" ({one.where})" if one.where else ""
            yield from _item(one.severity, one.message + where, width)
            if one.hint:
                yield from wrapped(one.hint, " " * 13, width, "dim")
    notes = [one.message for one in findings if one.severity == "note"]
    if notes and not output.verbose():
        yield from _item("note", f"to publish it: {'; '.join(notes)}", width)


def _item(severity: str, text: str, width: int) -> Iterator[Text]:
    from rich.text import Text

    for number, line in enumerate(wrapped(text, " " * 13, width)):
        yield line if number else Text(f"    {severity:9}", style=_STYLES[severity]).append_text(_unstyled(line[13:]))


def _sum(counts: dict[str, int]) -> str:
    outcomes = ", ".join(f"{counts[word]} {word}" for word in _OUTCOMES if counts[word])
    found = ", ".join(f"{n} {word}{'s' * (n != 1)}" for word in _STYLES if (n := counts[word]))
    return f"{outcomes or 'Nothing to check'}{'; ' if found else ''}{found}."
