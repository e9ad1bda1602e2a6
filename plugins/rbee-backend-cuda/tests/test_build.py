"""Building for NVIDIA's GPUs that are said to be there: which toolkit, which architectures, which PyTorch."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rbee_backend_cuda.build import TOOLKIT, needs, torch_backend, wanted_capabilities

from rbee_core.contracts import Device
from rbee_core.errors import RbeeError
from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.machines import load
from support.sources import source

WORKER = """
schema = 1
[worker]
id = "toy-worker"
name = "Toy"
description = "A toy"
license = "MIT"
version = "1"
[build]
system = "pip"
features = ["cuda"]
default_feature = "cuda"
[build.pip]
requirements = ["{requirement}"]
{more}
[run]
entry = ["{{python}}", "-m", "toy_engine", "--model", "{{model}}", "--port", "{{port}}"]
check = ["{{python}}", "-c", "import toy_engine"]
"""


def _listed(name: str) -> list[dict[str, Any]]:
    """A machine's GPUs, without their numbers."""
    return [{key: value for key, value in gpu.wire().items() if key != "id"} for gpu in load(name).devices["cuda"]]


def forced(name: str) -> dict[str, str]:
    """The variables that make rbee believe in a machine's GPUs, and in no others."""
    return {"RBEE_FORCE_CUDA": json.dumps(_listed(name)), "RBEE_FORCE_CPU": "[]", "RBEE_OFFLINE": "1"}


