"""Detection in states of real machines, through the real ctypes path: NVML, the driver API, nvidia-smi."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.machines import load, names

from .conftest import FAKE, Driver

STATES = Path(__file__).parent / "states"
#: Every machine that has, or might have, NVIDIA's GPUs.
MACHINES = [name for name in names() if (STATES / name).is_dir()]

#: State -> what the reason why there is no device has to say.
REASONS = {
    "container-without-driver": ["this container does not", "--gpus all"],
    "mismatch": ["kernel module is 550.54.14", "Reboot"],
    "not-loaded": ["modprobe nvidia"],
    "no-permission": ["/dev/nvidia", "group"],
    "all-given-to-others": ["/dev/nvidia"],
    "no-driver": ["0000:01:00.0 and 1 more", "Install NVIDIA's driver"],
    "nothing": ["No NVIDIA GPU"],
    "wsl-without-gpu": ["Windows", "wsl --shutdown"],
    "fabric-not-ready": ["802", "nvidia-fabricmanager"],
    "stub-library": ["stub", "LD_LIBRARY_PATH"],
    "smi-mismatch": ["differ", "Reboot"],
    "smi-not-loaded": ["modprobe nvidia"],
    "hollow-libraries": ["NVML does not answer"],
    "smi-hangs": ["did not end within 2 s"],
}

ONE, TWO = "GPU-0c2c5f2e-7d66-5f0e-8a0e-3a1f1b0b7c42", "GPU-d3b2c9a5-2b3b-5c1f-9c57-0f6b8f5b9a11"
MIXED = [device.selector["CUDA_VISIBLE_DEVICES"] for device in load("mixed-gpus").devices["cuda"] if device.selector]
BEST, OLD = MIXED
MIG = [device.selector["CUDA_VISIBLE_DEVICES"] for device in load("a100-mig").devices["cuda"] if device.selector]

#: State, variables -> the selectors of the devices that are left, in order.
VISIBLE: list[tuple[str, dict[str, str], list[str]]] = [
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "0"}, [BEST]),  # CUDA counts the fastest first
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, [OLD]),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "1,0"}, [OLD, BEST]),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": " 0 , 1 "}, [BEST, OLD]),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": f"{OLD},{BEST}"}, [OLD, BEST]),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": OLD[:9]}, [OLD]),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "1,7,0"}, [OLD]),  # it ends at the first that is invalid
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "0,-1,1"}, [BEST]),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "0,0"}, []),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": ""}, []),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "-1"}, []),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, []),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "GPU-"}, []),  # that is the beginning of both
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "9" * 5000}, []),
    ("mixed-gpus", {"CUDA_VISIBLE_DEVICES": "\u00b2"}, []),
    ("a100-mig", {"CUDA_VISIBLE_DEVICES": f"{MIG[2]},{MIG[0]}"}, [MIG[2], MIG[0]]),
    ("a100-mig", {"CUDA_VISIBLE_DEVICES": MIG[1][:12]}, [MIG[1]]),
    ("a100-mig", {"CUDA_VISIBLE_DEVICES": "0"}, [MIG[0]]),
    ("compute-only-container", {"CUDA_VISIBLE_DEVICES": "0"}, [
        load("rtx4090").devices["cuda"][0].wire()["selector"]["CUDA_VISIBLE_DEVICES"]
    ]),
]  # fmt: skip

OTHERS = [
    *("compute-only-container", "prohibited", "mig-without-instances", "one-lost", "lost-later", "given-to-others"),
    *("kepler", "nvml-fails", "jetson-container", "garbled", "smi-only", "smi-old", "smi-nonsense"),
]


@pytest.fixture(scope="module")
def answers(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What detection says in every state, and to every setting of the variables: asked for in one process."""
    cases = [{"state": name, "env": {}} for name in {*MACHINES, *REASONS, *OTHERS}]
    cases += [{"state": state, "env": env} for state, env, _ in VISIBLE]
    folder = tmp_path_factory.mktemp("libraries")
    env = {
        "LD_LIBRARY_PATH": str(folder),
        "FAKE_LIBRARIES": str(driver.libraries),
        "FAKE_PROGRAMS": str(driver.programs),
    }
    done = subprocess.run(
        [sys.executable, str(FAKE / "ask.py")],
        env={**os.environ, **env},
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {json.dumps(case, sort_keys=True): answer for case, answer in zip(cases, found, strict=True)}


def key(state: str, env: dict[str, str] | None = None) -> str:
    return json.dumps({"state": state, "env": env or {}}, sort_keys=True)


def test_every_state_stands_for_something() -> None:
    assert {path.name for path in STATES.iterdir()} == {*MACHINES, *REASONS, *OTHERS}
    assert {name for name in names() if load(name).devices.get("cuda")} <= {*MACHINES}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_found_as_it_is(answers: dict[str, dict[str, Any]], name: str) -> None:
    assert answers[key(name)].get("devices", []) == [device.wire() for device in load(name).devices["cuda"]]


@pytest.mark.parametrize("state", REASONS)
def test_no_device_has_a_reason_and_a_remedy(answers: dict[str, dict[str, Any]], state: str) -> None:
    answer = answers[key(state)]
    assert answer["code"] == "BACKEND_UNAVAILABLE"
    for words in REASONS[state]:
        assert words in answer["error"]


@pytest.mark.parametrize("case", range(len(VISIBLE)))
def test_visible_devices_are_cudas(answers: dict[str, dict[str, Any]], case: int) -> None:
    state, env, wanted = VISIBLE[case]
    answer = answers[key(state, env)]
    found = [device["selector"]["CUDA_VISIBLE_DEVICES"] for device in answer.get("devices", [])]
    assert found == wanted
    assert [device["id"] for device in answer.get("devices", [])] == [f"GPU-{n}" for n in range(len(wanted))]
    if not wanted:
        assert "hides all NVIDIA GPUs" in answer["error"]


def test_a_container_with_the_compute_libraries_alone_has_all_its_gpu(answers: dict[str, dict[str, Any]]) -> None:
    assert answers[key("compute-only-container")]["devices"] == [
        device.wire() for device in load("rtx4090").devices["cuda"]
    ]


def test_a_limit_on_memory_holds_for_a_gpu_that_computes_in_it(answers: dict[str, dict[str, Any]]) -> None:
    (found,) = answers[key("jetson-container")]["devices"]
    assert (found["memoryTotal"], found["memoryFree"]) == (8 << 30, 7 << 30)


def test_an_nvml_that_fails_gives_way_to_the_driver_api(answers: dict[str, dict[str, Any]]) -> None:
    (found,) = answers[key("nvml-fails")]["devices"]
    assert found["memoryFree"] == load("rtx4090").devices["cuda"][0].memory_free


@pytest.mark.parametrize("state", ["one-lost", "lost-later"])
def test_a_lost_gpu_hides_no_other_and_comes_last(answers: dict[str, dict[str, Any]], state: str) -> None:
    good, lost = answers[key(state)]["devices"]
    assert good == {**load("2x-rtx3090").devices["cuda"][1].wire(), "id": "GPU-0"}
    assert (lost["memoryTotal"], lost["memoryFree"]) == (0, 0)
    assert "GPU is lost" in lost["problem"]
    assert "--gpu-reset -i 0" in lost["problem"]


def test_a_gpu_given_to_another_job_is_not_ours(answers: dict[str, dict[str, Any]]) -> None:
    (found,) = answers[key("given-to-others")]["devices"]
    assert found["pciBusId"] == "00000000:65:00.0"


def test_unusable_gpus_say_why(answers: dict[str, dict[str, Any]]) -> None:
    for state, words in {
        "prohibited": "compute mode is Prohibited",
        "mig-without-instances": "no instance was made",
        "kepler": "compute capability is 3.7",
    }.items():
        (found,) = answers[key(state)]["devices"]
        assert words in found["problem"]
        assert found["memoryTotal"] > 0


def test_a_name_that_is_no_text_is_no_obstacle(answers: dict[str, dict[str, Any]]) -> None:
    (found,) = answers[key("garbled")]["devices"]
    assert found == {**load("rtx4090").devices["cuda"][0].wire(), "name": "NVIDIA GPU 0"}


def test_nvidia_smi_is_the_last_resort(answers: dict[str, dict[str, Any]]) -> None:
    first, second = answers[key("smi-only")]["devices"]
    assert (first["name"], first["architecture"], first["runtime"]) == ("NVIDIA GeForce RTX 4090", "sm_89", "12.4")
    assert (first["memoryTotal"], first["memoryFree"]) == (24564 << 20, 23552 << 20)
    assert second["selector"] == {"CUDA_VISIBLE_DEVICES": ONE}
    (old,) = answers[key("smi-old")]["devices"]
    assert (old["driver"], old["runtime"], old["architecture"]) == ("418.67", "10.1", "unknown")
    assert "update the driver" in old["problem"]


def test_nonsense_from_nvidia_smi_is_a_device_with_a_problem(answers: dict[str, dict[str, Any]]) -> None:
    (found,) = answers[key("smi-nonsense")]["devices"]
    assert "problem" in found
    assert (found["memoryTotal"], found["memoryFree"]) == (0, 0)
