"""A plan on the screen: the choice, a picture of the memory, what else was considered, advice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..units import human_size
from . import output

if TYPE_CHECKING:
    from rich.text import Text

    from ..planning.bars import DeviceMemory
    from ..planning.plan import Plan

#: Columns that a bar takes.
WIDTH = 60
#: What has the memory: its name, its mark, its colour. The marks differ, so that the colours are not needed.
KINDS = (
    ("others", "x", "dim"),
    ("weights", "#", "blue"),
    ("KV cache", "=", "magenta"),
    ("compute", "+", "cyan"),
    ("overhead", "o", "yellow"),
    ("on the GPU", "%", "blue"),
    ("free", ".", "green"),
)


def show(plan: Plan) -> None:
    """Print a plan to standard output."""
    screen = output.console()
    screen.print(_heading(plan), markup=False)
    screen.print(f"{'->' if plan.chosen else 'x'} {plan.line()}", style="bold", markup=False)
    for memory in plan.memory:
        screen.print()
        screen.print(*_bar(memory), sep="\n", markup=False, soft_wrap=True)
    screen.print(_table(plan))
    for note in plan.notes:
        screen.print(f"Note: {note}", markup=False)
    if plan.chosen is not None:
        for advice in plan.advice:
            screen.print(f"Advice: {advice.text}", markup=False)


def _heading(plan: Plan) -> str:
    """The model in one line."""
    shape = plan.subject.shape
    if shape is None:
        return f"{plan.subject.id}: nothing is known of its size"
    facts = [
        shape.architecture if shape.architecture != "unknown" else "",
        _parameters(shape.parameters) if shape.exact else "",
        shape.quantization or "",
        human_size(shape.size),
        f"{len(shape.layers)} layers" if shape.layers and shape.exact else "",
        f"trained for {shape.trained_context} tokens" if shape.trained_context else "",
    ]
    return f"{plan.subject.id}: {', '.join(fact for fact in facts if fact)}"


def _parameters(count: int) -> str:
    if count < 10**9:
        return f"{count / 1e6:.1f} million parameters" if count else ""
    return f"{count / 1e9:.1f} billion parameters"


def _table(plan: Plan) -> object:
    table = output.table("verdict", "worker", "device", "why")
    styles = {"chosen": "green", "fits": "", "partial": "yellow", "refused": "dim"}
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for candidate in plan.candidates:
        # What is refused without regard to a device is mostly so for all variants of a worker.
        worker = candidate.recipe.id if candidate.recipe is not None and not candidate.devices else candidate.variant
        key = (candidate.verdict, worker, candidate.device or "-", candidate.reason)
        rows.setdefault(key, []).append(candidate.variant)
    for (verdict, worker, device, reason), variants in rows.items():
        features = ", ".join(variant.removeprefix(f"{worker}-") for variant in variants)
        name = f"{worker}-{{{features}}}" if len(variants) > 1 else variants[0]
        table.add_row(verdict, _plain(name), device, _plain(reason), style=styles[verdict])
    return table


def _plain(text: str) -> Text:
    from rich.text import Text

    return Text(text)


# --- the picture ----------------------------------------------------------------------------------------------------


def _bar(memory: DeviceMemory) -> list[Text]:
    """The name of a device, a bar, and what its marks mean."""
    from rich.text import Text

    device, part = memory.device, memory.part
    parts = (memory.others, part.weights, part.kv, part.compute, part.overhead, memory.shared, max(0, memory.free))
    bar = Text("[")
    legend = []
    for (name, mark, style), count, columns in zip(KINDS, parts, columns_of(parts), strict=True):
        bar.append(mark * columns, style=style)
        if count:
            legend.append(f"{mark} {name} {human_size(count)}")
    bar.append("]")
    if memory.free < 0:
        bar.append(f" {human_size(-memory.free)} too much", style="red")
    return [
        Text(f"{device.id} {device.name}, {human_size(device.memory_total)}", style="bold"),
        bar,
        Text("  ".join(legend)),
    ]


def columns_of(parts: tuple[int, ...], width: int = WIDTH) -> list[int]:
    """How many columns each part takes; none is lost that there is anything of."""
    total = sum(parts) or 1
    exact = [part * width / total for part in parts]
    columns = [max(1, int(share)) if part else 0 for share, part in zip(exact, parts, strict=True)]
    while (over := sum(columns) - width) != 0:
        index = max(
            range(len(parts)), key=lambda i: (columns[i] - exact[i]) * (1 if over > 0 else -1) if parts[i] else -width
        )
        columns[index] -= 1 if over > 0 else -1
    return columns
