"""Engines made for tests: source distributions whose build notes how it was called, or never ends."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

#: Builds a module that holds the variables it was compiled with. It needs nothing but Python.
_ENGINE = """
import os, zipfile
from pathlib import Path

NAMES = "CUDA_ARCHITECTURES CUDAARCHS TORCH_CUDA_ARCH_LIST NPROC MAX_JOBS TOY_FLAG TMPDIR CUDA_PATH".split()


def build_wheel(folder, *args, **kwargs):
    print("compiling kernel 1 of 1", flush=True)
    name = "toy_engine-1.0-py3-none-any.whl"
    info = "toy_engine-1.0.dist-info/"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        wheel.writestr("toy_engine.py", f"ENV = {({n: os.environ.get(n) for n in NAMES})!r}")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: toy-engine\\nVersion: 1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""

#: Starts a compiler that starts another, which sleeps; notes who they are.
_ENDLESS = """
import os, subprocess, sys
from pathlib import Path

DEEP = "import os, time; open(os.environ['TOY_NOTE'], 'w').write(str(os.getpid())); time.sleep(600)"


def build_wheel(*args, **kwargs):
    print("compiling for ever", flush=True)
    middle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {DEEP!r}])"
    subprocess.run([sys.executable, "-c", middle])
"""

_PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "toy-engine"
version = "1.0"
"""


def source(folder: Path, *, endless: bool = False) -> Path:
    """A folder for ``UV_FIND_LINKS`` that holds ``toy-engine``'s source, as an index would."""
    folder.mkdir()
    files = {
        "pyproject.toml": _PROJECT,
        "backend.py": _ENDLESS if endless else _ENGINE,
        "PKG-INFO": "Metadata-Version: 2.2\nName: toy-engine\nVersion: 1.0\n",
    }
    with tarfile.open(folder / "toy_engine-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"toy_engine-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return folder


def wheel(folder: Path, *, flavour: str = "PREBUILT", description: str = "") -> Path:
    """Put a prebuilt ``toy-engine`` into a folder, which is made if need be.

    :param flavour: what its module says of itself.
    :param description: its description, as an index would show it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "toy_engine-1.0-py3-none-any.whl"
    info = "toy_engine-1.0.dist-info/"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy_engine.py", f"ENV = {{{flavour!r}: True}}")
        archive.writestr(info + "METADATA", f"Metadata-Version: 2.1\nName: toy-engine\nVersion: 1.0\n\n{description}\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    return path
