"""Why there is no device, or why it cannot be used: each state in words that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rbee_backend_rocm.detect import detect

from rbee_core.contracts import Device
from rbee_core.errors import RbeeError
from rbee_core.probing import Host

Make = Callable[..., Host]
#: The files that a container without the GPU still shares with its host.
BUS = "==> /sys/bus/pci/devices/0000:03:00.0/uevent <==\n{driver}PCI_CLASS=30000\nPCI_ID=1002:744C\n"
KFD = "==> /sys/class/kfd/kfd/topology/nodes/0/gpu_id <==\n0\n"


def reason(machine: Host) -> str:
    with pytest.raises(RbeeError) as caught:
        detect(machine)
    assert caught.value.code == "BACKEND_UNAVAILABLE"
    return caught.value.message


def only(machine: Host) -> Device:
    (device,) = detect(machine)
    return device


def test_other_machines_have_no_rocm(machine: Make) -> None:
    there = machine("rx7900xtx")
    assert reason(replace(there, architecture="aarch64")) == (
        "ROCm is for x86_64 processors; AMD has no build of it for aarch64."
    )
    assert "on Linux only" in reason(replace(there, system="win32"))
    assert "backend metal" in reason(replace(there, system="darwin"))


REASONS: dict[str, tuple[str, str]] = {
    "nothing": ("", "No AMD GPU was found"),
    "another maker's": ("==> /sys/bus/pci/devices/0000:01:00.0/uevent <==\nPCI_CLASS=30000\nPCI_ID=10DE:2684\n",
                        "No AMD GPU was found"),
    "its sound device": (BUS.format(driver="").replace("30000", "40300"), "No AMD GPU was found"),
    "WSL": ("==> /dev/dxg <==\n", "This is WSL"),
    "no driver": (BUS.format(driver=""), "sudo modprobe amdgpu"),
    "given to a virtual machine": (BUS.format(driver="DRIVER=vfio-pci\n"), "used by the driver vfio-pci"),
    "a kernel without KFD": (BUS.format(driver="DRIVER=amdgpu\n"), "CONFIG_HSA_AMD"),
    "not for computing": (BUS.format(driver="DRIVER=amdgpu\n") + KFD, "too old for KFD"),
}  # fmt: skip


@pytest.mark.parametrize("case", REASONS)
def test_why_there_is_none(machine: Make, case: str) -> None:
    files, expected = REASONS[case]
    assert expected in reason(machine(None, files=files))


def test_a_container_that_was_not_given_the_devices(machine: Make) -> None:
    told = "--device /dev/kfd --device /dev/dri"
    there = machine("rx7900xtx")
    for name in ("dev/dri/renderD128", "dev/dri", "dev/kfd"):
        path = there.root / name
        path.rmdir() if path.is_dir() else path.unlink()
        message = reason(there)
        assert f"/{name}" in message
        assert told in message


def test_a_gpu_that_a_control_group_hides_is_not_there(machine: Make) -> None:
    message = reason(machine("rx7900xtx", files="==> /sys/class/kfd/kfd/topology/nodes/1/gpu_id <==\n\n"))
    assert "0000:03:00.0" in message
    assert "this container was not given it" in message


def test_no_permission_says_which_groups(machine: Make) -> None:
    shut = only(machine("rx7900xtx", may_use=lambda path: path.name != "kfd"))
    assert shut.problem is not None
    assert shut.problem.startswith("No permission for /dev/kfd. Join the groups that may: ")
    assert "render,video" in shut.problem
    assert shut.memory_free > 0


def test_permission_is_really_asked(tmp_path: Path) -> None:
    assert Host().may_use(tmp_path)
    assert not Host().may_use(tmp_path / "missing")


VISIBLE: dict[str, tuple[dict[str, str], list[str]]] = {
    "none set": ({}, ["0", "1"]),
    "HIP": ({"HIP_VISIBLE_DEVICES": "1"}, ["1"]),
    "HIP, in another order": ({"HIP_VISIBLE_DEVICES": "1,0"}, ["0", "1"]),
    "HIP, up to what it cannot read": ({"HIP_VISIBLE_DEVICES": "0,x,1"}, ["0"]),
    "HIP, twice the same": ({"HIP_VISIBLE_DEVICES": "0,0"}, ["0"]),
    "HIP, by part of its id": ({"HIP_VISIBLE_DEVICES": "GPU-a1ffc9d1799c317f"}, ["0"]),
    "HIP empty counts as not set": ({"HIP_VISIBLE_DEVICES": ""}, ["0", "1"]),
    "CUDA's does where HIP's is not set": ({"CUDA_VISIBLE_DEVICES": "1"}, ["1"]),
    "CUDA's empty counts as not set": ({"CUDA_VISIBLE_DEVICES": ""}, ["0", "1"]),
    "HIP's before CUDA's": ({"CUDA_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "0"}, ["0"]),
    "OpenCL's is not HIP's": ({"GPU_DEVICE_ORDINAL": "1"}, ["0", "1"]),
    "ROCr": ({"ROCR_VISIBLE_DEVICES": "1"}, ["0"]),
    "ROCr by id": ({"ROCR_VISIBLE_DEVICES": "GPU-A1FF"}, ["0"]),
    "HIP counts within ROCr's": ({"ROCR_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "0"}, ["0"]),
}  # fmt: skip
SECOND = """
==> /sys/class/kfd/kfd/topology/nodes/2/gpu_id <==
7
==> /sys/class/kfd/kfd/topology/nodes/2/properties <==
simd_count 120
simd_per_cu 2
gfx_target_version 110001
unique_id 1311768467463790320
drm_render_minor 129
location_id 1792
==> /sys/class/kfd/kfd/topology/nodes/2/mem_banks/0/properties <==
heap_type 1
size_in_bytes 17163091968
==> /dev/dri/renderD129 <==
"""


@pytest.mark.parametrize("case", VISIBLE)
def test_the_visible_devices_are_those_that_hip_would_see(machine: Make, case: str) -> None:
    env, selectors = VISIBLE[case]
    found = detect(machine("rx7900xtx", env, files=SECOND))
    assert [(device.selector or {})["HIP_VISIBLE_DEVICES"] for device in found] == selectors
    assert [device.id for device in found] == [f"GPU-{n}" for n in range(len(selectors))]


def test_which_card_a_number_within_the_others_is(machine: Make) -> None:
    second = only(machine("rx7900xtx", {"ROCR_VISIBLE_DEVICES": "1"}, files=SECOND))
    assert (second.architecture, second.selector) == ("gfx1101", {"HIP_VISIBLE_DEVICES": "0"})


@pytest.mark.parametrize(
    "env",
    [{"HIP_VISIBLE_DEVICES": "-1"}, {"ROCR_VISIBLE_DEVICES": ""}, {"ROCR_VISIBLE_DEVICES": "GPU-XX"},
     {"CUDA_VISIBLE_DEVICES": "GPU-7d2d9c61"}],
)  # fmt: skip
def test_all_hidden_names_the_variable(machine: Make, env: dict[str, str]) -> None:
    ((name, value),) = env.items()
    assert reason(machine("rx7900xtx", env)).startswith(f"{name}={value!r} hides the AMD GPU")


def test_an_override_is_what_programs_see_and_is_said(machine: Make) -> None:
    device = only(machine("rx6700", {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}))
    assert (device.architecture, device.problem) == ("gfx1030", None)
    assert device.name == "AMD Radeon RX 6700 XT (gfx1031, run as gfx1030)"
    assert device.wire()["gfxTarget"] == "gfx1031"


def test_an_override_for_one_gpu_goes_before(machine: Make) -> None:
    env = {"HSA_OVERRIDE_GFX_VERSION": "11.0.0", "HSA_OVERRIDE_GFX_VERSION_1": "10.3.0"}
    assert only(machine("rx6700", env)).architecture == "gfx1030"


@pytest.mark.parametrize("value", ["", "gfx1030", "10.3", "10.3.0.0", "99999.0.0"])
def test_an_override_that_rocm_cannot_read_is_a_problem(machine: Make, value: str) -> None:
    device = only(machine("rx7900xtx", {"HSA_OVERRIDE_GFX_VERSION": value}))
    assert device.architecture == "gfx1100"
    assert "HSA_OVERRIDE_GFX_VERSION" in str(device.problem)
    assert "10.3.0" in str(device.problem)


def version(text: str, **more: Any) -> dict[str, Any]:
    return {"files": f"==> /opt/rocm/.info/version <==\n{text}\n", "without": ["opt/rocm/lib/rocblas"], **more}


def test_support_is_what_the_installed_libraries_have(machine: Make) -> None:
    assert only(machine("apu-780m", **version("7.1.0"))).problem is None
    assert "7.1" in str(only(machine("apu-780m", **version("6.4.1-83"))).problem)
    # Whatever the release's list says: these files are here, or they are not.
    named = "==> /opt/rocm/lib/rocblas/library/TensileLibrary_lazy_gfx1031.dat <==\n"
    assert only(machine("rx6700", files=named)).problem is None


def test_a_rocm_elsewhere_is_the_one_that_rocm_path_names(machine: Make) -> None:
    files = "==> /opt/mine/.info/version <==\n10.0.0\n==> /opt/rocm-7.2.0/.info/version <==\n7.2.0\n"
    assert only(machine("rx7900xtx", {"ROCM_PATH": "/opt/mine"}, files=files)).runtime == "10.0.0"


def test_the_newest_of_several_without_a_default(machine: Make) -> None:
    files = "".join(f"==> /opt/rocm-{v}/.info/version <==\n{v}\n" for v in ("6.4.1", "7.10.0", "7.2.0"))
    assert only(machine("rx7900xtx", files=files, without=["opt/rocm"])).runtime == "7.10.0"
