"""Hardware that is not there: what rbee is told to find, in this process and in the commands it starts."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace

from ..contracts import Device
from .machines import MachineState, load

#: What a machine of devices that a test gives is, unless it says otherwise.
PLATFORM = "linux/x86_64"


class FakeHardware:
    """Call it with a machine's name, or with devices.

    :param environments: the variables of whoever is to see it: `os.environ`, `RbeeHome.env`.
    """

    def __init__(self, *environments: MutableMapping[str, str]) -> None:
        self._environments = environments
        self._set: set[str] = set()

    def __call__(self, *what: str | Device, platform: str | None = None) -> MachineState:
        """Let rbee find this machine and no other.

        :param what: the name of one of `machines.names()`; or devices, of any backends, none for a machine without.
        :param platform: system and architecture, such as ``macos/aarch64``; the machine's own if not given.
        :raises LookupError: there is no machine of that name.
        :raises TypeError: a name and something else are given.
        """
        machine = self._machine(what)
        if platform is not None:
            machine = replace(machine, platform=platform)
        told = machine.env()
        for env in self._environments:
            for key in self._set - told.keys():  # of the machine before
                env.pop(key, None)
            env.update(told)
        self._set = set(told)
        return machine

    @staticmethod
    def _machine(what: tuple[str | Device, ...]) -> MachineState:
        if len(what) == 1 and isinstance(what[0], str):
            return load(what[0])
        devices: dict[str, list[Device]] = {}
        for one in what:
            if not isinstance(one, Device):
                raise TypeError(f"one machine's name or any number of devices was expected, not {what!r}")
            devices.setdefault(one.backend, []).append(one)
        return MachineState("made up", "devices given by a test", PLATFORM, "", devices)
