"""Before a long build: what lacks is told in a second; and for which GPUs it is compiled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rbee_backend_rocm.build import compile_env, wanted_targets
from rbee_backend_rocm.install import Rocm

from rbee_core.contracts import Device
from rbee_core.errors import RbeeError
from rbee_core.testing import machines
from rbee_core.testing.cli import RbeeHome

FILES = [f"lib/cmake/{name}/{name}-config.cmake" for name in ("hip-lang", "hipblas", "rocblas")]


def toolkit(folder: Path, version: str, files: list[str]) -> Path:
    """A ROCm as far as looking for it goes: a compiler that tells its version, and these files."""
    for name in ["include/hip/hip_runtime.h", *files]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    compiler = folder / "bin/hipcc"
    compiler.parent.mkdir()
    compiler.write_text(f'#!/bin/sh\necho "HIP version: {version}-0"\necho "AMD clang version 19.0.0git"\n')
    compiler.chmod(0o755)
    return folder


def refused(rbee: RbeeHome, worker: str, machine: str, **env: str) -> str:
    """Ask for a build that cannot be, as a person does; the message."""
    done = rbee("workers", "build", worker, "--json", env={**machines.load(machine).env(), **env})
    assert done.returncode == 1
    error = json.loads(done.stderr.strip().splitlines()[-1])["error"]
    return f"{error['code']}: {error['message']} {error['hint']}"


def test_no_rocm_says_what_to_install(rbee: RbeeHome) -> None:
    message = refused(rbee, "llm-worker-rocm", "rx7900xtx", ROCM_PATH="/nowhere")
    assert message.startswith("BUILD_FAILED")
    assert "the ROCm toolkit was not found (hipcc, ROCM_PATH)" in message


def test_all_that_a_rocm_lacks_is_told_at_once(rbee: RbeeHome, tmp_path: Path) -> None:
    old = toolkit(tmp_path / "rocm", "5.7.31921", FILES[:1])
    message = refused(rbee, "llm-worker-rocm", "rx7900xtx", ROCM_PATH=str(old))
    assert "lacks hipBLAS (hipblas-dev), rocBLAS (rocblas-dev)" in message
    assert "ROCm is 5.7; 6.1 is needed" in message


def test_a_gpu_that_cannot_be_used_is_not_built_for(rbee: RbeeHome) -> None:
    message = refused(rbee, "llm-worker-rocm", "unsupported-gfx")
    assert message.startswith(
        "BACKEND_UNAVAILABLE: There is no GPU to build for: Radeon RX 580 Series: ROCm has no code"
    )


def test_pytorch_has_no_wheel_for_every_target(rbee: RbeeHome) -> None:
    message = refused(rbee, "transformers-worker-rocm", "rx7900xtx", AMDGPU_TARGETS="gfx1031;gfx1100")
    assert message.startswith("BUILD_FAILED: PyTorch's wheels for ROCm have no code for gfx1031.")
    assert "HSA_OVERRIDE_GFX_VERSION=10.3.0" in message


def gpu(architecture: str, problem: str | None = None) -> Device:
    return Device(id="GPU-0", backend="rocm", name="X", memory_total=1, memory_free=1, architecture=architecture,
                  problem=problem)  # fmt: skip


def test_targets_are_those_of_the_usable_devices() -> None:
    devices = [gpu("gfx1100"), gpu("gfx1201"), gpu("gfx1100"), gpu("gfx803", "too old")]
    assert wanted_targets(devices, {}) == ["gfx1100", "gfx1201"]
    assert wanted_targets(devices, {"AMDGPU_TARGETS": "gfx90a;gfx942"}) == ["gfx90a", "gfx942"]
    with pytest.raises(RbeeError, match="no AMD GPU was found"):
        wanted_targets([], {})


def test_what_the_build_is_told() -> None:
    rocm = Rocm(Path("/opt/rocm-7.2.0"), "7.2.0", frozenset())
    told = compile_env(["gfx1030", "gfx1100"], rocm, {"LDFLAGS": "-s"})
    assert told == {
        "AMDGPU_TARGETS": "gfx1030;gfx1100",
        "PYTORCH_ROCM_ARCH": "gfx1030;gfx1100",
        "LDFLAGS": "-s -Wl,-rpath,/opt/rocm-7.2.0/lib",
    }
    assert "LDFLAGS" not in compile_env(["gfx1100"], None, {})
