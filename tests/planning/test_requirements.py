"""What variants require of devices (PEP 825 properties), and what their wheels are for."""

from __future__ import annotations

from typing import Any

import pytest

from rbee_core.contracts import Device, WorkerRecipe
from rbee_core.planning.requirements import unmet

DEVICES: dict[str, dict[str, Any]] = {
    "cuda": {"architecture": "sm_86", "compute_capability": "8.6", "runtime": "12.4", "driver": "550.54"},
    "rocm": {"architecture": "gfx1100", "runtime": "6.2"},
    "cpu": {"architecture": "x86_64", "features": ["sse4_2", "ssse3", "avx", "avx2", "bmi2", "f16c", "fma"]},
    "metal": {"architecture": "apple-m3"},
}


def device(backend: str, **more: Any) -> Device:
    facts = {"id": "X-0", "backend": backend, "name": "Thing", "memory_total": 1, "memory_free": 1}
    return Device(**facts, **{**DEVICES[backend], **more})


def recipe(backend: str, *requires: str, **pip: str) -> WorkerRecipe:
    section = {"requires": requires, **({"pip": pip} if pip else {})}
    return WorkerRecipe.model_validate(
        {
            "id": "my-worker",
            "name": "x",
            "version": "1",
            "description": "x",
            "license": "MIT",
            "build": {"features": [backend], "default_feature": backend},
            "backend": {backend: section},
        }
    )


@pytest.mark.parametrize(
    ("backend", "requires", "part"),
    [
        ("cuda", ["nvidia :: cuda_version_lower_bound :: 12.4"], None),
        ("cuda", ["nvidia :: cuda_version_lower_bound :: 12.6"], "the driver 550.54 is too old: it supports CUDA 12.4"),
        ("cuda", ["nvidia :: sm_arch :: 75_virtual"], None),
        ("cuda", ["nvidia :: sm_arch :: 90_virtual"], "compute capability 8.6, and 9.0 is needed"),
        ("cuda", ["nvidia :: sm_arch :: 80_real"], "8.0 is needed"),
        ("cuda", ["nvidia :: sm_arch :: 80_real", "nvidia :: sm_arch :: 86_real"], None),
        ("cuda", ["nvidia :: sm_arch :: 86_real", "nvidia :: cuda_version_lower_bound :: 13.0"], "13.0 is needed"),
        ("cuda", ["nvidia :: sm_arch :: 120_virtual"], "12.0 is needed"),
        ("cuda", ["amd :: gfx_arch :: gfx90a"], None),
        ("rocm", ["amd :: gfx_arch :: gfx90a"], "is built for gfx90a, and Thing is gfx1100"),
        ("rocm", ["amd :: gfx_arch :: gfx90a", "amd :: gfx_arch :: gfx1100"], None),
        ("rocm", ["amd :: rocm_version :: 6.4"], "supports ROCm 6.2, and 6.4 is needed"),
        ("cpu", ["x86_64 :: level :: v3"], None),
        ("cpu", ["x86_64 :: level :: v4"], "lacks avx512bw"),
        ("cpu", ["x86_64 :: avx512f :: on"], "lacks avx512f"),
        ("cpu", ["aarch64 :: sve :: on"], None),
        ("metal", ["nvidia :: sm_arch :: 90_real"], None),
    ],
)
def test_a_device_is_held_against_what_is_required(backend: str, requires: list[str], part: str | None) -> None:
    found = unmet(recipe(backend, *requires), backend, device(backend))
    assert (found is None) if part is None else (part in (found or ""))


@pytest.mark.parametrize(
    ("pip", "runtime", "fits"),
    [
        ({"torch_backend": "cu128"}, "12.4", True),
        ({"torch_backend": "cu130"}, "12.4", False),
        ({"index_url": "https://example.org/whl/cu118"}, "12.4", True),
        ({"index_url": "https://example.org/whl/cu130/"}, "12.9", False),
        ({"torch_backend": "auto"}, "11.4", True),
        ({"torch_backend": "rocm6.4"}, "12.4", True),
    ],
)
def test_wheels_fit_drivers_of_their_major_version(pip: dict[str, str], runtime: str, fits: bool) -> None:
    found = unmet(recipe("cuda", **pip), "cuda", device("cuda", runtime=runtime))
    assert (found is None) == fits


def test_what_a_backend_does_not_tell_is_not_held_against_it() -> None:
    wanted = recipe("cuda", "nvidia :: cuda_version_lower_bound :: 13.0", "nvidia :: sm_arch :: 90_real")
    assert unmet(wanted, "cuda", device("cuda", runtime=None, compute_capability=None)) is None
    assert unmet(recipe("cpu", "x86_64 :: level :: v4"), "cpu", device("cpu", features=[])) is None


@pytest.mark.parametrize("text", ["nvidia", "a :: b", "a::b::c", "A :: b :: c", "a :: b :: c; rm"])
def test_a_requirement_is_a_triple_of_plain_words(text: str) -> None:
    with pytest.raises(ValueError, match="requires"):
        recipe("cuda", text)
