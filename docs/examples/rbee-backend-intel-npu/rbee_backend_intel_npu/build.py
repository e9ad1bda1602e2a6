"""What a build for the NPU needs beside what every build does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rbee_core import ErrorCode, RbeeError

if TYPE_CHECKING:
    from rbee_core.contracts import Device


def check_devices(devices: Sequence[Device]) -> None:
    """See that there is one that can be used: what is built for none cannot be tried, and would fail later.

    :raises RbeeError: ``BUILD_FAILED`` with what is wrong with each.
    """
    problems = [device.problem for device in devices if device.problem]
    if devices and len(problems) == len(devices):
        raise RbeeError(ErrorCode.BUILD_FAILED, "No NPU can be used here.", " ".join(dict.fromkeys(problems)))
