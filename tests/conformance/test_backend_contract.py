"""A small backend passes the contract of backends; made bad in one way, it fails that one rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.dists import make_dist

GOOD = """
from rbee_core import ErrorCode, RbeeError, hookimpl
from rbee_core.contracts import Device

BEADS = ["GPU-0", "GPU-1"]
FREE = 5 << 30


class AbacusBackend:
    rbee_api = 1

    @hookimpl
    def detect_hardware(self):
        return [device(one) for one in BEADS]

    @hookimpl
    def build_worker(self, recipe, variant, dest, job):
        return None


def device(one):
    return Device(
        id=one, backend="abacus", name="Abacus", memory_total=8 << 30, memory_free=FREE, architecture="wood"
    )
"""
IMPORT = "importing_it_is_cheap"
PRINTED, STATE = "nothing_is_printed_to_standard_output", "the_process_is_left_as_it_was"
ANSWER, DEVICES = "it_gives_devices_or_a_reason", "devices_are_what_a_plan_can_rely_on"
SENT, TOGETHER = "detection_sends_nothing", "two_at_the_same_time"
BUILD, CANCELLED = "a_build_system_it_does_not_know_is_left_to_others", "a_cancelled_build_is_not_begun"
#: Of the two recipes that a contract builds, the cancelled one.
STOPPED = "job.cancelled"
LIST, NONE = "        return [device(one) for one in BEADS]", "        return None"


def first(*lines: str) -> tuple[str, str]:
    return LIST, "".join(f"        {line}\n" for line in lines) + LIST


#: What is wrong -> the rule it breaks, what is written in the good one, and what instead.
BAD: dict[str, tuple[str, str, str]] = {
    "Raises": (ANSWER, *first("{}['bead']")),
    "WrongCode": (ANSWER, *first("raise RbeeError(ErrorCode.BUILD_FAILED, 'no beads')")),
    "NoReason": (ANSWER, *first("raise RbeeError(ErrorCode.BACKEND_UNAVAILABLE, ' ')")),
    "Hangs": (ANSWER, *first("import time; time.sleep(100)")),
    "Exits": (ANSWER, *first("import os; os._exit(3)")),
    "WrongType": (ANSWER, "[device(one) for one in BEADS]", "[str(device(one)) for one in BEADS]"),
    "MissesOne": (ANSWER, '["GPU-0", "GPU-1"]', '["GPU-0"]'),
    "NeedsATool": (ANSWER, *first("import subprocess; subprocess.run(['true'])")),
    "SameId": (DEVICES, '["GPU-0", "GPU-1"]', '["GPU-0", "GPU-0"]'),
    "OddId": (DEVICES, '"GPU-1"]', '"bead 1"]'),
    "MoreFreeThanThereIs": (DEVICES, "5 << 30", "9 << 30"),
    "AnotherBackend": (DEVICES, 'backend="abacus"', 'backend="cuda"'),
    "NameOfTwoLines": (DEVICES, 'name="Abacus"', 'name="Abacus\\n8 GB"'),
    "Prints": (PRINTED, *first("print('looking')")),
    "PrintsBelowPython": (PRINTED, *first("import os; os.system('echo looking')")),
    "Environment": (STATE, *first("import os; os.environ['ABACUS_ORDER'] = 'PCI'")),
    "Thread": (STATE, *first("import threading; threading.Timer(300, print).start()")),
    "Sends": (SENT, *first("import socket", "socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))")),
    "MainThreadOnly": (TOGETHER, *first("import signal; signal.signal(signal.SIGUSR1, signal.SIG_DFL)")),
    "BuildsAnything": (BUILD, NONE, f"        return None if {STOPPED} else str(dest)"),
    "RaisesForIt": (BUILD, NONE, f"        assert {STOPPED}, 'unknown'"),
    "LeavesFiles": (BUILD, NONE, "        (dest / 'log').write_text('x')"),
    "BuildsOn": (CANCELLED, NONE, "        return None if recipe.build.system != 'pip' else str(dest)"),
    "FailsOtherwise": (CANCELLED, NONE, "        assert recipe.build.system != 'pip'"),
    "Heavy": (IMPORT, "BEADS = ", "import psutil\nBEADS = "),
}  # fmt: skip
TESTS = """
import pytest
from rbee_core.testing.backend_contract import BackendContract, BackendMachine


class BadGood(BackendContract):
    limit = 2.0

    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls):
        return "rbee-backend-" + cls.__name__.removeprefix("Bad").lower()

    @pytest.fixture(scope="class")
    @classmethod
    def machine(cls):
        told = cls.__name__ not in ("BadRaises", "BadSameId")
        return BackendMachine("abacus", devices=2 if told else None)
"""


def install(folder: Path, name: str, source: str) -> None:
    module = f"backend_{name.lower()}"
    entries = {"rbee.backends": {"abacus": f"{module}:AbacusBackend"}}
    make_dist(folder, f"rbee-backend-{name.lower()}", "1.0", entries, {f"{module}.py": source})


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_each_bad_backend_fails_its_rule_and_no_other(tmp_path: Path, failures: Any) -> None:
    install(tmp_path, "good", GOOD)
    classes, expected = "", {"Good": set[str]()}
    for name, (rule, good, bad) in BAD.items():
        assert GOOD.count(good) == 1, f"{name}: the good one holds {good!r} {GOOD.count(good)} times"
        install(tmp_path, name, GOOD.replace(good, bad))
        classes += f"\n\nclass Bad{name}(BadGood):\n    pass\n"
        expected[name] = {rule}
    found, output = failures(tmp_path, {"test_bad": TESTS + classes})
    assert found == expected, output
