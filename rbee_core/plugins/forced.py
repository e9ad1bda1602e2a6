"""``RBEE_FORCE_<BACKEND>``: devices that are said to be there, so that any machine can be planned for (design §6)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..contracts import Device
from ..errors import UsageError

if TYPE_CHECKING:
    from ..config import Config

_PREFIX = "RBEE_FORCE_"
_EXAMPLE = '[{"name": "H200", "memoryTotal": 150000000000, "memoryFree": 150000000000, "architecture": "sm_90"}]'


def variable(backend: str) -> str:
    """The environment variable for a backend: ``RBEE_FORCE_CUDA``."""
    return _PREFIX + "".join(c if c.isalnum() else "_" for c in backend.upper())


def forced_devices(config: Config, backends: Iterable[str] = ()) -> dict[str, list[Device]]:
    """Backend → the devices it is said to have; an empty list means that it is said to be absent.

    A backend need not be installed to be forced. An empty variable counts as not set.

    :param backends: the installed ones, for names that an environment variable cannot spell (``my-npu``).
    :raises UsageError: a variable is not a JSON list of devices; the message names it.
    """
    installed = {variable(name): name for name in backends}
    return {
        (name := installed.get(key, key.removeprefix(_PREFIX).lower())): _parse(key, name, value)
        for key, value in sorted(config.env.items())
        if key.startswith(_PREFIX) and key not in (_PREFIX, "RBEE_FORCE_PLATFORM") and value.strip()
    }


def _parse(key: str, backend: str, text: str) -> list[Device]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{key} is not JSON: {error}", f"For example: {key}='{_EXAMPLE}'") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UsageError(f"{key} is not a list of devices", f"For example: {key}='{_EXAMPLE}', or '[]' for none.")
    devices = [_device(key, backend, index, item) for index, item in enumerate(items)]
    if len({device.id for device in devices}) < len(devices):
        raise UsageError(f"{key} has two devices of one id", "Leave the ids out: they are filled in.")
    return devices


def _device(key: str, backend: str, index: int, item: dict[str, Any]) -> Device:
    kind = "CPU" if backend == "cpu" else "GPU"
    try:
        device = Device.model_validate({"id": f"{kind}-{index}", "backend": backend, **item})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{key}: device {index}: {where}: {first['msg']}", f"For example: {_EXAMPLE}") from None
    if device.backend != backend:
        raise UsageError(f"{key}: device {index} says it is of backend {device.backend!r}", "Leave its backend out.")
    return device
