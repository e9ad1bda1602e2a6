"""What every backend has to be, as tests: a backend's author subclasses `BackendContract` and overrides two fixtures.

```python
class TestAbacus(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-backend-abacus"

    @pytest.fixture(scope="class")
    @classmethod
    def machine(cls) -> BackendMachine:
        return BackendMachine("abacus", env={"ABACUS_ROOT": "/made-up"}, devices=2)
```

The plugin is found by its entry point and runs in a process of its own; ``docs/plugins.md`` lists the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from .plugin_contract import PluginContract, loaded
from .plugin_process import Answer, PluginProcess

_ID = re.compile(r"(CPU|GPU)-(0|[1-9]\d*)")


@dataclass(frozen=True, slots=True)
class BackendMachine:
    """A machine to try the backend on: this one, or one that is made up.

    :param backend: the backend's name, as its entry point has it.
    :param env: environment of the plugin's process, which may lead to made-up hardware.
    :param devices: how many there are to find; ``None`` where nobody knows.
    """

    backend: str
    env: Mapping[str, str] = field(default_factory=dict)
    devices: int | None = None


class BackendContract(PluginContract):
    """The conformance class."""

    kind = "backend"
    #: Seconds that detection may take: rbee's own limit (the setting ``hardware_timeout``).
    limit: ClassVar[float] = 5.0

    @pytest.fixture(scope="class")
    @classmethod
    def machine(cls) -> BackendMachine:
        """The machine it is tried on."""
        raise NotImplementedError("override the fixture 'machine'")

    @pytest.fixture(scope="class")
    @classmethod
    def process(
        cls, plugin: str, machine: BackendMachine, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[PluginProcess]:
        """The process it runs in, started when it is first asked something."""
        folder = tmp_path_factory.mktemp("plugin")
        with PluginProcess("backend", plugin, machine.backend, folder, machine.env) as process:
            yield process

    @pytest.fixture(scope="class")
    @classmethod
    def use(cls, process: PluginProcess) -> Answer:
        """The answer to one detection."""
        loaded(process)
        try:
            return process.ask("detect", limit=cls.limit)
        except AssertionError as error:
            return {"found": [{"ended": str(error)}], "calls": [], "printed": "", "changes": []}

    def test_it_gives_devices_or_a_reason(self, use: Answer, process: PluginProcess, machine: BackendMachine) -> None:
        """In time, and nothing but ``BACKEND_UNAVAILABLE``: also where no tool is on the ``PATH``."""
        _is_answer(use["found"][0])
        if machine.devices is not None:
            found = len(use["found"][0].get("devices", []))
            assert found == machine.devices, f"there are {machine.devices} devices; it found {found}"
        _is_answer(process.ask("detect", limit=self.limit, path="")["found"][0])

    def test_devices_are_what_a_plan_can_rely_on(self, use: Answer, machine: BackendMachine) -> None:
        devices = use["found"][0].get("devices", [])
        wrong = [fault for device in devices for fault in _faults(device, machine.backend)]
        ids = [device["id"] for device in devices]
        wrong += [f"the id {one} comes {ids.count(one)} times" for one in sorted(set(ids)) if ids.count(one) > 1]
        assert not wrong, "; ".join(wrong)

    def test_detection_sends_nothing(self, use: Answer) -> None:
        """What is in this machine is known without a network."""
        assert use["calls"] == [], f"it called {', '.join(use['calls'][:5])}"

    def test_two_at_the_same_time(self, use: Answer, process: PluginProcess) -> None:
        """Two threads, an instance each, find what one finds."""
        first = use["found"][0]
        found = [first] if "ended" in first else process.ask("detect", limit=2 * self.limit, instances=2)["found"]
        assert [_gist(one) for one in found] == [_gist(first)] * len(found), f"it found {found} instead of {first}"

    def test_a_build_system_it_does_not_know_is_left_to_others(self, process: PluginProcess) -> None:
        """``build_worker`` gives ``None`` and writes nothing."""
        hooks = loaded(process)["hooks"]
        if "build_worker" in hooks:
            answer = process.ask("build", dest=str(process.folder / "build"))
            assert answer.get("result") == "None", f"build_worker gave {answer}"
            assert answer["left"] == [], f"build_worker wrote {answer['left']}"
        assert "detect_hardware" in hooks

    def test_a_cancelled_build_is_not_begun(self, process: PluginProcess) -> None:
        """``build_worker`` ends with ``CANCELLED``, unless such a recipe is none of its own (``None``)."""
        if "build_worker" in loaded(process)["hooks"]:
            answer = process.ask("build", dest=str(process.folder / "cancelled"), cancelled=True)
            code = answer.get("error", {}).get("code")
            assert answer.get("result") == "None" or code == "CANCELLED", f"a cancelled build ended with {answer}"
            assert answer["calls"] == [], f"a cancelled build called {', '.join(answer['calls'][:5])}"


def _is_answer(found: Answer) -> None:
    assert "ended" not in found, found["ended"]
    assert "raised" not in found, f"it raised {found['raised']}, not BACKEND_UNAVAILABLE:\n{found.get('traceback')}"
    if "error" in found:
        error = found["error"]
        assert error["code"] == "BACKEND_UNAVAILABLE", f"it raised {error['code']}: {error['message']}"
        assert error["message"].strip(), "it gives no reason"


def _faults(device: Answer, backend: str) -> list[str]:
    """What is wrong with a device, in words."""
    one = device["id"]
    checks = {
        f"the id {one!r} is not CPU-n or GPU-n": _ID.fullmatch(one) is not None,
        f"{one} says it is of the backend {device['backend']!r}, not {backend!r}": device["backend"] == backend,
        f"{one} has more memory free than there is": device["memoryFree"] <= device["memoryTotal"],
        f"{one} has a name that no line can show": device["name"].strip() != "" and device["name"].isprintable(),
    }
    return [words for words, fine in checks.items() if not fine]


def _gist(found: Answer) -> object:
    """What stays the same from one detection to the next."""
    if "devices" in found:
        return [(device["id"], device["name"], device["memoryTotal"]) for device in found["devices"]]
    return found.get("error", {}).get("code") or found.get("raised")
