"""A store of its own for each test, and models to put into it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from rbee_core.config import Config
from rbee_core.contracts import Digest, ModelEntry, ModelFile
from rbee_core.store import FsCatalog, Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The store's root; it does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
def problems() -> list[str]:
    """What the catalog told its ``on_problem``."""
    return []


@pytest.fixture
def store(root: Path, problems: list[str]) -> Store:
    return Store(Config(env={"RBEE_MODELS_DIR": str(root)}), on_problem=problems.append)


@pytest.fixture
def catalog(store: Store) -> FsCatalog:
    assert isinstance(store.catalog, FsCatalog)
    return store.catalog


@pytest.fixture
def entry(root: Path) -> Callable[..., ModelEntry]:
    """Make an entry by its id."""

    def make(entry_id: str, **fields: object) -> ModelEntry:
        known = {"name": entry_id, "source": f"hf:org/{entry_id}", "path": str(root / "models" / entry_id)}
        return ModelEntry.model_validate({"id": entry_id} | known | fields)

    return make


@pytest.fixture
def stage(store: Store) -> Callable[..., tuple[Path, list[ModelFile]]]:
    """Put files, name → bytes, into a model's partial folder, as a download leaves them there."""

    def put(entry_id: str, contents: dict[str, bytes]) -> tuple[Path, list[ModelFile]]:
        folder = store.partial_dir(entry_id)
        files = []
        for name, data in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
            files.append(ModelFile(name=name, size=len(data), digest=digest))
        return folder, files

    return put


@pytest.fixture
def publish(
    store: Store, stage: Callable[..., tuple[Path, list[ModelFile]]], entry: Callable[..., ModelEntry]
) -> Callable[..., Path]:
    """Stage, publish and register a model."""

    def do(entry_id: str, contents: dict[str, bytes]) -> Path:
        folder, files = stage(entry_id, contents)
        published = store.publish(entry_id, folder, files)
        store.catalog.put(entry(entry_id, path=str(published), files=files))
        return published

    return do


@pytest.fixture
def seed_002() -> bytes:
    """The version 1.0 catalog that the project's second founding document gives as its example."""
    return (Path(__file__).parent / "data" / "seed_002_catalog.json").read_bytes()
