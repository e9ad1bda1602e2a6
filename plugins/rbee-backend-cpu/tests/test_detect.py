"""What the CPU backend reads out of ``/proc`` and ``/sys``, from made-up trees of them, and from this machine."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rbee_backend_cpu.detect import detect as detect_on
from rbee_backend_cpu.memory import memory as memory_on

from rbee_core.contracts import Device
from rbee_core.probing import Host
from rbee_core.testing.cli import RbeeHome

GIB = 1 << 30

X86 = """processor\t: {n}
model name\t: Intel(R) Core(TM)   i7 CPU\t
physical id\t: 0
core id\t\t: {core}
flags\t\t: fpu sse4_2 avx avx2 fma f16c avx512f avx512_vnni hypervisor

"""
ARM = """processor\t: {n}
BogoMIPS\t: 100.00
Features\t: fp asimd asimddp asimdhp i8mm bf16 sve
CPU implementer\t: 0x41

"""


def detect(root: Path) -> Device:
    return detect_on(Host(root, "linux"))


def memory(root: Path) -> tuple[int, int]:
    return memory_on(Host(root, "linux"))


def tree(root: Path, files: dict[str, str]) -> Path:
    """A root with these files: 16 GiB of memory, 12 of them available, four threads on two cores."""
    base = {
        "proc/cpuinfo": "".join(X86.format(n=n, core=n // 2) for n in range(4)),
        "proc/meminfo": f"MemTotal:  {16 * GIB // 1024} kB\nMemFree: 1 kB\nMemAvailable:  {12 * GIB // 1024} kB\n",
        "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-3\n",
        "proc/self/cgroup": "0::/\n",
    }
    for name, text in {**base, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def cores(device: Device) -> tuple[int, int, int]:
    extra = device.wire()
    return extra["coresPhysical"], extra["coresLogical"], extra["coresUsable"]


def test_a_plain_machine(tmp_path: Path) -> None:
    device = detect(tree(tmp_path, {}))
    assert (device.id, device.backend) == ("CPU-0", "cpu")
    assert device.name == "Intel(R) Core(TM) i7 CPU (2 cores, 4 threads)"
    assert (device.memory_total, device.memory_free) == (16 * GIB, 12 * GIB)
    assert cores(device) == (2, 4, 4)
    assert device.features == ["avx", "avx2", "avx512_vnni", "avx512f", "f16c", "fma", "sse4_2"]


def test_an_arm_machine(tmp_path: Path) -> None:
    device = detect(
        tree(tmp_path, {"proc/cpuinfo": "".join(ARM.format(n=n) for n in range(8)) + "Model\t\t: A Board\n"})
    )
    assert device.name == "A Board (8 cores, 8 threads)"
    assert device.features == ["bf16", "dotprod", "fp16", "i8mm", "neon", "sve"]


V2 = {"proc/self/cgroup": "0::/a/b\n"}
V1 = {"proc/self/cgroup": "9:memory:/a\n5:cpu,cpuacct:/a\n1:name=systemd:/a\n"}
MEMORY: dict[str, tuple[dict[str, str], int, int]] = {
    "v2 without limits": ({**V2, "sys/fs/cgroup/a/b/memory.max": "max\n"}, 16 * GIB, 12 * GIB),
    "v2, own limit": (
        {**V2, "sys/fs/cgroup/a/b/memory.max": f"{4 * GIB}\n", "sys/fs/cgroup/a/b/memory.current": f"{GIB}\n"},
        4 * GIB, 3 * GIB,
    ),
    "v2, unused file pages count as free": (
        {**V2, "sys/fs/cgroup/a/b/memory.max": f"{4 * GIB}", "sys/fs/cgroup/a/b/memory.current": f"{3 * GIB}",
         "sys/fs/cgroup/a/b/memory.stat": f"anon 5\ninactive_file {2 * GIB}\n"},
        4 * GIB, 3 * GIB,
    ),
    "v2, a group further up is stricter": (
        {**V2, "sys/fs/cgroup/a/b/memory.max": f"{8 * GIB}", "sys/fs/cgroup/a/b/memory.current": "0",
         "sys/fs/cgroup/a/memory.max": f"{2 * GIB}", "sys/fs/cgroup/a/memory.current": f"{GIB}"},
        2 * GIB, GIB,
    ),
    "v2, memory.high throttles before memory.max kills": (
        {**V2, "sys/fs/cgroup/a/b/memory.max": f"{8 * GIB}", "sys/fs/cgroup/a/b/memory.high": f"{3 * GIB}",
         "sys/fs/cgroup/a/b/memory.current": "0"},
        3 * GIB, 3 * GIB,
    ),
    "v2, over its limit": (
        {**V2, "sys/fs/cgroup/a/b/memory.max": f"{GIB}", "sys/fs/cgroup/a/b/memory.current": f"{2 * GIB}"}, GIB, 0,
    ),
    "v2, in a container whose path is the host's": (
        {"proc/self/cgroup": "0::/../../docker/123\n", "sys/fs/cgroup/memory.max": f"{GIB}",
         "sys/fs/cgroup/memory.current": "0"},
        GIB, GIB,
    ),
    "v1": (
        {**V1, "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{6 * GIB}",
         "sys/fs/cgroup/memory/a/memory.usage_in_bytes": f"{5 * GIB}",
         "sys/fs/cgroup/memory/a/memory.stat": f"total_inactive_file {GIB}\n"},
        6 * GIB, 2 * GIB,
    ),
    "v1 without a limit": (
        {**V1, "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712",
         "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "5"},
        16 * GIB, 12 * GIB,
    ),
    "hybrid, limits in v1": (
        {"proc/self/cgroup": "3:memory:/\n0::/\n", "sys/fs/cgroup/unified/cgroup.procs": "",
         "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}",
         "sys/fs/cgroup/memory/memory.usage_in_bytes": "0"},
        2 * GIB, 2 * GIB,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MEMORY)
def test_memory_is_what_control_groups_leave(tmp_path: Path, case: str) -> None:
    files, total, free = MEMORY[case]
    assert memory(tree(tmp_path, files)) == (total, free)


CPUS: dict[str, tuple[dict[str, str], int]] = {
    "affinity or cpuset": ({"proc/self/status": "Cpus_allowed_list:\t0,2-3\n"}, 3),
    "v2 quota, rounded up": ({**V2, "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, 2),
    "v2 without a quota": ({**V2, "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, 4),
    "v2 quota further up": ({**V2, "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 1),
    "v1 quota": (
        {**V1, "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "200000",
         "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000"},
        2,
    ),
    "v1 without a quota": (
        {**V1, "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "-1",
         "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000"},
        4,
    ),
    "a quota above what there is": ({**V2, "sys/fs/cgroup/a/b/cpu.max": "6400000 100000\n"}, 4),
}  # fmt: skip


@pytest.mark.parametrize("case", CPUS)
def test_usable_cores_are_what_affinity_and_quotas_leave(tmp_path: Path, case: str) -> None:
    files, usable = CPUS[case]
    assert cores(detect(tree(tmp_path, files))) == (2, 4, usable)


FILES = [
    "proc/cpuinfo", "proc/meminfo", "proc/self/status", "proc/self/cgroup", "sys/fs/cgroup/memory.max",
    "sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat", "sys/fs/cgroup/cpu.max",
]  # fmt: skip
WORDS = st.sampled_from(
    ["processor", "core id", ":", "\n", "\n\n", "0", "-1", "max", "9" * 400, "MemTotal:", "MemAvailable:", "kB", "0::/",
     "/..", "\x00", "flags", "²", "memory", "0-", "3-1", ","]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.dictionaries(st.sampled_from(FILES), st.lists(WORDS).map(" ".join) | st.text(max_size=60)))
def test_whatever_these_files_hold_there_is_an_answer(tmp_path: Path, texts: dict[str, str]) -> None:
    root = tmp_path
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts.get(name, ""), encoding="utf-8", errors="replace")
    device = detect(root)
    assert 0 <= device.memory_free <= device.memory_total
    assert min(cores(device)) >= 1


def test_nothing_to_read_is_no_error(tmp_path: Path) -> None:
    for name in FILES[:4]:
        (tmp_path / name).mkdir(parents=True)
    device = detect(tmp_path)
    assert device.memory_total > 0
    assert cores(device)[2] >= 1


def test_this_machine_through_the_command_line(rbee: RbeeHome) -> None:
    done = rbee("hardware", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"platform", "architecture", "devices", "backends"}
    assert found["platform"] == {"linux": "linux", "darwin": "macos", "win32": "windows"}[sys.platform]
    (device,) = [device for device in found["devices"] if device["backend"] == "cpu"]
    assert device["id"] == "CPU-0"
    assert 0 < device["memoryFree"] <= device["memoryTotal"]
    assert device["architecture"] == found["architecture"]
    assert platform.machine().lower() in (found["architecture"], "amd64", "arm64")
    assert {"name": "cpu", "available": True, "reason": None} in found["backends"]
    assert "CPU-0" in rbee("hardware").stdout


def test_a_forced_platform_is_believed(rbee: RbeeHome) -> None:
    env = {"RBEE_FORCE_PLATFORM": "Darwin/arm64", "RBEE_FORCE_CPU": "[]"}
    found = json.loads(rbee("hardware", "--json", env=env).stdout)
    assert (found["platform"], found["architecture"], found["devices"]) == ("macos", "aarch64", [])
