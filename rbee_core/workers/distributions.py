"""Which system this is, and what its packages are called: for saying what to install. Source: os-release(5)."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from ..probing import read_text

#: Family -> how a person installs packages there.
_INSTALL = {
    "debian": "sudo apt install",
    "fedora": "sudo dnf install",
    "suse": "sudo zypper install",
    "arch": "sudo pacman -S",
    "alpine": "sudo apk add",
    "macos": "brew install",
    "windows": "winget install",
}
#: What is needed -> family -> the package that has it.
_PACKAGES = {
    "compiler": {
        "debian": "build-essential", "fedora": "gcc-c++", "suse": "gcc-c++", "arch": "base-devel",
        "alpine": "build-base", "macos": "llvm", "windows": "Microsoft.VisualStudio.2022.BuildTools",
    },
    "cmake": {
        "debian": "cmake", "fedora": "cmake", "suse": "cmake", "arch": "cmake", "alpine": "cmake", "macos": "cmake",
        "windows": "Kitware.CMake",
    },
    "make": {
        "debian": "make", "fedora": "make", "suse": "make", "arch": "make", "alpine": "make", "macos": "ninja",
        "windows": "Ninja-build.Ninja",
    },
    "python-headers": {
        "debian": "python{python}-dev", "fedora": "python{python}-devel", "suse": "python{flat}-devel",
        "arch": "python", "alpine": "python3-dev", "macos": "python@{python}", "windows": "Python.Python.{python}",
    },
    "cuda": {
        "debian": "cuda-toolkit-{dashed}", "fedora": "cuda-toolkit-{dashed}", "suse": "cuda-toolkit-{dashed}",
        "arch": "cuda", "windows": "Nvidia.CUDA",
    },
    "rocm": {
        "debian": "rocm-hip-sdk", "fedora": "rocm-hip-sdk", "suse": "rocm-hip-sdk", "arch": "rocm-hip-sdk",
    },
}  # fmt: skip


def family(os_release: Path = Path("/etc/os-release")) -> str | None:
    """``debian``, ``fedora``, … by what the system says of itself; ``None`` for one that is not known."""
    if sys.platform == "darwin":
        return "macos"
    if sys.platform == "win32":
        return "windows"
    table = dict(line.split("=", 1) for line in (read_text(os_release) or "").splitlines() if "=" in line)
    said = f"{table.get('ID', '')} {table.get('ID_LIKE', '')}".replace('"', "").replace("'", "").lower().split()
    alike = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse", "sles": "suse"}
    return next((name for word in said if (name := alike.get(word, word)) in _INSTALL), None)


def how_to_install(needed: Iterable[str], versions: dict[str, str], of: str | None) -> str | None:
    """One command that installs all of it; ``None`` where no packages are known.

    :param needed: keys such as ``compiler``.
    :param versions: what stands for ``{python}``, ``{dashed}``, … in a package's name.
    :param of: the family.
    """
    packages = [_PACKAGES[what][of] for what in dict.fromkeys(needed) if of and of in _PACKAGES.get(what, {})]
    if not packages or of is None:
        return None
    return f"{_INSTALL[of]} {' '.join(package.format(**versions) for package in packages)}"
