"""Which objects of a bucket a key or a prefix means."""

from __future__ import annotations

import pytest

from rbee_core.errors import RbeeError, UsageError
from rbee_core.jobs import JobOptions
from rbee_core.transfer.buckets import MAX_OBJECTS, all_pages, find_objects


class Shelf:
    """A bucket in memory; objects are described by key, name and version."""

    url = "shelf://b/"

    def __init__(self, *keys: str) -> None:
        self.there = keys

    def head(self, key: str, name: str, version: str | None = None) -> tuple[str, str, str | None] | None:
        return (key, name, version) if key in self.there and version in (None, "v1") else None

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.there if key.startswith(prefix)]


def found(shelf: Shelf, key: str, version: str | None = None, **options: tuple[str, ...]) -> dict[str, str]:
    """Keys by name."""
    chosen = JobOptions(include=options.get("include", ()), exclude=options.get("exclude", ()))
    return {name: key for key, name, _version in find_objects(shelf, key, version, chosen)}


def refusal(shelf: Shelf, key: str, version: str | None = None, **options: tuple[str, ...]) -> tuple[str, str]:
    with pytest.raises(RbeeError) as caught:
        found(shelf, key, version, **options)
    return caught.value.code, f"{caught.value.message} {caught.value.hint}"


def test_an_object_goes_before_a_prefix_of_its_name() -> None:
    shelf = Shelf("m.gguf", "m.gguf/x.gguf", "m.gguf2")
    assert found(shelf, "m.gguf") == {"m.gguf": "m.gguf"}
    assert found(shelf, "m.gguf/") == {"x.gguf": "m.gguf/x.gguf"}


def test_a_key_without_an_object_is_a_prefix_of_whole_names() -> None:
    shelf = Shelf("a/m/x.gguf", "a/m/sub/y.json", "a/m2/z.gguf")
    assert found(shelf, "a/m") == {"x.gguf": "a/m/x.gguf", "sub/y.json": "a/m/sub/y.json"}
    assert found(shelf, "") == {key: key for key in shelf.there}


def test_what_a_prefix_leaves_out() -> None:
    shelf = Shelf("m/x.gguf", "m/y.bin", "m/.cache/z.gguf", "m/.hidden", "m/x.gguf.part", "m/notes.md")
    assert set(found(shelf, "m")) == {"x.gguf", "notes.md"}
    assert set(found(shelf, "m", include=("*.bin",))) == {"y.bin"}
    assert set(found(shelf, "m", include=("*",))) == {"x.gguf", "notes.md"}
    assert set(found(shelf, "m", exclude=("*.md",))) == {"x.gguf"}


def test_nothing_usable() -> None:
    code, words = refusal(Shelf("m/y.bin", "m/notes.md"), "m")
    assert code == "MODEL_NOT_FOUND"
    assert "notes.md, y.bin" in words
    assert "--include" in words
    assert refusal(Shelf("m/x.gguf"), "m", include=("*.onnx",))[0] == "MODEL_NOT_FOUND"
    assert refusal(Shelf(), "m")[0] == "MODEL_NOT_FOUND"


def test_shards_come_together_or_not_at_all() -> None:
    names = [f"m-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    whole, broken = Shelf(*(f"a/{name}" for name in names)), Shelf(*(f"a/{name}" for name in names[:2]))
    assert list(found(whole, f"a/{names[1]}")) == names
    assert list(found(whole, "a")) == names
    for key in (f"a/{names[0]}", f"a/{names[2]}", "a"):
        code, words = refusal(broken, key)
        assert code == "MODEL_NOT_FOUND"
        assert names[2] in words
    assert list(found(broken, "a", include=("*1-of*",))) == names[:1]


def test_versions() -> None:
    shelf = Shelf("m.gguf", "m/x.gguf")
    assert find_objects(shelf, "m.gguf", "v1", JobOptions()) == [("m.gguf", "m.gguf", "v1")]
    assert refusal(shelf, "m.gguf", "v2")[0] == "REVISION_NOT_FOUND"
    with pytest.raises(UsageError):
        found(shelf, "m/", "v1")


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.gguf", "a/../../evil.gguf", "/evil.gguf", "a//evil.gguf", "./evil.gguf"),
        *("..\\evil.gguf", "C:evil.gguf", "C:\\evil.gguf", "evil\0.gguf", "evil\n.gguf", "CON", "a/nul.gguf"),
        *("evil.gguf.", "a" * 300, "x/" * 600 + "evil.gguf"),
    ],
)
def test_hostile_keys(name: str) -> None:
    assert refusal(Shelf("m/good.gguf", f"m/{name}"), "m")[0] == "UNSAFE_PATH"


def test_two_keys_that_would_be_one_file_on_some_systems() -> None:
    assert refusal(Shelf("m/a.gguf", "m/A.gguf"), "m")[0] == "UNSAFE_PATH"


def test_pages() -> None:
    keys = [f"k{n}" for n in range(10)]
    chunks = [keys[begin : begin + 3] for begin in range(0, 10, 3)]

    def page(token: str | None) -> tuple[list[str], str | None]:
        number = int(token or 0)
        return chunks[number], str(number + 1) if number + 1 < len(chunks) else None

    assert all_pages(page, "b") == keys


@pytest.mark.parametrize("size", [1, MAX_OBJECTS])
def test_a_listing_without_an_end(size: int) -> None:
    with pytest.raises(RbeeError) as caught:
        all_pages(lambda token: (["k"] * size, "more"), "b")
    assert caught.value.code == "DOWNLOAD_FAILED"
