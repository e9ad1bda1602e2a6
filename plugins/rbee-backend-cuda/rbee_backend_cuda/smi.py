"""The GPUs as ``nvidia-smi`` tells them: the last way of asking. Source: ``nvidia-smi --help-query-gpu``."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

from rbee_core.probing import ask_tool, tidy, to_count

from .found import Gpu, NoAnswerError, System, runtime_of
from .host import LIBRARY_FOLDERS, mismatch, not_loaded, not_permitted

#: Seconds it may take.
LIMIT = 2.0
_LONGEST = 4096
OLD = ("index", "name", "uuid", "pci.bus_id", "memory.total", "memory.free", "driver_version")
#: Those that older versions do not know.
NEW = ("compute_cap", "mig.mode.current")


def ask(root: Path) -> System:
    """All GPUs that this process may use.

    :param root: where the folders of the system are.
    :raises NoAnswerError: the program is not there, fails, or does not end within `LIMIT` seconds.
    """
    program = shutil.which("nvidia-smi") or next(
        (str(path) for folder in LIBRARY_FOLDERS if (path := root / folder / "nvidia-smi").is_file()), None
    )
    if program is None:
        raise NoAnswerError("There is no nvidia-smi.", missing=True)
    for fields in ((*OLD, *NEW), OLD):
        status, output = _run(program, fields)
        if status == 0:
            return parse(fields, output)
        if "is not a valid field" not in output:
            break
    if "version mismatch" in output:
        raise NoAnswerError(mismatch(root), final=True)
    if "communicate with the NVIDIA driver" in output:
        raise NoAnswerError(not_loaded(root), final=True)
    if "Insufficient Permissions" in output:
        raise NoAnswerError(not_permitted(root), final=True)
    if "No devices were found" in output:
        return System()
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")
    raise NoAnswerError(f"nvidia-smi ended with status {status}: {last[:200]}")


def _run(program: str, fields: tuple[str, ...]) -> tuple[int, str]:
    argv = [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    status, output = ask_tool(argv, LIMIT)
    if status is None:
        raise NoAnswerError(f"nvidia-smi did not end within {LIMIT:g} s: the driver hangs. Reboot.", final=True)
    return status, output


def parse(fields: tuple[str, ...], output: str) -> System:
    """The GPUs of a table without a header; lines that are no row of it are passed over."""
    found = System()
    lines = [line for line in output.splitlines() if len(line) < _LONGEST]
    for values in csv.reader(lines, skipinitialspace=True, strict=False):
        if len(values) != len(fields):
            continue  # a warning between the rows
        row = dict(zip(fields, (value.strip() for value in values), strict=True))
        gpu = _gpu(row)
        found.gpus.append(gpu)
        if runtime := runtime_of(row["driver_version"]):
            found.driver, found.runtime = row["driver_version"], runtime
    found.gpus.sort(key=lambda gpu: gpu.index)
    return found


def _gpu(row: dict[str, str]) -> Gpu:
    index = to_count(row["index"]) or 0
    gpu = Gpu(
        index, tidy(row["name"]) or f"NVIDIA GPU {index}", pci=row["pci.bus_id"], total=_mebibytes(row["memory.total"])
    )
    gpu.uuid = row["uuid"] if row["uuid"].startswith("GPU-") else None
    gpu.free = _mebibytes(row["memory.free"])
    gpu.unified = "Not Supported" in row["memory.total"] or row["memory.total"] == "[N/A]"
    if match := re.fullmatch(r"(\d{1,3})\.(\d{1,2})", row.get("compute_cap", "")):
        gpu.capability = (int(match[1]), int(match[2]))
    for value in row.values():
        if "GPU is lost" in value or "Unknown Error" in value or "reset" in value.lower():
            gpu.problem = f"It does not answer ({value.strip('[]')}): reboot, or reset it."
            gpu.unified = False
    if row.get("mig.mode.current") == "Enabled":
        gpu.mig, gpu.parts = True, []
        gpu.problem = "MIG mode is on, and nvidia-smi alone does not tell its instances: install nvidia-ml-py."
    return gpu


def _mebibytes(text: str) -> int | None:
    number = to_count(text)
    return None if number is None else number << 20