def toolkit(root: Path, version: str, codes: str = "sm_86 sm_89 sm_90", *, cublas: bool = True) -> dict[str, str]:
    """A made-up CUDA toolkit, laid out as NVIDIA's installers do, and the variable that names it."""
    nvcc = root / "bin/nvcc"
    nvcc.parent.mkdir(parents=True)
    nvcc.write_text(
        f'#!/bin/sh\ncase "$1" in\n--list-gpu-code) printf "%s\\n" {codes} ;;\n'
        f'*) echo "Cuda compilation tools, release {version}, V{version}.99" ;;\nesac\n'
    )
    nvcc.chmod(0o755)
    runtime = ("include/cuda_runtime.h", "include/crt/host_config.h", "lib64/libcudart.so", "lib64/libcudart_static.a")
    for name in (*runtime, "lib64/stubs/libcuda.so"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    if cublas:
        (root / "include/cublas_v2.h").touch()
        (root / "lib64/libcublas.so").touch()
    return {"CUDA_PATH": str(root)}


def worker(folder: Path, requirement: str, more: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "worker.toml").write_text(WORKER.format(requirement=requirement, more=more))
    return folder


def build(rbee: RbeeHome, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return rbee("workers", "build", "toy-worker", "--path", str(folder), "--json", env=env)


def compiled_with(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    python = Path(json.loads(done.stdout)["path"]) / "bin/python"
    code = "import json, toy_engine; print(json.dumps(toy_engine.ENV))"
    asked = subprocess.run([python, "-Ic", code], capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(asked.stdout)
    return answer


def test_an_engine_is_compiled_for_the_gpus_there_are(rbee: RbeeHome, tmp_path: Path) -> None:
    links = source(tmp_path / "links")
    folder = worker(tmp_path / "toy", "toy-engine==1.0", 'from_source = ["toy-engine"]')
    env = {**toolkit(tmp_path / "cuda", "12.4"), "UV_FIND_LINKS": str(links)}
    first = build(rbee, folder, {**env, **forced("2x-rtx3090")})
    seen = compiled_with(first)
    assert (seen["CUDA_ARCHITECTURES"], seen["CUDAARCHS"], seen["TORCH_CUDA_ARCH_LIST"]) == ("86", "86", "8.6")
    assert seen["CUDA_PATH"] == str(tmp_path / "cuda")
    assert json.loads(first.stdout)["provenance"]["toolchain"]["CUDA"].startswith("12.4")
    # Another GPU needs other code; one of those that it was built for does not.
    both = {**env, "RBEE_FORCE_CUDA": json.dumps(_listed("2x-rtx3090")[:1] + _listed("rtx4090"))}
    other = build(rbee, folder, {**env, **forced("rtx4090"), **both})
    assert compiled_with(other)["CUDA_ARCHITECTURES"] == "86;89"
    assert json.loads(build(rbee, folder, {**env, **forced("rtx4090")}).stdout) == json.loads(other.stdout)


def test_a_toolkit_that_cannot_do_it_is_told_before_the_build(rbee: RbeeHome, tmp_path: Path) -> None:
    folder = worker(tmp_path / "toy", "toy-engine==1.0", 'from_source = ["toy-engine"]')
    env = {**toolkit(tmp_path / "cuda", "13.0", cublas=False), **forced("mixed-gpus")}
    done = build(rbee, folder, env)
    assert done.returncode == 1
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "BUILD_FAILED"
    for words in (
        "lacks cuBLAS's headers (cublas_v2.h), the library cuBLAS to link with (libcublas.so)",
        "too new for the driver, which runs CUDA 12.8 at most",
        "does not compile for sm_61: CUDA 12.x is the last that does",
    ):
        assert words in error["message"]
    assert "sm_89:" not in error["message"]


def test_a_toolkit_that_only_runs_what_is_compiled_is_told_apart(rbee: RbeeHome, tmp_path: Path) -> None:
    """As NVIDIA's packages for Python lay it out: everything in ``lib``, and libraries without the names to link by."""
    folder = worker(tmp_path / "toy", "toy-engine==1.0", 'from_source = ["toy-engine"]')
    env = toolkit(tmp_path / "cuda", "12.4")
    (tmp_path / "cuda/lib64").rename(tmp_path / "cuda/lib")
    (tmp_path / "cuda/lib/libcublas.so").rename(tmp_path / "cuda/lib/libcublas.so.12")
    done = build(rbee, folder, {**env, **forced("rtx4090")})
    message = json.loads(done.stderr)["error"]["message"]
    for words in ("(libcudart.so)", "(libcudart_static.a)", "(libcublas.so)"):
        assert words in message
    assert "libcuda.so)" not in message


@pytest.mark.parametrize(
    ("machine", "words"),
    [("container-without-driver", "no NVIDIA GPU was found"), ("gtx1060-6gb", "update the driver (450 or newer)")],
)
def test_without_a_usable_gpu_it_is_not_guessed(rbee: RbeeHome, tmp_path: Path, machine: str, words: str) -> None:
    folder = worker(tmp_path / "toy", "toy-engine==1.0", 'from_source = ["toy-engine"]')
    done = build(rbee, folder, forced(machine))
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "BACKEND_UNAVAILABLE")
    assert words in error["message"]
    assert "CUDA_ARCHITECTURES" in error["hint"]


def test_uv_is_told_which_pytorch_the_driver_runs(rbee: RbeeHome, tmp_path: Path) -> None:
    programs, told = tmp_path / "bin", tmp_path / "told"
    programs.mkdir()
    (programs / "uv").write_text(f'#!/bin/sh\necho "$@" >> {told}\n[ "$1" = venv ] && exit 0\nexit 3\n')
    (programs / "uv").chmod(0o755)
    folder = worker(tmp_path / "toy", "torch==2.13.0", 'torch_backend = "auto"')
    # A wheel for CPUs that the user has is not the one that is wanted; and no other setting decides.
    links = tmp_path / "links"
    links.mkdir()
    env = {"PATH": str(programs), "UV_FIND_LINKS": str(links), "PIP_FIND_LINKS": "", "UV_TORCH_BACKEND": ""}
    done = build(rbee, folder, {**env, **forced("h200")})
    assert json.loads(done.stderr)["error"]["code"] == "BUILD_FAILED"
    assert "--torch-backend cu130" in told.read_text()
    done = build(rbee, folder, {**env, **forced("h200"), "RBEE_NO_UV": "1"})
    assert "PyTorch for cu130 is found by uv, and there is no uv" in done.stderr


TORCH = ["torch==2.13.0", "transformers>=5"]


@pytest.mark.parametrize(
    ("machine", "backend"),
    [
        ("rtx4090", "cu126"), ("2x-rtx3090", "cu126"), ("mixed-gpus", "cu126"), ("v100", "cu126"), ("h100-8x", "cu126"),
        ("a100-mig", "cu126"), ("h200", "cu130"), ("gb10", "cu130"), ("wsl-rtx3080", "cu126"),
    ],
)  # fmt: skip
def test_each_machine_gets_a_pytorch_that_runs_there(machine: str, backend: str) -> None:
    assert torch_backend(TORCH, load(machine).devices["cuda"]) == backend


def gpu(capability: str, runtime: str) -> Device:
    architecture = "sm_" + capability.replace(".", "")
    return Device(
        id="GPU-0", backend="cuda", name="GPU", memory_total=1, memory_free=1, architecture=architecture,
        compute_capability=capability, runtime=runtime,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("torch", "gpus", "backend"),
    [
        ("torch==2.13.0", [gpu("12.0", "12.8")], "cu129"),  # runs with the same major version
        ("torch==2.13.0", [gpu("8.9", "12.9")], "cu129"),
        ("torch==2.13.0", [gpu("8.9", "13.2")], "cu132"),
        (
            "torch==2.13.0",
            [gpu("12.0", "13.0"), gpu("6.1", "13.0")],
            "cu130",
        ),  # none is for both: the better one counts
        ("torch==2.13.0", [gpu("8.9", "13.0"), gpu("6.1", "13.0")], "cu126"),
        ("torch==2.13.0", [gpu("6.1", "13.0")], "cu126"),
        ("torch==2.12.1", [gpu("8.9", "12.4")], "cu126"),
        ("torch>=2.9,<2.12", [gpu("12.0", "12.8")], "cu128"),
        ("torch", [gpu("8.6", "13.1")], "cu130"),
        ("torch==9.0.0", [gpu("8.6", "13.1")], "cu130"),
    ],
)
def test_new_and_old_gpus_and_drivers_get_theirs(torch: str, gpus: list[Device], backend: str) -> None:
    assert torch_backend([torch], gpus) == backend


@pytest.mark.parametrize(
    ("torch", "device", "words"),
    [
        ("torch==2.13.0", gpu("7.0", "11.4"), "Update the driver"),
        ("torch==2.15.0", gpu("6.1", "13.0"), "run GGUF models"),
        ("torch==2.12.0", gpu("12.0", "12.8"), "Update the driver"),
        ("torch==2.13.0", gpu("8.7", "12.6"), "NVIDIA's wheel"),
    ],
)
def test_where_there_is_none_it_says_what_else_to_do(torch: str, device: Device, words: str) -> None:
    with pytest.raises(RbeeError) as caught:
        torch_backend([torch], [device])
    assert words in caught.value.hint


def test_a_person_may_name_the_architectures() -> None:
    devices = load("mixed-gpus").devices["cuda"]
    assert wanted_capabilities(devices, {}) == [(6, 1), (8, 9)]
    assert wanted_capabilities(devices, {"CUDA_ARCHITECTURES": "120a-real;90-virtual"}) == [(9, 0), (12, 0)]
    wanted = needs([(12, 0), (8, 8)], devices)
    assert wanted.target_hints == {"sm_120": "CUDA 12.8 or newer does", "sm_88": "a newer one may"}
    assert (wanted.toolkit, wanted.newest) == (TOOLKIT, (12, 8))
