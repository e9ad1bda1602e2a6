"""The small vocabularies: digests, statuses, open sets."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rbee_core.contracts import ArtifactStatus, Device, Digest, ModelEntry, WorkerRecipe


def test_digests_are_lower_case_and_of_known_algorithms() -> None:
    digest = Digest("SHA256:" + "AB" * 32)
    assert digest == "sha256:" + "ab" * 32
    assert (digest.algorithm, digest.hex) == ("sha256", "ab" * 32)


@pytest.mark.parametrize(
    "text", ["", "sha256", "sha256:", "sha256:zz", "sha256:" + "a" * 63, "md4:" + "a" * 32, "crc:12", "a b:12"]
)
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        Digest(text)
    with pytest.raises(ValidationError):
        ModelEntry(id="a", name="a", source="s", path="p", digest=text)


def test_unknown_fields_survive_reading_and_writing() -> None:
    raw = {"id": "a", "name": "a", "source": "s", "path": "p", "fromTheFuture": {"x": 1}}
    assert ModelEntry.model_validate(raw).wire()["fromTheFuture"] == {"x": 1}


def test_a_third_partys_backend_is_a_value_not_a_code_change() -> None:
    device = Device(id="NPU-0", backend="npu", name="n", memory_total=1, memory_free=1, architecture="hexagon_v75")
    assert device.wire()["backend"] == "npu"
    with pytest.raises(ValidationError):
        Device(id="X", backend="NPU; rm -rf", name="n", memory_total=1, memory_free=1, architecture="x")


def test_an_entry_without_optional_fields_leaves_them_out() -> None:
    entry = ModelEntry(id="a", name="a", source="s", path="p", status=ArtifactStatus.FAILED, error="why")
    wire = entry.wire()
    assert wire["status"] == "Failed"
    assert wire["error"] == "why"
    assert "digest" not in wire
    assert "addedAt" in wire
    assert "added_at" in entry.disk()


def test_variants_put_the_default_first() -> None:
    build = {"system": "pip", "features": ["cuda", "cpu"], "default_feature": "cpu"}
    recipe = WorkerRecipe.model_validate(
        {
            "id": "llm-worker",
            "name": "n",
            "version": "1",
            "description": "d",
            "license": "MIT",
            "build": build,
            "platforms": {"linux": ["x86_64"]},
            "backend": {"cuda": {"platforms": {"windows": ["x86_64"]}}},
        }
    )
    assert [variant.id for variant in recipe.variants()] == ["llm-worker-cpu", "llm-worker-cuda"]
    assert recipe.variant("cuda").platforms == {"windows": ["x86_64"]}
    assert recipe.variant("cpu").platforms == {"linux": ["x86_64"]}
