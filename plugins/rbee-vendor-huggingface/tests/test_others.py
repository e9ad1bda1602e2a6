"""The other quantizations of a repository, for whom the chosen one is too large."""

from __future__ import annotations

from rbee_vendor_huggingface.listing import RepoFile
from rbee_vendor_huggingface.others import other_versions


def refs(files: dict[str, int], chosen: list[str], revision: str | None = None) -> list[tuple[str, int, str | None]]:
    found = [RepoFile(path, size) for path, size in files.items()]
    others = other_versions(found, [file for file in found if file.path in chosen], "o/r", revision)
    return [(other["ref"], other["size"], other["quantization"]) for other in others]


def test_they_are_named_by_their_quantization_the_largest_first() -> None:
    files = {"m-Q2_K.gguf": 2, "m-Q4_K_M.gguf": 4, "m-Q8_0.gguf": 8, "mmproj-f16.gguf": 1, "README.md": 9}
    # With the projector that comes along.
    assert refs(files, ["m-Q4_K_M.gguf"]) == [("hf:o/r:Q8_0", 9, "Q8_0"), ("hf:o/r:Q2_K", 3, "Q2_K")]
    assert refs(files, ["m-Q4_K_M.gguf"], "v1")[0][0] == "hf:o/r@v1:Q8_0"


def test_two_of_one_quantization_are_named_by_their_files() -> None:
    files = {"a-Q4_0.gguf": 1, "b-Q4_0.gguf": 2, "c.gguf": 3}
    assert refs(files, ["c.gguf"]) == [("hf:o/r/b-Q4_0.gguf", 2, "Q4_0"), ("hf:o/r/a-Q4_0.gguf", 1, "Q4_0")]


def test_shards_count_together_and_an_incomplete_model_not_at_all() -> None:
    files = {f"m-Q8_0-0000{n}-of-00002.gguf": 5 for n in (1, 2)} | {"m-Q6_K-00001-of-00002.gguf": 4, "m-Q2_K.gguf": 1}
    assert refs(files, ["m-Q2_K.gguf"]) == [("hf:o/r:Q8_0", 10, "Q8_0")]


def test_a_repository_of_safetensors_names_its_ggufs() -> None:
    assert refs({"model.safetensors": 9, "m-Q4_0.gguf": 1}, ["model.safetensors"]) == [("hf:o/r:Q4_0", 1, "Q4_0")]


def test_a_name_that_no_reference_can_spell_is_left_out() -> None:
    assert refs({"a/../b-Q4_0.gguf": 1, "c-Q4_0.gguf": 2, "m.gguf": 3}, ["m.gguf"]) == [
        ("hf:o/r/c-Q4_0.gguf", 2, "Q4_0")
    ]
