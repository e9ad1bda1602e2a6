"""What the tests of ranges share: the engine's sizes made small, a job, a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbee_core.jobs import Job, JobOptions
from rbee_core.transfer import (
    ranged,
    retry,
    schedule,
    sparse,
)

from .ranges import SIZE


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's sizes, a hundredth of the real ones."""
    monkeypatch.setattr(retry, "BACKOFF", 0.001)
    monkeypatch.setattr(ranged, "RANGED_FROM", 1)
    monkeypatch.setattr(schedule, "SMALLEST", 50_000)
    monkeypatch.setattr(schedule, "LARGEST", 200_000)
    monkeypatch.setattr(schedule, "WORTH_SHARING", SIZE)  # what is read ahead of a shared tail is given twice
    monkeypatch.setattr(sparse, "NOTED_EVERY", 0.0)
    monkeypatch.setattr(sparse, "SYNCED_EVERY", 0.0)


@pytest.fixture
def job() -> Job:
    return Job(options=JobOptions(stall_timeout=5, connections=4))


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"
