"""Each state of the kernel's files gives exactly the devices of the machine of that name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rbee_backend_rocm.detect import detect

from rbee_core.errors import RbeeError
from rbee_core.probing import Host
from rbee_core.testing import machines

STATES = sorted(path.stem for path in (Path(__file__).parent / "states").glob("*.tree"))


@pytest.mark.parametrize("name", STATES)
def test_a_state_gives_the_machines_devices(machine: Callable[..., Host], name: str) -> None:
    found = [device.wire() for device in detect(machine(name))]
    assert found == [device.wire() for device in machines.load(name).devices["rocm"]]


def test_every_machine_with_an_amd_gpu_has_its_state() -> None:
    assert {name for name in machines.names() if machines.load(name).devices.get("rocm")} == set(STATES)


RAPHAEL = """
==> /sys/class/kfd/kfd/topology/nodes/2/gpu_id <==
9999
==> /sys/class/kfd/kfd/topology/nodes/2/properties <==
simd_count 4
simd_per_cu 2
gfx_target_version 100306
vendor_id 4098
device_id 5710
location_id 4864
drm_render_minor 129
==> /sys/class/kfd/kfd/topology/nodes/2/mem_banks/0/properties <==
heap_type 1
size_in_bytes 33572696064
==> /dev/dri/renderD129 <==
==> /sys/class/drm/renderD129/device/mem_info_vram_total <==
536870912
==> /sys/class/drm/renderD129/device/mem_info_vram_used <==
30000000
==> /sys/class/drm/renderD129/device/mem_info_gtt_total <==
33572696064
==> /sys/class/drm/renderD129/device/mem_info_gtt_used <==
0
"""


def test_a_card_comes_before_the_processors_graphics(machine: Callable[..., Host]) -> None:
    card, small = detect(machine("rx7900xtx", files=RAPHAEL))
    assert (card.id, card.architecture, card.selector) == ("GPU-0", "gfx1100", {"HIP_VISIBLE_DEVICES": "0"})
    assert (small.id, small.architecture, small.selector) == ("GPU-1", "gfx1036", {"HIP_VISIBLE_DEVICES": "1"})
    assert small.unified_memory
    assert "integrated" in small.features
    assert small.problem is not None


def test_a_large_carve_out_is_memory_of_its_own(machine: Callable[..., Host]) -> None:
    node = (
        "==> /sys/class/kfd/kfd/topology/nodes/1/mem_banks/0/properties <==\nheap_type 1\nsize_in_bytes 25769803776\n"
    )
    vram = "==> /sys/class/drm/renderD128/device/mem_info_vram_total <==\n25769803776\n"
    (device,) = detect(machine("apu-780m", files=node + vram))
    assert device.memory_total == 24 << 30
    assert device.memory_free == (24 << 30) - (869 << 20)
    assert not device.unified_memory


def test_shared_memory_that_others_use_is_not_free(machine: Callable[..., Host]) -> None:
    (device,) = detect(machine("apu-780m", files="==> /proc/meminfo <==\nMemAvailable: 2097152 kB\n"))
    assert device.memory_free == 2 << 30
    assert device.memory_total == 14641266688


def test_a_partition_has_its_share_of_the_card(machine: Callable[..., Host]) -> None:
    bank = "==> /sys/class/kfd/kfd/topology/nodes/1/mem_banks/0/"
    files = f"{bank}properties <==\nheap_type 1\nsize_in_bytes 25769803776\n{bank}used_memory <==\n1073741824\n"
    (device,) = detect(machine("mi300x", files=files))
    assert (device.memory_total, device.memory_free) == (24 << 30, 23 << 30)


def test_memory_that_the_cpu_sees_and_does_not_see_adds_up(machine: Callable[..., Host]) -> None:
    """Without a large BAR; what is shared within the chip (kinds 3 to 5) is no memory for models."""
    bank = (
        "==> /sys/class/kfd/kfd/topology/nodes/1/mem_banks/{n}/properties <==\nheap_type {kind}\nsize_in_bytes {size}\n"
    )
    banks = [(1, 268435456), (2, 25484591104), (3, 4096), (4, 65536)]
    files = "".join(bank.format(n=n, kind=kind, size=size) for n, (kind, size) in enumerate(banks))
    assert detect(machine("rx7900xtx", files=files))[0].memory_total == 25753026560


def test_cards_of_one_chip_are_told_apart_by_their_revision(machine: Callable[..., Host]) -> None:
    files = "==> /sys/class/drm/renderD128/device/revision <==\n0xcc\n"
    assert detect(machine("rx7900xtx", files=files))[0].name == "AMD Radeon RX 7900 XT"


ROCMINFO = """ROCk module is loaded
=====================
HSA Agents
=====================
*******
Agent 1
*******
  Name:                    AMD Ryzen 9 7900X 12-Core Processor
  Marketing Name:          AMD Ryzen 9 7900X 12-Core Processor
  Node:                    0
  Device Type:             CPU
