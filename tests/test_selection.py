"""Which files of a folder make a model."""

from __future__ import annotations

import pytest

from rbee_core.selection import missing_shards, numbered, select, shard_names


def test_the_fellows_of_a_shard() -> None:
    names = ["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"]
    assert shard_names(names[0]) == shard_names(names[1]) == names
    assert shard_names("M-00001-of-00001.safetensors") == ["M-00001-of-00001.safetensors"]


@pytest.mark.parametrize(
    "name", ["a.gguf", "a-1-of-2.gguf", "a-00003-of-00002.gguf", "a-00000-of-00002.gguf", "a-00001-of-00002.bin"]
)
def test_what_is_no_shard(name: str) -> None:
    assert shard_names(name) == [name]


def test_missing_shards() -> None:
    assert missing_shards(["a-00001-of-00003.gguf", "a-00003-of-00003.gguf", "b.gguf"]) == ["a-00002-of-00003.gguf"]
    assert missing_shards(["x/a-00001-of-00002.gguf", "y/a-00002-of-00002.gguf"]) == [
        "x/a-00002-of-00002.gguf",
        "y/a-00001-of-00002.gguf",
    ]


def test_pickles_come_only_when_their_kind_is_named() -> None:
    names = ["m.bin", "m.gguf", "m.pt"]
    assert select(names) == ["m.gguf"]
    assert select(names, include=["m.*"]) == ["m.gguf"]
    assert select(names, include=["*.bin"]) == ["m.bin"]
    assert select(names, include=["*.bin", "*.gguf"], exclude=["m.gguf"]) == ["m.bin"]


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (["model.gguf", "license.txt"], ["model.gguf", "license.txt"]),
        (["model.gguf"] * 2, ["model-00001-of-00002.gguf", "model-00002-of-00002.gguf"]),
        (["LICENSE", "model.safetensors", "LICENSE"], ["LICENSE", "model.safetensors", "LICENSE-2"]),
        (["a.b.txt"] * 3, ["a.b.txt", "a.b-2.txt", "a.b-3.txt"]),
        ([], []),
    ],
)
def test_names_for_layers_that_have_none(names: list[str], given: list[str]) -> None:
    assert numbered(names) == given
