"""Caches of other tools, laid out as those lay them out, and proof that nobody touched them."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

from rbee_core.testing.cli import clean_env

#: What huggingface_hub is asked to do, by its own client: REPO REVISION GLOB…
_FETCH = """
import sys
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], revision=sys.argv[2], allow_patterns=sys.argv[3:] or None)
"""


def gguf(path: Path, name: str = "Tiny", fill: int = 0) -> bytes:
    """A small real GGUF; others with another ``fill``."""
    import numpy
    from gguf import GGUFWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(str(path), "llama")
    writer.add_name(name)
    writer.add_context_length(128)
    writer.add_tensor("token_embd.weight", numpy.full((4, 8), fill, dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def safetensors(fill: int = 0) -> bytes:
    """A small safetensors file."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes([fill]) * 16


def hub_download(home: Path, endpoint: str, repo: str, *globs: str, revision: str = "main") -> Path:
    """Have the real client download into a cache; the cache."""
    env = {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "HOME": str(home)}
    command = [sys.executable, "-c", _FETCH, repo, revision, *globs]
    done = subprocess.run(command, env=clean_env(env), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return home / "hub"


class OllamaStore:
    """An Ollama store, as ``ollama pull`` leaves it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "blobs").mkdir(parents=True)
        (root / "manifests").mkdir()

    def blob(self, data: bytes) -> dict[str, Any]:
        """Store a blob; its digest and size."""
        digest = hashlib.sha256(data).hexdigest()
        (self.root / "blobs" / f"sha256-{digest}").write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def model(self, name: str, weights: bytes, **layers: str) -> None:
        """Store a model under ``host/namespace/model/tag``."""
        parts = [("model", weights), *((kind, text.encode()) for kind, text in layers.items())]
        self.manifest(
            name,
            [{"mediaType": f"application/vnd.ollama.image.{kind}", **self.blob(data)} for kind, data in parts],
        )

    def manifest(self, name: str, layers: list[dict[str, Any]]) -> None:
        """Write a manifest."""
        config = {"mediaType": "application/vnd.docker.container.image.v1+json", **self.blob(b"{}")}
        media_type = "application/vnd.docker.distribution.manifest.v2+json"
        document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers}
        path = self.root / "manifests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))


def fingerprint(root: Path) -> dict[str, tuple[Any, ...]]:
    """All there is to a folder that reading does not change: kinds, modes, owners, sizes, times, targets, bytes."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        facts: tuple[Any, ...] = (status.st_mode, status.st_ino, status.st_uid, status.st_mtime_ns)
        if path.is_symlink():
            facts += (str(path.readlink()),)
        elif stat.S_ISREG(status.st_mode):
            facts += (status.st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        found[str(path)] = facts
    return found
