"""The catalog's file: what it looks like, and that nothing in it is lost."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbee_core.config import Config
from rbee_core.contracts import LifecycleState, ModelEntry
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.refs import ModelRef
from rbee_core.store import FsCatalog, Store

Make = Callable[..., ModelEntry]


def _on_disk(root: Path) -> dict[str, object]:
    found = json.loads((root / "catalog.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_reading_makes_nothing(store: Store, root: Path) -> None:
    assert store.catalog.list() == []
    assert store.catalog.get("x") is None
    assert store.catalog.delete("x") is False
    assert store.catalog.load().pool_id == socket.gethostname()
    assert store.has_blob("sha256:" + "0" * 64) is None
    assert store.remove("x").entry is None
    assert not root.exists()


def test_the_file_is_the_one_of_the_design(catalog: FsCatalog, root: Path, entry: Make) -> None:
    catalog.put(entry("zephyr", size=7))
    catalog.put(entry("alpaca", metadata={"context_length": 2048}, backends=["cpu"]))
    found = _on_disk(root)
    assert list(found) == ["version", "pool_id", "updated_at", "models"]
    assert found["version"] == "2.0"
    assert found["pool_id"] == socket.gethostname()
    assert [model["id"] for model in found["models"]] == ["alpaca", "zephyr"]  # type: ignore[attr-defined,index]
    alpaca = found["models"][0]  # type: ignore[index]
    assert alpaca["added_at"]
    assert alpaca["path"] == "models/alpaca"
    assert (root / "catalog.json").read_text(encoding="utf-8").startswith('{\n  "version": "2.0",\n  "pool_id"')
    assert (root / "catalog.json.bak").read_bytes() == (root / "catalog.json").read_bytes()
    assert sorted(path.name for path in root.iterdir()) == ["catalog.json", "catalog.json.bak", "locks"]


def test_put_get_list_delete(catalog: FsCatalog, entry: Make) -> None:
    first, second = entry("b", size=1), entry("a", size=2)
    catalog.put(first)
    catalog.put(second)
    assert catalog.list() == [second, first]
    assert catalog.get("b") == first
    catalog.put(entry("b", size=3, added_at=first.added_at))
    assert catalog.get("b") == first.model_copy(update={"size": 3})
    assert catalog.delete("b") is True
    assert catalog.delete("b") is False
    assert catalog.get("b") is None
    assert catalog.list() == [second]


def test_an_id_is_added_once(catalog: FsCatalog, entry: Make) -> None:
    catalog.add(entry("a", size=1))
    with pytest.raises(RbeeError) as raised:
        catalog.add(entry("a", size=2))
    assert raised.value.code is ErrorCode.MODEL_EXISTS
    assert [model.size for model in catalog.list()] == [1]


def test_update_and_state(catalog: FsCatalog, entry: Make) -> None:
    catalog.put(entry("a"))
    changed = catalog.update("a", lambda e: e.model_copy(update={"size": 9}))
    assert changed.size == 9
    catalog.set_state("a", LifecycleState.RETIRED)
    found = catalog.get("a")
    assert found is not None
    assert (found.size, found.lifecycle) == (9, LifecycleState.RETIRED)


@pytest.mark.parametrize("change", ["update", "set_state"])
def test_changing_what_is_not_there(catalog: FsCatalog, change: str) -> None:
    with pytest.raises(RbeeError) as raised:
        if change == "update":
            catalog.update("a", lambda e: e)
        else:
            catalog.set_state("a", LifecycleState.RETIRED)
    assert raised.value.code is ErrorCode.MODEL_NOT_FOUND


def test_a_change_that_fails_changes_nothing(catalog: FsCatalog, root: Path, entry: Make) -> None:
    catalog.put(entry("a"))
    before = (root / "catalog.json").read_bytes()
    with pytest.raises(ZeroDivisionError):
        catalog.update("a", lambda e: e.model_copy(update={"size": 1 // 0}))
    with pytest.raises(ValueError, match="cannot change the id"):
        catalog.update("a", lambda e: e.model_copy(update={"id": "b"}))
    with pytest.raises(RbeeError):
        catalog.put(entry("b", name="\ud800"))
    assert (root / "catalog.json").read_bytes() == before
    catalog.put(entry("c"))  # and the lock is free


def test_exists_and_locate_by_id_and_by_reference(catalog: FsCatalog, root: Path, entry: Make) -> None:
    catalog.put(entry("here", source="hf:o/r"))
    catalog.put(entry("coming", source="hf:o/r", status="Downloading"))
    assert catalog.exists("here")
    assert catalog.exists("hf:o/r")
    assert catalog.exists(ModelRef.parse("o/r"))
    assert not catalog.exists("hf:o/other")
    assert catalog.locate("here") is None, "its file is not there"
    (root / "models" / "here").mkdir(parents=True)
    (root / "models" / "coming").mkdir(parents=True)
    assert catalog.locate("here") == root / "models" / "here"
    assert catalog.locate("hf:o/r") == root / "models" / "here"
    assert catalog.locate("coming") is None, "it is not downloaded"


def test_unknown_keys_survive_a_rewrite(catalog: FsCatalog, root: Path, entry: Make) -> None:
    catalog.put(entry("a"))
    found = _on_disk(root)
    found["colour"] = {"of": ["the", None]}
    found["models"][0] |= {"from_the_future": [1, {"x": None}], "big": 2**70}  # type: ignore[index]
    (root / "catalog.json").write_text(json.dumps(found), encoding="utf-8")
    catalog.put(entry("b"))
    catalog.set_state("a", LifecycleState.RETIRED)
    again = _on_disk(root)
    assert again["colour"] == {"of": ["the", None]}
    model = again["models"][0]  # type: ignore[index]
    assert model["lifecycle"] == "Retired"
    assert model["from_the_future"] == [1, {"x": None}]
    assert model["big"] == 2**70


def test_both_spellings_are_read(catalog: FsCatalog, root: Path, entry: Make) -> None:
    catalog.put(entry("a"))
    found = _on_disk(root)
    found["models"][0]["lastVerifiedMs"] = 12  # type: ignore[index]
    (root / "catalog.json").write_text("\ufeff" + json.dumps(found), encoding="utf-8")
    assert catalog.list()[0].last_verified_ms == 12


def test_the_store_can_be_moved(store: Store, root: Path, tmp_path: Path, publish: Callable[..., Path]) -> None:
    publish("a", {"m.gguf": b"x"})
    shutil.move(root, tmp_path / "elsewhere")
    moved = Store(Config(env={"RBEE_MODELS_DIR": str(tmp_path / "elsewhere")}))
    path = moved.catalog.locate("a")
    assert path == tmp_path / "elsewhere" / "models" / "a"
    assert (path / "m.gguf").read_bytes() == b"x"


def test_paths_outside_the_root_stay_absolute(catalog: FsCatalog, root: Path, entry: Make) -> None:
    catalog.put(entry("a", path="/srv/big/../big/m.gguf"))
    assert _on_disk(root)["models"][0]["path"] == "/srv/big/m.gguf"  # type: ignore[index]
    assert catalog.list()[0].path == "/srv/big/m.gguf"


@pytest.mark.parametrize("path", ["../x", "models/../../x", "..", "a\0b"])
def test_a_relative_path_never_leaves_the_root(
    catalog: FsCatalog, root: Path, entry: Make, problems: list[str], path: str
) -> None:
    with pytest.raises(RbeeError) as raised:
        catalog.put(entry("a", path=path))
    assert raised.value.code is ErrorCode.UNSAFE_PATH
    catalog.put(entry("good"))
    found = _on_disk(root)
    found["models"].append(found["models"][0] | {"id": "bad", "path": path})  # type: ignore[attr-defined,index]
    (root / "catalog.json").write_text(json.dumps(found), encoding="utf-8")
    assert [model.id for model in catalog.list()] == ["good"]
    assert "'bad' is skipped" in problems[-1]
    assert catalog.get("bad") is None


@pytest.mark.parametrize(
    "broken", [None, 7, "x", [], {}, {"id": 3}, {"id": "broken", "size": -1}, {"id": "broken", "files": "none"}]
)
def test_one_broken_entry_spoils_no_other(
    catalog: FsCatalog, root: Path, entry: Make, problems: list[str], broken: object
) -> None:
    catalog.put(entry("good"))
    found = _on_disk(root)
    found["models"].insert(0, broken)  # type: ignore[attr-defined]
    (root / "catalog.json").write_text(json.dumps(found), encoding="utf-8")
    assert [model.id for model in catalog.list()] == ["good"]
    assert len(problems) == 1
    assert "is skipped" in problems[0]
    assert catalog.load().problems == problems[:1]
    catalog.put(entry("other"))
    assert broken in _on_disk(root)["models"], "it is kept as it was"  # type: ignore[operator]


def test_of_two_entries_with_one_id_the_first_counts(
    catalog: FsCatalog, root: Path, entry: Make, problems: list[str]
) -> None:
    catalog.put(entry("a", size=1))
    found = _on_disk(root)
    found["models"].append(found["models"][0] | {"size": 2})  # type: ignore[attr-defined,index]
    (root / "catalog.json").write_text(json.dumps(found), encoding="utf-8")
    assert [model.size for model in catalog.list()] == [1]
    assert "two entries" in problems[0]
    catalog.put(entry("a", size=3))
    assert [model["size"] for model in _on_disk(root)["models"]] == [3]  # type: ignore[attr-defined,index]


def test_an_id_that_is_none_is_refused(catalog: FsCatalog, entry: Make) -> None:
    with pytest.raises(RbeeError) as raised:
        catalog.put(entry("a").model_copy(update={"id": "a\0"}))
    assert raised.value.code is ErrorCode.INVALID_REF


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), _JSON, max_size=4))
def test_any_metadata_comes_back(tmp_path_factory: pytest.TempPathFactory, metadata: dict[str, object]) -> None:
    catalog = FsCatalog(tmp_path_factory.mktemp("store"))
    entry = ModelEntry(id="a", name="a", source="hf:o/a", path="", metadata=metadata)
    catalog.put(entry)
    catalog.put(entry.model_copy(update={"id": "b"}))
    found = catalog.get("a")
    assert found is not None
    assert found.metadata == metadata
