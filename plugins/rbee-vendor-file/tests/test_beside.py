"""The other quantizations that lie beside a model's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from rbee_vendor_file.beside import versions_beside


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ["m-Q4_K_M.gguf", "m-Q8_0.gguf", "m.f16.GGUF", "other-Q8_0.gguf", "m-Q6_K-00001-of-00002.gguf", "m-x.txt"]
    for size, name in enumerate(names, 1):
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "m-folder.gguf").mkdir()
    return tmp_path


def test_the_same_model_in_other_quantizations(folder: Path) -> None:
    found = versions_beside(folder / "m-Q4_K_M.gguf")
    assert found == [
        {"ref": f"file:{folder}/m-Q8_0.gguf", "size": 2},
        {"ref": f"file:{folder}/m.f16.GGUF", "size": 3},
    ]


@pytest.mark.parametrize("name", ["m.gguf", "model.safetensors", "gone/m-Q4_0.gguf"])
def test_where_nothing_can_be_told_nothing_is(folder: Path, name: str) -> None:
    assert versions_beside(folder / name) == []
