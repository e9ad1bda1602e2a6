"""NVIDIA's driver, made up: its two libraries compiled from one source, and nvidia-smi as a script."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

FAKE = Path(__file__).parent / "fake"


@dataclass(frozen=True)
class Driver:
    """A made-up driver: the folder of its libraries, and that of its programs."""

    libraries: Path
    programs: Path

    def env(self, state: Path) -> dict[str, str]:
        """The variables with which a process meets this driver in a state."""
        return {
            "LD_LIBRARY_PATH": str(self.libraries),
            "FAKE_NVIDIA": str(state / "driver.txt"),
            "FAKE_SMI": str(state),
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
        }


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """The driver's libraries, compiled, and its program."""
    folder = tmp_path_factory.mktemp("driver")
    for library in ("libnvidia-ml.so.1", "libcuda.so.1"):
        target = folder / "lib" / library
        target.parent.mkdir(exist_ok=True)
        # With the name inside, as NVIDIA's have it: a library that is loaded from elsewhere is then found by its name.
        argv = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", f"-Wl,-soname,{library}", "-o", str(target)]
        subprocess.run([*argv, str(FAKE / "nvidia.c")], check=True)
    hollow = ["gcc", "-shared", "-x", "c", "-o", str(folder / "lib" / "hollow.so"), os.devnull]
    subprocess.run(hollow, check=True)
    programs = folder / "bin"
    programs.mkdir()
    shutil.copy(FAKE / "nvidia-smi", programs)
    return Driver(folder / "lib", programs)
