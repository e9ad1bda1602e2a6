"""``rbee models import`` from a Hugging Face cache that the real client made, and from an Ollama store."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rbee_core.testing.cli import RbeeHome
from support.hub import FakeHub

from .caches import OllamaStore, gguf, hub_download, safetensors
from .test_import import catalog, imported

FILES = {"config.json": b'{"model_type": "llama"}', "README.md": b"# Tiny", "pytorch_model.bin": b"\x80pickle"}


@pytest.fixture
def cache(hub: FakeHub, tmp_path: Path) -> Path:
    """A cache with a safetensors model at two revisions, and one of two quantizations of another."""
    repo = hub.repo("org/tiny", {**FILES, "model.safetensors": safetensors(1)})
    repo.commit({**FILES, "model.safetensors": safetensors(2)}, "v2")
    quants = {f"tiny-{quant}.gguf": gguf(tmp_path / quant, fill=n) for n, quant in enumerate(("Q4_K_M", "Q8_0"))}
    hub.repo("org/tiny-GGUF", quants)
    home = tmp_path / "hf"
    hub_download(home, hub.url, "org/tiny")
    hub_download(home, hub.url, "org/tiny", revision="v2")
    return hub_download(home, hub.url, "org/tiny-GGUF", "*Q4_K_M*")


def test_every_cached_model_comes_under_its_reference(rbee: RbeeHome, hub: FakeHub, cache: Path) -> None:
    found = imported(rbee, cache)
    assert {key: row["outcome"] for key, row in found.items()} == {
        "hf:org/tiny": "imported",
        "hf:org/tiny@v2": "imported",
        "hf:org/tiny-GGUF/tiny-Q4_K_M.gguf": "imported",
    }
    entries = catalog(rbee)
    assert entries["hf:org/tiny"]["revision"] == hub.repos["org/tiny"].head
    assert entries["hf:org/tiny@v2"]["revision"] == hub.repos["org/tiny"].branches["v2"]
    assert entries["hf:org/tiny"]["metadata"]["repo"] == "org/tiny"
    assert {file["name"] for file in entries["hf:org/tiny"]["files"]} == {
        "README.md", "config.json", "model.safetensors",
    }, "and no pickle"  # fmt: skip
    assert rbee("models", "verify").returncode == 0
    done = rbee("models", "download", "org/tiny", "--offline", "--json")
    assert json.loads(done.stdout)["status"] == "Available"
    weights = Path(entries["hf:org/tiny-GGUF/tiny-Q4_K_M.gguf"]["path"])
    assert weights.samefile(next((cache / "models--org--tiny-GGUF" / "snapshots").rglob("*.gguf")))


def test_what_was_imported_is_not_fetched(rbee: RbeeHome, hub: FakeHub, cache: Path) -> None:
    imported(rbee, cache.parent)
    hub.requests.clear()
    done = rbee("models", "download", "org/tiny-GGUF:Q4_K_M", env=hub.env())
    assert done.returncode == 0, done.stderr
    assert hub.seen("*.gguf", server="cdn") == []


def test_damaged_and_unfinished_files_of_a_cache(rbee: RbeeHome, cache: Path) -> None:
    tiny, quants = cache / "models--org--tiny", cache / "models--org--tiny-GGUF"
    weights = next(quants.rglob("*.gguf")).resolve()
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    snapshots = sorted(tiny.glob("snapshots/*"))
    (snapshots[0] / "config.json").resolve().write_bytes(b'{"model_type": "other"}')
    for snapshot in snapshots[1:]:
        (snapshot / "model.safetensors").resolve().unlink()
    (cache / "models--org--begun" / "snapshots" / ("a" * 40)).mkdir(parents=True)
    (cache / "models--org--begun" / "blobs").mkdir()
    (cache / "models--org--begun" / "blobs" / "abc.1234abcd.incomplete").write_bytes(b"x")
    found = imported(rbee, cache)
    assert {row["outcome"] for row in found.values()} == {"skipped"}
    reasons = {key.removeprefix("hf:"): row["reason"] for key, row in found.items()}
    assert "damaged" in reasons["org/tiny-GGUF/tiny-Q4_K_M.gguf"]
    assert sorted("damaged" in reasons[key] for key in ("org/tiny", "org/tiny@v2")) == [False, True]
    assert any("not complete" in reasons[key] for key in ("org/tiny", "org/tiny@v2"))
    assert "not complete" in reasons["org/begun@" + "a" * 40]
    assert catalog(rbee) == {}
    assert list((rbee.models / "partial").iterdir()) == []


def test_a_hostile_cache(rbee: RbeeHome, cache: Path, tmp_path: Path) -> None:
    gguf(tmp_path / "secret.gguf")
    commit = "b" * 40
    for name, target in {
        "out": tmp_path / "secret.gguf",
        "neighbour": next((cache / "models--org--tiny-GGUF").rglob("*.gguf")).resolve(),
    }.items():
        folder = cache / f"models--evil--{name}" / "snapshots" / commit
        folder.mkdir(parents=True)
        (folder / "m.gguf").symlink_to(target)
    pipe = cache / "models--evil--pipe" / "snapshots" / commit
    pipe.mkdir(parents=True)
    os.mkfifo(pipe / "m.gguf")
    refs = cache / "models--evil--pipe" / "refs"
    refs.mkdir()
    (refs / "main").symlink_to("/dev/zero")
    (cache / "models--evil..--name" / "snapshots" / commit).mkdir(parents=True)
    (cache / "models--gpt2" / "snapshots" / commit).mkdir(parents=True)
    found = imported(rbee, cache)
    evil = {key: row for key, row in found.items() if "org/tiny" not in key}
    assert len(evil) == 5
    assert all(row["outcome"] == "skipped" and row["reason"] for row in evil.values())
    assert not [key for key in catalog(rbee) if "org/tiny" not in key]


def test_blobs_that_several_repositories_share(rbee: RbeeHome, cache: Path) -> None:
    """Newer clients keep them once, under a name that is no sha256 of theirs."""
    weights = next((cache / "models--org--tiny-GGUF").rglob("*.gguf"))
    blob = cache / "models--org--tiny-GGUF" / "blobs" / weights.readlink().name
    shared = cache / "blobs" / "cd" / ("cd" * 32)
    shared.parent.mkdir(parents=True)
    blob.rename(shared)
    blob.symlink_to(os.path.relpath(shared, blob.parent))
    assert imported(rbee, cache)["hf:org/tiny-GGUF/tiny-Q4_K_M.gguf"]["outcome"] == "imported"


@pytest.fixture
def ollama(tmp_path: Path) -> OllamaStore:
    """A store with two models of the same weights."""
    store = OllamaStore(tmp_path / "ollama")
    weights = gguf(tmp_path / "w.gguf")
    store.model("registry.ollama.ai/library/tiny/latest", weights, template="{{ .Prompt }}", license="MIT")
    store.model("registry.example/team/tiny/7b-q4_0", weights, system="Be brief.")
    return store


def test_an_ollama_store(rbee: RbeeHome, ollama: OllamaStore) -> None:
    found = imported(rbee, ollama.root)
    assert {key: row["outcome"] for key, row in found.items()} == {
        "ollama:tiny:latest": "imported",
        "ollama://registry.example/team/tiny:7b-q4_0": "imported",
    }
    entry = catalog(rbee)["ollama:tiny:latest"]
    assert [file["name"] for file in entry["files"]] == ["model.gguf", "template.txt", "license.txt"]
    assert entry["source"] == "ollama:tiny:latest"
    digest = entry["files"][0]["digest"].removeprefix("sha256:")
    assert Path(entry["path"]).samefile(ollama.root / "blobs" / f"sha256-{digest}")
    assert json.loads(rbee("models", "download", "ollama:tiny", "--json").stdout)["id"] == "ollama:tiny:latest"
    assert rbee("models", "verify").returncode == 0


def test_the_place_that_ollama_is_told(rbee: RbeeHome, ollama: OllamaStore) -> None:
    rbee.env["OLLAMA_MODELS"] = str(ollama.root)
    assert len(imported(rbee, "ollama")) == 2


def test_a_broken_and_hostile_ollama_store(rbee: RbeeHome, ollama: OllamaStore, tmp_path: Path) -> None:
    library = "registry.ollama.ai/library"
    gguf(tmp_path / "secret.gguf")
    layer = {"mediaType": "application/vnd.ollama.image.model", "size": 4}
    ollama.manifest(f"{library}/climbing/latest", [{**layer, "digest": "sha256:../../../secret.gguf"}])
    ollama.manifest(f"{library}/absent/latest", [{**layer, "digest": "sha256:" + "0" * 64}])
    ollama.manifest(f"{library}/short/latest", [{**layer, **ollama.blob(b"GGUF data"), "size": 10}])
    ollama.manifest(f"{library}/partial/latest", [{**layer, "digest": "sha256:" + "1" * 64}])
    (ollama.root / "blobs" / ("sha256-" + "1" * 64 + "-partial-0")).write_bytes(b"x")
    ollama.manifest(f"{library}/cloud/latest", [])
    wrong = {**layer, **ollama.blob(b"GGUF")}
    (ollama.root / "blobs" / str(wrong["digest"]).replace(":", "-")).write_bytes(b"GGUX")
    ollama.manifest(f"{library}/damaged/latest", [wrong])
    linked = "sha256-" + "2" * 64
    (ollama.root / "blobs" / linked).symlink_to(tmp_path / "secret.gguf")
    ollama.manifest(f"{library}/linked/latest", [{**layer, "digest": linked.replace("-", ":")}])
    for name, text in {"nojson": "{", "list": "[]", "deep": "[" * 100_000}.items():
        (ollama.root / "manifests" / library / name).mkdir()
        (ollama.root / "manifests" / library / name / "latest").write_text(text)
    (ollama.root / "manifests" / library / "pipe").mkdir()
    os.mkfifo(ollama.root / "manifests" / library / "pipe" / "latest")
    (ollama.root / "manifests" / "stray").write_text("{}")
    found = imported(rbee, ollama.root)
    reasons = {key: row["reason"] for key, row in found.items() if row["outcome"] == "skipped"}
    assert len(reasons) == 12
    assert "no digest" in reasons["ollama:climbing:latest"]
    assert "9 of 10 bytes" in reasons["ollama:short:latest"]
    assert "not ended" in reasons["ollama:partial:latest"]
    assert "no weights" in reasons["ollama:cloud:latest"]
    assert "damaged" in reasons["ollama:damaged:latest"]
    assert "leads out" in reasons["ollama:linked:latest"]
    assert "named pipe" in reasons["ollama:pipe:latest"]
    assert sorted(catalog(rbee)) == ["ollama://registry.example/team/tiny:7b-q4_0", "ollama:tiny:latest"]
