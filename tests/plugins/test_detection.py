"""Hardware detection in child processes: whatever one backend does, the others answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from rbee_core.config import Config
from rbee_core.contracts import Device
from rbee_core.errors import RbeeError, UsageError
from rbee_core.plugins import PluginManager, detect_all
from rbee_core.plugins.forced import forced_devices
from rbee_core.plugins.records import scan
from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.dists import BACKEND, PluginFolder

Rows = Callable[..., dict[str, Any]]


def detect(
    rbee: RbeeHome, folder: PluginFolder, timeout: float = 30, **env: str
) -> tuple[list[Device], dict[str, dict[str, Any]]]:
    """Devices, and backend rows by name, of the folder's plugins alone."""
    config = Config(env=clean_env({**rbee.environment, **env}))
    devices, rows = detect_all(PluginManager(config, installed=scan([str(folder.path)])), config, timeout)
    return devices, {row["name"]: row for row in rows}


def instead(body: str) -> str:
    """The healthy backend doing ``body`` first."""
    return BACKEND.replace("        return [", f"        {body}\n        return [")


@pytest.fixture
def on_path(folder: PluginFolder, monkeypatch: pytest.MonkeyPatch) -> PluginFolder:
    """The folder on this process's own path, which its children work on."""
    monkeypatch.syspath_prepend(str(folder.path))
    return folder


