"""What is looked at before a build from source, with made-up tools on a PATH of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rbee_core.errors import RbeeError
from rbee_core.workers import Needs, ToolkitSpec, preflight, toolchain
from rbee_core.workers.distributions import family, how_to_install
from rbee_core.workers.preflight import Ready, check, parallel_jobs

MINE = preflight.__name__


class Machine:
    """A folder of programs that stands for PATH, and a toolkit beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.toolkit = folder / "toolkit"
        self.dest = folder / "dest"
        self.dest.mkdir()
        self.spec = ToolkitSpec(
            name="TPU",
            compiler="tpucc",
            root_variables=("TPU_PATH", "TPU_HOME"),
            compiler_variable="TPUCXX",
            folders=(str(folder / "opt" / "tpu-*"),),
            version=r"release (\d+\.\d+)",
            files={("include/blas.h", "include/*/blas.h"): "its BLAS (blas.h)"},
            targets=("--list",),
            libraries=("lib64", "lib"),
            root=(("--where",), r"in (\S+)"),
            host_limits=("include/limits.h", {"gcc": r"__GNUC__ > (\d+)", "clang": r"__clang_major__ >= (\d+)"}),
            package="cuda",
        )

    def program(self, name: str, script: str, folder: Path | None = None) -> Path:
        """Put a program there; its script is a shell's."""
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def usual(self, gcc: str = "12.2.0", cmake: str = "3.25.1") -> None:
        """A compiler, CMake and make."""
        self.program("c++", f'[ "$1" = --version ] && echo "c++ (Debian) {gcc}" || echo {gcc}')
        self.program("cmake", f"echo cmake version {cmake}")
        self.program("make", "exit 0")

    def give_toolkit(self, version: str = "12.8", *, folder: Path | None = None, blas: bool = True) -> Path:
        """A toolkit that takes GCC up to 14 and Clang up to 19, and compiles for t1 and t2."""
        root = folder or self.toolkit
        cases = (
            f'--version) echo "tpu tools, release {version}, V1";; --list) echo t1; echo t2;; --where) echo in {root};;'
        )
        say = f'case "$1" in {cases} esac'
        self.program("tpucc", say, root / "bin")
        for name in ("include", "lib64"):
            (root / name).mkdir(exist_ok=True)
        (root / "include/limits.h").write_text("#if __GNUC__ > 14\n#endif\n#if (__clang_major__ >= 20)\n#endif\n")
        if blas:
            (root / "include/blas.h").touch()
        return root

    def check(self, needs: Needs | None = None, **env: str) -> Ready:
        """Check with this PATH."""
        found = dict.fromkeys(("CXX", "CMAKE_GENERATOR", "CUDAHOSTCXX", "NVCC_CCBIN"), "")
        return check(needs or Needs(cmake="3.18"), self.dest, {**found, "PATH": str(self.bin), **env})

    def problems(self, needs: Needs | None = None, **env: str) -> str:
        """What the check complains about."""
        with pytest.raises(RbeeError) as caught:
            self.check(needs, **env)
        assert caught.value.code == "BUILD_FAILED"
        return caught.value.message


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_that_has_everything_passes(machine: Machine) -> None:
    machine.usual()
    root = machine.give_toolkit()
    ready = machine.check(
        Needs(cmake="3.18", toolkit=machine.spec, newest=(12, 4), targets=["t1"]), TPU_PATH=str(root), LDFLAGS="-Wl,-O1"
    )
    assert ready.env["TPU_HOME"] == str(root)
    assert ready.env["TPUCXX"] == str(root / "bin/tpucc")
    assert ready.env["LDFLAGS"] == f"-Wl,-O1 -Wl,-rpath,{root}/lib64"
    jobs = {ready.env[name] for name in ("MAX_JOBS", "CMAKE_BUILD_PARALLEL_LEVEL", "NPROC")}
    assert jobs == {ready.found["jobs"]}
    assert ready.found["compiler"].startswith("gcc 12.2.0")
    assert ready.found["TPU"].startswith("12.8")


def test_all_that_lacks_is_told_at_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MINE}.family", lambda: "debian")
    monkeypatch.setattr(f"{MINE}.sysconfig.get_path", lambda name: str(machine.folder / "nowhere"))
    needs = Needs(cmake="3.18", toolkit=machine.spec, newest=(12, 4), disk=1 << 60, memory=1 << 60)
    with pytest.raises(RbeeError) as caught:
        machine.check(needs)
    message = caught.value.message
    for words in (
        *("no C++ compiler", "CMake 3.18", "neither make nor ninja", "Python's headers"),
        *("the TPU toolkit was not found (tpucc, TPU_PATH)", "of disk are needed", "of free memory are needed"),
    ):
        assert words in message
    python = f"python{sys.version_info.major}.{sys.version_info.minor}-dev"
    assert f"sudo apt install build-essential cmake make {python} cuda-toolkit-12-4" in caught.value.hint


