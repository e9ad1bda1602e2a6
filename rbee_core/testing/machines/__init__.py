"""Machines as data: what the backends find in real computers, one JSON file each; any of them can be planned for.

Each file holds ``name``, ``description``, ``platform`` (``linux/x86_64``), ``source`` (the public documentation that
the state follows) and ``devices``: backend -> `Device` objects in wire JSON. The backends' own tests hold the raw state
of the same name and prove that detection gives exactly these devices.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

from ...contracts import Device
from ...plugins.forced import variable
from ..unknown import unknown

#: The first-party backends: those that a machine does not have are said to be absent, not asked.
BACKENDS = ("cpu", "cuda", "rocm", "metal")


@dataclass(frozen=True, slots=True)
class MachineState:
    """One machine: what each backend finds in it. ``platform`` is system/architecture, as recipes spell them."""

    name: str
    description: str
    platform: str
    source: str
    devices: dict[str, list[Device]]

    def env(self) -> dict[str, str]:
        """The variables that make rbee plan for this machine: ``RBEE_FORCE_PLATFORM`` and ``RBEE_FORCE_<BACKEND>``."""
        backends = sorted({*BACKENDS, *self.devices})
        forced = {name: [device.wire() for device in self.devices.get(name, [])] for name in backends}
        return {
            "RBEE_FORCE_PLATFORM": self.platform,
            **{variable(name): json.dumps(devices) for name, devices in forced.items()},
        }


def names() -> list[str]:
    """Every machine there is, sorted."""
    return sorted(file.name.removesuffix(".json") for file in files(__name__).iterdir() if file.name.endswith(".json"))


def load(name: str) -> MachineState:
    """One machine.

    :raises KeyError: there is none of that name.
    :raises ValueError: its file is malformed (pydantic's ``ValidationError`` is one).
    """
    if name not in names():
        raise KeyError(unknown("machine", name, names()))
    data = json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    if data["name"] != name:
        raise ValueError(f"{name}.json says it is {data['name']!r}")
    devices = {backend: [Device.model_validate(item) for item in items] for backend, items in data["devices"].items()}
    return MachineState(name, data["description"], data["platform"], data["source"], devices)