def test_a_hang_a_crash_and_a_failure_leave_the_healthy_one_its_answer(
    rbee: RbeeHome, on_path: PluginFolder, rows: Rows
) -> None:
    on_path.add("backend", "well", "print('noise')\n" + BACKEND)
    on_path.add("backend", "hang", instead("import threading; threading.Event().wait()"))
    on_path.add("backend", "crash", instead("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    on_path.add("backend", "raises", instead("raise OSError('no such driver')"))
    on_path.add("backend", "wrong", BACKEND.replace("return [", "return 5 or ["))
    on_path.add("backend", "broken", "import nowhere_to_be_found")
    on_path.add("backend", "none", BACKEND.replace("return [", "return [] and ["))
    devices, found = detect(rbee, on_path, timeout=4)
    assert [(device.backend, device.name) for device in devices] == [("well", "Toy")]
    assert {name: (row["available"], row["reason"]) for name, row in found.items()} == {
        "well": (True, None),
        "hang": (False, "detect_hardware: took longer than 4 s"),
        "crash": (False, "detect_hardware: crashed its process (SIGSEGV)"),
        "raises": (False, "detect_hardware: OSError: no such driver"),
        "wrong": (False, "detect_hardware: returned 5 (int), not a list of Device"),
        "broken": (False, "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        "none": (False, "no device found"),
    }
    listed = rows()
    for name in ("hang", "crash", "raises", "wrong", "broken"):
        assert listed[name]["status"] == "error"
        assert listed[name]["reason"] == found[name]["reason"]
    assert (listed["well"]["status"], listed["none"]["status"]) == ("active", "active")


def test_a_backend_says_itself_why_it_has_no_device(rbee: RbeeHome, on_path: PluginFolder, rows: Rows) -> None:
    said = "from rbee_core import RbeeError; raise RbeeError('BACKEND_UNAVAILABLE', 'The driver is too old.')"
    on_path.add("backend", "toy", instead(said))
    assert detect(rbee, on_path)[1]["toy"]["reason"] == "The driver is too old."
    assert rows()["toy"]["status"] == "active"


def test_detection_that_passes_again_lifts_its_failure(rbee: RbeeHome, on_path: PluginFolder, rows: Rows) -> None:
    on_path.add("backend", "toy", instead(f"assert __import__('os').path.exists({str(on_path.marker)!r}), 'asleep'"))
    detect(rbee, on_path)
    assert rows()["toy"]["reason"] == "detect_hardware: AssertionError: asleep"
    on_path.marker.touch()
    assert detect(rbee, on_path)[1]["toy"]["available"]
    assert rows()["toy"]["status"] == "active"


def test_strict_mode_raises_a_detection_failure(rbee: RbeeHome, on_path: PluginFolder) -> None:
    on_path.add("backend", "toy", instead("raise ValueError('boom')"))
    with pytest.raises(RbeeError, match=r"rbee-backend-toy 1\.0.*ValueError: boom"):
        detect(rbee, on_path, RBEE_STRICT_PLUGINS="1")


def test_disabled_backends_are_not_asked(rbee: RbeeHome, on_path: PluginFolder) -> None:
    on_path.add("backend", "toy", "open('{marker}', 'w')\n" + BACKEND)
    devices, found = detect(rbee, on_path, RBEE_DISABLE_PLUGINS="toy")
    assert devices == []
    assert found["toy"] == {
        "name": "toy",
        "available": False,
        "reason": "disabled: turned off by RBEE_DISABLE_PLUGINS",
    }
    assert not on_path.marker.exists()


def test_forced_devices_stand_in_for_asking(rbee: RbeeHome, on_path: PluginFolder) -> None:
    on_path.add("backend", "my-npu", "open('{marker}', 'w')\n" + BACKEND)
    device = {"name": "X", "memoryTotal": 8, "memoryFree": 4, "architecture": "x1"}
    forced = {
        "RBEE_FORCE_MY_NPU": json.dumps([device, {**device, "computeCapability": "9.0"}]),
        "RBEE_FORCE_CUDA": json.dumps([{**device, "id": "GPU-7", "backend": "cuda"}]),
        "RBEE_FORCE_ROCM": "[]",
        "RBEE_FORCE_CPU": json.dumps([device]),
        "RBEE_FORCE_METAL": "",
        "RBEE_FORCE_PLATFORM": "linux/x86_64",
    }
    devices, found = detect(rbee, on_path, **forced)
    assert [(device.backend, device.id) for device in devices] == [
        ("cpu", "CPU-0"),
        ("cuda", "GPU-7"),
        ("my-npu", "GPU-0"),
        ("my-npu", "GPU-1"),
    ]
    assert devices[3].compute_capability == "9.0"
    assert {name: row["available"] for name, row in found.items()} == {
        "cpu": True, "cuda": True, "rocm": False, "my-npu": True,
    }  # fmt: skip
    assert found["rocm"]["reason"] == "set by RBEE_FORCE_ROCM"
    assert not on_path.marker.exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not JSON"),
        ("5", "is not a list"),
        ("[5]", "is not a list"),
        ('[{"name": "X"}]', "memoryTotal"),
        ('[{"name": "X", "memoryTotal": -1, "memoryFree": 0, "architecture": "x"}]', "memoryTotal"),
        ('[{"name": "X", "memoryTotal": 1, "memoryFree": 0, "architecture": "x", "backend": "rocm"}]', "rocm"),
        ('[{"id": "a", "name": "X", "memoryTotal": 1, "memoryFree": 0, "architecture": "x"},'
         ' {"id": "a", "name": "X", "memoryTotal": 1, "memoryFree": 0, "architecture": "x"}]', "one id"),
        ("[" * 100_000, "is not JSON"),
    ],
)  # fmt: skip
def test_malformed_forced_devices_are_wrong_usage(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        forced_devices(Config(env={"RBEE_FORCE_CUDA": text}))
    assert "RBEE_FORCE_CUDA" in caught.value.message


#: Prints in three ways, one of them from a thread that outlives the hook.
NOISE = """
import os, threading
print("noise")
os.system("echo noise")
def babble():
    while True:
        os.write(1, b"babble ")
        threading.Event().wait(0.00001)
threading.Thread(target=babble, daemon=True).start()
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (BACKEND, "devices"),
        (BACKEND.replace("return [", "raise ValueError('boom') or ["), "error"),
        ("raise SystemExit(5)", "error"),
    ],
)
def test_the_detect_module_prints_one_json_document(
    source: str, expected: str, rbee: RbeeHome, folder: PluginFolder
) -> None:
    folder.add("backend", "toy", NOISE + source)
    done = subprocess.run(
        [sys.executable, "-m", "rbee_core.plugins.detect", "toy"],
        env={**os.environ, **clean_env(rbee.environment)},
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout)
    assert list(answer) == [expected]
    assert done.stderr.count("noise") == 2
    assert "backend" in answer["devices"][0] if expected == "devices" else answer["error"]["code"] == "PLUGIN_ERROR"


def test_the_hardware_command_survives_a_hanging_backend(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("backend", "hang", instead("import threading; threading.Event().wait()"))
    done = rbee("hardware", "--json", env={"RBEE_HARDWARE_TIMEOUT": "3"})
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert "cpu" in {device["backend"] for device in answer["devices"]}
    assert {"name": "hang", "available": False, "reason": "detect_hardware: took longer than 3 s"} in answer["backends"]


def test_ctrl_c_ends_detection_and_its_children(rbee: RbeeHome, folder: PluginFolder) -> None:
    fifo = folder.path / "fifo"
    os.mkfifo(fifo)
    hang = f"import os, threading; os.write(os.open({str(fifo)!r}, os.O_WRONLY), b'here'); threading.Event().wait()"
    folder.add("backend", "hang", instead(hang))
    process = rbee.start("hardware", env={"RBEE_HARDWARE_TIMEOUT": "90"})
    with fifo.open("rb") as reader:  # opens when the child has come to its hook
        assert reader.read(4) == b"here"
        process.send_signal(signal.SIGINT)
        assert reader.read() == b""  # ends when the child is gone
    process.communicate(timeout=60)
    assert process.returncode == 130
