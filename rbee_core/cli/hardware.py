"""``rbee hardware``: what this machine can compute on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from ..probing import tidy
from ..units import human_size
from . import output
from .options import Json, facade

if TYPE_CHECKING:
    from ..contracts import Device

app = typer.Typer()

#: How people write a backend's runtime.
_RUNTIMES = {"cuda": "CUDA", "rocm": "ROCm", "metal": "Metal"}


@app.command()
def hardware(as_json: Json = False) -> None:
    """Show the devices that the backends find, and why a backend finds none. With -v also what each can do."""
    found = facade().workers.hardware
    if as_json:
        output.print_json(
            {
                "platform": found.machine.platform,
                "architecture": found.machine.architecture,
                "devices": [device.wire() for device in found.devices],
                "backends": found.backends,
            }
        )
        return
    if found.devices:
        _show(found.devices, str(found.machine))
    for row in found.backends:
        if not row["available"]:
            output.note(f"{row['name']}: {tidy(row['reason'], 2000)}")
    if not found.backends:
        output.note("No backend is installed. Install one with: pip install rbee-backend-cpu")


def _show(devices: list[Device], title: str) -> None:
    """The table, and below it in words what cannot be used."""
    from rich.markup import escape

    headings = ["device", "backend", "name", "memory", "free", "architecture", "driver", "runtime"]
    headings += ["features"] if output.verbose() else []
    table = output.table(*headings, title=title)
    for device in devices:
        # What drivers and tools wrote is no markup, and has no escape sequences.
        table.add_row(*(escape(tidy(cell, 1000)) for cell in _cells(device)[: len(headings)]))
    screen = output.console()
    screen.print(table)
    for device in devices:
        if device.problem:
            screen.print(f"{device.backend} {device.id} cannot be used: {tidy(device.problem, 2000)}", markup=False)


def _cells(device: Device) -> list[str]:
    runtime = f"{_RUNTIMES.get(device.backend, device.backend)} {device.runtime}" if device.runtime else ""
    return [
        device.id,
        device.backend,
        device.name + (" (cannot be used)" if device.problem else ""),
        human_size(device.memory_total) + (" shared" if device.unified_memory else ""),
        human_size(device.memory_free),
        _architecture(device),
        device.driver or "",
        runtime,
        " ".join(device.features),
    ]


def _architecture(device: Device) -> str:
    """With what counts beside it: a GPU's compute capability, a CPU's level of instruction sets."""
    level = (device.model_extra or {}).get("isaLevel")
    more = device.compute_capability or (level if isinstance(level, str) else None)
    return f"{device.architecture} ({more})" if more else device.architecture
