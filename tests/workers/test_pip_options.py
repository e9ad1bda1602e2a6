"""What a pip build installs: two sections as one, and whose PyTorch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rbee_core.contracts import WorkerRecipe
from rbee_core.workers import merged_pip
from rbee_core.workers.pip_options import torch_at_hand

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"


def recipe(shared: dict[str, object], own: dict[str, object]) -> WorkerRecipe:
    return WorkerRecipe.model_validate(
        {
            "id": "toy", "name": "Toy", "version": "1", "description": "d", "license": "MIT",
            "build": {"system": "pip", "features": ["cpu", "cuda"], "default_feature": "cpu", "pip": shared},
            "backend": {"cuda": {"pip": own}},
        }
    )  # fmt: skip


def test_lists_are_joined_and_the_features_word_counts() -> None:
    shared = {
        "requirements": ["torch==2.13.0", "Toy_Engine==1"], "torch_backend": "cpu", "include_packages": ["a"],
        "index_url": "https://one.example/simple", "from_source": ["x"],
    }  # fmt: skip
    own = {
        "requirements": ["more"], "torch_backend": "auto", "include_packages": ["a", "b"],
        "from_source": ["toy-engine"], "index_url": "https://two.example/simple", "include_self": True,
    }  # fmt: skip
    both = recipe(shared, own)
    pip = merged_pip(both, both.variant("cuda"))
    assert pip.requirements == ["torch==2.13.0", "Toy_Engine==1", "more"]
    assert (pip.torch_backend, pip.index_url, pip.include_self) == ("auto", "https://two.example/simple", True)
    assert (pip.include_packages, pip.from_source) == (["a", "b"], ["x", "toy-engine"])
    assert pip.compiled() == (["torch==2.13.0", "more"], ["Toy_Engine==1"])
    assert pip.made_for_devices
    plain = merged_pip(recipe({**shared, "from_source": []}, {}), both.variant("cpu"))
    assert (plain.torch_backend, plain.made_for_devices) == ("cpu", False)


WHEELS = [
    ("torch-2.13.0+cpu-{tag}-{tag}-{platform}.whl", "torch==2.13.0", "cpu", True),
    ("torch-2.13.0+cpu-{tag}-{tag}-{platform}.whl", "torch>=2.10,<3", "cpu", True),
    ("torch-2.13.0+cpu-{tag}-{tag}-{platform}.whl", "torch==2.13.0", "cu130", False),
    ("torch-2.13.0+cu130-{tag}-{tag}-{platform}.whl", "torch==2.13.0", "cu130", True),
    ("torch-2.13.0-{tag}-{tag}-{platform}.whl", "torch==2.13.0", "cu130", True),
    ("torch-2.12.0+cpu-{tag}-{tag}-{platform}.whl", "torch==2.13.0", "cpu", False),
    ("torch-2.13.0+cpu-cp37-cp37m-{platform}.whl", "torch==2.13.0", "cpu", False),
    ("torch-2.13.0+cpu-{tag}-{tag}-win_arm64.whl", "torch==2.13.0", "cpu", False),
    ("torch-nonsense.whl", "torch", "cpu", False),
    ("torch-2.13.0+cpu-{tag}-{tag}-{platform}.whl", "numpy", "cpu", False),
    ("torch-2.13.0+cpu-{tag}-{tag}-{platform}.whl", "torch; python_version < '3'", "cpu", False),
]


@pytest.mark.parametrize(("name", "requirement", "backend", "does"), WHEELS)
def test_the_users_own_wheel_of_pytorch_comes_first(
    tmp_path: Path, name: str, requirement: str, backend: str, does: bool
) -> None:
    from packaging.tags import sys_tags

    wheel = tmp_path / name.format(tag=TAG, platform=next(sys_tags()).platform)
    wheel.touch()
    for env in (
        {"PIP_FIND_LINKS": f"https://x.example/ {tmp_path}"},
        {"UV_FIND_LINKS": f"/nowhere,{tmp_path.as_uri()}"},
    ):
        assert torch_at_hand([requirement], backend, env) == (wheel if does else None)
    assert torch_at_hand([requirement], backend, {}) is None
