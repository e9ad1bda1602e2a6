"""``rbee hardware`` as people read it, for machines with GPUs of each kind."""

from __future__ import annotations

import json

import pytest

from rbee_core.testing import machines
from rbee_core.testing.cli import RbeeHome

SHOWN = {
    "2x-rtx3090": ["NVIDIA GeForce RTX 3090", "25.8 GB", "sm_86 (8.6)", "CUDA "],
    "rx7900xtx": ["AMD Radeon RX 7900 XTX", "gfx1100", "6.11.0-26-generic", "ROCm 6.4.1", "x86_64 (x86-64-v4)"],
    "m1-8gb": ["Apple M1 (7 GPU cores)", "5.7 GB shared", "3.4 GB", "macOS 14.5", "Metal 3", "aarch64 (armv8.4-a)"],
    "apu-780m": ["14.6 GB shared", "14.6 GB", "gfx1103"],
    "rx6700": [
        "AMD Radeon RX 6700 XT (cannot be used)",
        "rocm GPU-0 cannot be used: ",
        "HSA_OVERRIDE_GFX_VERSION=10.3.0",
    ],
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_machine_with_its_gpus(rbee: RbeeHome, name: str) -> None:
    done = rbee("hardware", env=machines.load(name).env())
    assert done.returncode == 0, done.stderr
    assert [text for text in SHOWN[name] if text not in done.stdout] == []
    assert "features" not in done.stdout


def test_more_is_told_with_v_and_foreign_text_stays_text(rbee: RbeeHome) -> None:
    hostile = {"name": "[bold]X[/bold]\x1b[31m\nY", "memoryTotal": 8, "memoryFree": 4, "architecture": "x1",
               "features": ["tensor-cores", "[red]"], "problem": "no [link=x]driver[/link]\x07"}  # fmt: skip
    env = {"RBEE_FORCE_CUDA": json.dumps([hostile]), "RBEE_FORCE_CPU": "[]"}
    done = rbee("-v", "hardware", env=env)
    assert "[bold]X[/bold] [31m Y (cannot be used)" in done.stdout
    assert "tensor-cores [red]" in done.stdout
    assert "cuda GPU-0 cannot be used: no [link=x]driver[/link]" in done.stdout
    assert "\x1b" not in done.stdout
    assert "cpu: set by RBEE_FORCE_CPU" in done.stderr


def test_a_machine_without_any_device_says_why(rbee: RbeeHome) -> None:
    done = rbee("hardware", env={f"RBEE_FORCE_{name}": "[]" for name in ("CPU", "CUDA", "ROCM", "METAL")})
    assert done.returncode == 0
    assert done.stdout == ""
    assert done.stderr.count("set by RBEE_FORCE_") == 4