def test_what_is_too_old_or_too_new_is_named_with_both_versions(machine: Machine) -> None:
    machine.usual(gcc="15.1.0", cmake="3.10.2")
    machine.give_toolkit("13.0", blas=False)
    needs = Needs(
        cmake="3.18", toolkit=machine.spec, newest=(12, 4), targets=["t1", "t9"], target_hints={"t9": "TPU 14 does"}
    )
    message = machine.problems(needs, TPU_PATH=str(machine.toolkit))
    assert "CMake is 3.10.2" in message
    assert "too new for the driver, which runs TPU 12.4 at most" in message
    assert "does not compile for t9: TPU 14 does" in message
    assert "for t1" not in message
    assert "lacks its BLAS (blas.h)" in message
    assert "takes gcc 14 at most" in message


def test_an_older_host_compiler_beside_the_newest_is_taken(machine: Machine) -> None:
    machine.usual(gcc="15.1.0")
    machine.program("g++-13", "echo 13.1.0")
    older = machine.program("g++-14", "echo 14.2.0")
    root = machine.give_toolkit()
    ready = machine.check(Needs(toolkit=machine.spec), TPU_PATH=str(root))
    assert ready.env["CUDAHOSTCXX"] == ready.env["NVCC_CCBIN"] == str(older)


def test_clang_is_told_from_gcc(machine: Machine) -> None:
    machine.program("c++", '[ "$1" = --version ] && echo "Debian clang version 20.1.0" || echo 20.1.0')
    root = machine.give_toolkit()
    assert "takes clang 19 at most" in machine.problems(Needs(toolkit=machine.spec), TPU_PATH=str(root))


def test_the_newest_toolkit_of_the_usual_folders_is_found(machine: Machine) -> None:
    machine.usual()
    for version in ("9.0", "12.2", "11.8"):
        machine.give_toolkit(version, folder=machine.folder / "opt" / f"tpu-{version}")
    ready = machine.check(Needs(toolkit=machine.spec))
    assert ready.env["TPU_PATH"] == str(machine.folder / "opt/tpu-12.2")


def test_a_toolkit_on_path_may_be_a_script_that_starts_another(machine: Machine) -> None:
    machine.usual()
    root = machine.give_toolkit("12.2", folder=machine.folder / "opt" / "tpu-12.2")
    machine.program("tpucc", f'exec {root}/bin/tpucc "$@"')
    assert machine.check(Needs(toolkit=machine.spec)).env["TPU_PATH"] == str(root)


def test_ninja_stands_in_for_make(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMAKE_GENERATOR", raising=False)
    machine.usual()
    (machine.bin / "make").unlink()
    machine.program("ninja", "exit 0")
    ready = check(Needs(cmake="3.18"), machine.dest, {"PATH": str(machine.bin)})
    assert ready.env["CMAKE_GENERATOR"] == "Ninja"


def test_what_the_user_set_is_kept(machine: Machine) -> None:
    machine.usual()
    assert "NPROC" not in machine.check(NPROC="3").env


def test_a_tool_that_hangs_counts_as_absent(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "LIMIT", 0.3)
    machine.usual()
    machine.program("cmake", "exec /bin/sleep 600")
    assert "CMake 3.18 or newer was not found" in machine.problems()


def test_a_backend_judges_for_itself_too(machine: Machine) -> None:
    machine.usual()
    root = machine.give_toolkit()
    needs = Needs(toolkit=machine.spec, judge=lambda toolkit: [f"{toolkit.root.name} is not blessed"])
    assert "toolkit is not blessed" in machine.problems(needs, TPU_PATH=str(root))


@pytest.mark.parametrize(
    ("memory", "quota", "jobs"), [(0, None, 1), (999, None, 1), (2500, None, 2), (1 << 40, None, 8), (1 << 40, 3, 3)]
)
def test_each_compiler_has_its_memory(
    monkeypatch: pytest.MonkeyPatch, memory: int, quota: int | None, jobs: int
) -> None:
    monkeypatch.setattr(f"{MINE}.os.sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr("rbee_core.cgroups.cpu_limit", lambda root: quota)
    assert parallel_jobs(1000, memory) == jobs


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ID=debian\n", "debian"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"),
        ("ID=opensuse-leap\nID_LIKE='suse opensuse'\n", "suse"),
        ("ID=manjaro\nID_LIKE=arch\n", "arch"),
        ("ID=nixos\n", None),
        ("", None),
    ],
)
def test_the_distribution_is_told_by_its_own_file(tmp_path: Path, text: str, name: str | None) -> None:
    (tmp_path / "os-release").write_text(text)
    found = family(tmp_path / "os-release")
    assert found == name
    command = how_to_install(["compiler", "cmake", "compiler"], {"python": "3.11"}, found)
    assert (command is None) == (name is None)
    assert command is None or command.endswith(" cmake")
