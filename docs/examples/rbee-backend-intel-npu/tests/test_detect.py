"""Machines of text: what is found on each, and what is said where it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from rbee_core import RbeeError
from rbee_core.probing import Host
from rbee_core.testing.trees import unpack

from rbee_backend_intel_npu.detect import detect

LUNAR_LAKE = (Path(__file__).parent / "machines/lunar-lake.tree").read_text()
UNUSED = "==> /sys/bus/pci/devices/0000:00:0b.0/uevent <==\nPCI_CLASS=120000\nPCI_ID=8086:7D1D\n"
OTHERS = "==> /sys/class/accel/accel0/device/uevent <==\nDRIVER=amdxdna\nPCI_ID=1022:1502\n"


def host(root: Path, tree: str, system: str = "linux", *, allowed: bool = True) -> Host:
    """The machine that a text describes."""
    return Host(unpack(tree, root), system, "x86_64", {}, lambda argv: None, lambda path: allowed)


def test_an_npu_is_a_device(tmp_path: Path) -> None:
    (device,) = detect(host(tmp_path, LUNAR_LAKE))
    assert (device.id, device.backend, device.architecture) == ("GPU-0", "intel-npu", "npu-4000")
    assert device.name == "Intel NPU of Lunar Lake"
    assert (device.memory_total, device.memory_free) == (32505856 << 10, 24117248 << 10)
    assert (device.unified_memory, device.problem) == (True, None)


def test_of_a_newer_npu_only_the_name_is_not_known(tmp_path: Path) -> None:
    (device,) = detect(host(tmp_path, LUNAR_LAKE.replace("643E", "FFFF")))
    assert (device.name, device.problem) == ("Intel NPU of a newer processor", None)


def test_a_container_has_what_it_may_use(tmp_path: Path) -> None:
    limits = "==> /sys/fs/cgroup/memory.max <==\n8589934592\n==> /sys/fs/cgroup/memory.current <==\n1073741824\n"
    (device,) = detect(host(tmp_path, LUNAR_LAKE + limits + "==> /proc/self/cgroup <==\n0::/\n"))
    assert (device.memory_total, device.memory_free) == (8 << 30, 7 << 30)


@pytest.mark.parametrize(
    ("without", "allowed", "words"),
    [
        ("dev/accel/accel0", True, "--device /dev/accel"),
        ("", False, "usermod -aG render"),
        ("usr/lib/x86_64-linux-gnu/libze_intel_npu.so.1", True, "linux-npu-driver"),
    ],
)
def test_one_that_cannot_be_used_says_why(without: str, allowed: bool, words: str, tmp_path: Path) -> None:
    machine = host(tmp_path, LUNAR_LAKE, allowed=allowed)
    if without:
        (tmp_path / without).unlink()
    (device,) = detect(machine)
    assert words in (device.problem or "")


@pytest.mark.parametrize(
    ("tree", "system", "words"),
    [
        ("", "linux", "No Intel NPU was found."),
        (OTHERS, "linux", "No Intel NPU was found."),
        (UNUSED, "linux", "0000:00:0b.0), but not its driver"),
        (LUNAR_LAKE, "darwin", "on Linux only"),
    ],
)
def test_where_there_is_none_the_reason_is_said(tree: str, system: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RbeeError) as caught:
        detect(host(tmp_path, tree, system))
    assert caught.value.code == "BACKEND_UNAVAILABLE"
    assert words in caught.value.message
