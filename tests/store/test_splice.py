"""The quick way of changing one entry gives the same bytes as the slow one, or declines."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbee_core.contracts import ModelEntry
from rbee_core.store import FsCatalog
from rbee_core.store import catalog as catalog_module
from rbee_core.store.catalog_file import Document, parse, to_document
from rbee_core.store.splice import splice

_TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["\n    }", '",\n      "id": "a"', "\\", '"', "  ]"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT | st.just("id"), inner, max_size=3),
    max_leaves=10,
)
_IDS = st.sampled_from(["a", "b", "B", "a\n", 'q"', "\\", "é", "💥", "models", "z" * 9]) | _TEXT
_ENTRIES = st.dictionaries(_TEXT, _JSON, max_size=4).flatmap(
    lambda rest: (
        _IDS.map(lambda entry_id: rest | {"id": entry_id}) | st.just(rest) | st.integers(0, 3).map(lambda n: [rest, n])
    )
)


@settings(max_examples=400, deadline=None)
@given(
    models=st.lists(_ENTRIES, max_size=6),
    extra=st.dictionaries(_TEXT, st.lists(_ENTRIES, max_size=2) | _JSON, max_size=2),
    pool_id=_TEXT,
    entry_id=_IDS,
    new=st.none() | st.dictionaries(_TEXT, _JSON, max_size=4),
)
def test_the_same_bytes(
    models: list[Any], extra: dict[str, Any], pool_id: str, entry_id: str, new: dict[str, Any] | None
) -> None:
    extra = {key: value for key, value in extra.items() if key not in ("version", "pool_id", "updated_at", "models")}
    data = Document(pool_id or "x", "before", copy.deepcopy(models), extra).encode()
    seen: list[Any] = []

    def change(old: dict[str, Any] | None) -> dict[str, Any] | None:
        seen.append(old)
        return None if new is None else {"id": entry_id} | {key: value for key, value in new.items() if key != "id"}

    quick = splice(data, entry_id, change, "after")
    if quick is None:
        assert seen == [], "it declines before anything was changed"
        return
    slow = to_document(parse(data))
    slow.change(entry_id, change)
    slow.updated_at = "after"
    assert quick == slow.encode()
    assert seen[0] == seen[1]


def _file(*ids: str) -> bytes:
    return Document("pool", "before", [{"id": entry_id} for entry_id in ids]).encode()


@pytest.mark.parametrize(
    ("ids", "entry_id", "new", "expected"),
    [
        ("bd", "a", {"id": "a"}, "abd"),
        ("bd", "c", {"id": "c"}, "bcd"),
        ("bd", "e", {"id": "e"}, "bde"),
        ("abc", "a", None, "bc"),
        ("abc", "b", None, "ac"),
        ("abc", "c", None, "ab"),
        ("abc", "x", None, "abc"),
    ],
)
def test_it_does_not_decline_the_usual(ids: str, entry_id: str, new: dict[str, Any] | None, expected: str) -> None:
    quick = splice(_file(*ids), entry_id, lambda old: new, "after")
    assert quick is not None
    assert [model["id"] for model in json.loads(quick)["models"]] == list(expected)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", _file(), _file("a"), _file("a", "a"), _file("a", "b").replace(b"2.0", b"2.1"),
        json.dumps(json.loads(_file("a", "b"))).encode(), json.dumps(json.loads(_file("a", "b")), indent=4).encode(),
    ],
)  # fmt: skip
def test_it_declines_what_it_does_not_know(data: bytes) -> None:
    assert splice(data, "a", lambda old: pytest.fail("it was changed"), "after") is None


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way each change of the catalog went."""
    taken: list[str] = []
    real = catalog_module.splice

    def watched(*args: Any) -> bytes | None:
        quick = real(*args)
        taken.append("slow" if quick is None else "quick")
        return quick

    monkeypatch.setattr(catalog_module, "splice", watched)
    return taken


def test_only_its_own_handwriting_is_spliced(
    catalog: FsCatalog, root: Path, entry: Callable[..., ModelEntry], ways: list[str]
) -> None:
    for entry_id in "abc":
        catalog.put(entry(entry_id))
    assert ways == ["slow", "quick"], "the first had nothing to splice, the second too little"
    ways.clear()
    catalog.put(entry("d"))
    FsCatalog(root).put(entry("e"))
    assert ways == ["quick", "quick"], "another process's catalog is as good"
    ways.clear()
    # Somebody edits the file, and leaves its size as it was.
    edited = (root / "catalog.json").read_bytes().replace(b'"hf:org/a"', b'"hf:org/A"')
    (root / "catalog.json").write_bytes(edited)
    catalog.put(entry("f"))
    assert ways == []
    assert [model.source for model in catalog.list()][:1] == ["hf:org/A"]
    # Or damages it.
    (root / "catalog.json").write_bytes(edited.replace(b'"hf:org/b"', b'"hf:org/b '))
    catalog.put(entry("g"))
    assert ways == []
    assert [model.id for model in catalog.list()] == list("abcdefg")
    catalog.put(entry("h"))
    assert ways == ["quick"]


def test_damage_behind_the_files_back_is_noticed(
    catalog: FsCatalog, root: Path, entry: Callable[..., ModelEntry], ways: list[str], problems: list[str]
) -> None:
    for entry_id in "abc":
        catalog.put(entry(entry_id))
    ways.clear()
    data = (root / "catalog.json").read_bytes()
    (root / "catalog.json").write_bytes(data[:-30] + b"\0" * 30)
    catalog._stamp.note(root / "catalog.json")  # as a disk would, without telling the file's times
    catalog.put(entry("d"))
    assert ways == []
    assert "backup" in problems[0]
    assert [model.id for model in catalog.list()] == list("abcd")


def test_a_hand_edited_file_is_not_spliced_even_if_its_backup_was_edited_likewise(
    catalog: FsCatalog, root: Path, entry: Callable[..., ModelEntry], ways: list[str]
) -> None:
    for entry_id in "abc":
        catalog.put(entry(entry_id))
    ways.clear()
    found = json.loads((root / "catalog.json").read_bytes())
    found["models"] = [dict(reversed(model.items())) for model in reversed(found["models"])]
    for name in ("catalog.json", "catalog.json.bak"):
        (root / name).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    catalog.put(entry("b", size=9))
    assert ways == []
    assert [(model.id, model.size) for model in catalog.list()] == [("a", 0), ("b", 9), ("c", 0)]
