"""Before a long build from source: is everything there? All that lacks is told at once, with what to install.

For backend plugins, which declare what they need as data: `Needs`, and `ToolkitSpec` for their vendor's toolkit.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ErrorCode, RbeeError
from ..units import human_size
from .distributions import family, how_to_install
from .toolchain import (
    Program,
    Toolkit,
    ToolkitSpec,
    Version,
    find_compiler,
    find_program,
    find_toolkit,
    older_host,
    parse_version,
)

#: Variables by which builds are told how many compilers to run at once.
_JOBS = ("MAX_JOBS", "CMAKE_BUILD_PARALLEL_LEVEL", "NPROC")


@dataclass(frozen=True, slots=True)
class Needs:
    """What compiling for a backend needs of the machine.

    :param cmake: the oldest CMake that does; ``None`` if none is used.
    :param toolkit: the vendor's toolkit.
    :param newest: the newest toolkit that the driver can run; within one major version any does.
    :param targets: the GPUs that are compiled for, as the toolkit's compiler lists them.
    :param target_hints: what a target needs -> a sentence about which toolkit has it.
    :param disk: bytes that the build takes.
    :param memory: bytes that one compiler takes.
    :param python_headers: whether Python's own headers are needed: to compile a module for it.
    :param judge: more rules of the backend's own about the toolkit that was found: problems as sentences.
    """

    cmake: str | None = None
    toolkit: ToolkitSpec | None = None
    newest: Version | None = None
    targets: Sequence[str] = ()
    target_hints: Mapping[str, str] = field(default_factory=dict)
    disk: int = 1 << 30
    memory: int = 1 << 30
    python_headers: bool = True
    judge: Callable[[Toolkit], list[str]] | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """What a build is started with: variables for it, and what was found, for its log and its provenance."""

    env: dict[str, str]
    found: dict[str, str]


@dataclass(slots=True)
class _Findings:
    """What a check gathers: problems, packages that would solve them, and what was found."""

    problems: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)

    def lacks(self, problem: str, package: str = "") -> None:
        self.problems.append(problem)
        if package:
            self.packages.append(package)


def check(needs: Needs, dest: Path, env: Mapping[str, str] | None = None) -> Ready:
    """See whether a build can succeed.

    :param dest: the folder that is built in.
    :param env: the build's variables on top of this process's own.
    :raises RbeeError: ``BUILD_FAILED`` with everything that lacks, and how to install it here.
    """
    everything = {**os.environ, **(env or {})}
    findings = _Findings()
    compiler = find_compiler(everything)
    if compiler is None:
        findings.lacks("no C++ compiler was found", "compiler")
    else:
        findings.found["compiler"] = f"{compiler.kind} {compiler}"
    _check_build_tools(needs, everything, findings)
    _check_python(needs, findings)
    toolkit = _check_toolkit(needs, everything, compiler, findings)
    _check_room(needs, dest, everything, findings)
    if findings.problems:
        raise _failed(needs, toolkit, findings)
    return Ready(findings.env, findings.found)


def _check_build_tools(needs: Needs, env: Mapping[str, str], findings: _Findings) -> None:
    if needs.cmake is None:
        return
    path = env.get("PATH", "")
    cmake = find_program("cmake", path)
    if cmake is None:
        findings.lacks(f"CMake {needs.cmake} or newer was not found", "cmake")
    elif cmake.version < parse_version(needs.cmake):
        findings.lacks(f"CMake is {cmake}; {needs.cmake} or newer is needed (uv tool install cmake has it)")
    else:
        findings.found["cmake"] = str(cmake)
    make, ninja = shutil.which("make", path=path), shutil.which("ninja", path=path)
    if sys.platform == "win32":
        return  # Visual Studio brings its own
    if make is None and ninja is None:
        findings.lacks("neither make nor ninja was found", "make")
    elif make is None and "CMAKE_GENERATOR" not in env:
        findings.env["CMAKE_GENERATOR"] = "Ninja"


def _check_python(needs: Needs, findings: _Findings) -> None:
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if needs.python_headers and not header.is_file():
        findings.lacks(f"Python's headers are not installed ({header})", "python-headers")


def _check_toolkit(
    needs: Needs, env: Mapping[str, str], compiler: Program | None, findings: _Findings
) -> Toolkit | None:
    spec = needs.toolkit
    if spec is None:
        return None
    toolkit = find_toolkit(spec, env)
    if toolkit is None:
        findings.lacks(
            f"the {spec.name} toolkit was not found ({spec.compiler}, {spec.root_variables[0]})", spec.package
        )
        return None
    title = f"the {spec.name} toolkit {_text(toolkit.compiler.version[:2])} in {toolkit.root}"
    findings.found[spec.name] = str(toolkit.compiler)
    findings.env |= {variable: str(toolkit.root) for variable in spec.root_variables if variable not in env}
    if spec.compiler_variable and spec.compiler_variable not in env:
        findings.env[spec.compiler_variable] = toolkit.compiler.path
    paths = [f"-Wl,-rpath,{folder}" for name in spec.libraries if (folder := toolkit.root / name).is_dir()]
    if paths and sys.platform != "win32":
        findings.env["LDFLAGS"] = " ".join([*env.get("LDFLAGS", "").split(), *paths])
    if lacking := toolkit.lacks(spec):
        findings.lacks(f"{title} lacks {', '.join(lacking)}", spec.package)
    _check_version(needs, spec, toolkit, title, findings)
    if compiler is not None:
        _check_host(spec, toolkit, compiler, title, env, findings)
    findings.problems += needs.judge(toolkit) if needs.judge else []
    return toolkit


def _check_version(needs: Needs, spec: ToolkitSpec, toolkit: Toolkit, title: str, findings: _Findings) -> None:
    """Whether the driver runs what it compiles, and whether it compiles for the GPUs."""
    if needs.newest is not None and toolkit.compiler.version[:1] > needs.newest[:1]:
        findings.lacks(
            f"{title} is too new for the driver, which runs {spec.name} {_text(needs.newest)} at most: update the "
            f"driver, or install {spec.name} {needs.newest[0]}.x and name it with {spec.root_variables[0]}"
        )
    for target in needs.targets if toolkit.targets else ():
        if target not in toolkit.targets:
            hint = needs.target_hints.get(target, "another version does")
            findings.lacks(f"{title} does not compile for {target}: {hint}")


def _check_host(
    spec: ToolkitSpec, toolkit: Toolkit, compiler: Program, title: str, env: Mapping[str, str], findings: _Findings
) -> None:
    newest = toolkit.newest_host(spec, compiler.kind)
    if newest is None or compiler.version[:1] <= (newest,) or env.get("CUDAHOSTCXX") or env.get("NVCC_CCBIN"):
        return
    other = older_host(compiler.kind, newest, env)
    if other is None:
        findings.lacks(
            f"{title} takes {compiler.kind} {newest} at most, and {compiler} is newer: install {newest} beside it"
        )
        return
    findings.found["host compiler"] = other
    findings.env |= {"CUDAHOSTCXX": other, "NVCC_CCBIN": other}


def _check_room(needs: Needs, dest: Path, env: Mapping[str, str], findings: _Findings) -> None:
    free = shutil.disk_usage(dest).free
    if free < needs.disk:
        findings.lacks(f"{human_size(needs.disk)} of disk are needed in {dest}, {human_size(free)} are free")
    memory = free_memory()
    if memory < needs.memory:
        findings.lacks(f"{human_size(needs.memory)} of free memory are needed, there are {human_size(memory)}")
    jobs = parallel_jobs(needs.memory, memory)
    findings.env |= {name: str(jobs) for name in _JOBS if name not in env}
    findings.found["jobs"] = next((env[name] for name in _JOBS if env.get(name)), str(jobs))


def parallel_jobs(each: int, memory: int | None = None) -> int:
    """How many compilers may run at once: one per usable core, as long as each has its memory; one at least.

    :param each: bytes that one of them takes.
    """
    from ..cgroups import cpu_limit

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(cores, cpu_limit(Path("/")) or cores)
    return max(1, min(cores, (free_memory() if memory is None else memory) // max(each, 1)))


def free_memory() -> int:
    """Bytes of memory that new processes could use; in a container what its limits leave."""
    import psutil

    from ..cgroups import memory_limits

    return min(int(psutil.virtual_memory().available), *(group.free for group in memory_limits(Path("/"))), 1 << 62)


def _failed(needs: Needs, toolkit: Toolkit | None, findings: _Findings) -> RbeeError:
    """One error that tells everything."""
    spec, newest = needs.toolkit, needs.newest
    wanted = _text(newest) if newest else "12.8"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    versions = {"python": python, "flat": python.replace(".", ""), "dashed": wanted.replace(".", "-")}
    hints = [how_to_install(findings.packages, versions, family())]
    if spec is not None and spec.package in findings.packages:
        hints.append(f"{spec.name}'s packages are in its vendor's repository for your system")
    problems = "".join(f"\n  - {problem}" for problem in findings.problems)
    told = ". ".join(hint for hint in hints if hint) or "Install what lacks, then build again."
    return RbeeError(ErrorCode.BUILD_FAILED, f"This machine cannot compile it yet:{problems}", told)


def _text(version: Version) -> str:
    return ".".join(map(str, version))
