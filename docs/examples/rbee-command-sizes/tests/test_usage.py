"""What is counted, without a disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rbee_core.contracts import Digest, ModelEntry, ModelFile

from rbee_command_sizes.usage import measure

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def entry(name: str, **more: object) -> ModelEntry:
    """A model of one file, added ten days ago."""
    file = ModelFile(name="m.gguf", size=100, digest=Digest(f"sha256:{name * 64}"))
    return ModelEntry.model_validate(
        {
            "id": name,
            "name": name,
            "source": f"demo:{name}",
            "path": "/m",
            "size": 100,
            "files": [file],
            "status": "Available",
            "addedAt": NOW - timedelta(days=10),
            **more,
        }
    )


def test_days_count_from_the_last_use_or_else_the_download() -> None:
    used = entry("a", lastUsedAt=NOW - timedelta(days=3))
    assert [model.idle_days for model in measure([used, entry("b")], NOW)] == [3, 10]


def test_what_is_not_here_takes_nothing() -> None:
    assert measure([entry("a", status="Downloading")], NOW) == []


def test_a_file_counts_for_a_model_that_has_it_alone() -> None:
    same = entry("a").model_copy(update={"id": "other"})
    assert [model.alone for model in measure([entry("a"), same, entry("b")], NOW)] == [0, 0, 100]
