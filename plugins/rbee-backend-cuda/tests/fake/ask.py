"""Runs detection in states of a machine: one process for all of them, forked for each, so that libraries load anew.

Standard input: ``[{"state": NAME, "env": {…}}, …]``. Standard output: one answer each, ``{"devices": […]}`` or
``{"error": message}``. ``LD_LIBRARY_PATH`` names one folder, which gets each state's libraries; the folder
``FAKE_LIBRARIES`` holds them. What a machine lacks stands there as an empty file, which no loader takes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from rbee_backend_cuda.detect import detect

from rbee_core.errors import RbeeError

STATES = Path(__file__).resolve().parents[1] / "states"
LIBRARIES = {"nvml": "libnvidia-ml.so.1", "cuda": "libcuda.so.1"}


def prepare(state: Path, root: Path) -> None:
    """Make the machine's file system, and its libraries as the loader finds them."""
    if (state / "root").is_dir():
        shutil.copytree(state / "root", root, dirs_exist_ok=True)
    if (state / "pci.txt").is_file():
        for line in (state / "pci.txt").read_text().splitlines():
            address, vendor, kind = line.split()
            card = root / "sys/bus/pci/devices" / address
            card.mkdir(parents=True)
            (card / "vendor").write_text(vendor + "\n")
            (card / "class").write_text(kind + "\n")
    driver = state / "driver.txt"
    there = driver.read_text("utf-8", "replace").split("\n", 1)[0].split()[1:] if driver.is_file() else []
    for key, library in LIBRARIES.items():
        place = Path(os.environ["LD_LIBRARY_PATH"]) / library
        place.unlink(missing_ok=True)
        if key in there:
            place.symlink_to(Path(os.environ["FAKE_LIBRARIES"]) / library)
        elif f"{key}-without-functions" in there:
            place.symlink_to(Path(os.environ["FAKE_LIBRARIES"]) / "hollow.so")
        else:
            place.touch()
        if "wsl" in there:
            (root / "usr/lib/wsl/lib").mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(os.environ["FAKE_LIBRARIES"]) / library, root / "usr/lib/wsl/lib" / library)


def answer(case: dict[str, Any], root: Path) -> dict[str, Any]:
    """What detection says, in this process."""
    state = STATES / case["state"]
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        os.environ.pop(name, None)
    os.environ["FAKE_NVIDIA"] = str(state / "driver.txt")
    os.environ["FAKE_SMI"] = str(state)
    os.environ["PATH"] = os.environ["FAKE_PROGRAMS"] if (state / "smi.txt").is_file() else "/nonexistent"
    os.environ.update(case["env"])
    try:
        return {"devices": [device.wire() for device in detect(root)]}
    except RbeeError as error:
        return {"error": error.message, "code": error.code}


def main() -> None:
    """Answer every case, in order."""
    answers = []
    for case in json.load(sys.stdin):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "root"
            root.mkdir()
            prepare(STATES / case["state"], root)
            note = Path(folder) / "answer.json"
            child = os.fork()
            if child == 0:
                try:
                    note.write_text(json.dumps(answer(case, root)))
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            answers.append(json.loads(note.read_text()))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
