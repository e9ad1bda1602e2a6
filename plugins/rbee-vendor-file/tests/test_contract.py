"""The vendor of files is a good citizen, whatever the files are called."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest

from rbee_core.testing.vendor_contract import VendorContract, VendorModel


class TestFiles(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-file"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> VendorModel:
        root = tmp_path_factory.mktemp("models")
        (root / "m.gguf").write_bytes(os.urandom(3 << 20))
        numbers = count()

        def publish(name: str) -> str | None:
            if name.startswith("/") or ".." in name or "//" in name:
                return None  # no folder's listing gives such a name
            path = root / str(next(numbers)) / name
            try:
                path.parent.mkdir(parents=True)
                path.write_bytes(b"x")
            except (OSError, ValueError):
                return None  # nor one that cannot be written
            return f"file:{_below(root, path)}"

        return VendorModel(ref=f"file:{root / 'm.gguf'}", missing=f"file:{root / 'none.gguf'}", publish=publish)


def _below(root: Path, path: Path) -> Path:
    """The model's folder."""
    return root / path.relative_to(root).parts[0]