*******
Agent 2
*******
  Name:                    gfx1100
  Uuid:                    GPU-a1ffc9d1799c317f
  Marketing Name:          {name}
  Vendor Name:             AMD
  Node:                    1
  Device Type:             GPU
"""
AMD_SMI = (
    '{"gpu_data": [{"gpu": 0, "asic": {"market_name": "AMD Radeon RX 7900 XTX"}, "bus": {"bdf": "0000:03:00.0"}}]}'
)
TOOLS: dict[str, tuple[dict[str, str], str]] = {
    "rocminfo": ({"rocminfo": ROCMINFO.format(name="AMD Radeon RX 7900 XTX")}, "AMD Radeon RX 7900 XTX"),
    "amd-smi knows more": (
        {"rocminfo": ROCMINFO.format(name="AMD Radeon Graphics"), "amd-smi": AMD_SMI}, "AMD Radeon RX 7900 XTX",
    ),
    "an older amd-smi, with warnings around": (
        {"amd-smi": AMD_SMI.removeprefix('{"gpu_data": ').removesuffix("}")}, "AMD Radeon RX 7900 XTX",
    ),
    "neither": ({}, "AMD GPU (gfx1100)"),
    "nonsense": ({"rocminfo": "***", "amd-smi": "{[["}, "AMD GPU (gfx1100)"),
}  # fmt: skip


@pytest.mark.parametrize("case", TOOLS)
def test_a_name_that_no_file_has_is_asked_of_the_tools(machine: Callable[..., Host], case: str) -> None:
    outputs, name = TOOLS[case]
    tools = machine("rx7900xtx", without=["usr/share/libdrm"], tool=lambda argv: outputs.get(argv[0]))
    assert detect(tools)[0].name == name


def test_no_tool_is_started_for_a_name_that_is_known(machine: Callable[..., Host]) -> None:
    started: list[str] = []
    detect(machine("rx7900xtx", tool=lambda argv: started.append(argv[0])))  # type: ignore[func-returns-value]
    assert started == []


NODE = "sys/class/kfd/kfd/topology/nodes/1"
DEVICE = "sys/class/drm/renderD128/device"
FILES = [
    f"{NODE}/gpu_id", f"{NODE}/properties", f"{NODE}/mem_banks/0/properties", f"{DEVICE}/mem_info_vram_total",
    f"{DEVICE}/mem_info_vram_used", f"{DEVICE}/mem_info_gtt_total", f"{DEVICE}/revision", "opt/rocm/.info/version",
    "usr/share/libdrm/amdgpu.ids", "proc/meminfo",
]  # fmt: skip
WORDS = st.sampled_from(
    ["gfx_target_version", "simd_count", "size_in_bytes", "heap_type", "1", "0", "-1", "110000", "9" * 40, "\n", "\x00",
     "²", "MemAvailable:", "kB", ",", "744C", "6.4.1", "0x"]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.dictionaries(st.sampled_from(FILES), st.lists(WORDS).map(" ".join) | st.text(max_size=40)))
def test_whatever_these_files_hold_there_is_an_answer(machine: Callable[..., Host], texts: dict[str, str]) -> None:
    odd = machine("apu-780m")
    for name, text in texts.items():
        (odd.root / name).write_text(text, encoding="utf-8", errors="replace")
    try:
        devices = detect(odd)
    except RbeeError as error:
        assert error.code == "BACKEND_UNAVAILABLE"
    else:
        assert all(0 <= device.memory_free <= device.memory_total for device in devices)
