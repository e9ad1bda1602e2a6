"""What an installed package consists of."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from rbee_vendor_demo import MODELS

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_holds_the_data_and_the_card_but_not_the_training(tmp_path: Path) -> None:
    uv = shutil.which("uv")
    assert uv, "the project is built with uv, which is missing here"
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for file in {name for files in MODELS.values() for name in files} | {"SHA256SUMS"}:
            packed = archive.read(f"rbee_vendor_demo/data/{file}")
            assert packed == (ROOT / "rbee_vendor_demo" / "data" / file).read_bytes(), file
    assert "rbee_vendor_demo/MODEL_CARD.md" in names
    assert not [name for name in names if "training" in name or "tests" in name]
