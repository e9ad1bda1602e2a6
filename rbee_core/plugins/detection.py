"""What the backends find in this machine: each is asked in a child process, at the same time, with a time limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..contracts import Device
from ..errors import ErrorCode
from .children import Child, Outcome, run_all
from .devices_seen import remember
from .failures import LOAD, Failure
from .forced import forced_devices, variable
from .guard import describe
from .verdict import failure_of

if TYPE_CHECKING:
    from ..config import Config
    from .manager import PluginManager
    from .records import PluginRecord

_HOOK = "detect_hardware"


def detect_all(
    manager: PluginManager, config: Config, timeout: float | None = None
) -> tuple[list[Device], list[dict[str, Any]]]:
    """Every device, and for every backend whether it has any: ``{"name", "available", "reason"}``.

    A backend that fails, crashes or hangs is unavailable for that reason, and the failure is remembered; the others
    answer all the same. ``RBEE_FORCE_<BACKEND>`` stands in for asking, also for a backend that is not installed.

    :param timeout: seconds each may take; ``None`` for the setting ``hardware_timeout``.
    :raises UsageError: an ``RBEE_FORCE_<BACKEND>`` is malformed.
    :raises RbeeError: ``PLUGIN_ERROR``, in strict mode only.
    """
    limit = config["hardware_timeout"] if timeout is None else timeout
    records = [record for record in manager.records() if record.kind == "backend"]
    forced = forced_devices(config, (record.name for record in records))
    ask = [record for record in records if record.usable and record.name not in forced]
    children = [
        Child("rbee_core.plugins.detect", [record.name, "--stages", str(limit)], config.env, limit) for record in ask
    ]
    # All at once: they mostly wait for a driver, and the whole takes no longer than the slowest.
    outcomes = dict(zip((record.key for record in ask), run_all(children, len(children)), strict=True))
    devices: dict[str, list[Device]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for record in records:
        name = record.name
        if record.key in outcomes:
            devices[name], reason = _judge(manager, record, outcomes[record.key], limit)
            rows[name] = _row(name, devices[name], reason)
        elif name not in rows:
            rows[name] = _row(name, [], f"{record.status}: {record.reason}")
    remember(config, {name: [device.id for device in found] for name, found in sorted(devices.items()) if found})
    for name, found in forced.items():
        devices[name] = found
        rows[name] = _row(name, found, f"set by {variable(name)}")
    names = sorted(rows)
    return [device for name in names for device in devices.get(name, [])], [rows[name] for name in names]


def _row(name: str, devices: list[Device], reason: str | None) -> dict[str, Any]:
    return {"name": name, "available": bool(devices), "reason": reason}


def _judge(
    manager: PluginManager, record: PluginRecord, outcome: Outcome, limit: float
) -> tuple[list[Device], str | None]:
    """The devices a child found, or why there are none."""
    answer = outcome.answer or {}
    failure = failure_of(outcome, limit, patient=False)
    devices: list[Device] = []
    if failure is None and "devices" in answer:
        try:
            devices = [Device.model_validate(item) for item in answer["devices"]]
        except (ValidationError, TypeError):
            failure = Failure(_HOOK, "gave devices that cannot be read")
    if failure is not None:
        manager.registry.failures.failed(record, failure)
        if manager.guard.strict:
            raise describe(record, failure)
        return [], failure.reason if failure.where == LOAD else f"{failure.where}: {failure.reason}"
    error = answer.get("error")
    if isinstance(error, dict):
        if error.get("code") == ErrorCode.BACKEND_UNAVAILABLE:
            manager.registry.failures.passed(record, _HOOK)
        return [], str(error.get("message"))
    manager.registry.failures.passed(record, _HOOK)
    return devices, None if devices else "no device found"
