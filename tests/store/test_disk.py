"""Is there room, and does the message say how much is missing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.store import require_space
from rbee_core.store.disk import RESERVE


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Which folders' disks were asked; each has 100 MB free."""
    places: list[Path] = []

    def usage(path: Path) -> SimpleNamespace:
        places.append(path)
        return SimpleNamespace(free=100_000_000)

    monkeypatch.setattr("shutil.disk_usage", usage)
    return places


def test_what_fits_fits(tmp_path: Path, asked: list[Path]) -> None:
    require_space(tmp_path, 100_000_000 - RESERVE)
    require_space(tmp_path, 0)
    assert asked == [tmp_path]


def test_what_does_not_is_said_with_all_three_numbers(tmp_path: Path, asked: list[Path]) -> None:
    with pytest.raises(RbeeError) as raised:
        require_space(tmp_path / "not" / "there", 4_700_000_000)
    assert asked == [tmp_path]
    assert raised.value.code is ErrorCode.INSUFFICIENT_DISK
    assert "4.7 GB are needed" in raised.value.message
    assert "100.0 MB are available" in raised.value.message
    assert "Free 4.6 GB" in raised.value.hint
    with pytest.raises(RbeeError):
        require_space(tmp_path, 100_000_001 - RESERVE)
