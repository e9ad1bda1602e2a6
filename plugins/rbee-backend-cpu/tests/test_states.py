"""Machines, out of `states`: NUMA, fast and slow cores, levels of instruction sets, threads; on every system."""

from __future__ import annotations

from pathlib import Path

import pytest
from rbee_backend_cpu import isa, windows
from rbee_backend_cpu.detect import detect
from rbee_backend_cpu.memory import memory

from rbee_core.probing import Host
from rbee_core.testing import machines
from rbee_core.testing.trees import tools, unpack

GIB = 1 << 30
STATES = {path.stem: path.read_text("utf-8") for path in (Path(__file__).parent / "states").glob("*.tree")}
SYSTEMS = {"linux": "linux", "macos": "darwin"}


def host(root: Path, state: str, more: str = "") -> Host:
    """The machine of a state, with more or other files."""
    platform, _, architecture = machines.load(state).platform.partition("/")
    unpack(STATES[state], root)
    return Host(unpack(more, root), SYSTEMS[platform], architecture, {}, tools(STATES[state]))


def told(root: Path, state: str, more: str = "") -> dict[str, object]:
    return detect(host(root, state, more)).wire()


@pytest.mark.parametrize("name", sorted(STATES))
def test_a_state_gives_the_machines_device(tmp_path: Path, name: str) -> None:
    (device,) = machines.load(name).devices["cpu"]
    assert told(tmp_path, name) == device.wire()


def test_every_machine_without_a_gpu_has_its_state() -> None:
    plain = {name for name in machines.names() if set(machines.load(name).devices) == {"cpu"}}
    assert plain <= set(STATES)


THREADS: dict[str, tuple[str, str, int]] = {
    "one per core, not per thread": ("vps-8gb", "", 2),
    "the fast cores of a hybrid": ("hybrid-pe", "", 8),
    "bound to the slow ones, those": ("hybrid-pe", "Cpus_allowed_list:\t16-23", 8),
    "bound to one thread each of two cores": ("hybrid-pe", "Cpus_allowed_list:\t0,2", 2),
    "bound to some of both": ("hybrid-pe", "Cpus_allowed_list:\t0-3,16-19", 2),
    "all nodes": ("epyc-numa", "", 64),
    "bound to one node": ("epyc-numa", "Cpus_allowed_list:\t0-31,64-95", 32),
    "a quota": ("container-limited", "", 2),
}


@pytest.mark.parametrize("case", THREADS)
def test_how_many_threads_pay_off(tmp_path: Path, case: str) -> None:
    state, status, threads = THREADS[case]
    more = f"==> /proc/self/status <==\n{status}\n" if status else ""
    assert told(tmp_path, state, more)["threadsRecommended"] == threads


CAPACITY = "==> /sys/devices/system/cpu/cpu{n}/cpu_capacity <==\n{value}\n"


def test_boards_with_two_kinds_of_cores(tmp_path: Path) -> None:
    """As a RK3588: four Cortex-A55, four Cortex-A76; the kernel tells their capacities."""
    more = "".join(CAPACITY.format(n=n, value=530 if n < 2 else 1024) for n in range(4))
    found = told(tmp_path, "rpi5", more)
    assert (found["coresPerformance"], found["coresEfficiency"], found["threadsRecommended"]) == (2, 2, 2)


def test_cores_that_differ_a_little_are_of_one_kind(tmp_path: Path) -> None:
    more = "".join(CAPACITY.format(n=n, value=980 if n < 2 else 1024) for n in range(4))
    found = told(tmp_path, "rpi5", more)
    assert "coresEfficiency" not in found
    assert found["threadsRecommended"] == 4


def test_memory_of_the_nodes_that_a_process_is_bound_to(tmp_path: Path) -> None:
    bound = host(tmp_path, "epyc-numa", "==> /proc/self/status <==\nMems_allowed_list:\t1\n")
    assert memory(bound) == (396204544 * 1024, 384000000 * 1024)


def test_arm_cores_without_a_name_are_named_by_their_part(tmp_path: Path) -> None:
    block = "processor\t: {n}\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n"
    cores = block.format(n=0, part="0xd4f") + block.format(n=1, part="0xd4f")
    found = told(tmp_path, "rpi5", f"==> /proc/cpuinfo <==\n{cores}")
    assert str(found["name"]).startswith("Neoverse-V2 (")
    assert found["isaLevel"] == "armv8-a"


V3 = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
ARM = "atomics asimdrdm dcpop jscvt fcma lrcpc asimddp dit flagm ilrcpc uscat flagm2 frint sb bti"
LEVELS = [
    ("x86_64", "fpu sse2", "x86-64-v1"),
    ("x86_64", "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx", "x86-64-v2"),
    ("x86_64", V3, "x86-64-v3"),
    ("x86_64", V3.replace(" movbe", "") + " avx512f avx512bw avx512cd avx512dq avx512vl", "x86-64-v2"),
    ("x86_64", V3 + " avx512f avx512bw avx512cd avx512dq avx512vl", "x86-64-v4"),
    ("aarch64", "fp asimd crc32", "armv8-a"),
    ("aarch64", ARM, "armv8.5-a"),
    ("aarch64", ARM + " sve2", "armv9-a"),
    ("aarch64", ARM + " i8mm bf16", "armv8.6-a"),
    ("riscv64", "rv64imafdcv", None),
    ("x86_64", "", None),
]


@pytest.mark.parametrize(("architecture", "flags", "level"), LEVELS)
def test_the_level_is_the_highest_that_is_complete(architecture: str, flags: str, level: str | None) -> None:
    assert isa.level(architecture, set(flags.split())) == level


def test_windows_says_yes_or_no_to_each_feature() -> None:
    modern = windows.processor(Host(system="win32", architecture="x86_64"), {13, 36, 37, 38, 39, 40}.__contains__)
    assert modern.isa_level == "x86-64-v3"
    assert {"avx2", "fma", "f16c"} <= set(modern.features)
    older = windows.processor(Host(system="win32", architecture="x86_64"), {13, 36, 37, 38}.__contains__)
    assert (older.isa_level, older.threads) == ("x86-64-v2", older.physical)


def test_a_mac_whose_tools_are_silent_still_has_a_processor() -> None:
    silent = detect(Host(system="darwin", architecture="aarch64", tool=lambda argv: None)).wire()
    assert silent["coresPhysical"] >= 1
    assert 0 < silent["memoryFree"] <= silent["memoryTotal"]
