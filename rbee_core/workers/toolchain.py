"""Finding compilers, build tools and a GPU vendor's toolkit, with their versions, by asking them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..probing import ask_tool, read_text

#: Seconds any one tool may take to tell its version.
LIMIT = 5.0

Version = tuple[int, ...]


def parse_version(text: str) -> Version:
    """The numbers of a version, such as ``12.8``."""
    return tuple(int(part) for part in re.findall(r"\d{1,6}", text)[:3])


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was found; ``kind`` tells compilers apart: ``gcc``, ``clang``, ``msvc``."""

    path: str
    version: Version
    kind: str = ""

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.version))} ({self.path})"


@dataclass(frozen=True, slots=True)
class ToolkitSpec:
    """A vendor's toolkit: how it is recognised, and what of it is needed.

    :param name: for people: ``CUDA``.
    :param compiler: its program: ``nvcc``.
    :param root_variables: environment variables that name its folder, the first is told to the build too.
    :param compiler_variable: the environment variable by which builds are told its compiler: ``CUDACXX``.
    :param folders: where it usually is: glob patterns, the newest match last.
    :param version: a pattern whose group is the version, in what the compiler prints with ``--version``.
    :param files: what has to be in its folder: glob patterns of which one must match -> what that is.
    :param targets: arguments that make the compiler list the GPUs it compiles for, one ``sm_90`` a line.
    :param root: arguments that make the compiler tell its folder, and a pattern whose group is the folder: a program on
        PATH may be a script that starts another, and that other's folder is what the build gets.
    :param libraries: folders of it with libraries that are loaded when what is compiled runs: the system's loader need
        not know of them.
    :param host_limits: a file of it, and for each kind of host compiler a pattern of the newest major version it takes
        (``gcc``), or of the first that it does not (``clang``).
    :param package: what `distributions` calls it.
    """

    name: str
    compiler: str
    root_variables: tuple[str, ...]
    folders: tuple[str, ...]
    version: str
    files: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    root: tuple[tuple[str, ...], str] | None = None
    libraries: tuple[str, ...] = ()
    host_limits: tuple[str, Mapping[str, str]] | None = None
    compiler_variable: str | None = None
    package: str = ""


@dataclass(frozen=True, slots=True)
class Toolkit:
    """A toolkit that was found: its folder, its compiler, the GPUs that it compiles for (empty: it does not say)."""

    root: Path
    compiler: Program
    targets: frozenset[str] = frozenset()

    def lacks(self, spec: ToolkitSpec) -> list[str]:
        """Which of the needed files are not there, in words."""
        return [
            what
            for patterns, what in spec.files.items()
            if not any(matches(self.root, pattern) for pattern in patterns)
        ]

    def newest_host(self, spec: ToolkitSpec, kind: str) -> int | None:
        """The newest major version of a host compiler that it takes; ``None`` if it does not say."""
        if spec.host_limits is None or kind not in spec.host_limits[1]:
            return None
        match = re.search(spec.host_limits[1][kind], read_text(self.root / spec.host_limits[0]) or "")
        return None if match is None else int(match[1]) - (1 if kind == "clang" else 0)


def matches(root: Path, pattern: str) -> list[Path]:
    """The files that a glob pattern means, below ``root`` unless it is absolute."""
    if pattern.startswith("/"):
        root, pattern = Path("/"), pattern.removeprefix("/")
    try:
        return sorted(root.glob(pattern))
    except OSError:
        return []


def find_program(name: str, path: str, arguments: tuple[str, ...] = ("--version",)) -> Program | None:
    """A program on ``path``, with the first version it prints."""
    found = shutil.which(name, path=path)
    if found is None:
        return None
    status, output = ask_tool([found, *arguments], LIMIT)
    match = re.search(r"\d+(\.\d+)+|\d+", output)
    return Program(found, parse_version(match[0])) if status == 0 and match else None


def find_compiler(env: Mapping[str, str]) -> Program | None:
    """The C++ compiler that a build would take: ``CXX``, or what the system calls so."""
    if sys.platform == "win32":
        return _msvc(env)
    if sys.platform == "darwin" and ask_tool(["xcode-select", "-p"], LIMIT)[0] != 0:
        return None  # /usr/bin/clang++ is then only a window that offers to install it
    names = [env["CXX"].split()[0]] if env.get("CXX", "").strip() else ["c++", "g++", "clang++"]
    for name in names:
        if (program := find_program(name, env.get("PATH", ""), ("-dumpfullversion", "-dumpversion"))) is not None:
            _, said = ask_tool([program.path, "--version"], LIMIT)
            return Program(program.path, program.version, "clang" if "clang" in said.lower() else "gcc")
    return None


def _msvc(env: Mapping[str, str]) -> Program | None:
    """Visual C++, as its installer's own tool tells it."""
    base = env.get("ProgramFiles(x86)", r"C:\Program Files (x86)")
    vswhere = Path(base) / "Microsoft Visual Studio" / "Installer" / "vswhere.exe"
    wanted = ["-latest", "-products", "*", "-requires", "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"]
    status, output = ask_tool([str(vswhere), *wanted, "-property", "installationVersion"], LIMIT)
    if status == 0 and output.strip():
        return Program(str(vswhere), parse_version(output), "msvc")
    found = shutil.which("cl", path=env.get("PATH", ""))
    return Program(found, (), "msvc") if found else None


def older_host(kind: str, newest: int, env: Mapping[str, str]) -> str | None:
    """Another compiler of that kind on PATH, not newer than ``newest``: ``g++-13``."""
    name = {"gcc": "g++", "clang": "clang++"}[kind]
    found = (shutil.which(f"{name}-{major}", path=env.get("PATH", "")) for major in range(newest, newest - 6, -1))
    return next((path for path in found if path), None)


def find_toolkit(spec: ToolkitSpec, env: Mapping[str, str]) -> Toolkit | None:
    """The toolkit: named by a variable, else on PATH, else where it usually is (the newest there)."""
    suffix = ".exe" if os.name == "nt" else ""
    named = [Path(env[name]) / "bin" / (spec.compiler + suffix) for name in spec.root_variables if env.get(name)]
    on_path = shutil.which(spec.compiler, path=env.get("PATH", ""))
    usual = [place for pattern in spec.folders for place in matches(Path("/"), pattern)]
    usual.sort(key=lambda place: parse_version(place.name), reverse=True)
    candidates = [*named, *([Path(on_path)] if on_path else []), *(place / "bin" / spec.compiler for place in usual)]
    for candidate in candidates:
        if not os.access(candidate, os.X_OK):
            continue
        status, output = ask_tool([str(candidate), "--version"], LIMIT)
        match = re.search(spec.version, output)
        if status != 0 or match is None:
            continue
        targets = _targets(candidate, spec)
        return Toolkit(_root(candidate, spec), Program(str(candidate), parse_version(match[1])), targets)
    return None


def _targets(compiler: Path, spec: ToolkitSpec) -> frozenset[str]:
    if not spec.targets:
        return frozenset()
    status, output = ask_tool([str(compiler), *spec.targets], LIMIT)
    return frozenset(output.split()) if status == 0 else frozenset()


def _root(compiler: Path, spec: ToolkitSpec) -> Path:
    """The folder that a compiler belongs to: by its own word, else the one that its program is in."""
    if spec.root is not None:
        arguments, pattern = spec.root
        match = re.search(pattern, ask_tool([str(compiler), *arguments], LIMIT)[1])
        if match is not None and Path(match[1].strip()).is_dir():
            return Path(match[1].strip()).resolve()
    own = compiler.parent.parent
    return own if (own / "include").is_dir() else compiler.resolve().parent.parent
