"""Where prebuilt engines are: the address of an index, out of a description that somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbee_core.contracts import Device
from rbee_core.testing.machines import load
from rbee_core.workers import merged_pip
from rbee_core.workers.prebuilt import address
from rbee_core.workers.recipe import Origin, read_recipe

GOOD = "https://engine.example/whl/cu128"


@pytest.mark.parametrize(
    ("description", "found"),
    [
        (f"pip install toy --index-url {GOOD}", GOOD),
        (f"`pip install toy --extra-index-url={GOOD}/`", GOOD),
        (f'pip install --index-url "{GOOD}" toy', GOOD),
        (f"  --index-url {GOOD}\n  --index-url {GOOD}/\n", GOOD),
        ("pip install toy --index-url http://127.0.0.1:8080/whl/cu128", "http://127.0.0.1:8080/whl/cu128"),
        (f"See {GOOD}", None),  # not shown in a command
        ("pip install toy --index-url https://engine.example/whl/cu1280", None),
        (f"--index-url {GOOD} --index-url https://other.example/cu128", None),  # which one?
        ("--index-url http://engine.example/whl/cu128", None),
        ("--index-url http://127.0.0.1.engine.example/whl/cu128", None),
        ("--index-url https://user:secret@engine.example/whl/cu128", None),
        ("--index-url https://engine.example@127.0.0.1/whl/cu128", None),
        ("--index-url https:///whl/cu128", None),
        ("--index-url https://engine.example:port/whl/cu128", None),
        ("--index-url https://[engine/whl/cu128", None),
        ("--index-url https://engine.example/whl?x=/cu128", None),
        ("--index-url https://engine.example/whl#/cu128", None),
        ("--index-url https://engine.éxample/whl/cu128", None),
        ("--index-url https://engine.example/\x1b[31m/cu128", None),
        ("--index-url file:///etc/cu128", None),
        ("--index-url https://engine.example/" + "a" * 400 + "/cu128", None),
        ("--index-url https://cu128", None),  # a host is no index's name
        ("--index-url" + " " * 1_000_000, None),
        ("--index-url https://x" * 100_000, None),
    ],
)
def test_only_a_plain_address_in_a_command_counts(description: str, found: str | None) -> None:
    assert address(description, "cu128") == found


def first_party(feature: str, devices: list[Device]) -> list[str]:
    recipe = read_recipe(
        Path(__file__).parents[2] / "plugins/rbee-worker-llm/rbee_worker_llm", Origin("package", "rbee-worker-llm", "1")
    )
    return [offer.index for offer in merged_pip(recipe, recipe.variant(feature)).offered(devices)]


@pytest.mark.parametrize(
    ("feature", "machine", "indexes"),
    [
        ("cuda", "rtx4090", ["cu128"]),  # a driver for 12.x: only what is compiled for just this GPU
        ("cuda", "h200", ["cu128"]),  # the driver turns code for sm_80 into its own, but no code of a newer toolkit
        ("cuda", "v100", []),
        ("cuda", "mixed-gpus", ["cu128"]),
        ("cuda", "h100-8x", []),  # its driver is too old for that, and nothing is compiled for just sm_90
        ("cuda", "wsl-rtx3080", ["cu128"]),
        ("cuda", "gb10", ["cu132", "cu128"]),
        ("cuda", "gtx1060-6gb", []),
        ("rocm", "rx7900xtx", ["rocm-6.4.1"]),
        ("rocm", "mi300x", []),
        ("rocm", "apu-780m", []),
    ],
)
def test_the_llm_workers_wheels_and_the_machines_they_are_for(feature: str, machine: str, indexes: list[str]) -> None:
    assert list(dict.fromkeys(first_party(feature, load(machine).devices[feature]))) == indexes


def gpu(capability: str, runtime: str) -> Device:
    return Device(
        id="GPU-0", backend="cuda", name="GPU", memory_total=1, memory_free=1, compute_capability=capability,
        architecture="sm_" + capability.replace(".", ""), runtime=runtime,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("capability", "runtime", "indexes"),
    [
        ("8.9", "13.0", ["cu132", "cu128"]),
        ("8.0", "13.0", ["cu128"]),  # from code for sm_80 a driver of 13.0 cannot make what 13.2 wrote
        ("9.0", "13.2", ["cu132", "cu128"]),
        ("12.1", "13.0", ["cu132", "cu128"]),
        ("7.5", "12.4", []),
        ("6.1", "12.8", ["cu128"]),
        ("8.6", "11.8", []),
    ],
)
def test_new_drivers_get_newer_wheels(capability: str, runtime: str, indexes: list[str]) -> None:
    assert list(dict.fromkeys(first_party("cuda", [gpu(capability, runtime)]))) == indexes


def test_what_a_device_does_not_tell_counts_as_lacking() -> None:
    silent = gpu("8.9", "13.0")
    silent.runtime = None
    assert first_party("cuda", [silent]) == []
    assert first_party("cuda", [gpu("8.9", "13.0"), silent]) == []
    assert first_party("cuda", []) == []


def test_who_names_a_place_or_wants_it_compiled_gets_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("off", "/my/wheels"):
        monkeypatch.setenv("RBEE_ENGINE_WHEELS", said)
        assert first_party("cuda", [gpu("8.9", "13.0")]) == []
