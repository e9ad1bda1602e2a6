"""``rbee hardware``: what this machine can compute on."""

from __future__ import annotations

import typer

from ..units import human_size
from . import output
from .options import Json, facade

app = typer.Typer()


@app.command()
def hardware(as_json: Json = False) -> None:
    """Show the devices that the backends find, and why a backend finds none."""
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
    table = output.table(
        "device", "backend", "name", "memory", "free", "architecture", "features", title=str(found.machine)
    )
    for device in found.devices:
        table.add_row(
            device.id,
            device.backend,
            device.name,
            human_size(device.memory_total),
            human_size(device.memory_free),
            device.architecture,
            " ".join(device.features),
        )
    output.console().print(table)
    for row in found.backends:
        if not row["available"]:
            output.note(f"{row['name']}: {row['reason']}")
    if not found.backends:
        output.note("No backend is installed. Install one with: pip install rbee-backend-cpu")
