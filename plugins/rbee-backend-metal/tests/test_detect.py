"""What is read out of macOS' own tools, from outputs of them; and every reason for no GPU, or one without use."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rbee_backend_metal.detect import detect
from rbee_backend_metal.facts import ask_metal

from rbee_core.contracts import Device
from rbee_core.errors import RbeeError
from rbee_core.probing import Host
from rbee_core.testing import machines
from rbee_core.testing.trees import tools

GIB = 1 << 30
STATES = {path.stem: path.read_text("utf-8") for path in (Path(__file__).parent / "states").glob("*.tree")}
PROBE = "==> $ python -I probe.py <==\n"
DISPLAYS = "==> $ system_profiler -json SPDisplaysDataType <==\n"


def mac(text: str, architecture: str = "aarch64") -> Host:
    return Host(Path("/nowhere"), "darwin", architecture, {}, tools(text))


def changed(state: str, *sections: str) -> Host:
    """A state with some of its outputs replaced."""
    text = STATES[state]
    for section in sections:
        heading = section.partition("\n")[0]
        before, found, after = text.partition(heading)
        assert found
        text = before + section + "\n" + after.partition("\n==> ")[1] + after.partition("\n==> ")[2]
    return mac(text)


def only(host: Host) -> Device:
    (device,) = detect(host)
    return device


def reason(host: Host) -> str:
    with pytest.raises(RbeeError) as caught:
        detect(host)
    assert caught.value.code == "BACKEND_UNAVAILABLE"
    return caught.value.message


@pytest.mark.parametrize("name", sorted(STATES))
def test_a_state_gives_the_machines_devices(name: str) -> None:
    machine = machines.load(name)
    found = detect(mac(STATES[name], machine.platform.partition("/")[2]))
    assert [device.wire() for device in found] == [device.wire() for device in machine.devices["metal"]]


def test_every_mac_has_its_state() -> None:
    assert {name for name in machines.names() if machines.load(name).devices.get("metal")} == set(STATES)


SHARES: dict[str, tuple[str, str, int]] = {
    "two thirds": ("m1-8gb", "", 8 * GIB * 2 // 3),
    "two thirds of 16": ("m2-16gb", "", 16 * GIB * 2 // 3),
    "three quarters above 36 GB": ("m3-max-64gb", "", 48 * GIB),
    "set by hand": ("m3-max-64gb", "58000", 58000 << 20),
    "set by hand to more than there is": ("m1-8gb", "99999", 8 * GIB),
}


@pytest.mark.parametrize("case", SHARES)
def test_the_share_of_the_memory_where_metal_cannot_be_asked(case: str) -> None:
    state, by_hand, share = SHARES[case]
    limit = f"==> $ sysctl iogpu.wired_limit_mb <==\niogpu.wired_limit_mb: {by_hand or 0}\n"
    device = only(changed(state, PROBE + "Segmentation fault", limit))
    assert device.memory_total == share
    assert 0 < device.memory_free <= share
    assert {"bf16", "metal3", "simdgroup-matrix"} <= set(device.features)
    assert device.problem is None


def test_metals_own_answer_counts_before_every_rule() -> None:
    answer = {"name": "Apple M3 Max", "recommendedMaxWorkingSetSize": 60 * GIB, "hasUnifiedMemory": True,
              "families": ["apple7", "apple8", "apple9", "metal3"]}  # fmt: skip
    assert only(changed("m3-max-64gb", PROBE + json.dumps(answer))).memory_total == 60 * GIB


def test_memory_that_others_use_is_not_free() -> None:
    assert only(mac(STATES["m1-8gb"])).memory_free == (21845 + 175000 + 9000) * 16384


def test_not_a_mac() -> None:
    assert reason(Host(system="linux")) == "Metal is a part of macOS."


def test_a_virtual_machine_without_a_gpu() -> None:
    none = changed("m1-8gb", DISPLAYS + '{"SPDisplaysDataType": []}', PROBE + "null",
                   "==> $ sysctl kern.hv_vmm_present <==\nkern.hv_vmm_present: 1")  # fmt: skip
    assert "virtual machine has no GPU" in reason(none)
    assert "macOS lists no GPU" in reason(mac(""))


def test_a_virtual_machines_gpu_lacks_what_is_needed() -> None:
    name = "Apple Paravirtual device"
    answer = {"name": name, "recommendedMaxWorkingSetSize": GIB, "hasUnifiedMemory": True, "families": ["apple5"]}
    device = only(changed("m1-8gb", DISPLAYS + '{"SPDisplaysDataType": []}', PROBE + json.dumps(answer)))
    assert device.name == name
    assert "virtual machines" in str(device.problem)


def test_a_translated_python_is_told_to_be_native() -> None:
    translated = changed("m1-8gb", "==> $ sysctl sysctl.proc_translated <==\nsysctl.proc_translated: 1")
    assert "Rosetta" in str(only(translated).problem)


def test_an_old_macos_is_told_what_is_needed() -> None:
    assert only(changed("m1-8gb", "==> $ sw_vers -productVersion <==\n12.7.6")).problem == (
        "The engines need macOS 13 or newer; this is 12.7.6."
    )


def test_the_probe_fails_cleanly_where_there_is_no_metal() -> None:
    """Here it is really started; on a Mac it has an answer."""
    assert (ask_metal(Host()) is not None) == (sys.platform == "darwin")


def test_the_memory_of_an_intel_macs_gpus_where_metal_is_silent() -> None:
    host = mac(STATES["intel-mac-amd"].replace("$ python -I probe.py", "$ nothing"), "x86_64")
    assert [(device.memory_total, device.unified_memory) for device in detect(host)] == [
        (4 * GIB, False),
        (1536 << 20, True),
    ]


WORDS = st.sampled_from(["sppci_cores", "-1", "9" * 30, "null", "[", "{", "\x00", "GB", "spdisplays_metal3", "²"])


@settings(max_examples=80, deadline=None)
@given(
    outputs=st.dictionaries(
        st.sampled_from(["sysctl", "sw_vers", "vm_stat", "system_profiler", "python"]),
        st.lists(WORDS).map(" ".join)
        | st.text(max_size=40)
        | st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: st.dictionaries(
                st.sampled_from(["SPDisplaysDataType", "sppci_model", "families", "spdisplays_vram", "name",
                                 "recommendedMaxWorkingSetSize", "sppci_cores"]), inner, max_size=3,
            ) | st.lists(inner, max_size=2),
        ).map(json.dumps),
    )
)  # fmt: skip
def test_whatever_the_tools_print_there_is_an_answer(outputs: dict[str, str]) -> None:
    name: Callable[[str], str] = lambda word: "python" if word == sys.executable else word  # noqa: E731
    host = Host(Path("/nowhere"), "darwin", "aarch64", {}, lambda argv: outputs.get(name(argv[0])))
    try:
        devices = detect(host)
    except RbeeError as error:
        assert error.code == "BACKEND_UNAVAILABLE"
    else:
        assert all(0 <= device.memory_free <= device.memory_total for device in devices)
