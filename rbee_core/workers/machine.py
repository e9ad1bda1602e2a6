"""What kind of machine this is, in the words that recipes use."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..probing import ARCHITECTURES, machine_architecture

if TYPE_CHECKING:
    from ..config import Config

_PLATFORMS = {"darwin": "macos", "win32": "windows", "cygwin": "windows"}


@dataclass(frozen=True, slots=True)
class Machine:
    """An operating system and a processor architecture: ``linux``, ``x86_64``."""

    platform: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.platform}/{self.architecture}"


def this_machine(config: Config) -> Machine:
    """This machine, or the one that ``RBEE_FORCE_PLATFORM`` names.

    :raises UsageError: that setting is malformed.
    """
    forced = config["force_platform"]
    if forced is None:
        return detected_machine()
    system, slash, architecture = str(forced).strip().lower().partition("/")
    if not (slash and system.isalnum() and architecture.replace("_", "").isalnum()):
        raise UsageError(
            f"RBEE_FORCE_PLATFORM={forced!r} is not valid", "Write it as platform/architecture, such as linux/x86_64."
        )
    return Machine(_PLATFORMS.get(system, system), ARCHITECTURES.get(architecture, architecture))


def detected_machine() -> Machine:
    """The machine this process runs on."""
    system = _PLATFORMS.get(sys.platform, sys.platform.rstrip("0123456789"))
    return Machine(system, machine_architecture())
