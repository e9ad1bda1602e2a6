"""The machines that tests plan for: each file is whole, and rbee believes it as it stands."""

from __future__ import annotations

import json

import pytest

from rbee_core.contracts import Device
from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.machines import BACKENDS, load, names


@pytest.mark.parametrize("name", names())
def test_a_machine_is_whole(name: str) -> None:
    machine = load(name)
    assert machine.description and machine.source
    assert machine.platform.partition("/")[0] in ("linux", "macos", "windows")
    for backend, devices in machine.devices.items():
        kind = "CPU" if backend == "cpu" else "GPU"
        assert [device.id for device in devices] == [f"{kind}-{index}" for index in range(len(devices))]
        for device in devices:
            assert device.backend == backend
            assert device.memory_free <= device.memory_total
            assert device.features == sorted(set(device.features))
            assert {*device.wire()} <= {
                *_WIRE,
                "uuid",
                "pciBusId",
                "memoryBandwidth",
            } or backend != "cuda"  # nothing is misspelt


_WIRE = {field.alias or name for name, field in Device.model_fields.items()}


def test_rbee_plans_for_it(rbee: RbeeHome) -> None:
    machine = load("rtx4090")
    done = rbee("hardware", "--json", env=machine.env())
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert f"{found['platform']}/{found['architecture']}" == machine.platform
    assert found["devices"] == [d.wire() for backend in sorted(machine.devices) for d in machine.devices[backend]]
    assert {row["name"] for row in found["backends"]} == set(BACKENDS)


def test_an_unknown_machine_is_named() -> None:
    with pytest.raises(KeyError, match="rtx4090"):
        load("../rtx4090")
