"""NVIDIA's GPUs through the command line, which asks in a child process with a time limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.machines import load

from .conftest import Driver

STATES = Path(__file__).parent / "states"


def hardware(rbee: RbeeHome, env: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The CUDA devices, and the backend's row."""
    done = rbee("hardware", "--json", env=env)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (row,) = [row for row in found["backends"] if row["name"] == "cuda"]
    return [device for device in found["devices"] if device["backend"] == "cuda"], row


def test_the_devices_are_shown(rbee: RbeeHome, driver: Driver) -> None:
    devices, row = hardware(rbee, driver.env(STATES / "mixed-gpus"))
    assert devices == [device.wire() for device in load("mixed-gpus").devices["cuda"]]
    assert row == {"name": "cuda", "available": True, "reason": None}


def test_a_driver_that_is_broken_is_a_reason(rbee: RbeeHome, driver: Driver) -> None:
    devices, row = hardware(rbee, driver.env(STATES / "mismatch"))
    assert devices == []
    assert row["available"] is False
    assert "kernel module differ" in row["reason"]


def test_a_driver_that_hangs_is_a_reason_too(rbee: RbeeHome, driver: Driver, tmp_path: Path) -> None:
    state = tmp_path / "hangs"
    state.mkdir()
    (state / "driver.txt").write_text("libraries nvml\nhang 1\n")
    devices, row = hardware(rbee, {**driver.env(state), "RBEE_HARDWARE_TIMEOUT": "2"})
    assert (devices, row["available"]) == ([], False)
    assert "2 s" in row["reason"]
