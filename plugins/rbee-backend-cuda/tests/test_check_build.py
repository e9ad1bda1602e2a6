"""What lacks for compiling is told by a plan, too: the hook ``check_build``."""

from __future__ import annotations

from pathlib import Path

import pytest
from rbee_backend_cuda import CudaBackend

from rbee_core.contracts import Device, WorkerRecipe
from rbee_core.errors import RbeeError
from rbee_core.testing.machines import load


def check(dest: Path, devices: list[Device], **pip: list[str]) -> None:
    recipe = WorkerRecipe.model_validate(
        {
            "id": "toy-worker",
            "name": "x",
            "version": "1",
            "description": "x",
            "license": "MIT",
            "build": {"system": "pip", "features": ["cuda"], "default_feature": "cuda", "pip": pip},
        }
    )
    CudaBackend().check_build(recipe, recipe.variant("cuda"), dest, devices)


def test_what_has_to_be_compiled_needs_a_toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("CUDA_PATH", str(empty))
    devices = load("rtx4090").devices["cuda"]
    with pytest.raises(RbeeError, match="CUDA") as caught:
        check(empty, devices, requirements=["toy-engine==1"], from_source=["toy-engine"])
    assert caught.value.code == "BUILD_FAILED"
    assert caught.value.hint
    assert list(empty.iterdir()) == []


def test_what_comes_prebuilt_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_PATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    check(tmp_path, load("rtx4090").devices["cuda"], requirements=["toy-engine==1"])
    assert list(tmp_path.iterdir()) == []
